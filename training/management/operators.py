"""Who runs a command."""

import getpass


def operator() -> str:
    """As the operating system knows them, for logs; containers may know nobody."""
    try:
        return f"{getpass.getuser()} (command line)"
    except (KeyError, OSError):
        return "unknown (command line)"
