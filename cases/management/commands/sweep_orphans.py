from datetime import timedelta

from django.core.management.base import BaseCommand, CommandParser

from cases.photo import intake


class Command(BaseCommand):
    help = "Removes photo files that no record names, left behind by a crash while a photo was taken in."

    def add_arguments(self, parser: CommandParser) -> None:
        parser.add_argument("--hours", type=float, default=24, help="how old a file must be (default: 24)")

    def handle(self, *args: object, hours: float, **options: object) -> None:
        removed = intake.sweep_orphans(timedelta(hours=hours))
        self.stdout.write(f"{removed} orphaned file{'s' if removed != 1 else ''} removed.")
