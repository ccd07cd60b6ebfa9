import time

from django.core.management.base import BaseCommand

from cases.photo import measuring


class Command(BaseCommand):
    help = (
        "Measures quality and perceptual hash of photos from before these existed. "
        "It can be stopped and started again, and runs beside the service."
    )

    def handle(self, *args: object, **options: object) -> None:
        progress, said_at = measuring.Progress(0), 0.0
        for progress in measuring.measure_all():
            if time.monotonic() - said_at > 1:
                said_at = time.monotonic()
                self.stdout.write(f"{progress.measured + progress.unreadable} of {progress.total}")
        self.stdout.write(f"{progress.measured} photos measured.")
        if progress.unreadable:
            self.stdout.write(f"{progress.unreadable} could not be read; the log names them.")
