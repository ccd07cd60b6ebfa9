"""System checks, each with a hint that mends: `python manage.py check`, with `--deploy` for production.

Django runs the cheap ones before every command; those that ask the disk, the broker or the database for something
run with `check --deploy` or `check --tag services`.
"""

import importlib.util
import os
import shutil
import socket
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

from django.apps import AppConfig
from django.conf import settings
from django.core.checks import CheckMessage, Error, Tags, Warning, register
from django.http.request import validate_host

from cases.photo import files, orphans

LEAST_FREE_MEGABYTES = 1000
_Apps = Sequence[AppConfig] | None


@register()
def folders_can_be_written(app_configs: _Apps, **_: Any) -> list[CheckMessage]:
    """Everything that is written at run time goes to `VAR_DIR`, photos to `MEDIA_ROOT`, bundles to `BUNDLE_ROOT`."""
    found: list[CheckMessage] = []
    for name, folder in (
        ("VAR_DIR", settings.VAR),
        ("MEDIA_ROOT", settings.MEDIA_ROOT),
        ("BUNDLE_ROOT", settings.BUNDLE_ROOT),
    ):
        there = _nearest_existing(Path(folder))
        if not there.is_dir():
            hint = f"Remove it, or set {name} to a folder."
            found.append(Error(f"{name} is {folder}, and {there} is not a folder.", hint=hint, id="skinclinic.E001"))
        elif not os.access(there, os.W_OK | os.X_OK):
            hint = f"Give this user the folder (`sudo chown -R $(id -un) {there}`), or set {name} to another one."
            found.append(Error(f"{name} is {folder}, which this user cannot write.", hint=hint, id="skinclinic.E002"))
    return found


def _nearest_existing(folder: Path) -> Path:
    return next(path for path in (folder, *folder.parents) if path.exists())


@register()
def photos_are_private(app_configs: _Apps, **_: Any) -> list[CheckMessage]:
    """A folder inside the one for static files would be served to everyone."""
    media, static = Path(settings.MEDIA_ROOT).resolve(), Path(settings.STATIC_ROOT).resolve()
    if media == static or static in media.parents or media in static.parents:
        hint = "Set MEDIA_ROOT to a folder of its own, for example /var/lib/skinclinic/media."
        return [Error("MEDIA_ROOT and STATIC_ROOT are one inside the other.", hint=hint, id="skinclinic.E003")]
    return []


@register()
def photos_are_served_by_somebody(app_configs: _Apps, **_: Any) -> list[CheckMessage]:
    """PHOTOS_SERVED_BY and where the photos are must go together (cases/photo/files.py)."""
    by, bucket = settings.PHOTOS_SERVED_BY, settings.S3_BUCKET
    if by not in (files.APP, files.NGINX, files.STORAGE):
        return [Error(f"PHOTOS_SERVED_BY is {by}.", hint="Set it to app, nginx or storage.", id="skinclinic.E006")]
    if by == files.STORAGE and not (bucket and settings.S3_PUBLIC_URL):
        hint = "Set S3_BUCKET, and S3_PUBLIC_URL to the address at which browsers reach the storage."
        return [Error("PHOTOS_SERVED_BY is storage, and browsers cannot find it.", hint=hint, id="skinclinic.E007")]
    if by == files.NGINX and bucket:
        hint = "Set PHOTOS_SERVED_BY to app or storage, or leave S3_BUCKET empty."
        return [Error("nginx cannot send photos that lie in the bucket.", hint=hint, id="skinclinic.E008")]
    if bucket and importlib.util.find_spec("boto3") is None:
        hint = f"Install it: `{sys.executable} -m pip install --require-hashes -r requirements-s3.txt`."
        return [Error("S3_BUCKET is set, and boto3 is not installed.", hint=hint, id="skinclinic.E009")]
    return []


@register()
def the_shipped_model_is_there(app_configs: _Apps, **_: Any) -> list[CheckMessage]:
    """A checkout without its bundle can register cases, but has no opinion about them."""
    if (Path(settings.SHIPPED_BUNDLE) / "bundle.json").is_file():
        return []
    folder = Path(settings.SHIPPED_BUNDLE).relative_to(settings.BASE_DIR)
    hint = f"Restore it with `git checkout -- {folder}`."
    return [Warning("The shipped model bundle is missing.", hint=hint, id="skinclinic.W001")]


# --- Production -----------------------------------------------------------------------------------------


@register(Tags.security, deploy=True)
def the_secret_comes_from_the_environment(app_configs: _Apps, **_: Any) -> list[CheckMessage]:
    """Several machines must share one key; the one generated into `var/` belongs to this machine alone."""
    if os.environ.get("SECRET_KEY"):
        return []
    hint = "Set SECRET_KEY, for example to the output of `openssl rand -base64 60`; keep it out of the repository."
    return [
        Warning("The secret key is the one generated on this machine.", hint=hint, id="skinclinic.W002"),
    ]


@register(Tags.security, deploy=True)
def debug_is_off(app_configs: _Apps, **_: Any) -> list[CheckMessage]:
    """An error page with DEBUG shows patients' data."""
    if not settings.DEBUG:
        return []
    hint = "Remove DEBUG from the environment, or set it to 0."
    return [Error("DEBUG is on: error pages would show patients' data.", hint=hint, id="skinclinic.E004")]


@register(Tags.security, deploy=True)
def pages_travel_encrypted(app_configs: _Apps, **_: Any) -> list[CheckMessage]:
    """Without HTTPS, sessions and patients' data can be read on the way."""
    found: list[CheckMessage] = []
    if not settings.HTTPS:
        hint = "Put a TLS proxy in front that sets X-Forwarded-Proto, and set HTTPS=1 (docs/deployment.md)."
        found.append(Warning("HTTPS is off.", hint=hint, id="skinclinic.W003"))
    if set(settings.ALLOWED_HOSTS) <= {"localhost", "127.0.0.1", "[::1]"}:
        hint = "Set ALLOWED_HOSTS to the name that people type, for example skin.clinic.example."
        found.append(Warning("Only this machine can reach the pages.", hint=hint, id="skinclinic.W004"))
    if "*" in settings.ALLOWED_HOSTS:
        hint = "Set ALLOWED_HOSTS to the names that people type; `*` lets a forged link leave the site."
        found.append(Error("ALLOWED_HOSTS accepts every name.", hint=hint, id="skinclinic.E005"))
    return found


@register()
def links_in_mails_are_links(app_configs: _Apps, **_: Any) -> list[CheckMessage]:
    """Mails carry links alone: what happened is seen after signing in."""
    url = urlsplit(settings.PUBLIC_URL)
    if url.scheme in ("http", "https") and url.hostname:
        return []
    hint = "Set PUBLIC_URL to the address that people type, for example https://skin.clinic.example."
    return [Error(f"PUBLIC_URL is {settings.PUBLIC_URL!r}, which is no web address.", hint=hint, id="skinclinic.E006")]


@register(Tags.security, deploy=True)
def links_in_mails_lead_here(app_configs: _Apps, **_: Any) -> list[CheckMessage]:
    """A link that opens nothing leaves an urgent case unread; one without HTTPS sends a session in the clear."""
    url = urlsplit(settings.PUBLIC_URL)
    name = url.hostname or ""
    hint = "Set PUBLIC_URL to the address that people type, for example https://skin.clinic.example."
    if name in ("localhost", "127.0.0.1", "::1"):
        said = f"Links in mails begin with {settings.PUBLIC_URL}, which opens on this machine only."
        return [Warning(said, hint=hint, id="skinclinic.W009")]
    if not validate_host(f"[{name}]" if ":" in name else name, settings.ALLOWED_HOSTS):
        said = f"Links in mails begin with {settings.PUBLIC_URL}, and ALLOWED_HOSTS refuses {name}."
        return [Warning(said, hint=f"{hint} Or add {name} to ALLOWED_HOSTS.", id="skinclinic.W010")]
    if settings.HTTPS and url.scheme != "https":
        said = f"HTTPS is on, and links in mails begin with {settings.PUBLIC_URL}."
        return [Warning(said, hint=hint, id="skinclinic.W011")]
    return []


# --- Services -------------------------------------------------------------------------------------------


@register("services", deploy=True)
def there_is_room_for_photos(app_configs: _Apps, **_: Any) -> list[CheckMessage]:
    """A full disk loses the next photo, and SQLite the next write."""
    there = _nearest_existing(Path(settings.MEDIA_ROOT))
    free = shutil.disk_usage(there).free // 2**20
    if free >= LEAST_FREE_MEGABYTES:
        return []
    hint = f"Free some space, or set MEDIA_ROOT to a larger disk; at least {LEAST_FREE_MEGABYTES} MB should be free."
    return [
        Warning(f"The disk that holds {there} has {free} MB free.", hint=hint, id="skinclinic.W005"),
    ]


@register("services", deploy=True)
def the_record_knows_its_photos(app_configs: _Apps, **_: Any) -> list[CheckMessage]:
    """What the daily sweep of files without a record refused to do (cases/photo/orphans.py)."""
    doubt = orphans.doubt()
    if doubt is None:
        return []
    hint = "See that DATABASE_URL is right and the database whole; then `python manage.py sweep_orphans` says more."
    return [Warning(f"Files without a record are not swept: {doubt}.", hint=hint, id="skinclinic.W012")]


@register("services", deploy=True)
def the_broker_answers(app_configs: _Apps, **_: Any) -> list[CheckMessage]:
    """Only that something listens: a broker that is down delays predictions and loses none."""
    url = settings.REDIS_URL
    if not url:
        hint = (
            "`python3 manage.py up` starts an embedded one; elsewhere set REDIS_URL, for example redis://host:6379/0."
        )
        return [Warning("No broker is set, so predictions wait.", hint=hint, id="skinclinic.W006")]
    parts = urlsplit(url)
    where = parts.path if parts.scheme == "unix" else f"{parts.hostname}:{parts.port or 6379}"
    try:
        with socket.socket(socket.AF_UNIX if parts.scheme == "unix" else socket.AF_INET) as probe:
            probe.settimeout(2)
            probe.connect(parts.path if parts.scheme == "unix" else (parts.hostname or "", parts.port or 6379))
    except OSError as error:
        hint = "Start it, or mend REDIS_URL; predictions that wait meanwhile are sent again by themselves."
        said = f"The broker at {where} does not answer ({error.strerror or error})."
        return [Warning(said, hint=hint, id="skinclinic.W007")]
    return []


@register("services", deploy=True)
def the_database_is_for_one_machine(app_configs: _Apps, **_: Any) -> list[CheckMessage]:
    """SQLite is one file on one machine; it serves a clinic well, but not two web machines."""
    engine = settings.DATABASES["default"]["ENGINE"]
    if not engine.endswith("sqlite3"):
        return []
    hint = "For several machines set DATABASE_URL, for example postgres://user:password@host:5432/skinclinic."
    return [Warning("The database is SQLite: one machine only.", hint=hint, id="skinclinic.W008")]
