import subprocess
from typing import Any

from django.core.management.base import BaseCommand, CommandError

from skinclinic.bootstrap import LAYERS, ROOT

# Beside the layers: for those who keep photos in object storage.
OBJECT_STORAGE = "requirements-s3.txt"


class Command(BaseCommand):
    help = "Write the lock files, smallest layer first, from requirements*.in: every package pinned by hash."
    requires_system_checks: list[str] = []

    def add_arguments(self, parser: Any) -> None:
        parser.add_argument("--upgrade", action="store_true", help="to the newest releases the .in files allow")

    def handle(self, *, upgrade: bool, **options: Any) -> None:
        for layer in (LAYERS[0], OBJECT_STORAGE, *LAYERS[1:]):
            self.stdout.write(f"Locking {layer}")
            command = ["uv", "pip", "compile", "--universal", "--python-version", "3.11", "--generate-hashes"]
            command += ["--no-header", "--quiet", *(["--upgrade"] if upgrade else [])]
            command += [layer.replace(".txt", ".in"), "-o", layer]
            finished = subprocess.run([_beside_python(command[0]), *command[1:]], cwd=ROOT, check=False)  # noqa: S603
            if finished.returncode:
                raise CommandError(f"{layer} was not written: the lines above say why.")


def _beside_python(name: str) -> str:
    import sysconfig

    return f"{sysconfig.get_path('scripts')}/{name}"
