"""Many rows of every kind on one clinic's side of the world, so that a page's queries can be counted with few and many.

Copies of what tests/access/world.py makes through the services, so that they hold every constraint.
"""

import itertools
from typing import Any

from allauth.mfa.models import Authenticator
from auditlog.models import LogEntry
from django.db.models import Model, UUIDField
from django.utils import timezone
from uuid6 import uuid7

from accounts.models import Membership
from accounts.roles import Role
from cases.models import (
    Case,
    FirstOpinion,
    Outcome,
    PhotoRequest,
    PracticeRead,
    ReportDelivery,
    Reservation,
    SavedView,
    SecondLook,
)
from tests.access.world import Side
from training.models import Snapshot

STATES = ("draft", "waiting", "withdrawn", "wanted", "signed")
_counter = itertools.count(10_000)


def more(row: Any, number: int, /, **changes: Any) -> list[Any]:
    """`number` copies of `row`; a list in `changes` has a value for each, a function makes one of a running number."""
    columns = {field.attname: getattr(row, field.attname) for field in row._meta.concrete_fields}
    key = row._meta.pk
    made = []
    for place in range(number):
        count = next(_counter)
        fresh: dict[str, Any] = {}
        if key.attname not in changes:
            fresh[key.attname] = uuid7() if isinstance(key, UUIDField) else None
        for name, value in changes.items():
            fresh[name] = value(count) if callable(value) else value[place] if isinstance(value, list) else value
        made.append(type(row)(**{**columns, **fresh}))
    return _kept(made)


def _kept(rows: list[Any]) -> list[Any]:
    return type(rows[0])._base_manager.bulk_create(rows)  # type: ignore[return-value]


def _ids(rows: list[Any]) -> list[Any]:
    return [row.pk for row in rows]


def crowd(side: Side, number: int) -> None:
    """`number` more of everything: people, patients, a patient's lesions, a lesion's cases in every state, a case's
    photos, opinions, reads and requests, and what the clinic's people see on their lists.
    """
    people = more(side.cast.doctor, number, email=lambda n: f"more-{n}@example.org", name=lambda n: f"More {n}")
    _kept([Membership(user=person, clinic=side.clinic, role=Role.DOCTOR) for person in people])
    more(side.token, number, digest=lambda n: f"{n:0128d}", user_id=_ids(people))
    more(side.address, number, user_id=_ids(people), email=lambda n: f"more-{n}@example.org")
    _kept([Authenticator(user=person, type="totp", data={"secret": "none"}) for person in people])
    _the_record(side, number, people)
    _models(side, number)
    more(side.practice, number, sha256=lambda n: f"{n:064d}", created_at=lambda n: timezone.now())
    _kept([PracticeRead(practice=side.practice, reader=person, first=side.condition) for person in people])
    subjects: list[Model] = [side.patient, side.waiting, side.signed, side.cast.staff, side.clinic, side.condition]
    for subject in subjects:
        entry = LogEntry.objects.get_for_object(subject).first() or side.audit
        more(entry, number, actor_id=_ids(people), object_pk=str(subject.pk))


def _the_record(side: Side, number: int, people: list[Any]) -> None:
    patients = more(side.patient, number, mrn=lambda n: f"X{n}", family_name=lambda n: f"Almanova{n}")
    of_patients = more(side.lesion, number, patient_id=_ids(patients))
    more(side.lesion, number)
    cases: dict[str, list[Case]] = {}
    for state in STATES:
        pattern = getattr(side, state)
        pattern.refresh_from_db()  # services moved it on since it was made
        cases[state] = more(pattern, number, number=lambda n: n) + more(
            pattern, number, number=lambda n: n, lesion_id=_ids(of_patients)
        )
    of_cases = [pk for rows in cases.values() for pk in _ids(rows)]
    # A tenth as many photos in one case as there are cases: a hundred on one page would only take the test's time.
    known = [side.waiting.pk, side.signed.pk, side.wanted.pk, side.draft.pk] * (1 + number // 10)
    photos = more(
        side.image,
        len(of_cases) + len(known),
        case_id=of_cases + known,
        sha256=lambda n: f"{n:064d}",
        created_at=lambda n: timezone.now(),
    )
    more(side.prediction, len(photos), image_id=_ids(photos))
    signed = _ids(cases["signed"])
    more(side.read, len(signed), case_id=signed)
    firsts = _kept(
        [
            FirstOpinion(case=case, reader=person, condition=side.condition, certainty="certain", management="biopsy")
            for person in people
            for case in (side.signed, side.wanted, side.waiting)
        ]
    )
    by_case = {case.pk: _ids([first for first in firsts if first.case_id == case.pk]) for case in (side.signed,)}
    more(side.read, number, reader_id=_ids(people), first_opinion_id=by_case[side.signed.pk], kind="additional")
    _kept([Outcome(**_outcome(side, pk)) for pk in signed[:number]])
    answered = {"asked_by": side.cast.doctor, "faults": ["dark"], "answered_at": timezone.now()}
    _kept(
        [
            PhotoRequest(id=uuid7(), case_id=pk, answered_by=side.cast.staff, **answered)
            for pk in (side.wanted.pk, side.waiting.pk, *_ids(cases["waiting"]))
            for _n in range(2)
        ]
    )
    until = timezone.now() + timezone.timedelta(hours=1)
    waiting = cases["waiting"][: number // 2]
    _kept([Reservation(case=case, reader=person, until=until) for case, person in zip(waiting, people, strict=False)])
    delivered = {"how": "printed", "version": 1, "digest": "0" * 64}
    _kept([ReportDelivery(id=uuid7(), case=side.signed, by=person, **delivered) for person in people])
    for person in (side.cast.staff, side.cast.doctor, side.cast.lead, side.cast.admin):
        more(side.notification, number, person_id=person.pk, event=lambda n: f"more:{n}", case_id=signed[:number])
        _kept([SavedView(owner=person, clinic=side.clinic, name=str(next(_counter))) for _n in range(number)])


def _outcome(side: Side, case_id: Any) -> dict[str, Any]:
    by = {"recorded_by": side.cast.doctor, "reported_on": timezone.localdate()}
    return {"case_id": case_id, "condition": side.condition, **by}


def _models(side: Side, number: int) -> None:
    models = more(side.candidate, number, name=lambda n: f"more-{n}", sha256=lambda n: f"{n:064d}")
    more(side.activation, number, model_version_id=_ids(models))
    more(side.comparison, number, candidate_id=_ids(models))
    more(side.comparison, number)
    more(side.training_run, number, name=lambda n: f"run-{n}")
    # What the candidate would flag among the signed cases, one half of it looked at.
    unseen = Case.objects.filter(clinic=side.clinic, state="signed", second_looks=None).exclude(pk=side.signed.pk)
    photos = [case.images.first() for case in unseen.prefetch_related("images")[:number]]
    said = {"silent": True, "urgent": True, "malignant_probability": 0.9, "model_version_id": side.candidate.pk}
    more(side.prediction, len(photos), image_id=[photo.pk for photo in photos if photo], **said)
    half = [photo.case_id for photo in photos[::2] if photo]
    _kept([SecondLook(case_id=pk, model_version=side.candidate, by=side.cast.lead) for pk in half])
    counts = {"photo_count": 1, "patient_count": 1, "by": "lead", "clinic": side.clinic}
    for snapshot in _kept([Snapshot(sha256=f"{next(_counter):064d}", **counts) for _n in range(number)]):
        snapshot.model_versions.add(side.candidate)
