"""A few weeks in an invented clinic, so that a newcomer sees the product at work. Every person is made up."""

import io
import random
from collections.abc import Callable
from datetime import date, datetime, timedelta
from typing import Any

from django.db import transaction
from django.utils import timezone
from PIL import ImageFilter
from uuid6 import uuid7

from accounts.models import Clinic, Membership, User
from accounts.roles import Role
from cases.demo import aftermath, everyday, practising
from cases.demo.hours import later, latest_in_hours
from cases.demo.visits import PATIENTS, TYPICAL, VISITS, Visit
from cases.models import (
    Case,
    CaseState,
    Condition,
    Consent,
    FirstOpinion,
    Lesion,
    LesionImage,
    Patient,
    PhotoRequest,
    Prediction,
    Read,
    ReadKind,
    Urgency,
)
from cases.photo import intake, retakes
from cases.pixels import drawing
from cases.prediction import computing
from cases.reading import drafts
from cases.reading.second_reads import Reason
from cases.record import lifecycle, outcomes, patients

# Photos of cases that a newcomer opens, and of those that fill the past.
LARGE, SMALL = (900, 675), (600, 450)

PEOPLE = [
    # email, name, roles
    ("staff@demo.example", "Sam Keller", [Role.STAFF]),
    ("doctor@demo.example", "Dr. Ines Marek", [Role.DOCTOR]),
    ("doctor2@demo.example", "Dr. Tomas Lindqvist", [Role.DOCTOR]),
    ("trainee@demo.example", "Dr. Jonas Weiss", [Role.DOCTOR]),
    ("lead@demo.example", "Dr. Ruth Okafor", [Role.LEAD]),
    ("admin@demo.example", "Alex Winter", [Role.ADMIN]),
]


def is_empty() -> bool:
    """Whether nobody has worked here yet; a demo story belongs into no other database."""
    return not (User.objects.exists() or Clinic.objects.exists() or Patient.objects.exists())


def tell(password: str, progress: Callable[[int, int], None] = lambda done, total: None) -> Clinic:
    """Writes the story into an empty database; every demo login gets `password`.

    All or nothing: a start that is interrupted leaves the database empty, and the next one tells it again.
    """
    with transaction.atomic():
        clinic = Clinic.objects.create(name="Demo clinic", time_zone="Europe/Vienna")
        team = {email.split("@")[0]: _person(clinic, email, name, roles) for email, name, roles in PEOPLE}
        # One hash for all: hashing is slow on purpose, and the password is the same.
        team["staff"].set_password(password)
        User.objects.filter(id__in=[person.id for person in team.values()]).update(
            password=team["staff"].password, last_login=timezone.now() - timedelta(hours=20)
        )
        Membership.objects.filter(user=team["trainee"]).update(is_trainee=True)
        people = [_patient(clinic, team["staff"], number, row) for number, row in enumerate(PATIENTS)]
        lesions: dict[tuple[int, str, str], Lesion] = {}
        visits = sorted([*VISITS, *everyday.visits()], key=lambda visit: -visit.hours_ago)
        for number, visit in enumerate(visits):
            _log(visit, number, people[visit.patient], lesions, team)
            progress(number + 1, len(visits))
        aftermath.write(clinic, team["staff"])
        practising.write(clinic, team)
    return clinic


def _person(clinic: Clinic, email: str, name: str, roles: list[Role]) -> User:
    person = User.objects.create(email=email, name=name)
    Membership.objects.bulk_create(Membership(user=person, clinic=clinic, role=role) for role in roles)
    return person


def _patient(clinic: Clinic, by: User, number: int, row: tuple[str, str, date, str, str, str, str]) -> Patient:
    family, given, born, sex, skin, ai, training = row
    return patients.register(
        clinic=clinic,
        by=by,
        mrn=f"D{1000 + number * 7}",
        family_name=family,
        given_name=given,
        birth_date=born,
        sex=sex,
        fitzpatrick=skin,
        ai_consent=Consent(ai),
        training_consent=Consent(training),
    )


def _log(
    visit: Visit, number: int, patient: Patient, lesions: dict[tuple[int, str, str], Lesion], team: dict[str, User]
) -> None:
    logged = timezone.now() - timedelta(hours=visit.hours_ago)
    if visit.read:
        logged = latest_in_hours(logged, patient.clinic)
    place = (visit.patient, visit.site, visit.side)
    if place not in lesions:
        lesions[place] = Lesion.objects.create(
            patient=patient, body_site=visit.site, side=visit.side, created_at=logged
        )
    usual = TYPICAL[visit.look]
    said_yes = (usual[number % len(usual)] if visit.answers is None else visit.answers).split()
    answers: dict[str, Any] = {name: "yes" if name in said_yes else "no" for name in Case.QUESTIONS}
    case = lifecycle.log_case(
        lesion=lesions[place],
        by=team["staff"],
        requested_urgency=visit.urgency,
        note=visit.note,
        created_at=logged,
        **answers,
    )
    staff, size = team["staff"], SMALL if visit.is_past else LARGE
    close_up = _photo(case, visit.look, number, staff, size, blurred=visit.photos_wanted or visit.retaken)
    if number % 4 == 0 and not visit.is_past:
        _photo(case, visit.look, number + 100, staff, size, kind="overview")
    if visit.draft:
        return
    waits_since, came = logged + timedelta(minutes=6), {close_up.id: logged + timedelta(minutes=4)}
    if visit.retaken:
        asked = later(logged, 2, patient.clinic)
        PhotoRequest.objects.create(
            case=case,
            asked_by=team["doctor2"],
            asked_at=asked,
            faults=["blurred"],
            note="Rest the hand on the skin, please.",
            answered_by=staff,
            answered_at=later(asked, 3, patient.clinic),
        )
        close_up = _photo(case, visit.look, number + 200, staff, size)
        waits_since = later(asked, 3, patient.clinic)
        came[close_up.id] = waits_since - timedelta(minutes=2)
    case = lifecycle.send(case.id)
    Case.objects.filter(id=case.id).update(waiting_since=waits_since, first_waiting_since=logged + timedelta(minutes=6))
    for image in LesionImage.objects.filter(case=case):
        _arrived(image, came.get(image.id, logged + timedelta(minutes=5)))
    if visit.read:
        _read(visit, case, close_up, waits_since, team)
    if visit.begun:
        begun = {"condition": Condition.objects.get(code="SCC"), "certainty": "probable", "management": ""}
        drafts.save(case, team["doctor"], version=0, comment="Crusted, painful at the rim.", **begun)
    if visit.photos_wanted:
        retakes.ask(
            case_id=case.id,
            by=team["doctor"],
            request_id=uuid7(),
            faults=["blurred", "far"],
            note="From about 10 cm, please, and one that shows the whole arm.",
        )


def _photo(
    case: Case,
    look: str,
    seed: int,
    by: User,
    size: tuple[int, int],
    *,
    kind: str = "close_up",
    blurred: bool = False,
) -> LesionImage:
    picture = drawing.draw(look, seed=seed, width=size[0], height=size[1])
    if blurred:
        picture = picture.filter(ImageFilter.GaussianBlur(size[0] / 120))
    image = intake.accept(case, io.BytesIO(drawing.jpeg(picture)), name=f"demo-{seed}.jpg", kind=kind, by=by)
    for prediction in Prediction.objects.filter(image=image):
        computing.run(prediction.id)
    return image


def _arrived(image: LesionImage, moment: datetime) -> None:
    """The photo came at `moment`, and the AI said what it thinks some seconds later: before anybody read the case."""
    LesionImage.objects.filter(id=image.id).update(created_at=moment)
    asked, finished = moment + timedelta(seconds=2), moment + timedelta(seconds=5)
    Prediction.objects.filter(image=image).update(queued_at=asked, finished_at=finished)


def _read(visit: Visit, case: Case, image: LesionImage, waits_since: datetime, team: dict[str, User]) -> None:
    """The reads of a visit. Written as rows, not signed: cases/reading/reads.py rightly knows no time but now."""
    chance = random.Random(case.number)  # noqa: S311 (a story, not a secret)
    clinic = case.clinic
    # What is urgent is read within hours, most of the rest the same day; some on the next one, if that is past.
    if case.urgency == Urgency.URGENT and chance.random() < 0.9:
        hours = chance.uniform(0.2, 2)
    else:
        hours = chance.uniform(0.3, 3) if visit.hours_ago < 96 or chance.random() < 0.6 else chance.uniform(16, 28)
    signed = later(waits_since, hours, clinic)
    seen = Prediction.objects.filter(image=image, state="done").first()
    reader = team[visit.reader or ("doctor" if case.number % 3 else "doctor2")]
    other = team["doctor" if reader != team["doctor"] else "doctor2"]

    def write(person: User, condition: str, moment: datetime, **fields: Any) -> Read:
        values = {"certainty": visit.certainty, "management": visit.management, **fields}
        first = FirstOpinion.objects.filter(case=case, reader=person).first() or FirstOpinion.objects.create(
            case=case,
            reader=person,
            condition_id=visit.first or condition,
            certainty=values["certainty"],
            management=values["management"],
            committed_at=moment - timedelta(seconds=40),
        )
        return Read.objects.create(
            case=case,
            reader=person,
            condition_id=condition,
            first_opinion=first,
            ai_visible=seen is not None,
            prediction=seen,
            signed_at=moment,
            **values,
        )

    last = first = write(reader, visit.read, signed)
    if visit.second:
        agrees = visit.second == visit.read
        management = visit.management if agrees else "biopsy"
        moment = later(signed, chance.uniform(2, 20), clinic)
        last = write(other, visit.second, moment, kind=ReadKind.SECOND, management=management)
    if visit.arbiter:
        moment = later(last.signed_at, 5, clinic)
        last = write(team["lead"], visit.arbiter, moment, kind=ReadKind.ARBITRATION, management="urgent_referral")
    if visit.correction:
        write(
            reader,
            visit.correction,
            later(signed, 4 * 24, clinic),
            kind=ReadKind.CORRECTION,
            corrects=first,
            certainty="certain",
            management="urgent_referral",
            comment="Corrected after the pathologist's report.",
        )
    ours = Case.objects.filter(id=case.id)
    if visit.reader == "trainee" or visit.second:
        ours.update(second_read_reason=Reason.TRAINEE if visit.reader == "trainee" else Reason.ALL)
    if visit.waits_for:
        ours.update(read_stage=visit.waits_for)
        return
    ours.update(state=CaseState.SIGNED, signed_at=last.signed_at)
    if visit.outcome:
        outcomes.record(
            case_id=case.id,
            by=team["lead"],
            condition=Condition.objects.get(code=visit.outcome),
            reported_on=min(timezone.localdate(last.signed_at) + timedelta(days=3), timezone.localdate()),
            pathology_reference=f"P-{2400 + case.number}",
        )
