"""The list: which cases, in which order, page by page, and at what price."""

from datetime import timedelta

import pytest
from django.urls import reverse
from django.utils import timezone

from cases import spans
from cases.models import Case, Consent, Urgency
from cases.prediction import opinions
from cases.record import lifecycle
from cases.worklist import counts, listing, saved_views, tallies
from cases.worklist.filters import AiKind, Filters, Sort, Tab
from inference.models import ModelState
from tests.cases.readings import FAILED, QUEUED, UNCERTAIN, URGENT, card_of, make_version, opinion_on, predict
from tests.cast import make_case, make_image, make_patient, waiting_case


def waits(cast, *, hours=1.0, urgency=Urgency.ROUTINE, **fields) -> Case:
    case = waiting_case(cast, requested_urgency=urgency, **fields)
    Case.objects.filter(id=case.id).update(waiting_since=timezone.now() - timedelta(hours=hours))
    case.refresh_from_db()
    return case


def listed(cast, **filters) -> list[Case]:
    return [row.case for row in listing.page(cast.doctor, cast.clinic, Filters(**filters)).rows]


# --- Order and pages ------------------------------------------------------------------------------------


def test_the_most_urgent_and_then_the_longest_waiting_comes_first(alma):
    routine_long = waits(alma, hours=50)
    soon_short = waits(alma, hours=1, urgency=Urgency.SOON)
    urgent = waits(alma, hours=0.1, urgency=Urgency.URGENT)
    soon_long = waits(alma, hours=5, urgency=Urgency.SOON)

    assert listed(alma) == [urgent, soon_long, soon_short, routine_long]
    assert listed(alma, sort=Sort.OLDEST) == [routine_long, soon_long, soon_short, urgent]
    assert listed(alma, sort=Sort.NEWEST) == [urgent, soon_short, soon_long, routine_long]


def test_each_tab_holds_its_state_only(alma):
    draft, waiting = make_case(alma), waits(alma)
    withdrawn = waits(alma)
    lifecycle.withdraw(withdrawn.id, "twice")

    assert listed(alma, tab=Tab.DRAFT) == [draft]
    assert listed(alma, tab=Tab.WAITING) == [waiting]
    assert listed(alma, tab=Tab.WITHDRAWN) == [withdrawn]
    assert listed(alma, tab=Tab.SIGNED) == []


@pytest.mark.parametrize("sort", Sort)
def test_pages_show_every_case_once_in_both_directions(alma, sort, monkeypatch):
    monkeypatch.setattr(listing, "PAGE_SIZE", 3)
    moment = timezone.now() - timedelta(hours=2)
    for number in range(8):
        case = waits(alma, urgency=Urgency.SOON if number % 2 else Urgency.ROUTINE)
        # Several at the very same moment: the id decides between them.
        Case.objects.filter(id=case.id).update(waiting_since=moment + timedelta(hours=number // 4))
    filters = Filters(sort=sort)
    whole = list(
        listing.listed(alma.doctor, alma.clinic, filters).order_by(*listing._Order.of(filters).fields(backwards=False))
    )

    pages = [listing.page(alma.doctor, alma.clinic, filters)]
    while pages[-1].after:
        pages.append(listing.page(alma.doctor, alma.clinic, filters, after=pages[-1].after))
    assert [len(page.rows) for page in pages] == [3, 3, 2]
    assert [row.case for page in pages for row in page.rows] == whole
    assert pages[0].before == ""

    back = listing.page(alma.doctor, alma.clinic, filters, before=pages[2].before)
    assert [row.case for row in back.rows] == whole[3:6]
    assert back.after
    first = listing.page(alma.doctor, alma.clinic, filters, before=back.before)
    assert [row.case for row in first.rows] == whole[:3]
    assert first.before == ""


@pytest.mark.parametrize(
    "cursor", ["", "nonsense", "1.2", "1.x.y", f"1.{10**30}.{'0' * 32}", "1.-5.zz", "99999999.1." + "a" * 32]
)
def test_a_made_up_cursor_shows_some_page(alma, sign_in, cursor):
    waits(alma)

    assert sign_in(alma.doctor).get(reverse("worklist"), {"after": cursor}).status_code == 200


# --- Filters ----------------------------------------------------------------------------------------------


def test_filters_survive_their_way_through_the_address():
    filters = Filters(tab=Tab.SIGNED, urgency=Urgency.SOON, site="nose", ai="flagged", sort=Sort.OLDEST)

    assert Filters.read({"tab": "signed", "urgency": "2", "site": "nose", "ai": "flagged", "sort": "oldest"}) == filters
    assert filters.query == "tab=signed&urgency=2&site=nose&ai=flagged&sort=oldest"
    assert Filters.read({"tab": "x", "urgency": "9", "site": "moon", "ai": "?", "sort": "-"}) == Filters()


def test_what_is_late_or_mine_is_asked_only_where_there_is_something_to_do():
    filters = Filters(late=True, mine=True)
    assert filters.query == "tab=waiting&late=1&mine=1"
    assert Filters.read({"tab": "waiting", "late": "1", "mine": "1"}) == filters
    assert filters.on(Tab.DRAFT) == Filters(tab=Tab.DRAFT, sort=Sort.NEWEST, mine=True)
    assert not filters.on(Tab.SIGNED).narrows
    assert not Filters.read({"tab": "signed", "late": "1", "mine": "1"}).narrows


def test_a_view_keeps_what_is_late_and_mine(alma, sign_in):
    late, _early = waits(alma, hours=100), waits(alma)
    Case.objects.filter(id=waits(alma, hours=100).id).update(read_stage="arbitration")  # a lead's to read
    client = sign_in(alma.doctor)
    client.post(reverse("worklist_save_view"), {"tab": "waiting", "late": "1", "mine": "1", "name": "Mine and late"})
    (view,) = saved_views.of(alma.doctor, alma.clinic)
    page = client.get(f"{reverse('worklist')}?{view.query}")
    assert [row.case for row in page.context["page"].rows] == [late]
    assert str(page.context["views"][0][1]) == "1"
    # Who does not read has the cases that they logged.
    Case.objects.exclude(id=late.id).update(created_by=alma.lead)
    assert [row.case for row in listing.page(alma.staff, alma.clinic, Filters(mine=True)).rows] == [late]


def test_filters_by_urgency_and_site(alma):
    soon = waits(alma, urgency=Urgency.SOON)
    other = waits(alma)
    other.lesion.body_site = "nose"
    other.lesion.save()

    assert listed(alma, urgency=Urgency.SOON) == [soon]
    assert listed(alma, site="nose") == [other]
    assert listed(alma, site="ear") == []


def test_the_ai_filter_and_the_cards_summary_agree(alma):
    """One case of each kind, and two where a photo differs from the other."""
    plain, flagged, uncertain, pending, failed = (waits(alma) for _ in range(5))
    opinion_on(plain)
    opinion_on(flagged, **URGENT)
    opinion_on(uncertain, **UNCERTAIN)
    opinion_on(pending, **QUEUED)
    opinion_on(failed, **FAILED)
    unasked = waits(alma)
    refused = waiting_case(alma, patient=make_patient(alma, ai_consent=Consent.REFUSED))
    opinion_on(refused, **URGENT)
    two = waits(alma)
    opinion_on(two, **QUEUED)
    predict(make_image(two), **URGENT)
    removed = waits(alma)
    predict(make_image(removed, removed_at=timezone.now()), **URGENT)
    shadowed = waits(alma)
    predict(shadowed.images.get(), make_version("shadow", ModelState.SHADOW), silent=True, **URGENT)
    renewed = waits(alma)
    predict(
        renewed.images.get(),
        make_version("old", ModelState.RETIRED),
        **{**FAILED, "queued_at": timezone.now() - timedelta(days=9)},
    )
    opinion_on(renewed)

    by_card = {kind: set() for kind in [*AiKind.values, "done"]}
    for case in Case.objects.all():
        by_card[card_of(case).summary].add(case)
    for kind in AiKind.values:
        assert set(listed(alma, ai=kind)) == by_card[kind], kind
    assert by_card["flagged"] == {flagged, two}
    assert by_card["none"] == {unasked, refused, removed, shadowed}
    assert by_card["done"] == {plain, renewed}


# --- Counts and what is new --------------------------------------------------------------------------------


def test_counting_stops_at_its_limit_and_is_one_query_for_all_tabs(alma, monkeypatch, django_assert_num_queries):
    monkeypatch.setattr(counts, "COUNT_LIMIT", 2)
    for _number in range(4):
        waits(alma)

    with django_assert_num_queries(2):  # one of them is the person's roles
        waiting, *others = tallies.count(alma.doctor, alma.clinic, tallies.of_tabs(Filters()))

    assert str(waiting) == "2+"
    assert {str(tally) for tally in others} == {"0"}


def shown_counts(cast, filters: Filters) -> dict[str, str]:
    return {tally.tab.value: str(tally) for tally in tallies.count(cast.doctor, cast.clinic, tallies.of_tabs(filters))}


@pytest.mark.parametrize(
    "filters",
    [
        Filters(),
        Filters(urgency=Urgency.SOON),
        Filters(site="nose"),
        Filters(ai="flagged"),
        Filters(ai="none", urgency=Urgency.SOON),
        Filters(stage="second"),
        Filters(stage="arbitration", site="nose"),
    ],
    ids=lambda filters: filters.query,
)
def test_a_tab_counts_what_its_link_lists(alma, filters):
    for urgency in (Urgency.ROUTINE, Urgency.SOON):
        for stage in ("first", "second"):
            for flagged in (True, False):
                case = waits(alma, urgency=urgency)
                Case.objects.filter(id=case.id).update(read_stage=stage)
                if flagged:
                    opinion_on(case, **URGENT)
                    case.lesion.body_site = "nose"
                    case.lesion.save()
    make_case(alma)
    lifecycle.withdraw(waits(alma).id, "twice")

    shown = shown_counts(alma, filters)

    for tab in Tab:
        found = listing.listed(alma.doctor, alma.clinic, filters.on(tab))
        assert shown[tab.value] == str(found.count()), tab
    assert shown["waiting"] != "0" or filters.stage == "arbitration"


def test_a_filter_that_each_case_is_asked_is_put_to_the_first_cases_only(alma, monkeypatch):
    for number in range(4):
        case = waits(alma, hours=number + 1)
        case.lesion.body_site = "nose" if number % 2 else "ear"
        case.lesion.save()

    monkeypatch.setattr(tallies, "REACH", 3)
    assert shown_counts(alma, Filters(site="nose"))["waiting"] == "2+"  # the longest waiting ones are asked
    assert shown_counts(alma, Filters(site="ear"))["waiting"] == "1+"
    assert shown_counts(alma, Filters(site="ear"))["signed"] == "0"
    monkeypatch.setattr(tallies, "REACH", 4)
    assert shown_counts(alma, Filters(site="ear"))["waiting"] == "2"


def test_which_read_a_case_waits_for_is_asked_of_waiting_cases_only(alma, sign_in):
    """Elsewhere the filter has no control: it would empty the list without a visible cause."""
    assert Filters(stage="second").on(Tab.SIGNED) == Filters(tab=Tab.SIGNED, sort=Sort.NEWEST)
    assert Filters(stage="second").on(Tab.WAITING).stage == "second"
    assert Filters.read({"tab": "signed", "stage": "arbitration"}).stage == ""
    page = sign_in(alma.doctor).get(reverse("worklist"), {"stage": "arbitration", "urgency": "1"}).content.decode()
    assert 'href="/cases/?tab=signed&amp;urgency=1"' in page.replace(reverse("worklist"), "/cases/")


def test_a_kept_view_says_how_many_cases_it_holds(alma, sign_in):
    for urgency in (Urgency.SOON, Urgency.SOON, Urgency.ROUTINE):
        waits(alma, urgency=urgency)
    saved_views.save(alma.doctor, alma.clinic, "Soon ones", "tab=waiting&urgency=2")

    page = sign_in(alma.doctor).get(reverse("worklist")).content.decode()

    assert 'Soon ones <span class="filter-count">2</span>' in page


@pytest.mark.parametrize(
    ("query", "may_be_kept"),
    [
        ({}, False),
        ({"tab": "waiting"}, False),
        ({"tab": "signed"}, True),
        ({"sort": "newest"}, True),
        ({"urgency": "2"}, True),
    ],
)
def test_another_tab_or_order_can_be_kept_as_a_view(alma, sign_in, query, may_be_kept):
    page = sign_in(alma.doctor).get(reverse("worklist"), query).content.decode()

    assert ("Keep this view" in page) is may_be_kept


def test_news_are_the_cases_that_came_since_and_pass_the_filters(alma):
    waits(alma, hours=2)
    since = listing.moment_code(timezone.now() - timedelta(hours=1))
    waits(alma, hours=0.5)
    waits(alma, hours=0.5, urgency=Urgency.URGENT)

    assert listing.arrived_since(alma.doctor, alma.clinic, Filters(), since) == 2
    assert listing.arrived_since(alma.doctor, alma.clinic, Filters(urgency=Urgency.URGENT), since) == 1
    assert listing.arrived_since(alma.doctor, alma.clinic, Filters(tab=Tab.SIGNED), since) == 0
    assert listing.arrived_since(alma.doctor, alma.clinic, Filters(), "nonsense") == 0


def test_the_counts_come_with_what_is_new(alma, sign_in):
    client = sign_in(alma.doctor)
    since = client.get(reverse("worklist")).context["since"]
    waits(alma, hours=-0.01)

    answer = client.get(reverse("worklist_counts"), {"since": since}, headers={"HX-Request": "true"})

    assert "1 new case: show" in answer.content.decode()


# --- The next case --------------------------------------------------------------------------------------------


def test_next_goes_through_the_list_and_never_past_an_urgent_case(alma, sign_in):
    first, second = waits(alma, hours=9), waits(alma, hours=5)
    client = sign_in(alma.doctor)

    def go_on(leaving=None):
        answer = client.get(reverse("worklist_next"), {"from": leaving.id} if leaving else {})
        return answer.url

    assert go_on() == reverse("case_detail", args=[first.id])
    assert go_on(first) == reverse("case_detail", args=[second.id])
    urgent = waits(alma, hours=0, urgency=Urgency.URGENT)
    assert go_on(second) == reverse("case_detail", args=[urgent.id])
    # All were passed: the list begins again, but not with the case just left.
    assert go_on(urgent) == reverse("case_detail", args=[first.id])


def test_next_with_nobody_waiting_leads_back_to_the_list(alma, sign_in):
    only = waits(alma)
    client = sign_in(alma.doctor)

    answer = client.get(reverse("worklist_next"), {"from": only.id}, follow=True)

    assert answer.redirect_chain[-1][0] == reverse("worklist")
    assert "No other case waits" in answer.content.decode()


# --- The page ------------------------------------------------------------------------------------------------


def test_the_list_shows_its_clinic_only(alma, brno, sign_in):
    mine, foreign = waits(alma), waits(brno)

    html = sign_in(alma.staff).get(reverse("worklist"), {"tab": "waiting"}).content.decode()

    assert reverse("case_detail", args=[mine.id]) in html
    assert str(foreign.id) not in html


def test_who_only_logs_cases_begins_with_the_drafts(alma, sign_in):
    assert sign_in(alma.staff).get(reverse("worklist")).context["filters"].tab == Tab.DRAFT
    assert sign_in(alma.doctor).get(reverse("worklist")).context["filters"].tab == Tab.WAITING


@pytest.mark.parametrize("tab", Tab)
def test_every_tab_has_words_for_nothing(alma, sign_in, tab):
    assert 'class="blank"' in sign_in(alma.doctor).get(reverse("worklist"), {"tab": tab}).content.decode()
    narrowed = sign_in(alma.doctor).get(reverse("worklist"), {"tab": tab, "site": "ear"}).content.decode()
    assert "No case matches these filters" in narrowed


@pytest.mark.parametrize(
    ("minutes", "words"),
    [
        (-3, "0 min"),
        (0, "0 min"),
        (59, "59 min"),
        (60, "1 h"),
        (47 * 60, "47 h"),
        (48 * 60, "2 days"),
        (9 * 24 * 60, "9 days"),
    ],
)
def test_waiting_time_in_words(minutes, words):
    assert spans.in_words(timedelta(minutes=minutes)) == words.replace(" ", "\u00a0")  # one line


@pytest.mark.parametrize(
    ("share", "words"),
    [(0, "under 1\xa0%"), (0.004, "under 1\xa0%"), (0.12, "12\xa0%"), (0.994, "99\xa0%"), (1, "over 99\xa0%")],
)
def test_a_probability_is_never_all_or_nothing(share, words):
    assert opinions.percent(share) == words
