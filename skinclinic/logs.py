"""Structured logs. Events carry ids and durations, never patient data.

`django.request` logs the path of a failing request; paths hold random ids only, and search terms travel in
query strings that Django does not log. Database errors quote the rows that they are about (PostgreSQL's "Failing row
contains …"), so of these only what they broke is logged. At DEBUG, libraries would tell what they work on.
"""

import sys
from collections.abc import Iterator, MutableMapping
from typing import Any

import structlog

_SHARED: list[Any] = [
    structlog.contextvars.merge_contextvars,
    structlog.stdlib.add_log_level,
    structlog.stdlib.add_logger_name,
    structlog.processors.TimeStamper(fmt="iso", utc=True),
]
# What these say below this level is about the records they work on: templates print what is in reach when a variable
# is missing, fonts and PDFs the letters of a name, Pillow the tags of a photo, boto3 requests with their signatures.
_KEPT_QUIET = {
    "django.template": "INFO",
    "django.db.backends": "INFO",
    "fontTools": "CRITICAL",
    "fpdf": "CRITICAL",
    "PIL": "INFO",
    "boto3": "INFO",
    "botocore": "INFO",
    "s3transfer": "INFO",
    "celery": "WARNING",
}
_render = structlog.processors.ExceptionRenderer()


def configuration(*, json: bool, level: str) -> dict[str, Any]:
    """The `LOGGING` dictionary; `json=True` writes one JSON object a line, for log collectors."""
    structlog.configure(
        processors=[*_SHARED, structlog.stdlib.ProcessorFormatter.wrap_for_formatter],
        logger_factory=structlog.stdlib.LoggerFactory(),
        cache_logger_on_first_use=True,
    )
    renderer = structlog.processors.JSONRenderer() if json else structlog.dev.ConsoleRenderer(colors=False)
    return {
        "version": 1,
        "disable_existing_loggers": False,
        "formatters": {
            "structured": {
                "()": structlog.stdlib.ProcessorFormatter,
                "foreign_pre_chain": _SHARED,
                "processors": [
                    structlog.stdlib.ProcessorFormatter.remove_processors_meta,
                    without_rows,
                    renderer,
                ],
            }
        },
        "handlers": {"console": {"class": "logging.StreamHandler", "formatter": "structured"}},
        "root": {"handlers": ["console"], "level": level},
        "loggers": {
            "django": {"handlers": [], "level": level, "propagate": True},
            "django.server": {"handlers": [], "level": level, "propagate": True},
            **{name: {"level": _higher(least, level)} for name, least in _KEPT_QUIET.items()},
        },
    }


def without_rows(logger: Any, method: str, event: MutableMapping[str, Any]) -> MutableMapping[str, Any]:
    """A structlog processor: exceptions as text, in which database errors name what they broke and quote no row."""
    told = event.get("exc_info")
    # An exception, what sys.exc_info() gives, or True for the one that is handled just now.
    error = told if isinstance(told, BaseException) else (told if isinstance(told, tuple) else sys.exc_info())[1]
    event = _render(logger, method, event)
    for each in _chain(error if told else None):
        if not hasattr(each, "diag") or not str(each):
            continue
        broke = f"({each.diag.constraint_name or each.diag.table_name or each.diag.sqlstate or 'no details'})"
        # Celery repeats an exception in its sentence.
        for place in {"event", "exception"} & set(event):
            for quoted in (str(each), repr(str(each))[1:-1]):
                event[place] = str(event[place]).replace(quoted, broke)
    return event


def _chain(error: BaseException | None) -> Iterator[BaseException]:
    """An exception and those that it came from."""
    seen: set[int] = set()
    waiting = [error]
    while waiting:
        each = waiting.pop()
        if each is not None and id(each) not in seen:
            seen.add(id(each))
            yield each
            waiting += [each.__cause__, each.__context__, *getattr(each, "exceptions", ())]


def _higher(least: str, level: str) -> str:
    order = ["NOTSET", "DEBUG", "INFO", "WARNING", "ERROR", "CRITICAL"]
    return max(least, level.upper(), key=lambda name: order.index(name) if name in order else 0)
