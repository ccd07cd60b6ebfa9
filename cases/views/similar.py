"""The panel of look-alikes on the case page; it asks for itself when it comes into view."""

from uuid import UUID

from django.http import HttpRequest, HttpResponse
from django.shortcuts import render
from django.views.decorators.http import require_GET

from accounts.doors import signed_in
from cases.models import Prediction
from cases.reading import similar
from cases.views import case_page


@require_GET
@signed_in
def case_similar(request: HttpRequest, case_id: UUID) -> HttpResponse:
    """Says nothing where the AI's opinion is not on the page: a look-alike's label would give it away."""
    case, context = case_page.load_card(request, case_id)
    card = context["card"]
    found = None
    if card.is_visible and card.chosen.is_done:
        # with_photos leaves the features out, which only this panel needs.
        prediction = Prediction.objects.only("embedding", "model_version_id").get(id=card.chosen.prediction.id)
        found = similar.look_alikes(request.user, case, prediction, context["names"])
    shown = {"similar": found, "most": f"{similar.MOST_PHOTOS:,}", "card": card}
    return render(request, "cases/page/_similar_found.html", shown)
