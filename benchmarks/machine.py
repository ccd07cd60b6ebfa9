"""What the figures were measured on, and whether the machine was idle enough to measure on it."""

import importlib.metadata
import os
import platform
import subprocess
import tempfile
import time
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

ROOT = Path(__file__).resolve().parent.parent
PACKAGES = ("Django", "celery", "gunicorn", "onnxruntime", "Pillow", "numpy", "psycopg", "keras", "tensorflow-cpu")
# Of all cores together; a desktop with nothing to do stays below.
BUSY_SHARE = 0.10
LOOK_SECONDS = 3.0


@dataclass(frozen=True)
class Load:
    """How busy the processor is with other programs."""

    busy_share: float | None  # 0-1 of all cores over LOOK_SECONDS; None where the system does not say
    averages: tuple[float, float, float]  # over 1, 5 and 15 minutes

    @property
    def is_busy(self) -> bool:
        if self.busy_share is None:
            return self.averages[0] > 0.5
        return self.busy_share > BUSY_SHARE

    @property
    def sentence(self) -> str:
        share = f"{self.busy_share:.0%} busy" if self.busy_share is not None else f"under load {self.averages[0]:.1f}"
        return f"The machine is {share} with other programs, so nothing measured now would mean anything."


def load() -> Load:
    """Looks for LOOK_SECONDS."""
    before = _ticks()
    time.sleep(LOOK_SECONDS)
    after = _ticks()
    share = None
    if before and after and after[1] > before[1]:
        share = (after[0] - before[0]) / (after[1] - before[1])
    return Load(share, os.getloadavg())


def _ticks() -> tuple[int, int] | None:
    """Busy and all ticks of the processor since its start (proc(5), /proc/stat); time stolen by a host is busy."""
    try:
        fields = [int(each) for each in Path("/proc/stat").read_text().splitlines()[0].split()[1:9]]
    except OSError:
        return None
    return sum(fields) - fields[3] - fields[4], sum(fields)


def facts(before: Load) -> dict[str, Any]:
    """For the JSON file: everything without which a figure cannot be compared with another."""
    return {
        "measured_at": datetime.now(UTC).isoformat(timespec="seconds"),
        "commit": _said("git", "rev-parse", "--short=12", "HEAD") + ("+" if _said("git", "status", "--short") else ""),
        "cores": len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count(),
        "processor": _processor(),
        "memory_gb": round(os.sysconf("SC_PHYS_PAGES") * os.sysconf("SC_PAGE_SIZE") / 2**30, 1),
        "system": f"{platform.system()} {platform.release()}",
        "busy_share_before": None if before.busy_share is None else round(before.busy_share, 3),
        "load_before": [round(each, 2) for each in before.averages],
        "load_after": [round(each, 2) for each in os.getloadavg()],
        "flush_ms": round(_flush_ms(), 3),
        "services": services(),
        "versions": {"Python": platform.python_version()} | {name: _version(name) for name in PACKAGES},
    }


def services() -> str:
    """Which pair of database and broker the environment chooses."""
    database = "PostgreSQL" if os.environ.get("DATABASE_URL", "").startswith("postgres") else "SQLite"
    return f"{database} and {'Redis' if os.environ.get('REDIS_URL') else 'embedded Valkey'}"


def _processor() -> str:
    try:
        lines = Path("/proc/cpuinfo").read_text().splitlines()
    except OSError:
        return platform.processor() or platform.machine()
    return next((line.partition(":")[2].strip() for line in lines if line.startswith("model name")), platform.machine())


def _flush_ms() -> float:
    """What it costs to be sure that 4 KB are on the disk, where photos and database would be: the median of 15."""
    spent = []
    with tempfile.TemporaryFile(dir=os.environ.get("VAR_DIR") or None) as file:
        for _ in range(15):
            file.write(b"\0" * 4096)
            file.flush()
            began = time.perf_counter()
            os.fsync(file.fileno())
            spent.append(1000 * (time.perf_counter() - began))
    return sorted(spent)[len(spent) // 2]


def _version(name: str) -> str:
    try:
        return importlib.metadata.version(name)
    except importlib.metadata.PackageNotFoundError:
        return "-"


def _said(*command: str) -> str:
    try:
        return subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=False).stdout.strip()
    except OSError:
        return ""
