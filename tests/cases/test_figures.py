"""The clinic's figures: the numbers, the cases behind them, and whose they are."""

import csv
import html
import io
from datetime import date, timedelta
from uuid import uuid4

import numpy as np
import pytest
from django.core.exceptions import PermissionDenied
from django.urls import reverse
from django.utils import timezone, translation

from accounts.models import User
from cases.figures import agreement, dashboard, drift, flow, influence
from cases.figures import outcomes as by_biopsy
from cases.figures.figure import Estimate, Hours, csv_head, csv_row, in_text, of_cases
from cases.figures.scope import Scope
from cases.models import Case, CaseState, Condition, FirstOpinion, PhotoRequest, Prediction, PredictionState, Read
from cases.prediction import refusals
from cases.reading import drafts, reservations
from cases.record import outcomes
from cases.vocabulary import conditions
from inference.statistics import Share, kappa, kappa_interval, stability
from tests.cases.readings import make_version, predict
from tests.cast import Cast, make_image, make_patient, make_person, waiting_case

pytestmark = pytest.mark.django_db


def judged(
    cast: Cast,
    ai: str = "NEV",
    *said: tuple[User, str],
    first: str = "",
    biopsy: str = "",
    hours: float = 1,
    urgency: int = 3,
    **patient,
) -> Case:
    """A signed case: what the AI said, what each reader signed (and thought `first`), what the biopsy found."""
    conditions.load_vocabulary()
    case = waiting_case(cast, patient=make_patient(cast, **patient))
    sure = {"probabilities": [[ai, 0.9]], "urgent": ai == "MEL", "malignant_probability": 0.9 if ai == "MEL" else 0.1}
    prediction = predict(case.images.get(), **sure)
    at = timezone.now() - timedelta(days=1)
    for reader, code in said or ((cast.doctor, "NEV"),):
        committed = first and FirstOpinion.objects.create(
            case=case, reader=reader, condition_id=first, certainty="certain", management="discharge"
        )
        Read.objects.create(
            case=case,
            reader=reader,
            condition_id=code,
            certainty="certain",
            management="discharge",
            ai_visible=True,
            prediction=prediction,
            first_opinion=committed or None,
            signed_at=at,
        )
    waiting_since = at - timedelta(hours=hours)
    Case.objects.filter(id=case.id).update(
        state=CaseState.SIGNED,
        signed_at=at,
        waiting_since=waiting_since,
        first_waiting_since=waiting_since,
        created_at=waiting_since,
        urgency=urgency,
    )
    if biopsy:
        outcomes.record(
            case_id=case.id,
            by=cast.doctor,
            condition=Condition.objects.get(code=biopsy),
            reported_on=timezone.localdate(),
        )
    return Case.objects.get(id=case.id)


def scope_of(cast: Cast, person: User | None = None, **query: str) -> Scope:
    return Scope.read(query, person or cast.lead, cast.clinic)


def behind(scope: Scope, figure, key: str) -> set[Case]:
    row = figure.row(key)
    return set(scope.cases().filter(row.behind)) if row and row.behind is not None else set()


def test_kappa_and_its_interval_hold_what_they_should():
    first, second = np.array([0, 0, 1, 1, 0, 1] * 20), np.array([0, 0, 1, 0, 0, 1] * 20)
    low, high = kappa_interval(first, second, [str(n) for n in range(120)])
    assert low < kappa(first, second) < high
    assert high - low < 0.4
    assert kappa_interval(np.zeros(9, int), np.zeros(9, int), ["a"] * 9) is None
    assert stability([500, 500], [0.5, 0.5]) == pytest.approx(0, abs=1e-4)
    assert stability([900, 100], [0.5, 0.5]) > 0.25


def test_too_few_is_said_and_never_drawn():
    assert in_text(Share(3, 7)) == "3 of 7: too few to say"
    assert in_text(Share(18, 20)) == "90\u00a0% (70–97\u00a0%), 18 of 20"
    assert in_text(Estimate(0.5, 0.2, 0.8, n=19)) == "n 19: too few to say"
    assert in_text(Share(0, 0)) == "–"


def test_a_week_of_few_cases_is_drawn_no_more_than_its_table_tells(alma):
    judged(alma)
    week = flow.turnaround_weeks(scope_of(alma))
    assert any("too few to say" in cell for row in week.rows for cell in row.cells)
    assert week.drawing is None


def test_what_is_counted_is_one_or_many_and_one_reader_is_no_comparison(alma):
    judged(alma)
    alone = flow.workload(scope_of(alma))
    assert alone.title_with_n == "Reads by reader (n = 1 read)"
    assert flow.turnaround(scope_of(alma)).title_with_n.endswith("(n = 1 case)")
    assert alone.drawing is None
    judged(alma, "NEV", (alma.doctor, "NEV"), (alma.lead, "NEV"))
    both = flow.workload(scope_of(alma))
    assert both.title_with_n.endswith("(n = 3 reads)")
    assert both.drawing


def test_turnaround_against_the_clinics_own_target(alma):
    alma.clinic.target_hours_urgent = 2
    alma.clinic.save()
    quick, slow = judged(alma, hours=1.5, urgency=1), judged(alma, hours=2.5, urgency=1)
    judged(alma, hours=71)
    scope = scope_of(alma)
    figure = flow.turnaround(scope)
    assert figure.row("1").values[0] == Share(1, 2)
    assert figure.row("3").values[0] == Share(1, 1)
    assert behind(scope, figure, "1") == {slow}
    week = flow.turnaround_weeks(scope)
    assert sum(row.values[0].n for row in week.rows) == 3
    volumes = flow.volumes(scope)
    assert sum(row.values[1] for row in volumes.rows) == 3
    assert {case for row in volumes.rows for case in behind(scope, volumes, row.key)} >= {quick, slow}


def test_new_photos_begin_the_target_anew_and_the_patient_has_waited_all_the_same(alma):
    """The target counts as it did on the worklist; how long it took counts from when the case was first sent."""
    case = judged(alma, hours=5, urgency=1)
    Case.objects.filter(id=case.id).update(waiting_since=case.signed_at - timedelta(hours=1))  # it came back then
    figure = flow.turnaround(scope_of(alma))
    within, _target, median, *_rest = figure.row("1").values
    assert (within, median) == (Share(1, 1), Hours(5.0))
    assert {row.values[0] for row in flow.turnaround_weeks(scope_of(alma)).rows} == {Share(0, 0), Share(1, 1)}
    assert "last sent" in figure.note
    assert "first sent" in figure.note


def test_a_case_signed_at_the_last_moment_of_its_target_is_in_time(alma):
    to_the_moment, late = judged(alma, hours=4, urgency=1), judged(alma, hours=4, urgency=1)
    Case.objects.filter(id=late.id).update(waiting_since=late.waiting_since - timedelta(microseconds=1))
    scope = scope_of(alma)
    assert {case.id: case.in_time for case in scope.timed} == {to_the_moment.id: True, late.id: False}


def test_agreement_beyond_chance_and_who_differs(alma):
    reader = make_person(alma.clinic, "doctor", name="=Dr. Formula")
    for _n in range(10):
        judged(alma, "NEV", (alma.doctor, "NEV"), (reader, "NEV"))
        judged(alma, "MEL", (alma.doctor, "MEL"), (reader, "NEV"))
    scope = scope_of(alma)
    figure = agreement.with_ai(scope)
    mine, theirs = figure.row(str(alma.doctor.id)), figure.row(str(reader.id))
    assert mine.values[0].value == pytest.approx(1)
    assert theirs.values[:2] == (Estimate.of(0.0, [0.0, 0.0], 20), Share(10, 20))
    assert len(behind(scope, figure, str(reader.id))) == 10
    assert not behind(scope, figure, str(alma.doctor.id))
    # A spreadsheet must not run a name.
    assert csv_row(theirs)[0] == "'=Dr. Formula"
    pair = agreement.between_readers(scope)
    assert pair.rows[0].values[1] == Share(10, 20)
    matrix = agreement.confusion(scope)
    # They disagree without an arbitration: the newest read stands, here the second one's nevus.
    assert matrix.row("NEV_NEV").values == (10,)
    assert len(behind(scope, matrix, "NEV_MEL")) + len(behind(scope, matrix, "MEL_MEL")) == 10


def test_agreement_is_measured_on_reads_that_knew_of_no_other(alma):
    """Who settles has read both, who adds has read the report; and what the AI made of a reader is no agreement."""
    other = make_person(alma.clinic, "doctor")
    late = {"certainty": "certain", "management": "discharge", "ai_visible": True, "signed_at": timezone.now()}
    case = judged(alma, "MEL", (alma.doctor, "MEL"))
    Read.objects.create(case=case, reader=other, kind="second", condition_id="NEV", **late)
    Read.objects.create(case=case, reader=alma.lead, kind="arbitration", condition_id="MEL", **late)
    Read.objects.create(case=case, reader=alma.admin, kind="additional", condition_id="MEL", **late)
    between = agreement.between_readers(scope_of(alma))
    assert [row.values[1:] for row in between.rows] == [(Share(0, 1), 1)]
    with_ai = {row.key for row in agreement.with_ai(scope_of(alma)).rows}
    assert with_ai == {"all", str(alma.doctor.id), str(other.id)}
    assert all("seen" in figure.note for figure in (between, agreement.with_ai(scope_of(alma))))
    # Both thought of a nevus; the AI made one of them say melanoma.
    judged(alma, "MEL", (alma.doctor, "MEL"), first="NEV")
    moved = Case.objects.latest("created_at")
    Read.objects.create(case=moved, reader=other, kind="second", condition_id="NEV", **late)
    assert [row.values[1:] for row in agreement.between_readers(scope_of(alma)).rows] == [(Share(1, 2), 2)]


def test_a_case_that_took_long_keeps_what_was_said_first(alma):
    """Reads are looked for since the cases were logged, which may be long before the days that are shown."""
    other = make_person(alma.clinic, "doctor")
    case = judged(alma, "NEV", (alma.doctor, "NEV"), hours=24 * 200)
    early = {"condition_id": "MEL", "certainty": "certain", "management": "biopsy", "ai_visible": False}
    Read.objects.create(case=case, reader=other, signed_at=case.created_at + timedelta(hours=1), **early)
    for person in (alma.lead, alma.doctor):
        assert [opinion.reader_id for opinion in scope_of(alma, person).evidence.cases[0].opinions] == (
            [other.id, alma.doctor.id] if person == alma.lead else [alma.doctor.id]
        )
    assert agreement.between_readers(scope_of(alma)).rows[0].values[1] == Share(0, 1)


def test_cancers_found_count_biopsies_alone(alma):
    found = judged(alma, "MEL", (alma.doctor, "MEL"), biopsy="MEL")
    missed = judged(alma, "NEV", (alma.doctor, "NEV"), biopsy="MEL")
    judged(alma, "NEV", (alma.doctor, "NEV"), biopsy="NEV")
    judged(alma, "MEL", (alma.doctor, "MEL"))  # nobody knows what it was
    scope = scope_of(alma)
    figure = by_biopsy.sensitivity(scope)
    assert figure.row("ai").values == (Share(1, 2), Share(1, 1))
    assert figure.row("readers").values == (Share(1, 2), Share(1, 1))
    assert behind(scope, figure, "ai") == {missed} != {found}
    calibration = by_biopsy.calibration(scope)
    assert [row.values[1] for row in calibration.rows] == [Share(3, 4)]


def test_readers_are_measured_on_their_own_reads_and_the_clinic_on_its_reports(alma):
    """Two readers disagree about a cancer, a lead settles it, somebody adds a remark, and then the biopsy comes."""
    other, adding = make_person(alma.clinic, "doctor"), make_person(alma.clinic, "doctor")
    case = judged(alma, "MEL", (alma.doctor, "MEL"), hours=48)

    def say(reader: User, kind: str, code: str, **more) -> Read:
        said = {"certainty": "certain", "management": "discharge", "ai_visible": True} | more
        return Read.objects.create(case=case, reader=reader, kind=kind, condition_id=code, **said)

    second = say(other, "second", "NEV")
    say(alma.lead, "arbitration", "NEV")
    say(adding, "additional", "MEL")
    outcomes.record(
        case_id=case.id,
        by=alma.doctor,
        condition=Condition.objects.get(code="MEL"),
        reported_on=timezone.localdate(),
    )
    # Who has read the biopsy's result finds the cancer, too; that is no merit of theirs, nor of the report's.
    say(alma.lead, "correction", "MEL")
    say(other, "correction", "MEL", corrects=second)
    recorded = case.outcome_versions.get().recorded_at
    outcomes.record(
        case_id=case.id,
        by=alma.doctor,
        condition=Condition.objects.get(code="MEL"),
        reported_on=timezone.localdate(),
        comment="Breslow 0.4 mm",
        replaces=recorded,
    )
    scope = scope_of(alma)
    figure = by_biopsy.sensitivity(scope)
    assert {row.key: row.values[0] for row in figure.rows} == {
        "ai": Share(1, 1),
        "reports": Share(0, 1),
        "readers": Share(1, 2),
        str(alma.doctor.id): Share(1, 1),
        str(other.id): Share(0, 1),
    }
    assert behind(scope, figure, "reports") == {case}
    assert "own first and second reads" in figure.note
    own = by_biopsy.sensitivity(scope_of(alma, alma.lead, mine="1"))
    assert own.row("readers").values[0] == Share(0, 0)  # who settles has seen both


def test_a_report_of_two_who_agree_counts_with_their_last_word(alma):
    other = make_person(alma.clinic, "doctor")
    case = judged(alma, "NEV", (alma.doctor, "NEV"))
    later = {"certainty": "certain", "management": "discharge", "ai_visible": True}
    Read.objects.create(case=case, reader=other, kind="second", condition_id="NEV", **later)
    first = case.reads.get(reader=alma.doctor)
    Read.objects.create(case=case, reader=alma.doctor, kind="correction", corrects=first, condition_id="MEL", **later)
    outcomes.record(
        case_id=case.id, by=other, condition=Condition.objects.get(code="MEL"), reported_on=timezone.localdate()
    )
    figure = by_biopsy.sensitivity(scope_of(alma))
    assert figure.row("reports").values[0] == Share(1, 1)
    assert figure.row("readers").values[0] == Share(0, 2)


def test_the_ai_moved_readers_and_one_opinion_proves_nothing(alma):
    helped = judged(alma, "MEL", (alma.doctor, "MEL"), first="NEV", biopsy="MEL")
    harmed = judged(alma, "NEV", (alma.doctor, "NEV"), first="MEL", biopsy="MEL")
    judged(alma, "NEV", (alma.doctor, "NEV"), first="NEV", biopsy="NEV")
    judged(alma, "NEV", (alma.doctor, "NEV"), first="MEL")  # measured against itself: left out
    scope = scope_of(alma)
    figure = influence.influence(scope)
    row = figure.row(str(alma.doctor.id))
    assert row.values == (Share(1, 1), Share(1, 2), 1, 0)
    assert behind(scope, figure, row.key) == {helped, harmed}
    # Who committed an opinion, and added a read once the other's was signed, was not moved by the AI alone.
    committed = FirstOpinion.objects.create(
        case=harmed, reader=alma.lead, condition_id="NEV", certainty="certain", management="discharge"
    )
    after = {"certainty": "certain", "management": "biopsy", "ai_visible": True, "first_opinion": committed}
    Read.objects.create(case=harmed, reader=alma.lead, kind="additional", condition_id="MEL", **after)
    assert influence.influence(scope_of(alma)).row(str(alma.lead.id)) is None


def test_groups_and_photos(alma):
    old = judged(alma, "MEL", birth_date=date(1930, 1, 1), fitzpatrick="5")
    judged(alma, "NEV", birth_date=date(1990, 1, 1), fitzpatrick="2")
    old.images.update(quality_remarks=["blurred"])
    PhotoRequest.objects.create(id=uuid4(), case=old, faults=["dark"], asked_by=alma.doctor)
    scope = scope_of(alma)
    assert agreement.by_skin_type(scope).row("5").values[0] == Share(0, 1)
    assert agreement.by_age(scope).row("75").values[0] == Share(0, 1)
    assert flow.rejections(scope).row("blurred").values == (Share(1, 2),)
    assert behind(scope, flow.wanted(scope), "dark") == {old}


def test_photos_with_nothing_wrong_are_no_table_without_rows(alma, sign_in):
    judged(alma, "NEV").images.update(quality_remarks=[])
    page = sign_in(alma.lead).get(reverse("figures"), {"show": "flow"}).content.decode()
    figure = page[page.index('id="figure-rejections"') :].partition("</section>")[0]
    assert "(n = 1 photo)" in figure
    assert "Nothing of the kind in this time." in figure
    assert "<table" not in figure


def test_groups_tell_how_readers_agree_and_when_it_is_too_few_to_say(alma):
    other = make_person(alma.clinic, "doctor")
    for number in range(20):
        same = "NEV" if number % 4 else "MEL"
        judged(alma, "NEV", (alma.doctor, "NEV"), (other, same), fitzpatrick="2", birth_date=date(1990, 1, 1))
    few = judged(alma, "NEV", (alma.doctor, "NEV"), (other, "MEL"), fitzpatrick="5", birth_date=date(1930, 1, 1))
    late = {"certainty": "certain", "management": "discharge", "ai_visible": True, "signed_at": timezone.now()}
    Read.objects.create(case=few, reader=alma.lead, kind="arbitration", condition_id="MEL", **late)
    scope = scope_of(alma)
    for figure, many, one in (
        (agreement.by_skin_type(scope), "2", "5"),
        (agreement.by_age(scope), "18", "75"),
    ):
        assert figure.head[-1] == "Readers the same, pair by pair"
        assert figure.row(many).values[-1] == Share(15, 20)
        assert figure.row(many).cells[-1].startswith("75")
        assert figure.row(one).cells[-1] == "0 of 1: too few to say"  # who settled has seen both
        assert len(csv_row(figure.row(many))) == len(csv_head(figure))
    own = agreement.by_age(scope_of(alma, alma.doctor))
    assert {len(row.values) for row in own.rows} == {len(own.head) - 1} == {2}


def test_a_photo_is_to_blame_only_for_what_is_wrong_with_it(alma):
    refused = {"state": PredictionState.REJECTED, "finished_at": timezone.now(), "probabilities": None}
    reasons = (
        refusals.PHOTO_UNREADABLE,
        refusals.PHOTO_FILE_MISSING,
        refusals.CONSENT_MISSING,
        refusals.AI_STOPPED,
        refusals.PHOTO_REMOVED,
        "The model cannot be loaded: There is no model bundle in bundles/x.",  # as it was stored once
    )
    unreadable, missing, *_others = cases = [judged(alma) for _reason in reasons]
    for case, reason in zip(cases, reasons, strict=True):
        predict(case.images.get(), strange=True, reason=str(reason), **refused)  # strange, when it was asked before
    strange = judged(alma)
    predict(strange.images.get(), strange=True)
    scope = scope_of(alma)
    with translation.override("de"):
        figure = flow.rejections(scope)
    assert figure.row("refused").values == (Share(2, 7),)
    assert behind(scope, figure, "refused") == {unreadable, missing}
    assert figure.row("strange").values == (Share(1, 7),)
    assert behind(scope, figure, "strange") == {strange}


def test_drift_beside_what_the_model_learnt_from(alma):
    version = make_version()
    version.metrics = {"test": {"classes": ["NEV", "MEL"], "confusion": [[60, 10], [20, 10]]}}
    version.save()
    case = judged(alma, "MEL")
    scope = scope_of(alma)
    figure = drift.answers(scope)
    assert figure.row("MEL").values == (Share(1, 1), "20\u00a0%")
    assert behind(scope, figure, "MEL") == {case}
    assert "Too few photos" in figure.note
    case.images.get().predictions.update(novelty=3.5)
    assert sum(row.values[1] for row in drift.distance(scope_of(alma)).rows) == 1


def test_a_reader_sees_their_own_and_another_clinic_nothing(alma, brno, sign_in):
    other = make_person(alma.clinic, "doctor")
    mine, theirs = judged(alma, "NEV", (alma.doctor, "NEV")), judged(alma, "MEL", (other, "NEV"))
    judged(brno, "MEL")
    assert {case.id for case in scope_of(alma).evidence} == {mine.id, theirs.id}
    own = scope_of(alma, alma.doctor)
    assert [case.id for case in own.evidence] == [mine.id]
    assert [row.key for row in flow.workload(own).rows] == [str(alma.doctor.id)]
    assert dashboard.figure(own, "queue") is None
    assert set(scope_of(alma, alma.lead, mine="1").evidence.cases) == set()
    with pytest.raises(PermissionDenied):
        scope_of(alma, alma.staff)
    # Nobody reaches another clinic's figures by asking for them.
    with pytest.raises(PermissionDenied):
        scope_of(alma, brno.lead)
    client = sign_in(alma.doctor)
    assert client.get(reverse("figure_csv", args=["queue"])).status_code == 404
    listed = client.get(reverse("figure_cases", args=["with_ai"]), {"at": str(other.id)}).content.decode()
    assert "No cases" in listed
    assert str(theirs.id) not in listed


def many_kinds_of_cases(cast: Cast) -> None:
    """Something for every figure, and a case that two have read in every one that counts reads or photos."""
    other = make_person(cast.clinic, "doctor")
    both = {"NEV": ((cast.doctor, "NEV"), (other, "MEL")), "MEL": ((cast.doctor, "MEL"), (other, "MEL"))}
    for ai, biopsy, hours in (("NEV", "MEL", 1), ("MEL", "MEL", 100), ("NEV", "NEV", 300), ("MEL", "", 1)):
        for first in ("NEV", "MEL", ""):
            case = judged(cast, ai, *both[ai], first=first, biopsy=biopsy, hours=hours, fitzpatrick="2")
    last = case.reads.get(reader=cast.doctor)
    again = {"condition_id": "BCC", "certainty": "certain", "management": "biopsy", "ai_visible": True}
    for corrected in (last, case.reads.get(reader=other)):
        Read.objects.create(case=case, reader=cast.doctor, kind="correction", corrects=corrected, **again)
    for wanting, faults in ((case, ["dark"]), (judged(cast), ["dark", "blurred"])):
        PhotoRequest.objects.create(id=uuid4(), case=wanting, faults=faults, asked_by=cast.doctor)
    second = make_image(case)
    predict(second, probabilities=[["MEL", 0.9]], novelty=4.0)
    case.images.update(quality_remarks=["blurred"])
    Prediction.objects.update(novelty=4.0)
    for hours in (1, 100):
        for state in (CaseState.WAITING, CaseState.PHOTOS_WANTED):
            waiting = waiting_case(cast)
            since = timezone.now() - timedelta(hours=hours)
            Case.objects.filter(id=waiting.id).update(state=state, waiting_since=since)
            empty = {"condition": None, "certainty": "", "management": "", "comment": ""}
            drafts.save(waiting, cast.doctor, version=0, **empty)
            reservations.reserve(waiting, cast.lead if hours == 1 else cast.doctor)


def test_every_number_leads_to_so_many_cases(alma, sign_in, monkeypatch):
    known = drift.Learnt("m", {"NEV": 0.5, "MEL": 0.5}, {"forearm": 1.0}, age=50.0, novelty=3.0)
    monkeypatch.setattr("cases.figures.drift.learnt_by", lambda version: known)
    monkeypatch.setattr("cases.figures.figure.TOO_FEW", 1)
    many_kinds_of_cases(alma)
    drawn_links = 0
    for person in (alma.lead, alma.doctor):
        scope, client = scope_of(alma, person), sign_in(person)
        for key in dashboard.ENTRIES:
            figure = dashboard.figure(scope, key)
            if figure is None:
                continue
            links = 0
            for row in figure.rows:
                for value, (column, cell) in zip(
                    row.values, figure.linked_rows[figure.rows.index(row)][1], strict=True
                ):
                    where = f"{key}, {row.label}, {column}: {cell.text}"
                    counts = value.hits if isinstance(value, Share) else value if isinstance(value, int) else 0
                    assert bool(counts) <= bool(cell.links), where
                    for link in cell.links:
                        listed = scope.cases().filter(link.behind.filter).distinct().count()
                        assert listed == link.behind.number, where
                        assert link.words.startswith(str(listed)), where
                        links += 1
                    of_pairs = column.startswith("Readers")
                    if isinstance(value, Share) and figure.counts is of_cases and not of_pairs:
                        assert sum(link.behind.number for link in cell.links) == value.n, where
                # The page lists what was counted here, and says so.
                cell = next((each for each in row.linked_cells if each.links), None)
                if cell:
                    at = {"at": row.key, "of": cell.links[-1].of}
                    page = client.get(reverse("figure_cases", args=[key]), at)
                    assert page.context["page"].paginator.count == cell.links[-1].behind.number
                    assert figure.column(at["of"]) in html.unescape(page.content.decode())
            assert links, key
            # A bar or a point leads to the cases that it counts; what it is compared with has none.
            drawn = zip(figure.chart.series, figure.drawing["series"], strict=True) if figure.drawing else ()
            for series, told in drawn:
                for row, address in zip(figure.rows, told["cases"], strict=True):
                    counted = row.values[series.column] if series.column is not None else 0
                    assert bool(address) == bool(counted.hits if isinstance(counted, Share) else counted), key
                    if address:
                        page = client.get(f"{reverse('figure_cases', args=[key])}?{address}")
                        number = row.link(str(series.column)).behind.number
                        assert (page.context["row"].key, page.context["page"].paginator.count) == (row.key, number)
                        drawn_links += 1
    assert drawn_links > 20
    nothing = client.get(reverse("figure_cases", args=["turnaround"]), {"at": "3", "of": "x-y"})
    assert nothing.context["page"].paginator.count == 0


def test_pages_and_csv_say_the_same_with_few_queries(alma, sign_in, django_assert_max_num_queries):
    for number in range(12):
        judged(alma, "MEL" if number % 3 else "NEV", hours=number * 20)
    client = sign_in(alma.lead)
    for section in dashboard.Section:
        with django_assert_max_num_queries(36):
            page = client.get(reverse("figures"), {"show": section.value})
        assert page.status_code == 200
    late = client.get(reverse("figure_cases", args=["turnaround"]), {"at": "3"})
    assert late.content.decode().count('class="row-link') == 8
    file = client.get(reverse("figure_csv", args=["turnaround"]))
    rows = list(csv.reader(io.StringIO(file.content.decode())))
    assert rows[0][:4] == ["Urgency", "Within the target: hits", "Within the target: n", "Within the target: share"]
    assert rows[3][:3] == ["Routine", "4", "12"]
    assert "attachment" in file.headers["Content-Disposition"]


def test_days_are_the_clinics_and_nonsense_is_forgiven(alma):
    scope = scope_of(alma, **{"from": "2026-03-05", "to": "2026-03-01"})
    assert (scope.first, scope.last) == (date(2026, 3, 1), date(2026, 3, 1))
    assert scope.span[0].isoformat() == "2026-03-01T00:00:00+01:00"
    wrong = scope_of(alma, **{"from": "yesterday", "to": "9999-12-31"})
    assert wrong.last == timezone.localdate(timezone=wrong.zone)
    assert (wrong.last - wrong.first).days == 89


def test_the_queue_by_reader_names_who_has_begun_and_who_is_at_it(alma, brno):
    open_case, held, signed = waiting_case(alma), waiting_case(alma), judged(alma, "NEV")
    empty = {"condition": None, "certainty": "", "management": "", "comment": ""}
    drafts.save(open_case, alma.doctor, version=0, **empty)
    drafts.save(signed, alma.doctor, version=0, **empty)  # a correction: nobody waits for it
    reservations.reserve(held, alma.lead)
    scope = Scope.read({}, alma.admin, alma.clinic)
    figure = dashboard.figure(scope, "begun")
    assert {row.key: row.values for row in figure.rows} == {str(alma.doctor.id): (1, 0), str(alma.lead.id): (0, 1)}
    assert [list(scope.cases().filter(row.behind).distinct()) for row in figure.rows] == [[open_case], [held]]
    assert not dashboard.figure(Scope.read({}, brno.admin, brno.clinic), "begun").rows
    assert dashboard.figure(Scope.read({}, alma.doctor, alma.clinic), "begun") is None
