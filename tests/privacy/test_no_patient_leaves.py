"""A patient goes through the whole clinic, and no word of who it is stands anywhere but in the record.

Looked at: every line that is logged, at every level; every message to the broker; every address that a page or an
answer names; every mail; the metrics; every error page.
"""

import io
import json
import logging.config
import re
from collections.abc import Iterator
from dataclasses import dataclass, field
from uuid import uuid4

import kombu
import pytest
from django.conf import settings as django_settings
from django.core import mail
from django.core.files.uploadedfile import SimpleUploadedFile
from django.db import IntegrityError, transaction
from django.http import HttpResponseBase
from django.test import Client
from django.urls import reverse

from cases import tasks
from cases.models import Case, Patient
from cases.notifications import mail as notification_mail
from cases.prediction import opinions
from cases.record import lifecycle, patients
from cases.vocabulary import conditions
from inference import registry
from skinclinic import logs
from tests.cases import pictures
from tests.cases.models import FakeEngine, registered_model
from tests.cases.readings import read_form
from tests.cast import Cast, make_patient

FAMILY, GIVEN, MRN, PHONE, BORN = "Zzyzxová", "Qwghlmín", "MRN-7Q7X7", "+43 660 7654321", "1913-03-17"
# As typed, as searched for, as written on pages, and what a photo's own data say.
SECRET = re.compile(
    r"zzyzx|qwghlm|7q7x7|7654321|1913-03-17|17[./]0?3[./]1913|17\.? mar\w* 1913|mar\w*\.? 17, 1913|secret-",
    re.IGNORECASE,
)
ADDRESSES = re.compile(r"""(?:href|src|action|formaction|hx-\w+|data-[\w-]*(?:url|src|full|next))=["']([^"']*)""")


@dataclass
class Seen:
    """What left the record, by where it was seen."""

    logged: io.StringIO = field(default_factory=io.StringIO)
    sent: list[str] = field(default_factory=list)
    addresses: list[str] = field(default_factory=list)
    errors: dict[int, str] = field(default_factory=dict)


class Watched(Client):
    """A browser that notes each address it meets."""

    def __init__(self, seen: Seen) -> None:
        super().__init__(raise_request_exception=False)
        self.seen = seen

    def request(self, **request):
        answer = super().request(**request)
        asked = f"{request['PATH_INFO']}?{request.get('QUERY_STRING', '')}"
        self.seen.addresses += [asked, *(answer.headers.get(name, "") for name in ("Location", "HX-Replace-Url"))]
        if "html" in answer.headers.get("Content-Type", "") and not answer.streaming:
            self.seen.addresses += ADDRESSES.findall(answer.content.decode())
        return answer

    def sign_in(self, person) -> "Watched":
        self.force_login(person, backend="allauth.account.auth_backends.AuthenticationBackend")
        return self


@pytest.fixture
def seen(monkeypatch) -> Iterator[Seen]:
    found = Seen()
    told = logs.configuration(json=True, level="DEBUG")
    told["handlers"]["console"]["stream"] = found.logged
    logging.config.dictConfig(told)
    real = kombu.Producer._publish

    def publish(self, body, *args, **kwargs):
        found.sent.append(repr((body, args, {name: kwargs[name] for name in kwargs if name != "channel"})))
        return real(self, body, *args, **kwargs)

    monkeypatch.setattr(kombu.Producer, "_publish", publish)
    yield found
    logging.config.dictConfig(django_settings.LOGGING)


@pytest.fixture
def visitor(seen) -> Watched:
    return Watched(seen)


def ok(answer: HttpResponseBase, *statuses: int) -> HttpResponseBase:
    assert answer.status_code in (statuses or (200,)), answer
    return answer


def registered(visitor: Watched, alma: Cast) -> Patient:
    """Searched for, registered, tried to be registered again, found."""
    staff = visitor.sign_in(alma.staff)
    ok(staff.post(reverse("patient_list"), {"q": f"{FAMILY} {BORN}"}, follow=True))
    form = {
        "patient_id": str(uuid4()),
        "mrn": MRN,
        "family_name": FAMILY,
        "given_name": GIVEN,
        "birth_date": BORN,
        "sex": "female",
        "fitzpatrick": "2",
        "ai_consent": "granted",
        "training_consent": "granted",
    }
    ok(staff.post(reverse("patient_new"), form, follow=True))
    ok(staff.post(reverse("patient_new"), {**form, "patient_id": str(uuid4())}), 422)
    ok(staff.post(reverse("patient_list"), {"q": "zzyzx"}, follow=True))
    ok(staff.post(reverse("patient_pick"), {"q": MRN}))
    return Patient.objects.get(mrn=MRN)


def case_with_photos(visitor: Watched, patient: Patient) -> Case:
    """A case whose photos are called after the patient, good ones and bad ones."""
    form = {
        **dict.fromkeys(Case.QUESTIONS, "unknown"),
        "case_id": str(uuid4()),
        "patient": str(patient.id),
        "lesion": "new",
        "body_site": "nose",
        "side": "midline",
        "place_note": f"below {FAMILY}'s scar",
        "requested_urgency": "3",
        "note": f"Call {PHONE} in the evening.",
    }
    ok(visitor.post(reverse("case_new"), form, follow=True))
    case = Case.objects.get(id=form["case_id"])
    for data, status in (
        (pictures.phone_jpeg(), 201),
        (pictures.small_heic(), 201),
        (b"%PDF", 415),
        (b"\xff\xd8\xff", 422),
    ):
        upload = SimpleUploadedFile(f"{FAMILY} {GIVEN} {BORN}.jpg", data)
        ok(visitor.post(reverse("photo_upload", args=[case.id]), {"file": upload}), status)
    return case


def predicted(case: Case, monkeypatch) -> None:
    """One opinion that is urgent, and one that breaks off with the patient's name in its words, as PostgreSQL's do."""

    class Failing:
        def classify(self, *args: object) -> None:
            with transaction.atomic():
                Patient.objects.create(
                    clinic=case.clinic, mrn=MRN, birth_date=BORN, family_name=FAMILY, given_name=GIVEN
                )

    first, second = case.images.order_by("id")
    for image, engine in ((first, FakeEngine(first="MEL", urgent=True)), (second, Failing())):
        monkeypatch.setattr(registry, "engine", lambda version, engine=engine: engine)
        tasks.predict.apply(args=[str(image.predictions.get().id)])
    assert {each.state for each in first.predictions.all() | second.predictions.all()} == {"done", "failed"}


def read_and_reported(visitor: Watched, alma: Cast, case: Case) -> None:
    ok(visitor.sign_in(alma.staff).post(reverse("case_send", args=[case.id]), follow=True))
    notification_mail.sweep()
    doctor = visitor.sign_in(alma.doctor)
    for name in ("worklist", "home"):
        ok(doctor.get(reverse(name), follow=True))
    ok(doctor.get(reverse("case_detail", args=[case.id])))
    for image in case.images.all():
        ok(doctor.get(reverse("photo_original", args=[image.id]))).getvalue()
    form = read_form(condition="MEL", comment=f"Told {GIVEN} {FAMILY} by {PHONE}.")
    ok(doctor.post(reverse("read_sign", args=[case.id]), form, follow=True))
    case.refresh_from_db()
    assert case.state == "signed"
    ok(doctor.get(reverse("report_page", args=[case.id])))
    assert ok(doctor.get(reverse("report_file", args=[case.id]))).getvalue().startswith(b"%PDF")


def by_program(visitor: Watched, alma: Cast) -> None:
    """The same through the API: found, registered, refused."""
    visitor.sign_in(alma.staff)

    def post(name: str, **fields: object) -> HttpResponseBase:
        return visitor.post(f"/api/v1/{name}", json.dumps(fields), "application/json", headers={"Idempotency-Key": "k"})

    details = {"family_name": FAMILY, "given_name": GIVEN, "birth_date": BORN}
    ok(post("patients/search/", text=f"{FAMILY} {BORN}"))
    ok(post("patients/", **details, mrn=f"{MRN}-B"), 201)
    ok(visitor.post("/api/v1/patients/", json.dumps({**details, "mrn": MRN}), "application/json"), 409)
    ok(visitor.post("/api/v1/patients/", "{" + FAMILY, "application/json"), 400)
    ok(visitor.get("/api/v1/patients/"))


def errors(visitor: Watched, alma: Cast, brno: Cast, case: Case, seen: Seen, monkeypatch) -> None:
    """Each kind of error page, where a patient's record is what is asked for."""
    page = reverse("case_detail", args=[case.id])

    def note(answer: HttpResponseBase, status: int) -> None:
        seen.errors[status] = ok(answer, status).content.decode()  # type: ignore[attr-defined]

    note(visitor.sign_in(brno.doctor).get(page), 404)
    note(visitor.sign_in(alma.admin).post(reverse("read_sign", args=[case.id]), read_form()), 403)
    note(visitor.sign_in(alma.staff).get("/", headers={"Host": "evil.example"}), 400)

    def breaks(*args: object, **kwargs: object) -> None:
        with transaction.atomic():
            Patient.objects.filter(mrn=MRN).update(sex=PHONE[:8])

    for place, name in ((opinions, "with_photos"), (lifecycle, "log_case"), (patients, "register")):
        monkeypatch.setattr(place, name, breaks)
    note(visitor.sign_in(alma.doctor).get(page), 500)
    with pytest.raises(IntegrityError):
        breaks()
    details = {"mrn": MRN, "family_name": FAMILY, "given_name": GIVEN, "birth_date": BORN}
    answer = visitor.sign_in(alma.staff).post("/api/v1/patients/", json.dumps(details), "application/json")
    assert not SECRET.search(ok(answer, 500).content.decode())  # type: ignore[attr-defined]


@pytest.mark.django_db(transaction=True)
def test_a_patient_goes_through_the_clinic_unseen(alma, brno, visitor, seen, settings, monkeypatch):
    settings.METRICS_TOKEN = "of-this-test"
    conditions.load_vocabulary()
    registered_model()
    patient = registered(visitor, alma)
    case = case_with_photos(visitor, patient)
    predicted(case, monkeypatch)
    read_and_reported(visitor, alma, case)
    by_program(visitor, alma)
    notification_mail.sweep()
    errors(visitor, alma, brno, case, seen, monkeypatch)
    metrics = visitor.get("/metrics", headers={"Authorization": "Bearer of-this-test"}).content.decode()

    mails = [str(each.message()) for each in mail.outbox]
    logged = seen.logged.getvalue()
    # What is looked at must be there for this to mean anything.
    assert "raised unexpected" in logged or "IntegrityError" in logged
    assert '"level": "debug"' in logged or '"level": "info"' in logged
    assert len(seen.sent) >= 2
    assert len(mails) >= 1
    assert len(seen.addresses) > 100
    assert set(seen.errors) == {400, 403, 404, 500}
    assert "skinclinic_intake_seconds" in metrics
    places = {
        "a log line": logged.splitlines(),
        "a message to the broker": seen.sent,
        "an address": seen.addresses,
        "a mail": mails,
        "the metrics": metrics.splitlines(),
        "an error page": list(seen.errors.values()),
    }
    for place, texts in places.items():
        assert not [text[:1000] for text in texts if SECRET.search(text)], f"{place} names the patient"


def test_the_pattern_knows_every_spelling():
    for spelling in (FAMILY, GIVEN.upper(), MRN.lower(), PHONE, BORN, "17.3.1913", "17 March 1913", "March 17, 1913"):
        assert SECRET.search(spelling), spelling


@pytest.mark.django_db
def test_a_database_error_is_logged_without_its_row(seen, alma):
    """What PostgreSQL says of a row that it refuses holds the whole row."""
    patient = make_patient(alma, family_name=FAMILY, mrn=MRN)
    log = logging.getLogger("cases.test")
    try:
        with transaction.atomic():
            Patient.objects.filter(id=patient.id).update(sex="unheard")
    except IntegrityError as error:
        log.exception("broke with %r", error)
    line = json.loads(seen.logged.getvalue().splitlines()[-1])
    assert "IntegrityError" in line["exception"]
    assert "patient_sex_is_known" in line["exception"]
    assert not SECRET.search(json.dumps(line))
