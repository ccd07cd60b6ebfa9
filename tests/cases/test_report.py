"""What the report says, on paper as on the page; who may have it; and the mark that it was printed or sent."""

import io
import logging
import re
import threading
import time
import zoneinfo
from datetime import date, timedelta
from html import unescape
from importlib import import_module
from uuid import uuid4

import pytest
from django.apps import apps
from django.conf import settings as django_settings
from django.core.files.base import ContentFile
from django.core.files.storage import default_storage
from django.db import connection
from django.utils import timezone
from fontTools.ttLib import TTFont
from pypdf import PdfReader

from accounts.models import ApiToken
from cases.errors import Conflict, Refused
from cases.models import (
    Case,
    Condition,
    Consent,
    NotificationKind,
    OutcomeVersion,
    Patient,
    Prediction,
    ReportDelivery,
)
from cases.notifications import choices, inbox
from cases.notifications.choices import Choice
from cases.prediction import asking
from cases.reading import reads
from cases.record import lesions, lifecycle, patients
from cases.report import content, deliveries
from cases.report import pdf as report_pdf
from tests.cases.readings import make_version, predict
from tests.cases.test_notifications import biopsy, own, sign, told
from tests.cast import make_case, make_image, make_patient, make_person, photo, waiting_case

pytestmark = pytest.mark.django_db
NAME, GIVEN, DOCTOR = "Őszné-Weiß Ødegård", "Łucja-Pawła Жанна", "Dr. Ωμέγα Şahin-Ñuñez"

JPEG = photo("MEL", width=320, height=240)


@pytest.fixture
def case(alma) -> Case:
    """A waiting case with two photos that have files, and an opinion of the AI."""
    alma.doctor.name = DOCTOR
    alma.doctor.save()
    patient = make_patient(alma, family_name=NAME, given_name=GIVEN, mrn="GEHEIM-7", fitzpatrick="2")
    case = make_case(alma, patient=patient, itch="yes", bled="no", note="Seit dem Frühjahr größer, ß, ő.\nBlutet.")
    for number, kind in enumerate(["close_up", "overview"]):
        name = default_storage.save(f"images/{number}.jpg", ContentFile(JPEG))
        image = make_image(case, kind=kind, derivative=name, width=320, height=240)
        predict(image, urgent=True, malignant_probability=0.64, probabilities=[["MEL", 0.61], ["NEV", 0.39]])
    return lifecycle.send(case.id)


def loaded(case: Case) -> Case:
    return content.with_content(Case.objects.filter(id=case.id)).get()


def text_of(pdf: bytes) -> str:
    return "\n".join(page.extract_text() for page in PdfReader(io.BytesIO(pdf)).pages)


def plain(text: str) -> str:
    """Without the breaks that a line or a page makes."""
    return re.sub(r"\s+", "", text)


def page_text(client, case, query="") -> str:
    html = client.get(f"/cases/{case.id}/report/{query}").content.decode()
    return unescape(re.sub(r"<[^>]+>", "", html.split("<article")[1].split("</article>")[0]))


class TestContent:
    def test_the_pdf_and_the_page_say_all_of_it_in_all_of_europes_letters(self, alma, case, sign_in):
        sign(case, alma.doctor, "NEV", "follow_up")
        sign(case, alma.doctor, "MEL", "urgent_referral")
        biopsy(alma, case, "MIS")
        made = content.of(loaded(case))
        on_paper, on_page = plain(text_of(report_pdf.render(made))), plain(page_text(sign_in(alma.staff), case))
        assert len(made.words) > 40
        for words in made.words:
            # Photos' captions stand beside each other on paper, and so are found one by one, too.
            assert plain(words) in on_paper, words
            assert plain(words) in on_page, words
        for letter in "ŐőßØłЖΩŞñé":
            assert letter in on_paper

    def test_the_conclusion_stands_first_and_the_ais_opinion_below_it_is_named_so(self, alma, case):
        sign(case, alma.doctor, "MEL", "urgent_referral")
        text = text_of(report_pdf.render(content.of(loaded(case))))
        order = [
            "Melanoma (C43.9), certain",
            "Urgent referral",
            DOCTOR,
            "Second opinion of the AI",
            "Melanoma 61",
            "lite0 (",
        ]
        places = [text.index(words) for words in [*order, "Supports a decision. Not a diagnosis."]]
        assert places == sorted(places)
        assert places[0] < 400
        assert "Page 1 of " in text
        assert re.search(r"report [0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}", text)
        assert str(alma.clinic) in text

    def test_times_are_the_clinics(self, alma, case):
        read = sign(case, alma.doctor)
        alma.clinic.time_zone = "Pacific/Auckland"
        alma.clinic.save()
        here = timezone.localtime(read.signed_at, zoneinfo.ZoneInfo("Pacific/Auckland"))
        signed = next(fact.text for fact in content.of(loaded(case)).conclusion.facts if fact.label == "Signed")
        assert signed.endswith(f"{here:%H:%M %Z}")

    def test_a_patient_who_does_not_consent_has_no_ai_in_the_report(self, alma, case):
        sign(case, alma.doctor)
        Patient.objects.update(ai_consent=Consent.REFUSED)
        words = " ".join(content.of(loaded(case)).words)
        assert "lite0" not in words
        assert "does not consent" in words

    def test_of_two_who_disagreed_the_lead_decides(self, alma, case):
        alma.clinic.second_read_all = True
        alma.clinic.save()
        sign(case, alma.doctor, "NEV")
        sign(case, make_person(alma.clinic, "doctor"), "MEL", "urgent_referral")
        with pytest.raises(Refused, match="not signed"):
            content.of(loaded(case))
        sign(case, alma.lead, "BCC", "biopsy")
        made = content.of(loaded(case))
        assert made.conclusion.facts[0].text.startswith("Basal cell carcinoma")
        assert (made.version, made.newest_version) == (1, 1)
        # What one of the two thinks afterwards is an amendment, and the lead's word stands.
        sign(case, alma.doctor, "BCC", "biopsy")
        later = content.of(loaded(case))
        assert later.newest_version == 2
        assert alma.lead.name in later.conclusion.facts[-1].text
        assert DOCTOR in later.amendments[0].text

    def test_who_reads_a_signed_case_besides_overrules_nobody(self, alma, case, sign_in):
        """One doctor more, a trainee even, would send home whom two have called for a biopsy."""
        alma.clinic.second_read_all = True
        alma.clinic.save()
        sign(case, alma.doctor, "MEL", "biopsy")
        second = make_person(alma.clinic, "doctor")
        sign(case, second, "MEL", "biopsy")
        sign(case, make_person(alma.clinic, "doctor"), "NEV", "discharge")
        made = content.of(loaded(case))
        assert made.newest_version == 2
        assert made.conclusion.facts[0].text.startswith("Melanoma")
        assert made.amendments[0].text.startswith("Additional read, ")
        row = deliveries.rows(deliveries.ready(alma.staff, alma.clinic))[0]
        assert row.conclusion.condition_id == "MEL"
        listed = sign_in(alma.lead).get("/worklist/?tab=signed").content.decode()
        assert "Melanoma" in listed
        assert "nevus" not in listed
        # One of its own readers replaces what they said themselves.
        sign(case, second, "BCC", "biopsy")
        assert content.of(loaded(case)).conclusion.facts[0].text.startswith("Basal cell carcinoma")
        assert "Basal cell carcinoma" in sign_in(alma.lead).get("/worklist/?tab=signed").content.decode()

    def test_many_photos_and_a_long_comment_go_over_pages_and_a_missing_file_leaves_its_frame(self, alma, case):
        for _number in range(6):
            make_image(case)  # rows without files
        Case.objects.filter(id=case.id).update(note="Ein sehr langer Satz über die Haut. " * 55)
        sign(case, alma.doctor)
        pdf = PdfReader(io.BytesIO(report_pdf.render(content.of(loaded(case)))))
        assert len(pdf.pages) >= 2
        text = text_of(report_pdf.render(content.of(loaded(case))))
        assert "2 more photos are in the record." in text
        assert f"Page {len(pdf.pages)} of {len(pdf.pages)}" in text


class TestVersions:
    def test_a_superseded_report_says_so_and_keeps_its_id(self, alma, case):
        sign(case, alma.doctor, "NEV", "discharge")
        first = content.of(loaded(case))
        assert first.notice == ""
        sign(case, alma.doctor, "MEL", "urgent_referral")
        again, now = content.of(loaded(case), 1), content.of(loaded(case))
        assert again.digest == first.digest != now.digest
        assert again.conclusion == first.conclusion
        assert "Superseded" in text_of(report_pdf.render(again))
        assert now.notice.startswith("Amended: version 2")
        assert "Correction" in now.amendments[0].text
        assert "Before: Melanocytic nevus" in now.amendments[0].text
        with pytest.raises(Refused):
            content.of(loaded(case), 3)

    def test_a_biopsy_result_and_its_correction_amend_what_was_delivered(self, alma, case, sign_in):
        sign(case, alma.doctor, "NEV", "discharge")
        first = content.of(loaded(case))
        marked = {"case_id": case.id, "by": alma.staff, "how": "printed"}
        deliveries.mark(**marked, delivery_id=uuid4(), digest=first.digest)
        assert not deliveries.ready(alma.staff, alma.clinic).exists()

        recorded = biopsy(alma, case, "MEL")
        assert content.of(loaded(case), 1).digest == first.digest
        assert content.of(loaded(case), 1).notice.startswith("Superseded: this is version 1 of 2.")
        now = content.of(loaded(case))
        assert (now.version, now.signed_at, now.notice[:18]) == (2, recorded.recorded_at, "Amended: version 2")
        assert now.amendments[0].text.startswith("Biopsy, ")
        assert f"{alma.lead}: Melanoma, reported " in now.amendments[0].text
        assert list(deliveries.ready(alma.staff, alma.clinic)) == [case]
        page = sign_in(alma.staff).get("/reports/").content.decode()
        assert "Amended" in page
        assert alma.lead.name in page
        assert told(alma.staff).count(NotificationKind.REPORT_AMENDED) == 1
        with pytest.raises(Conflict):
            deliveries.mark(**marked, delivery_id=uuid4(), digest=first.digest)

        biopsy(alma, case, "MIS", replaces=recorded.recorded_at)
        later = content.of(loaded(case))
        assert [each.text.split(",")[0] for each in later.amendments] == ["Biopsy", "Biopsy corrected"]
        assert later.amendments[1].text.endswith("Before: Melanoma.")
        assert content.of(loaded(case), 2).digest == now.digest
        assert told(alma.staff).count(NotificationKind.REPORT_AMENDED) == 2
        deliveries.mark(**marked, delivery_id=uuid4(), digest=later.digest)
        assert ReportDelivery.objects.first().version == 3
        assert not deliveries.ready(alma.staff, alma.clinic).exists()

    def test_a_result_of_an_old_case_brings_its_report_back_to_the_list(self, alma, case):
        sign(case, alma.doctor)
        long_ago = timezone.now() - deliveries.READY_FOR - timedelta(days=1)
        Case.objects.update(signed_at=long_ago)
        assert not deliveries.ready(alma.staff, alma.clinic).exists()
        biopsy(alma, case, "MEL")
        assert list(deliveries.ready(alma.staff, alma.clinic)) == [case]

    def test_a_correction_of_the_patient_makes_a_version_that_names_no_old_name(self, alma, case, sign_in):
        # What is corrected before anybody signed is no amendment.
        patients.update(case.lesion.patient, by=alma.staff, mrn="GEHEIM-8")
        sign(case, alma.doctor)
        first = content.of(loaded(case))
        assert (first.version, first.notice) == (1, "")
        marked = {"case_id": case.id, "by": alma.staff, "how": "printed"}
        deliveries.mark(**marked, delivery_id=uuid4(), digest=first.digest)

        patients.update(case.lesion.patient, by=alma.staff, family_name=NAME)  # nothing is changed
        assert content.of(loaded(case)).digest == first.digest
        assert not deliveries.ready(alma.staff, alma.clinic).exists()

        patients.update(case.lesion.patient, by=alma.lead, family_name="Novak")
        with pytest.raises(Conflict):
            deliveries.mark(**marked, delivery_id=uuid4(), digest=first.digest)
        second = content.of(loaded(case))
        assert second.version == 2
        assert second.number != first.number
        assert str(alma.lead) in second.amendments[-1].text
        assert "the patient's details" in second.amendments[-1].text
        assert "Amended" in second.notice
        (row,) = deliveries.rows(deliveries.ready(alma.staff, alma.clinic))
        assert (row.case, row.is_amended, row.by) == (case, True, alma.lead)
        said = page_text(sign_in(alma.staff), case)
        assert "Novak" in said
        assert NAME not in said
        deliveries.mark(**marked, delivery_id=uuid4(), digest=second.digest)
        assert not deliveries.ready(alma.staff, alma.clinic).exists()
        assert [each.version for each in deliveries.of(case)] == [2, 1]

    def test_a_correction_amends_what_says_it_and_nothing_else(self, alma, brno, case):
        other_lesion = waiting_case(alma, patient=case.lesion.patient)
        stranger, elsewhere = waiting_case(alma), waiting_case(brno)
        for each, doctor in ((case, alma.doctor), (other_lesion, alma.doctor), (stranger, alma.doctor)):
            sign(each, doctor)
        sign(elsewhere, brno.doctor)

        def versions() -> list[int]:
            return [content.of(loaded(each)).version for each in (case, other_lesion, stranger, elsewhere)]

        lesions.change(case.lesion_id, by=alma.staff, note="left of the scar")
        assert versions() == [2, 1, 1, 1]
        patients.update(case.lesion.patient, by=alma.staff, fitzpatrick="3")
        assert versions() == [3, 2, 1, 1]
        patients.record_consent(case.lesion.patient, "training", Consent.GRANTED, alma.staff)  # no report says it
        assert versions() == [3, 2, 1, 1]
        patients.record_consent(case.lesion.patient, "ai", Consent.REFUSED, alma.staff)
        assert versions() == [4, 3, 1, 1]
        assert "does not consent" in content.of(loaded(case)).opinion.sentences[0]

    def test_a_corrected_name_does_not_bring_old_reports_back_to_the_list(self, alma, case):
        sign(case, alma.doctor)
        long_ago = timezone.now() - deliveries.READY_FOR - timedelta(days=1)
        Case.objects.filter(id=case.id).update(signed_at=long_ago)
        patients.update(case.lesion.patient, by=alma.staff, family_name="Novak")
        assert not deliveries.ready(alma.staff, alma.clinic).exists()
        assert content.of(loaded(case)).version == 2

    def test_results_from_before_there_were_versions_are_one(self, alma, case):
        sign(case, alma.doctor)
        biopsy(alma, case, "MEL")
        before = content.of(loaded(case)).digest
        OutcomeVersion.objects.all().delete()
        import_module("cases.migrations.0020_outcome_versions").fill(apps, None)
        assert content.of(loaded(case)).digest == before

    def test_the_same_record_makes_the_same_bytes_on_another_day(self, alma, case, monkeypatch):
        sign(case, alma.doctor)
        before = report_pdf.render(content.of(loaded(case)))
        later = timezone.now() + timedelta(days=400)
        monkeypatch.setattr(timezone, "now", lambda: later)
        assert report_pdf.render(content.of(loaded(case))) == before


class TestFile:
    def test_is_archivable_and_names_no_patient_outside_its_pages(self, alma, case, sign_in):
        sign(case, alma.doctor)
        answer = sign_in(alma.staff).get(f"/cases/{case.id}/report.pdf?paper=letter&download=1")
        assert answer["Content-Type"] == "application/pdf"
        pdf = PdfReader(io.BytesIO(answer.content))
        assert pdf.trailer["/Root"]["/Lang"] == "en"
        assert [round(float(side)) for side in pdf.pages[0].mediabox[2:]] == [612, 792]
        xmp = pdf.trailer["/Root"]["/Metadata"].get_data().decode()
        assert "<pdfaid:part>2<" in xmp
        # Nothing in the file says when it was made, but for when the report was signed.
        signed = case.reads.get().signed_at
        assert set(re.findall(r"20\d\d-\d\d-\d\dT[\d:]+", xmp)) == {f"{signed:%Y-%m-%dT%H:%M:%S}"}
        said = f"{xmp} {pdf.metadata} {answer.headers}"
        for secret in (*NAME.split(), *GIVEN.split(), "GEHEIM"):
            assert secret not in said
        fonts = pdf.pages[0]["/Resources"]["/Font"]
        assert all("DejaVu" in font.get_object()["/BaseFont"] for font in fonts.values())

    def test_is_asked_for_again_only_where_it_differs(self, alma, case, sign_in):
        sign(case, alma.doctor, "NEV", "discharge")
        client, address = sign_in(alma.staff), f"/cases/{case.id}/report.pdf"
        etag = client.get(address)["ETag"]
        assert client.get(address, headers={"If-None-Match": etag}).status_code == 304
        sign(case, alma.doctor, "MEL", "biopsy")
        assert client.get(address, headers={"If-None-Match": etag}).status_code == 200

    def test_making_it_leaves_no_letters_in_the_log(self, alma, case, caplog):
        sign(case, alma.doctor)
        for name in ("fontTools", "fontTools.subset", "fpdf", "fpdf.output"):
            assert not logging.getLogger(name).isEnabledFor(logging.ERROR), name
        report_pdf.render(content.of(loaded(case)))
        assert "glyph" not in caplog.text.lower()

    def test_a_case_that_is_not_signed_is_refused_in_words(self, alma, case, sign_in):
        client = sign_in(alma.staff)
        for address in (f"/cases/{case.id}/report/", f"/cases/{case.id}/report.pdf"):
            answer = client.get(address)
            assert answer.status_code == 409
            assert "This case is not signed, so there is no report yet." in answer.content.decode()
        headers = {"Authorization": f"Token {ApiToken.objects.create(alma.integration, name='x')[1]}"}
        answer = client.get(f"/api/v1/cases/{case.id}/report.pdf", headers={**headers, "Accept": "application/pdf"})
        assert (answer.status_code, answer.json()["code"]) == (409, "wrong_state")
        sign(case, alma.doctor)
        answer = client.get(f"/api/v1/cases/{case.id}/report.pdf", headers={**headers, "Accept": "application/pdf"})
        assert answer.content.startswith(b"%PDF-")

    def test_a_page_that_asks_the_queries_of_one_report_only(self, alma, case, sign_in, django_assert_max_num_queries):
        sign(case, alma.doctor)
        client = sign_in(alma.staff)
        with django_assert_max_num_queries(14):
            client.get(f"/cases/{case.id}/report/")


def test_the_font_knows_all_of_europes_letters():
    alphabets = "ÀÞßđħĸŋœžſșțẞǺǿ ΆΈΪΰΩώ ЀЏЁАЯяёїґўӘқңөҮһ ԱՖև აჰ €£₽₺№–—„“‚‘»«…•×≥≤µ°§"
    for name in ("DejaVuSans.ttf", "DejaVuSans-Bold.ttf"):
        known = TTFont(django_settings.BASE_DIR / "static" / "vendor" / "dejavu" / name).getBestCmap()
        assert [letter for letter in alphabets if ord(letter) not in known] == []


class TestDelivery:
    def mark(self, case, person, digest, **changes):
        wish = {"case_id": case.id, "by": person, "delivery_id": uuid4(), "how": "printed", "digest": digest}
        return deliveries.mark(**{**wish, **changes})

    def test_a_report_stands_on_the_list_until_it_is_marked_and_again_when_amended(self, alma, brno, case, sign_in):
        def ready() -> list[Case]:
            return list(deliveries.ready(alma.staff, alma.clinic))

        assert ready() == []
        sign(case, alma.doctor, "NEV", "follow_up")
        assert ready() == [case]
        assert list(deliveries.ready(brno.staff, alma.clinic)) == []
        page = sign_in(alma.staff).get("/reports/").content.decode()
        assert "Report ready" in page
        assert NAME in page
        staffs_list = sign_in(alma.staff).get("/worklist/").content.decode()
        assert re.search(r'href="/reports/">Report ready <span class="filter-count">1<', staffs_list)
        assert 'id="tab-reports"' not in sign_in(alma.doctor).get("/worklist/").content.decode()
        self.mark(case, alma.staff, content.of(loaded(case)).digest)
        assert ready() == []
        sign(case, alma.doctor, "MEL", "biopsy")
        assert ready() == [case]
        assert "Amended" in sign_in(alma.staff).get("/reports/").content.decode()

    def test_the_mark_settles_what_was_told_and_a_double_click_is_one(self, alma, case, monkeypatch):
        sign(case, alma.doctor)
        later = timezone.now() + timedelta(minutes=1)
        monkeypatch.setattr(timezone, "now", lambda: later)
        assert inbox.unread(alma.staff) == 1
        digest, click = content.of(loaded(case)).digest, uuid4()
        for _click in range(2):
            self.mark(case, alma.staff, digest, delivery_id=click)
        assert inbox.unread(alma.staff) == 0
        assert ReportDelivery.objects.get().version == 1

    def test_what_was_amended_meanwhile_is_not_marked(self, alma, case, sign_in):
        sign(case, alma.doctor, "NEV", "follow_up")
        seen = content.of(loaded(case)).digest
        sign(case, alma.doctor, "MEL", "biopsy")
        with pytest.raises(Conflict):
            self.mark(case, alma.staff, seen)
        wish = {"how": "sent", "digest": seen, "delivery_id": str(uuid4())}
        answer = sign_in(alma.staff).post(f"/cases/{case.id}/report/mark/", wish, follow=True)
        assert "has changed since you opened it" in answer.content.decode()
        assert not ReportDelivery.objects.exists()

    def test_only_known_ways_and_only_here(self, alma, brno, case):
        sign(case, alma.doctor)
        digest = content.of(loaded(case)).digest
        with pytest.raises(Refused):
            self.mark(case, alma.staff, digest, how="burnt")
        with pytest.raises(Refused):
            self.mark(case, brno.staff, digest)

    def test_the_list_costs_the_same_at_any_length(self, alma, sign_in, django_assert_max_num_queries):
        client = sign_in(alma.staff)
        for number in (1, 12):
            for _ in range(number):
                sign(waiting_case(alma), alma.doctor)
            with django_assert_max_num_queries(8):
                assert client.get("/reports/").status_code == 200


@pytest.mark.django_db(transaction=True)
def test_a_mark_that_comes_while_a_name_is_corrected_is_not_for_the_old_paper(alma, case, monkeypatch):
    """The correction has its moment before it is stored, so a mark in between would pass for the newer one."""
    sign(case, alma.doctor)
    seen = content.of(loaded(case)).digest
    written, marking, answers = threading.Event(), threading.Event(), []

    def slowly(_cases):
        written.set()
        marking.wait(20)
        time.sleep(0.3)  # the mark has read the report by now, if it can

    monkeypatch.setattr(asking, "facts_changed", slowly)

    def mark():
        try:
            written.wait(20)
            marking.set()
            answers.append(
                deliveries.mark(case_id=case.id, by=alma.staff, delivery_id=uuid4(), how="sent", digest=seen)
            )
        except Conflict as conflict:
            answers.append(conflict)
        finally:
            connection.close()

    thread = threading.Thread(target=mark)
    thread.start()
    patients.update(case.lesion.patient, by=alma.lead, family_name="Novak", birth_date=date(1962, 4, 2))
    thread.join(60)
    assert [type(answer) for answer in answers] == [Conflict]
    assert list(deliveries.ready(alma.staff, alma.clinic)) == [case]


def test_the_notification_leads_to_the_report(alma, case, sign_in):
    choices.choose(alma.staff, [Choice(NotificationKind.REPORT_READY, in_app=True, by_mail=True)])
    sign(case, alma.doctor)
    row = own(alma.staff, NotificationKind.REPORT_READY)
    client = sign_in(alma.staff)
    assert client.get(f"/notifications/{row.id}/").status_code == 404  # it can still be undone
    type(row).objects.update(due_at=timezone.now())
    assert client.get(f"/notifications/{row.id}/")["Location"] == f"/cases/{case.id}/report/"


def test_the_opinion_in_the_report_is_the_one_that_the_doctor_saw(alma, case):
    alma.clinic.read_first = False
    alma.clinic.save()
    seen = Prediction.objects.filter(image__case=case).first()
    reads.sign(
        case_id=case.id,
        reader=alma.doctor,
        read_id=uuid4(),
        condition=Condition.objects.get(code="MEL"),
        certainty="certain",
        management="biopsy",
        prediction=seen,
        ai_visible=True,
        newest_seen=None,
    )
    newer = make_version("newer", "candidate")
    predict(seen.image, newer, probabilities=[["BCC", 0.99]], queued_at=timezone.now())
    words = content.of(loaded(case)).opinion
    assert "Melanoma 61" in words.facts[0].text
    assert "lite0" in words.facts[-1].text
    assert "The doctor saw it before signing." in words.sentences
