"""What links in mails begin with: a sensible default under `up`, and checks that explain and mend."""

import pytest
from django.core.checks import run_checks

from skinclinic.up import parts


def found() -> set[str]:
    ours = {"skinclinic.E006", "skinclinic.W009", "skinclinic.W010", "skinclinic.W011"}
    messages = run_checks(include_deployment_checks=True)
    assert all(each.hint and "PUBLIC_URL" in each.hint for each in messages if each.id in ours)
    return {each.id for each in messages} & ours


@pytest.mark.parametrize(
    ("url", "hosts", "https", "expected"),
    [
        ("https://skin.example", ["skin.example"], True, set()),
        ("https://skin.example", [".example"], True, set()),
        ("http://localhost:8000", ["localhost"], False, {"skinclinic.W009"}),
        ("https://skin.example", ["other.example"], True, {"skinclinic.W010"}),
        ("http://skin.example", ["skin.example"], True, {"skinclinic.W011"}),
        ("skin.example", ["skin.example"], True, {"skinclinic.E006", "skinclinic.W010"}),
    ],
)
def test_links_that_would_lead_nowhere_are_named(settings, url, hosts, https, expected):
    settings.PUBLIC_URL, settings.ALLOWED_HOSTS, settings.HTTPS = url, hosts, https
    assert found() == expected


def test_under_up_links_lead_to_where_it_answers(monkeypatch, tmp_path):
    for name in ("PUBLIC_URL", "CSRF_TRUSTED_ORIGINS"):
        monkeypatch.delenv(name, raising=False)
    assert parts.environment(tmp_path, "", "127.0.0.1", 8123)["PUBLIC_URL"] == "http://localhost:8123"
    others = parts.environment(tmp_path, "", "0.0.0.0", 8123)
    assert others["PUBLIC_URL"].removeprefix("http://").removesuffix(":8123") in others["ALLOWED_HOSTS"].split(",")
    monkeypatch.setenv("PUBLIC_URL", "https://skin.example")
    assert parts.environment(tmp_path, "", "127.0.0.1", 8123)["PUBLIC_URL"] == "https://skin.example"
    monkeypatch.setenv("PUBLIC_URL", "")
    monkeypatch.setenv("CSRF_TRUSTED_ORIGINS", "https://proxy.example")
    assert not parts.environment(tmp_path, "", "127.0.0.1", 8123)["PUBLIC_URL"]  # settings.py takes the other
