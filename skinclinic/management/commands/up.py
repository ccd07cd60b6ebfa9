import argparse
from typing import Any

from django.core.management.base import BaseCommand, CommandError

from skinclinic.up import prepare, supervisor


class Command(BaseCommand):
    help = "Start everything on this machine: web, worker, beat and, without REDIS_URL, an embedded Valkey."
    requires_system_checks: list[str] = []

    def add_arguments(self, parser: argparse.ArgumentParser) -> None:
        supervisor.add_arguments(parser)
        parser.add_argument(
            "--prepare",
            action="store_true",
            help="only migrate, load vocabulary, model and demo data (once), and collect the static files",
        )
        parser.add_argument("--no-demo", action="store_true", help="with --prepare: no demo data, whatever is there")

    def handle(self, *, port: int, host: str, no_demo: bool, **options: Any) -> None:
        if not options["prepare"]:
            # manage.py starts the supervisor itself, without Django in its memory.
            raise CommandError("start it as `python3 manage.py up`")
        try:
            prepare.run(demo=not no_demo, say=self.stdout.write)
        except prepare.Unreachable as unreachable:
            raise CommandError(str(unreachable)) from None
