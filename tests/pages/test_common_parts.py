"""The pages' common parts keep their promises: nothing inline, every icon drawn, error pages that stand alone."""

import hashlib
import re
from pathlib import Path

import pytest
from django.conf import settings
from django.http import HttpRequest
from django.template.loader import render_to_string
from django.test import Client, override_settings
from django.urls import include, path
from django.views.defaults import page_not_found, permission_denied, server_error

from cases.models.lesion import BodySite, Side
from skinclinic import navigation
from skinclinic.styleguide import styleguide
from tests.pages.used_styles import USED

STATIC = Path(settings.BASE_DIR) / "static"
TEMPLATES = sorted((Path(settings.BASE_DIR) / "templates").rglob("*.html"))

urlpatterns = [path("styleguide/", styleguide), path("", include("skinclinic.urls"))]


def symbols(sheet: str) -> set[str]:
    return set(re.findall(r'<symbol id="([^"]+)"', (STATIC / "icons" / sheet).read_text()))


def test_vendored_files_are_what_the_list_says() -> None:
    rows = re.findall(r"\| `([^`]+)` \| `([0-9a-f]{64})` \|", (STATIC / "vendor" / "VERSIONS.md").read_text())
    listed = {(STATIC / "vendor" / name).resolve(): digest for name, digest in rows}
    kept = {file for file in (STATIC / "vendor").rglob("*.*") if file.suffix in {".js", ".css", ".woff2"}}
    assert kept - {USED} <= set(listed)
    for file, digest in listed.items():
        assert hashlib.sha256(file.read_bytes()).hexdigest() == digest, file.name


@pytest.mark.parametrize("template", TEMPLATES, ids=lambda file: file.name)
def test_templates_hold_nothing_that_the_security_policy_forbids(template: Path) -> None:
    text = template.read_text()
    assert not re.search(r"<style\b|\sstyle=|\son[a-z]+=[\"']|javascript:", text)
    for tag in re.findall(r"<script\b[^>]*>", text):
        assert "src=" in tag or "application/json" in tag, tag
    assert not re.search(r"(?:src|href)=[\"'](?:https?:)?//", text)


def test_every_icon_that_a_page_names_is_drawn() -> None:
    named = {entry[2] for entry in navigation._ENTRIES}
    for template in TEMPLATES:
        text = template.read_text()
        named |= set(re.findall(r'_icon\.html" with name="([\w-]+)"', text))
        named |= set(re.findall(r'(?:_chip|_blank)\.html"[^%]*\bicon="([\w-]+)"', text))
    assert len(named) > 20
    assert named <= symbols("sprite.svg")


def test_every_body_site_and_side_has_its_place_on_both_figures() -> None:
    drawing = render_to_string("_body_drawing.html")
    regions = set(re.findall(r'data-site="(\w+)" data-side="(\w*)"', drawing))
    marks = symbols("body.svg")
    for site in set(BodySite.values) - {BodySite.OTHER}:
        assert {(site, "")} <= regions or {(site, "left"), (site, "right")} <= regions
        for side in Side.values:
            assert f"spot-{site}-{side or 'unknown'}" in marks
    assert {site for site, _ in regions} <= set(BodySite.values)


@pytest.mark.parametrize("site", BodySite.values)
def test_body_mark_uses_only_symbols_that_exist(site: str) -> None:
    for side in Side.values:
        mark = render_to_string("_body_mark.html", {"site": site, "side": side})
        used = set(re.findall(r"body[\w.]*\.svg#([\w-]+)", mark))
        assert used
        assert used <= symbols("body.svg")


def test_500_page_needs_no_request_no_database_and_no_context() -> None:
    answer = server_error(HttpRequest())
    assert answer.status_code == 500
    assert b'href="/"' in answer.content


@pytest.mark.django_db
def test_error_pages_repeat_nothing_of_the_address_and_lead_out(client: Client) -> None:
    request = client.get("/patients/?q=Halvorsen").wsgi_request
    for view in (page_not_found, permission_denied):
        answer = view(request, Exception("Halvorsen"))
        assert b"Halvorsen" not in answer.content
        assert b'href="/"' in answer.content


@pytest.mark.django_db
def test_a_stale_form_is_met_with_words(client: Client) -> None:
    answer = Client(enforce_csrf_checks=True).post("/accounts/login/", {"login": "x", "password": "y"})
    assert answer.status_code == 403
    assert b"Please send that again" in answer.content


@pytest.mark.django_db
@pytest.mark.parametrize(
    ("sender", "back"),
    [
        ("http://testserver/cases/1/?photo=2", "/cases/1/?photo=2"),
        ("https://elsewhere.example/cases/1/", "/"),
        ("http://testserver.elsewhere.example/", "/"),
        ("javascript:alert(1)", "/"),
        ("", "/"),
    ],
)
def test_a_stale_form_leads_back_to_its_own_page_only(sender: str, back: str) -> None:
    stale = Client(enforce_csrf_checks=True, headers={"Referer": sender})
    assert f'href="{back}"' in stale.post("/accounts/login/").content.decode()
    told = stale.post("/accounts/login/", headers={"Accept": "application/json"})
    assert (told.status_code, told.json()["code"]) == (403, "signed_out")


@pytest.mark.django_db
def test_whoever_is_signed_out_at_a_form_comes_back_to_its_page(client: Client) -> None:
    case = "/cases/0190f5fe-7c00-7000-8000-000000000000/"
    sent = client.post(f"{case}read/draft/", headers={"Referer": f"http://testserver{case}"})
    assert sent.headers["Location"] == f"/accounts/login/?next={case}"


@pytest.mark.django_db
def test_sign_in_offers_no_sign_up(client: Client) -> None:
    text = client.get("/accounts/login/").content.decode()
    assert "/accounts/signup/" not in text
    assert 'autocomplete="current-password"' in text


@pytest.mark.django_db
@override_settings(ROOT_URLCONF="skinclinic.urls")
def test_styleguide_is_not_served_outside_development(client: Client) -> None:
    assert not settings.DEBUG
    assert client.get("/styleguide/").status_code == 404


@pytest.mark.django_db
@pytest.mark.urls(__name__)
def test_styleguide_shows_all_components(client: Client) -> None:
    answer = client.get("/styleguide/")
    assert answer.status_code == 200
    for part in (b"patient-banner", b"ai-card", b"body-region", b"upload-row", b"field-error"):
        assert part in answer.content
