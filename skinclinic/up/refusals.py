"""What stops a start, in one sentence each."""

import contextlib
import errno
import shutil
import socket
from pathlib import Path

from skinclinic.bootstrap import Refused

# Room for the database, the logs and a day of photos.
ROOM_MEGABYTES = 200


def free_port(host: str, port: int) -> None:
    """Raise `Refused` when nobody could listen on `host` and `port`."""
    if not 0 < port < 65536:
        raise Refused(f"{port} is not a port: choose one between 1 and 65535, for example `--port 8000`.")
    try:
        _listen(host, port)
    except socket.gaierror:
        raise Refused(f"{host} is not an address of this machine: try `--host 127.0.0.1`.") from None
    except OSError as error:
        raise Refused(_about_listening(error, host, port)) from None


def _about_listening(error: OSError, host: str, port: int) -> str:
    if error.errno == errno.EADDRINUSE:
        others = (other for other in range(port + 1, min(port + 20, 65536)) if _is_free(host, other))
        hint = f"--port {next(others, 8000)}"
        return f"Port {port} is taken by another program: start with `{hint}`, or end that program."
    if error.errno == errno.EACCES:
        return f"Port {port} is reserved for the superuser: start with `--port 8000`."
    return f"{host} is not an address of this machine ({error.strerror}): try `--host 127.0.0.1`."


def some_room(folder: Path) -> None:
    """Raise `Refused` when the disk is so full that the database could not be written."""
    free = shutil.disk_usage(folder).free // 2**20
    if free < ROOM_MEGABYTES:
        raise Refused(
            f"The disk that holds {folder} has {free} MB free and at least {ROOM_MEGABYTES} MB are needed: "
            "free some space and start again."
        )


def _is_free(host: str, port: int) -> bool:
    with contextlib.suppress(OSError):
        _listen(host, port)
        return True
    return False


def _listen(host: str, port: int) -> None:
    family, kind, protocol, _, address = socket.getaddrinfo(host, port, type=socket.SOCK_STREAM)[0]
    with socket.socket(family, kind, protocol) as probe:
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        probe.bind(address)
        probe.listen(1)
