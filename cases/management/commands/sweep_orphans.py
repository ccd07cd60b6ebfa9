from datetime import timedelta

from django.core.management.base import BaseCommand, CommandError, CommandParser

from cases.photo import orphans


class Command(BaseCommand):
    help = (
        "Moves photo files that no record names aside (to images/.orphans), puts back those that a record names again, "
        "and removes those that have lain aside for long. It refuses where records seem to be missing."
    )

    def add_arguments(self, parser: CommandParser) -> None:
        parser.add_argument("--hours", type=float, default=24, help="how old a file must be (default: 24)")
        parser.add_argument(
            "--days", type=float, default=orphans.REMOVED_AFTER.days, help="how long it lies aside (default: 30)"
        )
        parser.add_argument(
            "--force", action="store_true", help="although the database seems to be the wrong one; look at it first"
        )

    def handle(self, *args: object, hours: float, days: float, force: bool, **options: object) -> None:
        try:
            swept = orphans.sweep(timedelta(hours=hours), kept_for=timedelta(days=days), force=force)
        except orphans.Doubtful as doubt:
            raise CommandError(
                f"Nothing was moved: {doubt}. Is DATABASE_URL right, and is this the newest backup? "
                "If the files are truly not wanted, say --force."
            ) from doubt
        self.stdout.write(f"Files: {swept.set_aside} moved aside, {swept.put_back} put back, {swept.removed} removed.")
