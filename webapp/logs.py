"""Structured logging: one line per record, text for people or JSON for machines."""

import json
import logging
import logging.config
import threading
import time
from collections.abc import Hashable
from contextvars import ContextVar
from datetime import UTC, datetime
from typing import Any

from webapp.contracts.errors import StowageError

request_id: ContextVar[str | None] = ContextVar("request_id", default=None)
"""Id of the request this thread is working on; stands in every record."""
actor: ContextVar[str | None] = ContextVar("actor", default=None)
"""Name of the account whose request it is, once that is known; stands in every record."""

_STANDARD = frozenset(vars(logging.makeLogRecord({}))) | {"message", "asctime", "taskName"}


def configure(log_format: str = "text", level: str = "INFO") -> None:
    """Send all logging of this process to standard error in one format."""
    logging.config.dictConfig(settings(log_format, level))


def settings(log_format: str, level: str) -> dict[str, Any]:
    """The ``logging.config`` dictionary; gunicorn's own loggers follow it too."""
    formatter = "webapp.logs.JsonFormatter" if log_format == "json" else "webapp.logs.TextFormatter"
    quiet = {"level": level, "handlers": ["stderr"], "propagate": False}
    return {
        "version": 1,
        "disable_existing_loggers": False,
        "formatters": {"lines": {"()": formatter}},
        "handlers": {"stderr": {"class": "logging.StreamHandler", "formatter": "lines"}},
        "root": {"level": level, "handlers": ["stderr"]},
        "loggers": {
            "gunicorn.error": quiet,
            "gunicorn.access": {**quiet, "level": "CRITICAL"},
            "alembic": {**quiet, "level": "WARNING"},
            # With DEBUG these write down what is uploaded, and signatures that open it.
            **{
                name: {"level": _at_least_warning(level)}
                for name in ("botocore", "boto3", "huey", "s3transfer", "urllib3")
            },
        },
    }


class Rarely:
    """For what is found again and again: so that the log says it once in so many seconds, for each reason."""

    def __init__(self, seconds: float) -> None:
        """Begin with nothing said."""
        self._seconds = seconds
        self._said: dict[Hashable, float] = {}
        self._lock = threading.Lock()

    def is_due(self, what: Hashable, failure: BaseException | None = None) -> bool:
        """Whether to say it now; whoever asks then says it. A failure of another kind is another reason."""
        reason = (what, type(failure), str(failure.data.get("cause")) if isinstance(failure, StowageError) else "")
        now = time.monotonic()
        with self._lock:
            self._said = {each: at for each, at in self._said.items() if now - at < self._seconds}
            return self._said.setdefault(reason, now) == now


class JsonFormatter(logging.Formatter):
    """One JSON object per record; ``extra`` values become members."""

    def format(self, record: logging.LogRecord) -> str:
        """Return the line for ``record``."""
        line = _fields(record)
        if record.exc_info:
            line["exception"] = self.formatException(record.exc_info)
        return json.dumps(line, default=str, ensure_ascii=False)


class TextFormatter(logging.Formatter):
    """``time level logger message key=value …``."""

    def format(self, record: logging.LogRecord) -> str:
        """Return the line for ``record``; control characters are escaped, and further lines are indented."""
        fields = _fields(record)
        head = f"{fields.pop('time')} {fields.pop('level'):<7} {fields.pop('logger')}: {_plain(fields.pop('message'))}"
        line = " ".join([head, *(f"{name}={_plain(value)}" for name, value in fields.items())])
        if not record.exc_info:
            return line
        trace = self.formatException(record.exc_info).split("\n")
        return "\n".join([line, *(f"    {_escaped(each)}" for each in trace)])


def _fields(record: logging.LogRecord) -> dict[str, Any]:
    fields: dict[str, Any] = {
        "time": datetime.fromtimestamp(record.created, UTC).isoformat(timespec="milliseconds"),
        "level": record.levelname,
        "logger": record.name,
        "message": record.getMessage(),
    }
    if current := request_id.get():
        fields["request_id"] = current
    if who := actor.get():
        fields["actor"] = who
    fields.update((name, value) for name, value in vars(record).items() if name not in _STANDARD)
    return fields


def _plain(value: object) -> str:
    """No line of the log is made by whoever names a file."""
    text = str(value)
    return text if text.isprintable() else text.encode("unicode_escape").decode("ascii")


def _escaped(line: str) -> str:
    """The same for a line that has to stay readable: errors quote what stores and clients say."""
    return "".join(each if each.isprintable() else each.encode("unicode_escape").decode("ascii") for each in line)


def _at_least_warning(level: str) -> str:
    return level if logging.getLevelNamesMapping().get(level, 0) > logging.WARNING else "WARNING"
