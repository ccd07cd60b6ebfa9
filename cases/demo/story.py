"""A few weeks in an invented clinic, so that a newcomer sees the product at work. Every person is made up."""

import io
import random
from collections.abc import Callable
from dataclasses import dataclass
from datetime import date, datetime, timedelta
from typing import Any

from django.db import transaction
from django.utils import timezone
from uuid6 import uuid7

from accounts.models import Clinic, Membership, User
from accounts.roles import Role
from cases import intake, lifecycle, outcomes, patients, photo_requests, predictions
from cases.demo import aftermath, drawing
from cases.models import (
    Case,
    CaseState,
    Condition,
    Consent,
    FirstOpinion,
    Lesion,
    LesionImage,
    Patient,
    Prediction,
    Read,
    ReadKind,
    Urgency,
)
from cases.second_reads import Reason

PEOPLE = [
    # email, name, roles
    ("staff@demo.example", "Sam Keller", [Role.STAFF]),
    ("doctor@demo.example", "Dr. Ines Marek", [Role.DOCTOR]),
    ("doctor2@demo.example", "Dr. Tomas Lindqvist", [Role.DOCTOR]),
    ("trainee@demo.example", "Dr. Jonas Weiss", [Role.DOCTOR]),
    ("lead@demo.example", "Dr. Ruth Okafor", [Role.LEAD]),
    ("admin@demo.example", "Alex Winter", [Role.ADMIN]),
]


@dataclass(frozen=True)
class Visit:
    """One case of the story: whose, what is drawn, how long ago, and how far it came."""

    patient: int
    look: str
    site: str
    side: str
    hours_ago: float
    read: str = ""  # the signed condition; empty while the case waits
    management: str = "discharge"
    certainty: str = "probable"
    correction: str = ""
    outcome: str = ""
    draft: bool = False
    urgency: Urgency = Urgency.ROUTINE
    answers: str = ""  # the questions answered yes; the others are no
    note: str = ""
    first: str = ""  # what the reader thought before the AI was shown, where they changed their mind
    reader: str = ""  # whose read it is; else one of the two doctors
    second: str = ""  # what a second reader signed, and how the lead settled it
    arbiter: str = ""
    waits_for: str = ""  # a second read or an arbitration that is still to come
    photos_wanted: bool = False


_PATIENTS = [
    # family name, given name, birth date, sex, skin type, consents to AI use / training use
    ("Brandt", "Helene", date(1951, 3, 14), "female", "2", "granted", "granted"),
    ("Costa", "Miguel", date(1968, 11, 2), "male", "4", "granted", "granted"),
    ("Duval", "Amélie", date(1987, 6, 25), "female", "2", "granted", "refused"),
    ("Eriksen", "Lars", date(1944, 1, 9), "male", "1", "granted", "granted"),
    ("Fodor", "Ilona", date(1959, 8, 30), "female", "3", "granted", "not_asked"),
    ("Gruber", "Josef", date(1939, 12, 5), "male", "2", "granted", "granted"),
    ("Haddad", "Leila", date(1992, 4, 17), "female", "4", "refused", "refused"),
    ("Ivanova", "Daria", date(1976, 9, 21), "female", "2", "granted", "granted"),
    ("Jansen", "Pieter", date(1963, 2, 28), "male", "2", "granted", "granted"),
    ("Kowalska", "Zofia", date(1955, 7, 11), "female", "1", "granted", "granted"),
    ("Lefebvre", "Paul", date(1981, 10, 3), "male", "3", "granted", "granted"),
    ("Mwangi", "Grace", date(1984, 5, 19), "female", "6", "granted", "granted"),
    ("Novak", "Eva", date(1961, 4, 2), "female", "2", "granted", "granted"),
    ("Öztürk", "Emre", date(1972, 12, 24), "male", "4", "granted", "granted"),
]

_VISITS = [
    Visit(0, "BCC", "nose", "midline", 21 * 24, "BCC", "biopsy", "certain", outcome="BCC", answers="grew bled"),
    Visit(1, "NEV", "back", "left", 20 * 24, "NEV", "discharge", "certain"),
    Visit(2, "NEV", "thigh", "right", 18 * 24, "ATN", "follow_up", "possible", answers="changed", note="Check again."),
    Visit(3, "ACK", "scalp", "midline", 16 * 24, "ACK", "follow_up", "certain", answers="itch"),
    Visit(4, "SEK", "chest", "right", 14 * 24, "SEK", "discharge", "certain", answers="raised"),
    Visit(5, "SCC", "ear", "left", 12 * 24, "ACK", "biopsy", "possible", "SCC", "SCC", answers="grew hurt bled raised"),
    Visit(7, "NEV", "abdomen", "midline", 10 * 24, "NEV", "discharge", "probable", first="ATN"),
    # The AI made the reader look twice, and the biopsy was right to be taken.
    Visit(
        8,
        "MEL",
        "back",
        "right",
        8 * 24,
        "MEL",
        "urgent_referral",
        "probable",
        first="ATN",
        outcome="MIS",
        answers="grew changed",
    ),
    # Two readers who disagreed, a lead who settled it, and the biopsy.
    Visit(
        12,
        "MEL",
        "leg",
        "left",
        7 * 24,
        "ATN",
        "follow_up",
        "possible",
        reader="trainee",
        second="MEL",
        arbiter="MEL",
        outcome="MEL",
        answers="grew changed",
    ),
    Visit(3, "ACK", "face", "midline", 5 * 24, "ACK", "follow_up", reader="trainee", second="ACK", answers="itch"),
    Visit(9, "SEK", "face", "left", 6 * 24, "SEK", "discharge", "certain", answers="raised"),
    Visit(10, "ACK", "forearm", "left", 3 * 24, "ACK", "follow_up", "probable", answers="itch"),
    # The second visit of one lesion: what changed in eighteen days is there to see.
    Visit(2, "NEV", "thigh", "right", 5, answers="changed", note="Control of the visit 18 days ago."),
    Visit(11, "MEL", "foot", "left", 27, urgency=Urgency.SOON, answers="grew changed", note="New since spring."),
    Visit(12, "BCC", "face", "right", 30, answers="bled raised", note="Bleeds when she dries her face."),
    Visit(3, "SCC", "hand", "right", 22, urgency=Urgency.SOON, answers="grew hurt raised"),
    Visit(13, "NEV", "arm", "left", 20),
    Visit(6, "SEK", "neck", "right", 9, answers="raised itch", note="Does not want the AI used."),
    Visit(9, "ACK", "nose", "midline", 4, answers="itch"),
    Visit(0, "SEK", "back", "midline", 2, answers="raised"),
    Visit(10, "NEV", "chest", "left", 1.2, answers="itch"),
    Visit(1, "NEV", "chest", "right", 7, "NEV", "discharge", reader="trainee", waits_for="second"),
    Visit(4, "SEK", "back", "left", 26, "SEK", "discharge", reader="trainee", second="MEL", waits_for="arbitration"),
    Visit(11, "NEV", "arm", "right", 3, photos_wanted=True, answers="changed"),
    Visit(7, "NEV", "leg", "right", 0.4, draft=True),
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
        User.objects.filter(id__in=[person.id for person in team.values()]).update(password=team["staff"].password)
        Membership.objects.filter(user=team["trainee"]).update(is_trainee=True)
        people = [_patient(clinic, team["staff"], number, row) for number, row in enumerate(_PATIENTS)]
        lesions: dict[tuple[int, str, str], Lesion] = {}
        for number, visit in enumerate(_VISITS):
            _log(visit, number, people[visit.patient], lesions, team)
            progress(number + 1, len(_VISITS))
        aftermath.write(clinic, team["staff"])
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
    place = (visit.patient, visit.site, visit.side)
    if place not in lesions:
        lesions[place] = Lesion.objects.create(
            patient=patient, body_site=visit.site, side=visit.side, created_at=logged
        )
    said_yes = visit.answers.split()
    answers: dict[str, Any] = {name: "yes" if name in said_yes else "no" for name in Case.QUESTIONS}
    case = lifecycle.log_case(
        lesion=lesions[place],
        by=team["staff"],
        requested_urgency=visit.urgency,
        note=visit.note,
        created_at=logged,
        **answers,
    )
    close_up = _photo(case, visit.look, number, team["staff"])
    if number % 4 == 0:
        _photo(case, visit.look, number + 100, team["staff"], kind="overview")
    if visit.draft:
        return
    lifecycle.send(case.id)
    Case.objects.filter(id=case.id).update(waiting_since=logged + timedelta(minutes=6))
    LesionImage.objects.filter(case=case).update(created_at=logged + timedelta(minutes=4))
    if visit.read:
        _read(visit, case, close_up, logged, team)
    if visit.photos_wanted:
        photo_requests.ask(
            case_id=case.id,
            by=team["doctor"],
            request_id=uuid7(),
            faults=["blurred", "far"],
            note="From about 10 cm, please, and one that shows the whole arm.",
        )


def _photo(case: Case, look: str, seed: int, by: User, kind: str = "close_up") -> LesionImage:
    picture = drawing.draw(look, seed=seed, width=1000, height=750)
    image = intake.accept(case, io.BytesIO(drawing.jpeg(picture)), name=f"demo-{seed}.jpg", kind=kind, by=by)
    for prediction in Prediction.objects.filter(image=image):
        predictions.run(prediction.id)
    return image


def _read(visit: Visit, case: Case, image: LesionImage, logged: datetime, team: dict[str, User]) -> None:
    """The reads of a visit. Written as rows, not signed: cases/reads.py rightly knows no time but now."""
    chance = random.Random(case.number)  # noqa: S311 (a story, not a secret)
    signed = logged + timedelta(hours=chance.uniform(0.1, 0.8) * min(20, visit.hours_ago))
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
        moment = signed + (timezone.now() - signed) * 0.2
        last = write(other, visit.second, moment, kind=ReadKind.SECOND, management=management)
    if visit.arbiter:
        moment = last.signed_at + timedelta(hours=5)
        last = write(team["lead"], visit.arbiter, moment, kind=ReadKind.ARBITRATION, management="urgent_referral")
    if visit.correction:
        write(
            reader,
            visit.correction,
            signed + timedelta(days=4),
            kind=ReadKind.CORRECTION,
            corrects=first,
            certainty="certain",
            management="urgent_referral",
            comment="Corrected after the pathologist's report.",
        )
    ours = Case.objects.filter(id=case.id)
    if visit.reader == "trainee":
        ours.update(second_read_reason=Reason.TRAINEE)
    if visit.waits_for:
        ours.update(read_stage=visit.waits_for)
        return
    ours.update(state=CaseState.SIGNED, signed_at=last.signed_at)
    if visit.outcome:
        outcomes.record(
            case_id=case.id,
            by=team["lead"],
            condition=Condition.objects.get(code=visit.outcome),
            reported_on=timezone.localdate(last.signed_at) + timedelta(days=3),
            pathology_reference=f"P-{2400 + case.number}",
        )
