import argparse
import sys
from typing import Any

from django.core.management.base import BaseCommand

from skinclinic import testing


class Command(BaseCommand):
    help = "Run the test suite: pytest, on two processes, with whatever arguments you give it."
    requires_system_checks: list[str] = []

    def add_arguments(self, parser: argparse.ArgumentParser) -> None:
        parser.add_argument("arguments", nargs=argparse.REMAINDER, help="arguments for pytest")

    def run_from_argv(self, argv: list[str]) -> None:
        # Everything after `test` belongs to pytest, options that Django knows included.
        if argv[2:3] in (["--help"], ["-h"]):
            self.print_help(argv[0], argv[1])
            return
        sys.exit(testing.run(argv[2:]))

    def handle(self, *args: Any, **options: Any) -> None:
        sys.exit(testing.run(options["arguments"]))
