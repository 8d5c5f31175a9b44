"""Checks of uploads that fail, hang, or say what cannot be kept."""

import logging
import math
import threading
import time
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from typing import Any

import pytest

from tests.backends.fakes import MemoryBackend
from tests.support.app import House, incoming
from tests.support.checks import INFECTED, Stuck, Watching, saying
from webapp.contracts.backends import Bytes
from webapp.contracts.checks import UploadInfo, UploadRefusedError
from webapp.contracts.files import StoredFileOut
from webapp.models import StoredFile
from webapp.services.checks import checking, runs
from webapp.services.errors import CheckFailedError, CutUploadError

WHERE = ["begin", "feed", "finish"]


class Own(BaseException):
    """Not even an Exception."""


def uploaded(house: House, data: Iterable[bytes] = (b"hello",)) -> StoredFileOut:
    return house.services.uploads.upload(house.uploader, incoming(data)).file


def fails(house: House, data: Iterable[bytes] = (b"hello",)) -> str:
    with pytest.raises(CheckFailedError) as caught:
        uploaded(house, data)
    assert (house.count(StoredFile), house.on_disk(), house.tallies()) == (0, set(), {})
    return str(caught.value)


@contextmanager
def stuck(house: House, where: str, *, required: bool) -> Iterator[Stuck]:
    """A check that hangs, until the end of the block."""
    check = Stuck(where)
    house.services.checks.add("stuck", check, required=required)
    yield check
    check.let_go.set()
    until = time.monotonic() + 10
    while house.services.checks.overview()[0].hangs:
        assert time.monotonic() < until
        time.sleep(0.01)


# --- failing ---------------------------------------------------------------------------


@pytest.mark.parametrize("where", WHERE)
@pytest.mark.parametrize("error", [ValueError("a bug\nin two lines"), SystemExit(1), Own("odd")])
def test_while_a_required_check_fails_nothing_is_stored(inside: House, where: str, error: BaseException) -> None:
    check = Watching(**{where: error})
    inside.services.checks.add("antivirus", check)
    assert "Watching of antivirus" in fails(inside)
    [shown] = inside.services.checks.overview()
    assert (shown.plugin, shown.name, shown.required, shown.failed) == ("antivirus", "Watching", True, 1)
    assert shown.last_error == f"{type(error).__name__}: {error}".splitlines()[0]
    assert shown.last_failed_at is not None
    assert check.closed == (where != "begin")


@pytest.mark.parametrize("where", WHERE)
def test_one_that_is_not_required_is_passed_by_and_said_so(
    inside: House, where: str, caplog: pytest.LogCaptureFixture
) -> None:
    inside.services.checks.add("broken", Watching(**{where: ValueError("a bug")}), required=False)
    other = Watching({"clean": True})
    inside.services.checks.add("antivirus", other)
    with caplog.at_level(logging.WARNING):
        file = uploaded(inside, [b"a" * 4096, b"b" * 4096, b"c"])
    assert file.annotations == {"antivirus": {"clean": True}}
    assert len(other.seen) == 8193
    assert [(check.failed, check.passed) for check in inside.services.checks.overview()] == [(1, 0), (0, 1)]
    [record] = [record for record in caplog.records if "passed by" in record.message]
    assert record.exc_info
    assert vars(record)["plugin"] == "broken"
    inside.assert_consistent()


def test_one_that_is_not_required_can_refuse_all_the_same(inside: House) -> None:
    inside.services.checks.add("policy", saying(INFECTED), required=False)
    with pytest.raises(UploadRefusedError):
        uploaded(inside)


def test_a_refusal_that_cannot_be_told_is_a_failure(inside: House) -> None:
    def check(info: UploadInfo) -> None:
        raise UploadRefusedError("Not a code", "A sentence.")

    inside.services.checks.add("policy", check)
    assert "not a code" in fails(inside)


def test_an_inspector_that_cannot_be_closed_changes_no_verdict(inside: House) -> None:
    inside.services.checks.add("antivirus", Watching({"clean": True}, close=ValueError("a bug")))
    assert uploaded(inside).annotations == {"antivirus": {"clean": True}}


@pytest.mark.parametrize(
    "answer",
    [
        {"a": None},
        {"a": [1]},
        {"a": {"b": 1}},
        {"a": math.nan},
        {"a": math.inf},
        {"a": 2**53 + 1},
        {"a": "half \ud800"},
        {"a": "nul \0"},
        {"": 1},
        {"a" * 65: 1},
        {1: 1},
        {"a": "x" * 4096},
        {f"a{number}": "x" * 60 for number in range(60)},
        "text",
        7,
        True,
    ],
)
def test_an_answer_that_cannot_be_kept_is_a_failure(sqlite_house: House, answer: Any) -> None:
    with sqlite_house.app.app_context():
        sqlite_house.services.checks.add("odd", saying(answer), required=False)
        sqlite_house.services.checks.add("fine", saying({"n": 2**53}))
        assert uploaded(sqlite_house).annotations == {"fine": {"n": 2**53}}
        assert sqlite_house.services.checks.overview()[0].failed == 1
        sqlite_house.services.checks.add("required", saying(answer))
        with pytest.raises(CheckFailedError):
            uploaded(sqlite_house)


def test_all_annotations_of_a_file_have_room_together(inside: House) -> None:
    inside.services.checks.add("one", saying({"a": "x" * 3000}))
    inside.services.checks.add("two", saying({"a": "x" * 3000}), required=False)
    inside.services.checks.add("three", saying({"a": "x" * 1000}))
    assert sorted(uploaded(inside).annotations) == ["one", "three"]


def test_a_backend_that_leaves_bytes_behind_does_not_get_a_file_past_a_check(
    memory: House, monkeypatch: pytest.MonkeyPatch
) -> None:
    def put(self: MemoryBackend, key: str, chunks: Iterable[Bytes], **_: Any) -> None:
        self.store[key] = bytes(next(iter(chunks)))

    monkeypatch.setattr(MemoryBackend, "put", put)
    memory.services.checks.add("antivirus", Watching())
    with pytest.raises(CheckFailedError, match="did not take all"):
        uploaded(memory)
    assert memory.count(StoredFile) == 0


# --- hanging ---------------------------------------------------------------------------


@pytest.mark.parametrize("where", WHERE)
def test_a_required_check_that_hangs_costs_its_upload_and_some_seconds(inside: House, where: str) -> None:
    with stuck(inside, where, required=True) as check:
        began = time.monotonic()
        assert "no answer within 0.2 seconds" in fails(inside, [bytes(4096)] * 20)
        assert check.patience <= time.monotonic() - began < 5
        [shown] = inside.services.checks.overview()
        assert (shown.hung, shown.hangs, shown.passed, shown.failed) == (1, 1, 0, 0)


@pytest.mark.parametrize("where", [*WHERE, "close"])
def test_one_that_is_not_required_is_not_waited_for(inside: House, where: str) -> None:
    other = Watching({"clean": True})
    with stuck(inside, where, required=False):
        inside.services.checks.add("antivirus", other)
        assert uploaded(inside, [bytes(4096)] * 20).annotations == {"antivirus": {"clean": True}}
        assert len(other.seen) == 20 * 4096
        assert inside.services.checks.overview()[0].hangs == 1
    inside.assert_consistent()


def test_hanging_calls_are_bounded_and_the_check_is_called_again_when_they_return(
    inside: House, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(checking, "MOST_HANGING", 2)
    with stuck(inside, "finish", required=False) as check:
        before = threading.active_count()
        for _ in range(5):
            uploaded(inside)
        assert check.calls == 2
        assert threading.active_count() <= before + 2
        assert inside.services.checks.overview()[0].hung == 5
    uploaded(inside)
    assert (check.calls, inside.services.checks.overview()[0].passed) == (3, 1)


def test_only_its_own_time_counts(inside: House) -> None:
    """Neither that of a slow client, nor that of many quick calls."""

    class Quick(Watching):
        patience = 0.3

        def feed(self, chunk: bytes) -> None:
            time.sleep(0.05)
            super().feed(chunk)

    def slow() -> Iterator[bytes]:
        yield b"a" * 4096
        time.sleep(0.7)
        yield from [b"b" * 4096] * 12

    check = Quick()
    inside.services.checks.add("quick", check)
    uploaded(inside, slow())
    assert len(check.seen) == 13 * 4096


def test_an_inspector_whose_client_was_slow_and_is_gone_does_not_hang(
    inside: House, caplog: pytest.LogCaptureFixture
) -> None:
    check = Watching()
    check.patience = 0.2  # type: ignore[attr-defined]

    def sent() -> Iterator[bytes]:
        yield bytes(4096)
        time.sleep(0.5)
        raise CutUploadError("gone")

    inside.services.checks.add("antivirus", check)
    with pytest.raises(CutUploadError):
        uploaded(inside, sent())
    assert (check.closed, check.ends) == (1, [])
    assert "hangs" not in caplog.text


def test_an_inspector_that_has_not_seen_all_is_not_asked_for_a_verdict(inside: House) -> None:
    class Slow(Watching):
        def feed(self, chunk: bytes) -> None:
            time.sleep(0.1)
            super().feed(chunk)

        def finish(self, size: int, sha256: str) -> None:
            self.ends.append((size, sha256))

    slow = Slow()
    inside.services.checks.add("antivirus", Watching(finish=INFECTED))
    inside.services.checks.add("slow", slow)
    with pytest.raises(UploadRefusedError):
        uploaded(inside, [bytes(4096)] * 4)
    assert len(slow.seen) < 4 * 4096
    assert (slow.ends, slow.closed) == ([], 1)


def test_when_the_code_around_checks_fails_nothing_is_stored(inside: House) -> None:
    def broken() -> Any:
        raise RuntimeError("no context")

    inside.services.checks.add("antivirus", Watching())
    inside.services.checks.context = broken
    assert "no context" in fails(inside)


def test_when_there_are_no_threads_left_nothing_is_stored(inside: House, monkeypatch: pytest.MonkeyPatch) -> None:
    def start(call: object) -> None:
        raise RuntimeError("can't start new thread")

    inside.services.checks.add("antivirus", Watching())
    monkeypatch.setattr(runs._threads, "start", start)
    assert "can't start new thread" in fails(inside)


def test_observers_hear_how_each_ended(inside: House) -> None:
    heard: list[tuple[str, str]] = []
    inside.services.checks.observers.append(lambda plugin, outcome: heard.append((plugin, outcome)))
    inside.services.checks.add("broken", saying(ValueError()), required=False)
    inside.services.checks.add("fine", saying(None))
    uploaded(inside)
    inside.services.checks.add("policy", saying(INFECTED))
    with pytest.raises(UploadRefusedError):
        uploaded(inside)
    assert heard == [("broken", "failed"), ("fine", "passed"), ("broken", "failed"), ("policy", "refused")]
