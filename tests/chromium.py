"""Where Debian's Chromium is and how it is started: as root, without a GPU, and without calls to elsewhere."""

import os
import shutil

SHELL = "chromium-headless-shell"  # the same without the parts that draw a window: a quarter less of the processor
WHOLE = ("chromium", "chromium-browser", "google-chrome")
ARGUMENTS = [
    "--no-sandbox",
    "--disable-gpu",
    "--disable-quic",
    "--no-first-run",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
]


def path(*, whole: bool = False) -> str | None:
    """The path of a Chromium on this machine, rather the one that people use if `whole`; CHROMIUM names another."""
    if named := os.environ.get("CHROMIUM"):
        return named
    names = (*WHOLE, SHELL) if whole else (SHELL, *WHOLE)
    return next((found for name in names if (found := shutil.which(name))), None)
