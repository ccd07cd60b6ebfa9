"""Lists the registered models, promotes one, or rolls back to the one before."""

import getpass
import json
from typing import Any

from django.core.management.base import BaseCommand, CommandError, CommandParser

from inference import registry
from inference.models import ModelVersion

# The figures worth a column; a bundle that lacks one shows a dash.
_FIGURES = ("accuracy", "balanced_accuracy", "malignant_auc")


class Command(BaseCommand):
    help = __doc__

    def add_arguments(self, parser: CommandParser) -> None:
        wish = parser.add_subparsers(dest="wish", required=True, metavar="list | promote NAME | rollback")
        listing = wish.add_parser("list", help="every registered model, the newest first")
        listing.add_argument("--json", action="store_true", help="for programs")
        promote = wish.add_parser("promote", help="make a model the active one")
        promote.add_argument("name")
        promote.add_argument(
            "--uncompared", action="store_true", help="without a comparison that speaks for it; stands in the log"
        )
        for one in (promote, wish.add_parser("rollback", help="go back to the model before the active one")):
            one.add_argument("--reason", default="", help="stands in the log for good")

    def handle(self, *args: Any, wish: str, **options: Any) -> None:
        by = f"{_account()} (command line)"
        reason = options.get("reason") or "No reason given."
        try:
            if wish == "promote":
                self._is_active(
                    registry.promote(options["name"], reason=reason, by=by, uncompared=options["uncompared"])
                )
            elif wish == "rollback":
                self._is_active(registry.rollback(reason=reason, by=by))
            else:
                self._list(as_json=options["json"])
        except registry.RegistryError as error:
            raise CommandError(str(error)) from error

    def _is_active(self, version: ModelVersion) -> None:
        self.stdout.write(f"{version.name} is the active model. Running workers follow at their next prediction.")

    def _list(self, *, as_json: bool) -> None:
        versions = list(ModelVersion.objects.all())
        if as_json:
            rows = [
                {"name": one.name, "state": one.state, "sha256": one.sha256, "metrics": one.metrics} for one in versions
            ]
            self.stdout.write(json.dumps(rows, indent=2))
            return
        if not versions:
            self.stdout.write("No model is registered. `python manage.py train` makes one.")
            return
        width = max(len(one.name) for one in versions)
        self.stdout.write(f"{'name':{width}}  {'state':9}  registered  " + "  ".join(_FIGURES))
        for one in versions:
            figures = "  ".join(f"{_figure(one, name):>{len(name)}}" for name in _FIGURES)
            self.stdout.write(f"{one.name:{width}}  {one.state:9}  {one.created_at:%Y-%m-%d}  {figures}")


def _figure(version: ModelVersion, name: str) -> str:
    value = version.metrics.get(name)
    return f"{value:.3f}" if isinstance(value, int | float) else "-"


def _account() -> str:
    """Who runs the command, as the operating system knows them; containers may know nobody."""
    try:
        return getpass.getuser()
    except (KeyError, OSError):
        return "unknown"
