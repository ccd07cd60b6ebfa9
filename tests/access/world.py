"""Two clinics that have one of everything, for the access matrix."""

from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from allauth.account.models import EmailAddress
from allauth.mfa.models import Authenticator
from auditlog.models import LogEntry
from django.utils import timezone
from uuid6 import uuid7

from accounts.models import ApiToken, Clinic, Membership
from cases.models import (
    Case,
    Condition,
    Lesion,
    LesionImage,
    Notification,
    NotificationKind,
    Outcome,
    Patient,
    PracticeCase,
    Prediction,
    Read,
)
from cases.notifications import telling
from cases.photo import retakes
from cases.reading import reads
from cases.record import lifecycle, outcomes
from inference.models import Activation, Comparison, ModelVersion
from tests.cast import Cast, make_case, make_clinic, make_image, make_patient, photo, waiting_case
from tests.inference.registered import compared
from training.models import TrainingRun


@dataclass
class Side:
    """One clinic's rows."""

    cast: Cast
    family_name: str
    patient: Patient
    lesion: Lesion
    draft: Case
    waiting: Case
    withdrawn: Case
    wanted: Case  # its reader has asked for better photos
    signed: Case
    image: LesionImage
    removed: LesionImage
    prediction: Prediction
    failed: Prediction
    read: Read
    outcome: Outcome
    notification: Notification
    practice: PracticeCase
    condition: Condition
    model: ModelVersion
    candidate: ModelVersion
    activation: Activation
    comparison: Comparison
    training_run: TrainingRun
    membership: Membership
    token: ApiToken
    address: EmailAddress
    second_factor: Authenticator
    audit: LogEntry

    @property
    def clinic(self) -> Clinic:
        return self.cast.clinic

    @property
    def practice_begun(self) -> PracticeCase:
        """One that the lead has answered before the AI was shown, and not since; where a test has made it."""
        return PracticeCase.objects.get(clinic=self.clinic, reads__reader=self.cast.lead, reads__finished_at=None)

    @property
    def practice_finished(self) -> PracticeCase:
        return PracticeCase.objects.get(clinic=self.clinic, reads__finished_at__isnull=False)


def make_models() -> dict[str, Any]:
    classes = ["NEV", "MEL"]
    model = ModelVersion.objects.create(name="one", path="nowhere", sha256="1" * 64, classes=classes, state="active")
    candidate = ModelVersion.objects.create(name="two", path="nowhere", sha256="2" * 64, classes=classes)
    activation = Activation.objects.create(model_version=model, reason="First", by="somebody")
    found = compared(candidate, model)
    return {"model": model, "candidate": candidate, "activation": activation, "comparison": found}


def make_side(name: str, family_name: str, models: dict[str, Any], media: Path) -> Side:
    cast = make_clinic(name)
    patient = make_patient(cast, family_name=family_name)
    waiting = waiting_case(cast, patient=patient)
    image = waiting.images.get()
    make_image(waiting)  # so that the other one may be removed
    for file in (image.original, image.derivative, image.thumbnail):
        path = media / file.name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(photo(width=64, height=64))
    prediction = Prediction.objects.create(
        image=image,
        model_version=models["model"],
        state="done",
        finished_at=timezone.now(),
        probabilities=[["NEV", 0.9], ["MEL", 0.1]],
        answer_set=["NEV"],
        malignant_probability=0.1,
        maps=np.ones((2, 2, 2), np.float16).tobytes(),
        map_rows=2,
        map_columns=2,
    )
    failed = Prediction.objects.create(
        image=image, model_version=models["candidate"], state="failed", reason="Broke off.", finished_at=timezone.now()
    )
    withdrawn = make_case(cast, patient=patient)
    lifecycle.withdraw(withdrawn.id, "Logged twice")
    wanted = waiting_case(cast, patient=patient)
    retakes.ask(case_id=wanted.id, by=cast.doctor, request_id=uuid7(), faults=["blurred"])
    signed = waiting_case(cast, patient=patient)
    condition = Condition.objects.get(code="NEV")
    read = reads.sign(
        case_id=signed.id,
        reader=cast.doctor,
        read_id=uuid7(),
        condition=condition,
        certainty="certain",
        management="discharge",
        ai_visible=False,
        newest_seen=None,
    )
    outcome = outcomes.record(case_id=signed.id, by=cast.doctor, condition=condition, reported_on=timezone.localdate())
    telling.notify(NotificationKind.REPORT_READY, case=signed, people=[cast.staff])
    practice = PracticeCase.objects.create(
        clinic=cast.clinic,
        picture=image.derivative.name,
        sha256="5" * 64,
        site="back",
        decade=60,
        answer=condition,
        ai_says=condition,
        created_by=cast.lead,
    )
    return Side(
        practice=practice,
        cast=cast,
        family_name=family_name,
        patient=patient,
        lesion=waiting.lesion,
        draft=make_case(cast, patient=patient),
        waiting=waiting,
        withdrawn=withdrawn,
        wanted=wanted,
        signed=signed,
        image=image,
        removed=make_image(waiting, removed_at=timezone.now()),
        prediction=prediction,
        failed=failed,
        read=read,
        outcome=outcome,
        notification=Notification.objects.get(event=f"{NotificationKind.REPORT_READY}:{signed.pk}"),
        condition=condition,
        training_run=TrainingRun.objects.create(
            clinic=cast.clinic, name=f"of-{name.lower()}", network="lite2", by=name
        ),
        membership=cast.staff.memberships.get(),
        token=ApiToken.objects.create(cast.integration, name=f"Robot of {name}")[0],
        address=EmailAddress.objects.create(user=cast.staff, email=cast.staff.email, verified=True, primary=True),
        second_factor=Authenticator.objects.create(user=cast.doctor, type="totp", data={"secret": "none"}),
        audit=LogEntry.objects.get_for_object(patient).latest("timestamp"),
        **models,
    )
