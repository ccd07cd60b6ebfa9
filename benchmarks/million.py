"""Very many cases, made inside PostgreSQL: one row of each kind by the product, the others as copies of it.

A copy takes every column from its pattern but for those that are given an expression, so that a new column needs no
change here. What lies out of line in the product (heat maps, embeddings) is left empty: no measured page reads it.
"""

import time
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import date
from typing import Any

from django.db import connection, models, transaction
from django.utils import timezone

from accounts.models import Clinic
from benchmarks.clinic import Desk, open_desk
from cases.models import (
    Case,
    Certainty,
    Condition,
    Consent,
    FirstOpinion,
    Lesion,
    LesionImage,
    Management,
    Patient,
    Prediction,
    PredictionState,
    Read,
)
from inference import registry

# Of ten cases, these many belong to the measured clinic; a patient has two.
_OURS, _CASES_A_PATIENT = 9, 2
# Of a hundred cases: 2 wait, 1 is a draft, 1 withdrawn, 96 are signed.
_STATE = (
    "CASE WHEN n % 100 < 2 THEN 'waiting' WHEN n % 100 = 2 THEN 'draft' "
    "WHEN n % 100 = 3 THEN 'withdrawn' ELSE 'signed' END"
)
# The doctor has committed a first opinion on each signed case, and on as many waiting ones at any size.
_BEGUN = "n % 100 = 0 AND n <= 6000"
_SITES = "(ARRAY['back','face','nose','forearm','chest','leg','hand','scalp'])[1 + n % 8]"
# 1,600 family names and 400 given names; every one as frequent as the next.
_FIRST = "(ARRAY['no','ma','be','ka','lo','su','ti','ra','he','vo','do','pe','gu','wi','sa','fe','ju','ol','an','eb'])"
_LAST = (
    "(ARRAY['vak','rek','ner','lin','sky','mann','ovic','berg','son','dal',"
    "'ez','ini','kova','auer','ova','ski','er','ic','os','um'])"
)
_FAMILY = f"{_FIRST}[1 + p % 20] || {_LAST}[1 + (p / 20) % 20] || (ARRAY['','a','o','i'])[1 + (p / 400) % 4]"
# By the round of family names that p is in, so that each family name meets every given one, as in life.
_G = "(p + 271 * (p / 1600))"
_GIVEN = f"{_FIRST}[1 + {_G} % 20] || {_LAST}[1 + ({_G} / 20) % 20]"


def load(number: int) -> Desk:
    """`number` cases of about `number` / 2 patients, one photo and one opinion each, over five years."""
    desk, other = open_desk("Large"), Clinic.objects.create(name="Other")
    patterns = _patterns(desk)
    clinic = f"CASE WHEN p % 10 < {_OURS} THEN '{desk.clinic.id}'::uuid ELSE '{other.id}'::uuid END"
    moment = f"now() - interval '5 years' * (1 - n::float / {number})"
    patients = number // _CASES_A_PATIENT
    copies: list[tuple[models.Model, int, dict[str, str]]] = [
        (
            patterns["patient"],
            patients,
            {
                "id": _id("p", "1"),
                "clinic_id": clinic,
                "mrn": "'M' || p",
                "family_name": f"initcap({_FAMILY})",
                "given_name": f"initcap({_GIVEN})",
                "family_key": _FAMILY,
                "given_key": _GIVEN,
                "birth_date": "date '1930-01-01' + (p * 37) % 27000",
            },
        ),
        (patterns["lesion"], patients, {"id": _id("p", "2"), "patient_id": _id("p", "1"), "body_site": _SITES}),
        (
            patterns["case"],
            number,
            {
                "id": _id("n", "3"),
                "clinic_id": clinic,
                "number": "n + 10",
                "lesion_id": _id("p", "2"),
                "state": _STATE,
                "urgency": "CASE WHEN n % 20 = 0 THEN 1 WHEN n % 20 < 5 THEN 2 ELSE 3 END",
                "flagged_by_ai": "n % 20 = 0",
                "has_first_opinion": f"{_STATE} = 'signed' OR ({_BEGUN})",
                "created_at": moment,
                "waiting_since": f"CASE WHEN n % 100 = 2 THEN NULL ELSE {moment} + interval '1 hour' END",
                "first_waiting_since": f"CASE WHEN n % 100 = 2 THEN NULL ELSE {moment} + interval '1 hour' END",
                "signed_at": f"CASE WHEN n % 100 > 3 THEN {moment} + interval '1 day' END",
            },
        ),
        (
            patterns["image"],
            number,
            {
                "id": _id("n", "4"),
                "case_id": _id("n", "3"),
                "sha256": "md5(n::text) || md5('b' || n)",
                "quality_remarks": "CASE WHEN n % 25 = 3 THEN '[\"blurred\"]'::jsonb ELSE '[]'::jsonb END",
                "created_at": moment,
            },
        ),
        (
            patterns["prediction"],
            number,
            {
                "id": _id("n", "5"),
                "image_id": _id("n", "4"),
                "urgent": "n % 20 = 0",
                "uncertain": "n % 7 = 0",
                "strange": "n % 50 = 9",
                "queued_at": moment,
                "finished_at": moment,
            },
        ),
    ]
    opinions = {"id": _id("n", "7"), "case_id": _id("n", "3"), "committed_at": moment}
    reads = {
        "id": _id("n", "6"),
        "case_id": _id("n", "3"),
        "first_opinion_id": _id("n", "7"),
        "prediction_id": _id("n", "5"),
        "signed_at": f"{moment} + interval '1 day'",
    }
    with transaction.atomic(), connection.cursor() as cursor:
        # Rows that are made from one rule need no foreign key looked up a million times.
        cursor.execute("SET LOCAL session_replication_role = replica")
        cursor.execute("SET LOCAL synchronous_commit = off")
        cursor.execute("SET LOCAL maintenance_work_mem = '512MB'")
        for pattern, rows, values in copies:
            with _without_indexes(cursor, pattern._meta.db_table):
                _copy(cursor, pattern, rows, values)
        with _without_indexes(cursor, patterns["opinion"]._meta.db_table):
            _copy(cursor, patterns["opinion"], number, opinions, only=f"{_STATE} = 'signed' OR ({_BEGUN})")
        # Who has read a case is not offered it again, so those that wait have none.
        with _without_indexes(cursor, patterns["read"]._meta.db_table):
            _copy(cursor, patterns["read"], number, reads, only=f"{_STATE} = 'signed'")
    with connection.cursor() as cursor:
        cursor.execute("VACUUM ANALYZE")
    return desk


def _patterns(desk: Desk) -> dict[str, Any]:
    """One row of each kind, in the other states than the copies are given."""
    now, by = timezone.now(), desk.staff
    patient = Patient.objects.create(
        clinic=desk.clinic,
        mrn="PATTERN",
        family_name="Pattern",
        given_name="P",
        family_key="pattern",
        given_key="p",
        birth_date=date(1960, 1, 1),
        ai_consent=Consent.GRANTED,
        ai_consent_at=now,
        ai_consent_by=by,
        created_by=by,
    )
    lesion = Lesion.objects.create(patient=patient, body_site="back")
    case = Case.objects.create(clinic=desk.clinic, number=1, lesion=lesion, created_by=by, itch="yes", bled="no")
    image = LesionImage.objects.create(
        case=case,
        original="images/00/none.jpg",
        derivative="images/00/none-upright.jpg",
        thumbnail="images/00/none-thumbnail.jpg",
        content_type="image/jpeg",
        sha256="0" * 64,
        byte_size=76_000,
        width=600,
        height=450,
        created_by=by,
    )
    codes = list(Condition.objects.values_list("code", flat=True)[:6])
    prediction = Prediction.objects.create(
        image=image,
        model_version=registry.active(),
        state=PredictionState.DONE,
        attempts=1,
        finished_at=now,
        duration_ms=12,
        probabilities=[[code, 0.9 if not place else 0.02] for place, code in enumerate(codes)],
        answer_set=codes[:1],
        answer_set_coverage=90,
        malignant_probability=0.1,
    )
    said = {
        "case": case,
        "reader": desk.doctor,
        "condition": Condition.objects.all()[0],
        "certainty": Certainty.CERTAIN,
        "management": Management.DISCHARGE,
    }
    opinion = FirstOpinion.objects.create(**said)
    read = Read.objects.create(**said, first_opinion=opinion, prediction=prediction, ai_visible=True)
    return {
        "patient": patient,
        "lesion": lesion,
        "case": case,
        "image": image,
        "prediction": prediction,
        "opinion": opinion,
        "read": read,
    }


def _id(number: str, kind: str) -> str:
    """The id of row `number` of a kind: a UUIDv7 whose time part grows with the number, as real ones do."""
    start = f"lpad(to_hex(1500000000000 + ({number})::bigint * 100), 12, '0') || '7{kind}008'"
    return f"rpad({start}, 32, '0')::uuid"


@contextmanager
def _without_indexes(cursor: Any, table: str) -> Iterator[None]:
    """Takes the table's indexes away and makes them anew, which is several times quicker than to keep them up row by
    row. Those that hold a rule (keys, unique ones) stay.
    """
    cursor.execute(
        "SELECT relname, pg_get_indexdef(indexrelid) FROM pg_index JOIN pg_class ON pg_class.oid = indexrelid "
        "WHERE indrelid = %s::regclass AND NOT indisunique",
        [table],
    )
    found = cursor.fetchall()
    for name, _definition in found:
        cursor.execute(f'DROP INDEX "{name}"')
    yield
    for _name, definition in found:
        cursor.execute(definition)


def _copy(cursor: Any, pattern: models.Model, rows: int, values: dict[str, str], only: str = "true") -> None:
    """Copies of `pattern`, one for each number from 1 to `rows` that `only` holds for.

    In the expressions the number is called n, and p is the number of n's patient.
    """
    meta = pattern._meta
    columns = [str(field.column) for field in meta.concrete_fields if not getattr(field, "generated", False)]
    chosen = ", ".join(values.get(column, f'pattern."{column}"') for column in columns)
    chosen, only = chosen.replace("%", "%%"), only.replace("%", "%%")
    named = ", ".join(f'"{column}"' for column in columns)
    people = "n" if isinstance(pattern, Patient | Lesion) else f"(n + {_CASES_A_PATIENT - 1}) / {_CASES_A_PATIENT}"
    cursor.execute(
        f'INSERT INTO "{meta.db_table}" ({named}) SELECT {chosen} FROM "{meta.db_table}" AS pattern, '
        f"LATERAL (SELECT n, {people} AS p FROM generate_series(1, {rows}) AS n) AS counted "
        f"WHERE pattern.id = %s AND {only}",
        [pattern.pk],
    )


def timed(number: int) -> tuple[Desk, float]:
    """`load`, and how many seconds it took."""
    began = time.monotonic()
    return load(number), time.monotonic() - began
