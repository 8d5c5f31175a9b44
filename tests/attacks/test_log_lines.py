"""Whoever is quoted in the log writes no lines of it, and what goes over the wire is not in it."""

import json
import logging
import sys

import pytest

from webapp import logs

FORGED = "no\n2026-01-01T00:00:00.000+00:00 INFO    webapp.access: request user=root\r\x1b[31m\x9b31m\u2028x"


def record(text: str) -> logging.LogRecord:
    def fail() -> None:
        raise ValueError(text) from KeyError(text)

    try:
        fail()
    except ValueError:
        return logging.LogRecord("webapp.x", logging.ERROR, "x.py", 1, "failed: %s", (text,), sys.exc_info())


def test_each_line_of_an_error_is_marked() -> None:
    lines = logs.TextFormatter().format(record(FORGED)).split("\n")
    assert len(lines) > 5
    assert all(line.startswith("    ") for line in lines[1:])
    assert all(line.isprintable() for line in lines)
    assert any("\\x1b[31m\\x9b31m\\u2028x" in line for line in lines[1:])


def test_an_error_stays_readable() -> None:
    written = logs.TextFormatter().format(record("größer"))
    assert "ValueError: größer" in written
    assert "\n    Traceback (most recent call last):\n" in written


def test_json_is_one_line_as_ever() -> None:
    written = logs.JsonFormatter().format(record(FORGED))
    assert "\n" not in written
    assert FORGED in json.loads(written)["exception"]


@pytest.mark.parametrize(
    ("level", "expected"), [("DEBUG", "WARNING"), ("INFO", "WARNING"), ("WARNING", "WARNING"), ("ERROR", "ERROR")]
)
@pytest.mark.parametrize("name", ["botocore", "boto3", "s3transfer", "urllib3"])
def test_libraries_do_not_write_down_what_they_send(name: str, level: str, expected: str) -> None:
    assert logs.settings("text", level)["loggers"][name] == {"level": expected}
