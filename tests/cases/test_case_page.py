"""The case page: what each person sees, the AI card in every state, signing and recording through the forms."""

import re
from datetime import timedelta
from uuid import uuid4

import pytest
from django.db import connection
from django.test.utils import CaptureQueriesContext
from django.urls import reverse
from django.utils import timezone

from cases.models import Case, CaseState, Condition, Consent, Outcome, Prediction, PredictionState, Read
from cases.reading import reads
from cases.record import lifecycle
from inference.models import ModelState
from tests.cases.readings import (
    FAILED,
    QUEUED,
    UNCERTAIN,
    URGENT,
    card_of,
    make_version,
    opinion_on,
    predict,
    read_form,
)
from tests.cast import make_case, make_image, make_patient, waiting_case

HTMX = {"HX-Request": "true"}


@pytest.fixture
def case(alma):
    return waiting_case(alma)


def signed(case, reader, **changes) -> Read:
    last = reads.newest(case)
    return reads.sign(
        case_id=case.id,
        reader=reader,
        read_id=uuid4(),
        condition=Condition.objects.get(code=changes.pop("condition", "NEV")),
        **{
            "certainty": "certain",
            "management": "follow_up",
            "ai_visible": False,
            "newest_seen": last and last.id,
            **changes,
        },
    )


@pytest.fixture
def look(sign_in):
    """look(person, case, **query) -> the page's HTML, with its lines joined."""

    def _look(person, case, **query):
        answer = sign_in(person).get(reverse("case_detail", args=[case.id]), query)
        assert answer.status_code == 200
        return re.sub(r"[ \n]+", " ", answer.content.decode())

    return _look


# --- Who sees what ---------------------------------------------------------------------------------------------


@pytest.mark.parametrize("role", ["staff", "doctor", "lead", "admin"])
def test_who_sees_the_page_and_who_the_form(alma, brno, case, sign_in, look, role):
    html = look(alma.role(role), case)

    assert ('id="read-form"' in html) == (role in ("doctor", "lead"))
    for name in ("case_detail", "case_opinion"):
        assert sign_in(brno.role(role)).get(reverse(name, args=[case.id])).status_code == 404


@pytest.mark.parametrize("name", ["read_sign", "outcome_record"])
def test_who_may_send_a_form(alma, brno, case, sign_in, name):
    address = reverse(name, args=[case.id])

    assert sign_in(alma.staff).post(address, read_form()).status_code == 403
    assert sign_in(alma.admin).post(address, read_form()).status_code == 403
    assert sign_in(brno.doctor).post(address, read_form()).status_code == 404
    assert sign_in(alma.doctor).get(address).status_code == 405
    assert not Read.objects.exists()


@pytest.mark.parametrize("state", [CaseState.DRAFT, CaseState.WITHDRAWN])
def test_a_case_that_cannot_be_read_has_no_form(alma, look, state):
    case = make_case(alma)
    if state == CaseState.WITHDRAWN:
        lifecycle.withdraw(case.id, "wrong patient")

    html = look(alma.doctor, case)

    assert 'id="read-form"' not in html
    assert ("wrong patient" in html) == (state == CaseState.WITHDRAWN)


def test_the_page_takes_the_same_queries_for_many_photos_reads_and_visits(alma, case, sign_in):
    client = sign_in(alma.doctor)

    def queries():
        client.get(reverse("case_detail", args=[case.id]))
        with CaptureQueriesContext(connection) as taken:
            client.get(reverse("case_detail", args=[case.id]))
        return len(taken)

    def add():
        predict(make_image(case))
        signed(case, alma.doctor)
        other = lifecycle.log_case(lesion=case.lesion, by=alma.staff)
        predict(make_image(other))
        lifecycle.send(other.id)
        signed(other, alma.lead)

    add()
    once = queries()
    for _number in range(5):
        add()
    assert queries() == once <= 25


# --- The AI card -----------------------------------------------------------------------------------------------


def test_an_opinion_in_words(alma, case, look):
    opinion_on(case)

    html = look(alma.doctor, case)

    assert "Melanocytic nevus" in html
    assert "90\xa0%" in html
    assert "This does not rule it out." in html
    assert "Supports a decision. Not a diagnosis." in html
    assert "lite0" in html
    card = html.split('id="opinion"')[1].split("</section>")[0]
    assert "load delay" not in card  # a finished card does not ask again
    assert html.count('class="ai-name"') == 3


def test_an_urgent_opinion_is_said_in_words(alma, case, look):
    opinion_on(case, **URGENT)

    html = look(alma.doctor, case)

    assert "Urgent: malignancy 64\xa0%" in html
    assert "does not rule it out" not in html


def test_an_uncertain_opinion_offers_nothing_to_agree_with(alma, case, look):
    opinion_on(case, **UNCERTAIN)

    html = look(alma.doctor, case)

    assert "Uncertain." in html
    assert "data-agree" not in html


def test_a_strange_picture_is_said_to_be_one_and_keeps_its_opinion(alma, case, look):
    opinion_on(case, strange=True)

    html = look(alma.doctor, case)

    assert "This does not look like a photo of a lesion." in html
    assert "ai-rank" in html


def test_a_pending_opinion_asks_again_ever_more_seldom(alma, case, sign_in, look):
    opinion_on(case, **QUEUED)
    assert "load delay:300ms" in look(alma.doctor, case)

    delays = []
    for asked in (1, 5, 19, 20, 60, 5000):
        html = (
            sign_in(alma.doctor)
            .get(reverse("case_opinion", args=[case.id]), {"asked": asked}, headers=HTMX)
            .content.decode()
        )
        delays.append(int(re.search(r"load delay:(\d+)ms", html)[1]))
        assert f"asked={asked + 1}" in html
    assert delays == sorted(delays)
    assert (delays[0], delays[1], delays[-1]) == (300, 1000, 15_000)


def test_the_arrival_of_an_opinion_is_read_out_and_stops_the_asking(alma, case, sign_in):
    opinion_on(case, **URGENT)

    html = (
        sign_in(alma.doctor).get(reverse("case_opinion", args=[case.id]), {"asked": "3"}, headers=HTMX).content.decode()
    )

    assert "load delay" not in html
    assert 'id="opinion-said" hx-swap-oob="innerHTML"' in html
    assert "Flagged urgent." in html


def test_a_failed_opinion_says_why_and_can_be_retried(alma, case, look):
    prediction = opinion_on(case, **FAILED)

    html = look(alma.staff, case)

    assert "The computation broke off." in html
    assert reverse("prediction_retry", args=[prediction.id]) in html


@pytest.mark.parametrize(
    ("consent", "words"),
    [(Consent.REFUSED, "does not agree to AI use"), (Consent.NOT_ASKED, "has not agreed to AI use")],
)
def test_without_consent_no_opinion_is_shown_even_if_one_is_stored(alma, look, consent, words):
    case = waiting_case(alma, patient=make_patient(alma, ai_consent=consent))
    opinion_on(case, **URGENT)

    html = look(alma.doctor, case)

    assert words in html
    assert "malignancy" not in html
    assert 'name="ai_visible"' not in html
    assert 'name="prediction"' not in html


def test_without_a_model_the_case_can_be_read(alma, case, look):
    html = look(alma.doctor, case)

    assert "no model was active" in html
    assert 'id="read-form"' in html


def test_silent_opinions_are_never_shown(alma, case, look):
    for state in (ModelState.CANDIDATE, ModelState.SHADOW, ModelState.RETIRED):
        opinion_on(case, version=make_version(state, state), silent=True, **URGENT)

    assert "no model was active" in look(alma.doctor, case)


def test_several_photos_show_the_flagged_one_first_and_each_on_wish(alma, case, look):
    calm, flagged = case.images.get(), make_image(case)
    predict(calm)
    predict(flagged, **URGENT)

    assert card_of(case).chosen.image == flagged
    assert "photo 2 of 2" in look(alma.doctor, case)
    other = look(alma.doctor, case, photo=calm.id)
    assert "photo 1 of 2" in other
    assert "Urgent: photo 2 is flagged" in other
    assert "The photos lead to different opinions" in other


def test_a_removed_photo_takes_its_opinion_along(alma, case):
    predict(make_image(case, removed_at=timezone.now()), **URGENT)

    card = card_of(case)
    assert len(card.photos) == 1
    assert not card.is_urgent


def test_the_newest_opinion_counts(alma, case):
    old = make_version("old", ModelState.RETIRED)
    opinion_on(case, version=old, queued_at=timezone.now() - timedelta(days=30), **URGENT)
    newer = opinion_on(case)

    assert card_of(case).chosen.prediction == newer


# --- Signing ---------------------------------------------------------------------------------------------------


def send(client, case, **changes):
    return client.post(reverse("read_sign", args=[case.id]), read_form(**changes))


def hidden(html: str) -> dict[str, str]:
    """The hidden fields that belong to the read form, as a browser would send them."""
    found = {}
    for tag in re.findall(r"<input type=\"hidden\"[^>]*>", html):
        name, value = re.search(r'name="([^"]+)"', tag)[1], re.search(r'value="([^"]*)"', tag)
        if name in ("read_id", "newest_seen", "prediction", "prediction_at", "ai_visible", "photo"):
            found[name] = value[1] if value else ""
    return found


def test_signing_records_what_was_on_the_screen(alma, case, sign_in, look):
    prediction = opinion_on(case)
    fields = hidden(look(alma.doctor, case))

    answer = send(sign_in(alma.doctor), case, **fields)

    assert answer.url == reverse("case_detail", args=[case.id]) + "#history"
    read = Read.objects.get()
    assert (read.prediction, read.ai_visible, read.reader) == (prediction, True, alma.doctor)
    assert str(read.id) == fields["read_id"]


def test_signing_while_the_opinion_is_still_computed_says_that_none_was_seen(alma, case, sign_in, look):
    opinion_on(case, **QUEUED)
    fields = hidden(look(alma.doctor, case))
    Prediction.objects.update(state=PredictionState.DONE, finished_at=timezone.now(), probabilities=[["NEV", 1.0]])

    send(sign_in(alma.doctor), case, **fields)

    read = Read.objects.get()
    assert (read.prediction, read.ai_visible) == (None, False)


def test_sign_and_next_goes_on(alma, case, sign_in):
    following = waiting_case(alma)

    answer = sign_in(alma.doctor).post(
        reverse("read_sign", args=[case.id]), {**read_form(), "then": "next"}, follow=True
    )

    assert answer.redirect_chain[-1][0] == reverse("case_detail", args=[following.id])
    html = answer.content.decode()
    assert "Signed " in html
    assert reverse("case_detail", args=[case.id]) in html


def test_what_is_missing_is_said_and_what_was_typed_is_kept(alma, case, sign_in):
    answer = send(sign_in(alma.doctor), case, condition="XXX", certainty=None, comment="Regular network.")

    html = answer.content.decode()
    assert answer.status_code == 422
    assert "Say how sure you are." in html
    assert "Regular network." in html
    assert not Read.objects.exists()


def test_a_condition_that_is_switched_off_is_not_offered(alma, case, sign_in, look):
    Condition.objects.filter(code="NEV").update(is_offered=False)

    assert 'value="NEV"' not in look(alma.doctor, case)
    assert send(sign_in(alma.doctor), case).status_code == 422


@pytest.mark.parametrize(("condition", "flagged"), [("MEL", False), ("NEV", True)])
def test_a_risky_discharge_is_asked_about_once_more(alma, case, sign_in, condition, flagged):
    Case.objects.filter(id=case.id).update(flagged_by_ai=flagged)
    wish = {"condition": condition, "management": "discharge", "comment": "Sure."}

    asked = send(sign_in(alma.doctor), case, **wish)
    assert asked.status_code == 422
    assert "Nothing is signed yet." in asked.content.decode()
    assert "Sure." in asked.content.decode()
    assert not Read.objects.exists()

    send(sign_in(alma.doctor), case, **wish, discharge_confirmed="1")
    assert Read.objects.get().management == "discharge"


def test_a_conflict_shows_the_other_read_and_keeps_what_was_typed(alma, case, sign_in, look):
    fields = hidden(look(alma.doctor, case))
    signed(case, alma.lead, condition="MEL", comment="Look at the rim.")

    answer = send(sign_in(alma.doctor), case, **fields, comment="I see a nevus.")

    html = answer.content.decode()
    assert answer.status_code == 409
    assert f"{alma.lead.name} signed a read of this case in the meantime." in html
    assert "Look at the rim." in html
    assert "I see a nevus." in html
    assert Read.objects.count() == 1
    send(sign_in(alma.doctor), case, **hidden(html), comment="I see a nevus.")
    assert Read.objects.count() == 2


def test_a_double_click_signs_once(alma, case, sign_in):
    form = read_form()
    client = sign_in(alma.doctor)

    answers = [client.post(reverse("read_sign", args=[case.id]), form) for _click in range(2)]

    assert [answer.status_code for answer in answers] == [302, 302]
    assert Read.objects.count() == 1


def test_the_form_brought_back_by_the_browser_is_a_conflict_when_changed(alma, case, sign_in):
    form = read_form()
    client = sign_in(alma.doctor)
    client.post(reverse("read_sign", args=[case.id]), form)

    again = client.post(reverse("read_sign", args=[case.id]), {**form, "management": "biopsy"})

    assert again.status_code == 409
    fields = hidden(again.content.decode())
    assert fields["read_id"] != form["read_id"]
    send(client, case, **fields, management="biopsy")
    assert [read.management for read in Read.objects.order_by("signed_at")] == ["follow_up", "biopsy"]


def test_a_correction_and_what_it_corrects_both_show(alma, case, sign_in, look):
    first = signed(case, alma.doctor, comment="First sight.")
    html = look(alma.doctor, case)
    assert "Sign the correction" in html

    send(
        sign_in(alma.doctor),
        case,
        **hidden(html),
        condition="MEL",
        management="urgent_referral",
        comment="Second sight.",
    )

    html = look(alma.doctor, case)
    assert "First sight." in html
    assert "Second sight." in html
    assert "corrects the read of" in html
    assert f'history-replaced" id="read-{first.id}"' in html


def test_agreeing_works_without_a_script(alma, case, look):
    opinion_on(case)
    Condition.objects.filter(code="MEL").update(name="Melanoma")

    assert re.search(r'<option value="NEV"[^>]* selected', look(alma.doctor, case, agree="1"))
    assert not re.search(r'<option value="NEV"[^>]* selected', look(alma.doctor, case))


# --- Outcomes and earlier visits ---------------------------------------------------------------------------------


def outcome_form(**changes):
    form = {"condition": "MEL", "reported_on": str(timezone.localdate()), "pathology_reference": "H-77", **changes}
    return {f"outcome-{name}": value for name, value in form.items()}


def test_an_outcome_is_recorded_and_shown(alma, case, sign_in, look):
    signed(case, alma.doctor)

    sign_in(alma.lead).post(reverse("outcome_record", args=[case.id]), outcome_form())

    assert Outcome.objects.get().recorded_by == alma.lead
    html = look(alma.staff, case)
    assert "Biopsy: Melanoma" in html
    assert "H-77" in html
    assert 'id="outcome"' not in html  # staff see the result, not the form


def test_an_outcome_of_an_unsigned_case_is_refused(alma, case, sign_in):
    answer = sign_in(alma.doctor).post(reverse("outcome_record", args=[case.id]), outcome_form())

    assert answer.status_code == 409
    assert not Outcome.objects.exists()


def test_somebody_elses_outcome_is_not_replaced_unseen(alma, case, sign_in):
    signed(case, alma.doctor)
    sign_in(alma.lead).post(reverse("outcome_record", args=[case.id]), outcome_form())

    answer = sign_in(alma.doctor).post(reverse("outcome_record", args=[case.id]), outcome_form(condition="NEV"))

    assert answer.status_code == 409
    assert Outcome.objects.get().condition_id == "MEL"


def test_earlier_visits_of_the_lesion_show_their_conclusions(alma, case, look):
    earlier = lifecycle.log_case(lesion=case.lesion, by=alma.staff)
    make_image(earlier)
    lifecycle.send(earlier.id)
    signed(earlier, alma.doctor, condition="SEK")
    elsewhere = waiting_case(alma, patient=case.lesion.patient)

    html = look(alma.doctor, case)

    assert reverse("case_detail", args=[earlier.id]) in html
    assert "Seborrheic keratosis</span>" in html
    assert str(elsewhere.id) not in html


def test_a_timeline_that_is_cut_says_so_and_leads_to_all(alma, case, look, sign_in, monkeypatch):
    monkeypatch.setattr("cases.reading.case_file.MOST_EARLIER", 2)
    others = [lifecycle.log_case(lesion=case.lesion, by=alma.staff) for _visit in range(2)]
    assert "Only the newest" not in look(alma.doctor, case)
    others.append(lifecycle.log_case(lesion=case.lesion, by=alma.staff))
    page = look(alma.doctor, case)
    patient = reverse("patient_detail", args=[case.lesion.patient_id])
    assert f'<a href="{patient}#lesion-{case.lesion_id}">Only the newest 2 are here: all visits</a>' in page
    assert [reverse("case_detail", args=[each.id]) in page for each in others] == [False, True, True]
    everything = sign_in(alma.doctor).get(patient).content.decode()
    assert f'id="lesion-{case.lesion_id}"' in everything
    assert all(str(each.id) in everything for each in others)


def test_the_heat_maps_choices_stand_beneath_its_switch(alma, case, look):
    opinion_on(case, maps=b"0" * 98 * 3, map_rows=7)
    page = look(alma.doctor, case)
    assert page.index('class="heat-switch"') < page.index("data-heat-choice") < page.index('class="ai-rank"')
