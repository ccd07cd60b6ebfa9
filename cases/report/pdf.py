"""A `Report` on paper: A4 or Letter, archivable (PDF/A-2B), in letters that all of Europe writes with."""

import io
from datetime import UTC
from html import escape
from pathlib import Path
from typing import Any

import structlog
from django.conf import settings
from django.utils.translation import get_language
from django.utils.translation import gettext as _
from fpdf import FPDF
from fpdf.enums import XPos, YPos

from cases.report.content import Fact, Passage, Photo, Report

log = structlog.get_logger(__name__)

PAPERS = ("A4", "Letter")
_FONTS = Path(settings.BASE_DIR) / "static" / "vendor" / "dejavu"
_INK, _SOFT, _ACCENT, _WARN = (22, 32, 44), (77, 90, 105), (11, 110, 105), (180, 35, 24)
_MARGIN, _LABEL, _GAP, _PHOTO_HEIGHT = 16.0, 30.0, 6.0, 56.0  # mm
_PLAIN = 9.5  # points


def render(report: Report, paper: str = "A4") -> bytes:
    """The report as PDF; the same report gives the same bytes."""
    document = _Document(report, paper)
    document.write()
    return bytes(document.output())


class _Document(FPDF):
    def __init__(self, report: Report, paper: str) -> None:
        super().__init__(format=paper, enforce_compliance="PDF/A-2B")
        self.report = report
        self.add_font("DejaVu", "", _FONTS / "DejaVuSans.ttf")
        self.add_font("DejaVu", "B", _FONTS / "DejaVuSans-Bold.ttf")
        self.set_margins(_MARGIN, _MARGIN)
        self.c_margin = 0  # words begin where photos and lines do
        self.set_auto_page_break(True, margin=20)
        self.set_lang(get_language() or settings.LANGUAGE_CODE)
        title = f"{report.clinic}: {report.identity}"  # without the patient's name
        self.set_title(title)
        self.set_creator("skinclinic")
        self.set_producer("skinclinic")
        self.set_author(report.clinic)
        self.set_creation_date(report.signed_at)
        self.set_xmp_metadata(_xmp(title, report))

    # --- Parts of a page ---------------------------------------------------------------------------------

    def footer(self) -> None:
        self.set_y(-14)
        self._font(7.5, colour=_SOFT)
        self.cell(0, 4, self.report.identity)
        self.set_x(self.l_margin)
        page = _("Page %(page)s of %(pages)s") % {"page": self.page_no(), "pages": "{nb}"}
        self.cell(0, 4, page, align="R")

    def write(self, *_args: Any, **_kwargs: Any) -> None:  # type: ignore[override]  # the whole document
        report = self.report
        self.add_page()
        self._font(10, colour=_SOFT)
        self._line(report.clinic, 5)
        self._font(16, bold=True)
        self._line(report.title, 8)
        if report.notice:
            self._font(10, bold=True, colour=_WARN)
            self._line(report.notice, 5)
        self.ln(2)
        self._pairs(report.patient)
        self.ln(3)
        self._boxed(report.conclusion)
        if report.outcome:
            self._passage(report.outcome)
        self._photos(report.photos)
        if report.photos_left_out:
            self._font(9, colour=_SOFT)
            self._line(report.photos_left_out, 5)
        for passage in report.passages:
            self._passage(passage)
        if report.amendments:
            self._heading(_("Amendments"))
            self._font(_PLAIN)
            for amendment in report.amendments:
                self._line(amendment.text, 5)

    # --- Words -------------------------------------------------------------------------------------------

    def _font(self, size: float, *, bold: bool = False, colour: tuple[int, int, int] = _INK) -> None:
        self.set_font("DejaVu", "B" if bold else "", size)
        self.set_text_color(*colour)

    def _line(self, text: str, height: float, width: float = 0) -> None:
        self.multi_cell(width, height, text, align="L", new_x=XPos.LMARGIN, new_y=YPos.NEXT)

    def _heading(self, title: str) -> None:
        if self.will_page_break(20):  # a heading never stands alone at the foot of a page
            self.add_page()
        self.ln(3)
        self._font(11, bold=True, colour=_ACCENT)
        self._line(title, 7)

    def _passage(self, passage: Passage) -> None:
        self._heading(passage.title)
        self._pairs(passage.facts)
        self._font(_PLAIN)
        for sentence in passage.sentences:
            self._line(sentence, 5)

    def _fact(self, fact: Fact, left: float, width: float, *, size: float = _PLAIN, bold: bool = False) -> None:
        """Label and text from where the pen is, `width` mm wide; the pen ends below."""
        height, top = _height(size), self.get_y()
        self._font(size - 1, colour=_SOFT)
        self.set_xy(left, top)
        self.cell(_LABEL, height, fact.label)
        self._font(size, bold=bold)
        self.set_xy(left + _LABEL, top)
        self.multi_cell(width - _LABEL, height, fact.text, align="L", new_x=XPos.LMARGIN, new_y=YPos.NEXT)

    def _pairs(self, facts: tuple[Fact, ...]) -> None:
        """Two to a row where both are short."""
        half, left = self.epw / 2, list(facts)
        while left:
            if self.will_page_break(_height(_PLAIN)):
                self.add_page()
            row = left[:2] if len(left) > 1 and all(self._fits(fact, half) for fact in left[:2]) else left[:1]
            top = self.get_y()
            for column, fact in enumerate(row):
                self.set_y(top)
                self._fact(fact, self.l_margin + column * half, half if len(row) > 1 else self.epw)
            del left[: len(row)]

    def _fits(self, fact: Fact, width: float) -> bool:
        self._font(_PLAIN)
        return "\n" not in fact.text and float(self.get_string_width(fact.text)) < width - _LABEL - 3

    def _boxed(self, passage: Passage) -> None:
        """The conclusion, with a bar at its left, its first two facts large."""
        self._font(11, bold=True, colour=_ACCENT)
        page, top = self.page_no(), self.get_y()
        self.l_margin += 4
        self.set_x(self.l_margin)
        self._line(passage.title, 7)
        for number, fact in enumerate(passage.facts):
            self._fact(fact, self.l_margin, self.epw, size=12 if number < 2 else _PLAIN, bold=number < 2)
            self.ln(0.8)
        self.l_margin -= 4
        self.set_x(self.l_margin)
        if self.page_no() == page:
            self.set_fill_color(*_ACCENT)
            self.rect(self.l_margin, top, 1.2, self.get_y() - top, style="F")

    # --- Photos ------------------------------------------------------------------------------------------

    def _photos(self, photos: tuple[Photo, ...]) -> None:
        """Two to a row; a photo that cannot be opened leaves its caption and an empty frame."""
        width = (self.epw - _GAP) / 2
        for start in range(0, len(photos), 2):
            if self.will_page_break(_PHOTO_HEIGHT + 8):
                self.add_page()
            self.ln(3)
            top = self.get_y()
            for column, photo in enumerate(photos[start : start + 2]):
                left = self.l_margin + column * (width + _GAP)
                self._photo(photo, left, top, width)
            self.set_xy(self.l_margin, top + _PHOTO_HEIGHT + 6)

    def _photo(self, photo: Photo, left: float, top: float, width: float) -> None:
        ratio = photo.image.width / photo.image.height
        height = min(_PHOTO_HEIGHT, width / ratio)
        try:
            with photo.image.derivative.open("rb") as file:
                self.image(io.BytesIO(file.read()), x=left, y=top, w=height * ratio, h=height, alt_text=photo.caption)
        except OSError as error:
            log.warning("report_photo_missing", image=str(photo.image.id), error=type(error).__name__)
            self.set_draw_color(*_SOFT)
            self.rect(left, top, height * ratio, height)
        self._font(8, colour=_SOFT)
        self.set_xy(left, top + _PHOTO_HEIGHT + 1)
        self.cell(width, 4, photo.caption)


def _height(size: float) -> float:
    """Of a line in millimetres, for letters of `size` points."""
    return size * 0.53


def _xmp(title: str, report: Report) -> str:
    """The metadata that PDF/A asks for. fpdf2's own would say when it was made, and no two would be the same."""
    moment = report.signed_at.astimezone(UTC).isoformat(timespec="seconds")
    return f"""<x:xmpmeta xmlns:x="adobe:ns:meta/">
<rdf:RDF xmlns:rdf="http://www.w3.org/1999/02/22-rdf-syntax-ns#" xmlns:dc="http://purl.org/dc/elements/1.1/"
 xmlns:xmp="http://ns.adobe.com/xap/1.0/" xmlns:pdf="http://ns.adobe.com/pdf/1.3/"
 xmlns:pdfaid="http://www.aiim.org/pdfa/ns/id/">
<rdf:Description rdf:about="" xmp:CreatorTool="skinclinic" xmp:CreateDate="{moment}" pdf:Producer="skinclinic">
<pdfaid:part>2</pdfaid:part><pdfaid:conformance>B</pdfaid:conformance>
<dc:title><rdf:Alt><rdf:li xml:lang="x-default">{escape(title)}</rdf:li></rdf:Alt></dc:title>
<dc:creator><rdf:Seq><rdf:li>{escape(report.clinic)}</rdf:li></rdf:Seq></dc:creator>
</rdf:Description></rdf:RDF></x:xmpmeta>"""
