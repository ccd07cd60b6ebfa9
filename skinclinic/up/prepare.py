"""What the parts need before they start: schema, vocabulary, model, demo data, static files. Loads Django."""

from collections.abc import Callable
from pathlib import Path

from django.conf import settings
from django.core.management import call_command
from django.db import OperationalError, connection
from django.db.migrations.executor import MigrationExecutor

from accounts.models import User
from cases.demo import story
from skinclinic.management.commands import seed
from skinclinic.up import prepared


class Unreachable(Exception):
    """One sentence about a database that does not answer."""


def run(*, demo: bool, say: Callable[[str], object]) -> None:
    """Do what is missing and say each thing that was done; doing it twice changes nothing."""
    try:
        connection.ensure_connection()
    except OperationalError as error:
        raise Unreachable(_sentence(error)) from error
    waiting = _waiting_migrations()
    if waiting:
        call_command("migrate", interactive=False, verbosity=0)
        say(f"Migrated the database ({waiting} migrations)")
    call_command("seed", no_demo=not demo)
    _collect(say)
    prepared.remember(Path(settings.VAR), _demo_people())


def _demo_people() -> list[str]:
    """The demo logins that still open with the demo password, as "email (role)"."""
    people = User.objects.filter(email__in=[email for email, _, _ in story.PEOPLE], is_active=True)
    emails = {person.email for person in people if person.check_password(seed.demo_password())}
    return [f"{email} ({', '.join(roles)})" for email, _, roles in story.PEOPLE if email in emails]


def _waiting_migrations() -> int:
    executor = MigrationExecutor(connection)
    return len(executor.migration_plan(executor.loader.graph.leaf_nodes()))


def _collect(say: Callable[[str], object]) -> None:
    """Static files are collected again only when one of them, or a package, may have changed."""
    stamp = Path(settings.VAR) / "static.stamp"
    now = prepared.static_sources()
    if stamp.exists() and stamp.read_text() == now and Path(settings.STATIC_ROOT).is_dir():
        return
    # Not cleared first: while an old web process still runs, its pages name the old files.
    call_command("collectstatic", interactive=False, verbosity=0)
    stamp.write_text(now)
    say("Collected the static files")


def _sentence(error: OperationalError) -> str:
    database = connection.settings_dict
    if connection.vendor == "sqlite":
        return f"{database['NAME']} cannot be opened ({error}): check its owner and the free disk space."
    where = f"{database['HOST'] or 'the local socket'}:{database['PORT'] or 5432}"
    reason = str(error).strip().splitlines()[-1]
    return (
        f"The database {database['NAME']} at {where} does not answer ({reason}): "
        "start it, or mend DATABASE_URL, for example postgres://user:password@host:5432/skinclinic."
    )
