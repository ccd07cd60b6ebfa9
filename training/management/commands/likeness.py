"""`likeness --data DIR`: how well near-duplicates are noticed, and how often other photos are taken for one."""

from pathlib import Path

from django.core.management.base import BaseCommand, CommandError, CommandParser

from training.data.datasets import DataError, load
from training.photo_checks import likeness
from training.progress import ConsoleReport


class Command(BaseCommand):
    help = "Measure on the photos of a folder how well a photo is known again that was changed a little."

    def add_arguments(self, parser: CommandParser) -> None:
        parser.add_argument("--data", type=Path, required=True, help="SPLIT/CLASS/photo.jpg or CLASS/photo.jpg")

    def handle(self, *args, **options) -> None:
        try:
            result = likeness.measure(load(options["data"]), ConsoleReport())
        except (DataError, OSError) as error:
            raise CommandError(str(error)) from error
        for reach, count in result["taken_for_another"].items():
            self.stdout.write(f"Within {reach} bits: {count} of {result['pairs']} pairs of different lesions.")
        for name, reaches in result["known_again"].items():
            shares = "  ".join(
                f"{reach} bits {rate['share']:.3f} ({rate['ci'][0]:.3f}-{rate['ci'][1]:.3f})"
                for reach, rate in reaches.items()
            )
            self.stdout.write(f"{name:<26} n = {result['n']}  within {shares}")
