"""The parts around the queue while what they stand on fails: the cache's server, the system clock."""

import time
from datetime import timedelta

import pytest
from allauth.mfa.totp.internal import auth as totp
from celery import Celery
from django.core.cache import caches
from django.core.cache.backends.redis import RedisCache

from skinclinic.beat import EvenScheduler
from skinclinic.cache import StandInCache
from tests.ops.running import free_port


@pytest.fixture
def no_cache_server(settings, monkeypatch: pytest.MonkeyPatch) -> None:
    """As settings.py has it with REDIS_URL, and nobody answers there."""
    away = {"LOCATION": f"redis://127.0.0.1:{free_port()}/0"}
    settings.CACHES = {
        "default": {"BACKEND": "skinclinic.cache.StandInCache", **away},
        "shared": {"BACKEND": "skinclinic.cache.SharedCache", **away},
    }
    monkeypatch.setattr(StandInCache, "_away_until", 0.0)
    caches["default"].stand_in.clear()


@pytest.mark.usefixtures("no_cache_server")
def test_each_process_counts_by_itself_while_the_caches_server_is_down(monkeypatch: pytest.MonkeyPatch) -> None:
    cache = caches["default"]
    assert (cache.get("seen"), cache.add("seen", 1), cache.add("seen", 1)) == (None, True, False)
    assert (cache.incr("seen"), cache.get("seen"), cache.has_key("seen")) == (2, 2, True)
    assert (cache.set_many({"more": 3}), cache.get_many(["seen", "more"])) == ([], {"seen": 2, "more": 3})
    assert (cache.delete("seen"), cache.get("seen", "default")) == (True, "default")
    # Back again after a while: what was counted meanwhile is forgotten.
    monkeypatch.setattr(RedisCache, "get", lambda self, key, *_, **__: f"{key} of the server")
    assert cache.get("more") == 3
    monkeypatch.setattr(StandInCache, "_away_until", 0.0)
    assert cache.get("more") == "more of the server"
    # A mark for other processes is none in the memory of this one.
    assert (caches["shared"].add("mark", 1), caches["shared"].delete("mark")) == (False, False)


@pytest.mark.usefixtures("no_cache_server")
def test_people_sign_in_without_the_caches_server_and_passwords_cannot_be_guessed(alma, client) -> None:
    alma.doctor.set_password("correct-horse-battery")
    alma.doctor.save()

    def signs_in(password: str, address: str) -> int:
        form = {"login": alma.doctor.email, "password": password}
        return client.post("/accounts/login/", form, REMOTE_ADDR=address).status_code

    assert signs_in("correct-horse-battery", "192.0.2.1") == 302
    client.logout()
    for guess in range(5):
        assert signs_in(f"guess {guess}", f"192.0.2.{guess}") == 200
    # Of whatever address, and the right one too.
    assert signs_in("correct-horse-battery", "192.0.2.9") == 200
    assert "_auth_user_id" not in client.session


@pytest.mark.usefixtures("no_cache_server")
def test_a_second_factors_code_works_once_without_the_caches_server(alma) -> None:
    secret = totp.generate_totp_secret()
    factor = totp.TOTP.activate(alma.doctor, secret)
    code = totp.format_hotp_value(totp.hotp_value(secret, next(totp.yield_hotp_counters_from_time())))
    assert factor.validate_code(code)
    assert not factor.validate_code(code)


@pytest.mark.usefixtures("no_cache_server")
def test_the_api_keeps_its_limit_without_the_caches_server(alma, sign_in, settings) -> None:
    settings.API_REQUESTS_PER_MINUTE = 2
    client = sign_in(alma.doctor)
    answers = [client.get("/api/v1/me/").status_code for _ in range(6)]  # six, in case a minute turns over
    assert answers[:2] == [200, 200]
    assert 429 in answers


class _Clocks:
    """Both of a machine: the even one, and the time of day that people set."""

    def __init__(self, monkeypatch: pytest.MonkeyPatch) -> None:
        self.even, self.day = 100.0, time.time()
        monkeypatch.setattr("skinclinic.beat.time.monotonic", lambda: self.even)
        monkeypatch.setattr("time.time", lambda: self.day)

    def pass_by(self, seconds: float) -> None:
        self.even += seconds
        self.day += seconds


def test_sweeps_come_evenly_whatever_happens_to_the_time_of_day(monkeypatch: pytest.MonkeyPatch) -> None:
    clocks = _Clocks(monkeypatch)
    app = Celery("even", broker="memory://", set_as_current=False)
    app.conf.beat_schedule = {
        "often": {"task": "often", "schedule": 15.0},
        "seldom": {"task": "seldom", "schedule": timedelta(minutes=1)},
    }
    scheduler = EvenScheduler(app)
    sent: list[str] = []
    monkeypatch.setattr(scheduler, "apply_entry", lambda entry, producer=None: sent.append(entry.name))
    monkeypatch.setattr(EvenScheduler, "producer", None)

    assert scheduler.tick() == pytest.approx(15)
    assert sorted(sent) == ["often", "seldom"]
    assert scheduler.tick() == pytest.approx(15)
    for jump in (0, -3600, 3600, 0):
        clocks.day += jump
        clocks.pass_by(15)
        scheduler.tick()
    # Which of two that are due at the same moment comes first does not matter.
    assert sent[2:5] == ["often"] * 3
    assert sorted(sent[5:]) == ["often", "seldom"]


def test_a_daily_job_comes_an_hour_after_the_start_and_then_daily(monkeypatch: pytest.MonkeyPatch) -> None:
    clocks = _Clocks(monkeypatch)
    app = Celery("daily", broker="memory://", set_as_current=False)
    app.conf.beat_schedule = {"daily": {"task": "daily", "schedule": 24 * 3600.0}}
    scheduler = EvenScheduler(app)
    sent: list[float] = []
    monkeypatch.setattr(scheduler, "apply_entry", lambda entry, producer=None: sent.append(clocks.even))
    monkeypatch.setattr(EvenScheduler, "producer", None)

    assert scheduler.tick() == pytest.approx(3600)
    for hour in range(26):
        clocks.pass_by(3600)
        scheduler.tick()
        assert len(sent) == (2 if hour >= 24 else 1)
