#!/usr/bin/env python3
"""The one door: `python3 manage.py up` on a bare machine, and every other command.

Written so that an old Python can read it far enough to say that it is too old.
"""

import os
import sys

if sys.version_info < (3, 11):  # noqa: UP036 - the sentence is for exactly those who run an older one
    sys.exit(
        "skinclinic needs Python 3.11 or newer and this is %d.%d: install a newer one "  # noqa: UP031
        "and start again with it, for example `python3.11 manage.py up`." % sys.version_info[:2]
    )


def main():
    from skinclinic import bootstrap

    arguments = sys.argv[1:]
    bootstrap.enter(arguments)
    if arguments[:1] == ["up"] and not {"--prepare", "--help", "-h"} & set(arguments):
        # The parent of all parts stays small: it never loads Django.
        from skinclinic.up.supervisor import main as up

        sys.exit(up(arguments[1:]))

    os.environ.setdefault("DJANGO_SETTINGS_MODULE", "skinclinic.settings")
    from django.core.management import execute_from_command_line

    execute_from_command_line(sys.argv)


if __name__ == "__main__":
    main()
