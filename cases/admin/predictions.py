"""Predictions in the admin pages: read-only, and asked for again."""

from collections.abc import Callable

from django.contrib import admin, messages
from django.db.models import QuerySet
from django.http import HttpRequest
from django.utils.translation import gettext_lazy as _
from django.utils.translation import ngettext

from cases import access
from cases.admin.record import ReadOnly, RecordAdmin, by_patient_or_number, clinic_at
from cases.errors import Refused
from cases.models import Prediction
from cases.prediction import asking

# An action runs while the browser waits; each row is a few short statements.
ACTION_LIMIT = 1000


@admin.register(Prediction)
class PredictionAdmin(ReadOnly, RecordAdmin):
    records = access.predictions
    list_display = [
        "case",
        "model_version",
        "state",
        "opinion",
        "urgent",
        "uncertain",
        "strange",
        "queued_at",
        "duration_ms",
        "attempts",
    ]
    list_filter = [clinic_at("image__case__clinic"), "state", "urgent", "uncertain", "strange", "model_version"]
    list_select_related = ["image__case", "model_version"]
    search_fields = ["image__case__number"]
    search_help_text = _("A case's number, or the patient's name, MRN or birth date")
    ordering = ["-id"]
    actions = ["retry", "run_again"]
    fields = [
        "case",
        "image",
        "model_version",
        "state",
        "reason",
        "attempts",
        "queued_at",
        "lease_until",
        "finished_at",
        "duration_ms",
        "answers",
        "ranking",
        "answer_set",
        "answer_set_coverage",
        "malignant_probability",
        "urgent",
        "uncertain",
        "strange",
        "novelty",
    ]

    def get_queryset(self, request: HttpRequest) -> QuerySet[Prediction]:
        # Kilobytes a row that no page here shows.
        return super().get_queryset(request).defer("maps", "embedding")

    @admin.display(description=_("case"))
    def case(self, prediction: Prediction) -> str:
        return prediction.image.case.reference

    @admin.display(description=_("first condition"))
    def opinion(self, prediction: Prediction) -> str | None:
        if not prediction.probabilities:
            return None
        code, probability = prediction.probabilities[0]
        return f"{code} {probability:.0%}"

    @admin.display(description=_("probabilities"))
    def ranking(self, prediction: Prediction) -> str | None:
        return ", ".join(f"{code} {value:.1%}" for code, value in prediction.probabilities or []) or None

    def search(self, request: HttpRequest, queryset: QuerySet, words: str) -> tuple[QuerySet, bool]:
        found = by_patient_or_number(
            queryset, words, patient="image__case__lesion__patient", number="image__case__number"
        )
        return found, False

    def has_requeue_permission(self, request: HttpRequest) -> bool:
        return request.user.has_perm("cases.change_prediction")

    @admin.action(description=_("Retry the selected predictions that failed"), permissions=["requeue"])
    def retry(self, request: HttpRequest, chosen: QuerySet[Prediction]) -> None:
        def retry(prediction: Prediction) -> bool:
            try:
                return asking.retry(prediction) is not None
            except Refused as refusal:
                self.message_user(request, str(refusal), messages.ERROR)
                return False

        self._each(request, chosen.select_related("image__case__lesion__patient", "model_version"), retry)

    @admin.action(description=_("Run again with the active model"), permissions=["requeue"])
    def run_again(self, request: HttpRequest, chosen: QuerySet[Prediction]) -> None:
        def rerun(prediction: Prediction) -> bool:
            fresh = asking.rerun(prediction.image)
            return fresh is not None and fresh.is_pending

        self._each(request, chosen.select_related("image__case__lesion__patient"), rerun)

    def _each(self, request: HttpRequest, chosen: QuerySet[Prediction], ask: Callable[[Prediction], bool]) -> None:
        rows = list(chosen[: ACTION_LIMIT + 1])
        if len(rows) > ACTION_LIMIT:
            self.message_user(
                request,
                _("Choose at most %(limit)s predictions at a time; nothing was done.") % {"limit": ACTION_LIMIT},
                messages.ERROR,
            )
            return
        queued = sum(ask(row) for row in rows)
        said = ngettext("%(number)s prediction is queued.", "%(number)s predictions are queued.", queued)
        self.message_user(request, said % {"number": queued}, messages.SUCCESS if queued else messages.WARNING)
        if left := len(rows) - queued:
            said = ngettext(
                "%(number)s was left as it is: its state, its patient's consent or a signed read stands against it.",
                "%(number)s were left as they are: their state, consent or a signed read stands against it.",
                left,
            )
            self.message_user(request, said % {"number": left}, messages.WARNING)
