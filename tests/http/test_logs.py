"""Every line of a request says whose request it is, and which."""

import json
import logging
from collections.abc import Iterator
from io import StringIO

import pytest

from tests.support.app import House
from webapp import db, logs


@pytest.fixture
def lines() -> StringIO:
    return StringIO()


@pytest.fixture(autouse=True)
def _written(house: House, lines: StringIO) -> Iterator[None]:
    """After the house, which sets up logging anew."""
    handler = logging.StreamHandler(lines)
    handler.setFormatter(logs.JsonFormatter())
    logging.getLogger().addHandler(handler)
    yield
    logging.getLogger().removeHandler(handler)


def written(lines: StringIO) -> list[dict[str, object]]:
    return [json.loads(line) for line in lines.getvalue().splitlines()]


def test_each_line_of_a_request_names_the_request_and_the_actor(
    house: House, lines: StringIO, monkeypatch: pytest.MonkeyPatch
) -> None:
    api = house.api("uploader")

    def fail(*_: object, **__: object) -> None:
        raise RuntimeError("the disk is on fire")

    monkeypatch.setattr(type(house.services.listing), "list", fail)
    answer = api.get("/api/file-storage/files", headers={"X-Request-ID": "mine-1"})
    assert answer.status_code == 500
    found = [line for line in written(lines) if line.get("request_id") == "mine-1"]
    assert {line["logger"] for line in found} >= {"webapp.http.errors", "webapp.access"}
    assert {line.get("actor") for line in found} == {"uploader"}


def test_the_next_request_of_the_thread_is_not_taken_for_the_last_one_s(house: House, lines: StringIO) -> None:
    house.api("uploader").get("/api/me")
    house.api().get("/api/me", headers={"X-Request-ID": "nobody-1"})
    found = [line for line in written(lines) if line.get("request_id") == "nobody-1"]
    assert found
    assert all("actor" not in line for line in found)


def test_what_happens_outside_of_requests_names_nobody(house: House, lines: StringIO) -> None:
    logs.actor.set(None)
    logs.request_id.set(None)
    with house.app.app_context(), db.read():
        logging.getLogger("webapp.jobs").warning("a task failed", extra={"task": "recover"})
    [line] = [each for each in written(lines) if each["logger"] == "webapp.jobs"]
    assert (line["task"], "actor" in line, "request_id" in line) == ("recover", False, False)
