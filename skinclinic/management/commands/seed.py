"""Loads what a start needs: the vocabulary, the shipped model, and into an empty database the demo story."""

import secrets
import sys
from pathlib import Path
from typing import Any

import environ
from django.conf import settings
from django.core.management.base import BaseCommand, CommandError, CommandParser

from cases.demo import story
from cases.vocabulary import conditions
from inference import promotion, registry
from inference.bundle import BundleError
from inference.models import ModelState, ModelVersion

WORDS = ("amber", "birch", "cedar", "dune", "ember", "fjord", "grove", "heron", "iris", "linden", "maple", "pine")


class Command(BaseCommand):
    help = __doc__

    def add_arguments(self, parser: CommandParser) -> None:
        parser.add_argument("--no-demo", action="store_true", help="never load the demo story")

    def handle(self, *args: Any, no_demo: bool, **options: Any) -> None:
        added = conditions.load_vocabulary()
        if added:
            self.stdout.write(f"Vocabulary: {added} conditions.")
        self._load_model()
        if not no_demo and story.is_empty():
            story.tell(demo_password(), self._progress)
            self.stdout.write("\nDemo story written.")

    def _load_model(self) -> None:
        """Registers the shipped bundle, and activates it only where nothing was active before."""
        try:
            version = registry.register(settings.SHIPPED_BUNDLE)
        except (BundleError, registry.RegistryError) as error:
            raise CommandError(f"The shipped model cannot be loaded: {error}") from error
        if not ModelVersion.objects.filter(state=ModelState.ACTIVE).exists():
            promotion.promote(version.name, reason="Shipped with the program.", by="seed")
            self.stdout.write(f"Model: {version.name} is active.")

    def _progress(self, done: int, total: int) -> None:
        if sys.stdout.isatty():
            self.stdout.write(f"\rDemo story: case {done} of {total}", ending="")
            self.stdout.flush()


def demo_password_file() -> Path:
    return settings.VAR / "demo_password"


def demo_password() -> str:
    """The password of the demo logins: from DEMO_PASSWORD, else drawn once into `var/`, for the owner's eyes only.

    A fixed one would open every clinic that went live with its demo people still in place.
    """
    if given := environ.Env().str("DEMO_PASSWORD", default=""):
        return given
    path = demo_password_file()
    if not path.exists():
        path.parent.mkdir(parents=True, exist_ok=True)
        path.touch(mode=0o600)
        words = "-".join(secrets.choice(WORDS) for _ in range(3))
        path.write_text(f"{words}-{secrets.randbelow(9000) + 1000}\n")
    return path.read_text().strip()
