"""Correcting where a lesion is."""

import pytest
from django.urls import reverse

from cases.record import lesions
from tests.cases.readings import opinion_on
from tests.cast import waiting_case


def by_the_service(case, client, fields) -> None:
    lesions.change(case.lesion_id, by=case.created_by, **fields)


def in_the_admin_pages(case, client, fields) -> None:
    form = {"body_site": case.lesion.body_site, "side": case.lesion.side, "note": case.lesion.note, **fields}
    assert client.post(reverse("admin:cases_lesion_change", args=[case.lesion_id]), form).status_code == 302


@pytest.mark.parametrize("change", [by_the_service, in_the_admin_pages])
def test_the_ai_is_asked_again_when_the_body_site_is_another(alma, sign_in, change):
    """It is one of the answers that the model is told; side and note are not."""
    case, client = waiting_case(alma), sign_in(alma.admin)
    prediction = opinion_on(case)
    for fields in ({"side": "right"}, {"note": "above the wrist"}, {"body_site": case.lesion.body_site}):
        change(case, client, fields)
        prediction.refresh_from_db()
        assert prediction.state == "done", fields
    change(case, client, {"body_site": "nose"})
    prediction.refresh_from_db()
    case.lesion.refresh_from_db()
    assert (prediction.state, case.lesion.body_site) == ("queued", "nose")
