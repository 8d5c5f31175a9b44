"""The connection test ends in time whatever the store does, and what it writes to the log has no secret in it."""

import logging
import threading
import time
from collections.abc import Iterator
from typing import Any
from urllib.parse import quote

import pytest

from tests.backends.fakes import MemoryBackend
from tests.services.odd import OddBackend, causes, eventually, nothing_is_left, raises, tried
from tests.support.app import House
from tests.support.talking import Server
from webapp import logs
from webapp.contracts.errors import StorageBackendError
from webapp.services import probe as probes
from webapp.services.errors import RateLimitedError
from webapp.services.probe import STEPS, ProbeService
from webapp.services.settings import FILE_STORAGE

SECRET = "wJalr'XUtn\"FEMI/K7MDENG+bPx RfiCY"


@pytest.fixture
def gate() -> Iterator[threading.Event]:
    """What a hanging store waits for."""
    opened = threading.Event()
    yield opened
    opened.set()
    eventually(nobody_tries)


@pytest.fixture
def soon(monkeypatch: pytest.MonkeyPatch) -> None:
    """Nobody waits for ten seconds in a test."""
    monkeypatch.setattr(probes, "SECONDS", 0.6)


def nobody_tries() -> bool:
    return not [each for each in threading.enumerate() if each.name == "probe"]


def hangs(gate: threading.Event, after: Any = None) -> Any:
    def method(self: OddBackend, key: str) -> Any:
        gate.wait(30)
        return after(self, key) if after else None

    return method


def test_people_are_promised_ten_seconds() -> None:
    assert probes.SECONDS < 10


def test_a_store_that_hangs_is_told_in_time_and_cleared_up_later(
    probe: ProbeService, gate: threading.Event, soon: None
) -> None:
    OddBackend.instead["put"] = hangs(gate, lambda self, key: self.store.update({key: b"late"}))
    begun = time.monotonic()
    result = tried(probe)
    assert time.monotonic() - begun < 2
    skipped = dict.fromkeys(("read", "range", "list", "presign", "fetch", "delete"), "skipped")
    assert causes(result) == {"settings": None, "write": "timeout", **skipped}
    assert 500 <= result.steps[1].ms <= 2000
    gate.set()
    eventually(lambda: ("delete", OddBackend.calls[-1][1]) in OddBackend.calls if OddBackend.calls else False)
    assert nothing_is_left()
    assert not [name for name, _ in OddBackend.calls if name in ("get", "exists")]


@pytest.mark.parametrize("name", ["get", "range", "list", "presign", "delete"])
def test_every_step_may_hang(probe: ProbeService, links: Server, gate: threading.Event, soon: None, name: str) -> None:
    OddBackend.instead[name] = hangs(
        gate, lambda self, key: self.store.pop(key, None) if name == "delete" else iter([])
    )
    found = causes(tried(probe))
    step = {"get": "read"}.get(name, name)
    place = STEPS.index(step)
    assert found == {
        **dict.fromkeys(STEPS[:place]), step: "timeout", **dict.fromkeys(STEPS[place + 1 :], "skipped"),
    }  # fmt: skip
    gate.set()
    eventually(nothing_is_left)


def test_pieces_that_never_come_are_a_hanging_store_too(probe: ProbeService, gate: threading.Event, soon: None) -> None:
    def drips(*_: object) -> Iterator[bytes]:
        while not gate.wait(0.01):
            yield b""

    OddBackend.instead["get"] = drips
    assert causes(tried(probe))["read"] == "timeout"
    gate.set()
    eventually(nothing_is_left)


def test_after_one_time_out_of_the_stores_own_nothing_else_is_waited_for(probe: ProbeService, links: Server) -> None:
    OddBackend.instead["get"] = raises(StorageBackendError("x", cause="timeout"))
    skipped = dict.fromkeys(("range", "list", "presign", "fetch", "delete"), "skipped")
    assert causes(tried(probe)) == {"settings": None, "write": None, "read": "timeout", **skipped}
    assert nothing_is_left()


def test_a_presigned_address_that_hangs_is_a_step_like_others(
    probe: ProbeService, links: Server, gate: threading.Event, soon: None
) -> None:
    links.talk = lambda caller: gate.wait(5)
    begun = time.monotonic()
    found = causes(tried(probe))
    assert time.monotonic() - begun < 2
    assert (found["presign"], found["fetch"]) == (None, "timeout")
    eventually(nothing_is_left)


def test_few_are_tried_at_a_time_and_one_that_hangs_counts(
    probe: ProbeService, links: Server, gate: threading.Event, soon: None
) -> None:
    OddBackend.instead["get"] = hangs(gate, lambda *_: iter([]))
    for _ in range(probes.AT_ONCE):
        tried(probe)
    with pytest.raises(RateLimitedError) as refused:
        tried(probe)
    assert 0 < int(str(refused.value.data["retry_after"])) <= 60
    gate.set()
    eventually(nothing_is_left)
    OddBackend.instead.pop("get")
    eventually(nobody_tries)
    assert tried(probe).ok


def test_many_that_end_leave_their_places(probe: ProbeService, links: Server) -> None:
    for _ in range(probes.AT_ONCE * 2):
        assert tried(probe).ok
        eventually(nobody_tries)


# --- what is written down -------------------------------------------------------------


def _quotes(secret: str) -> Any:
    """The error of a vendor that repeats whatever it was given."""

    def method(*_: object) -> Any:
        behind = ValueError(f"signature of {secret!r} is wrong")
        raise RuntimeError(f"GET /?secret={quote(secret, safe='')}&again={secret}") from behind

    return method


@pytest.mark.parametrize("step", ["init", "put", "get", "delete"])
def test_no_secret_is_in_the_log_or_the_result(
    odd_house: House, probe: ProbeService, links: Server, caplog: pytest.LogCaptureFixture, step: str
) -> None:
    OddBackend.instead[step] = _quotes(SECRET)
    with caplog.at_level(logging.DEBUG):
        result = tried(probe, odd_secret=SECRET, odd_key_id="AKIAIOSFODNN7EXAMPLE")
        eventually(nobody_tries)
    assert ("settings" if step == "init" else "unknown") in causes(result).values()
    written = _as_written(caplog)
    assert "RuntimeError" in written
    assert "•••" in written
    for form in (SECRET, repr(SECRET)[1:-1], quote(SECRET, safe=""), SECRET[:12]):
        assert form not in written
        assert form not in repr(result)


def test_a_saved_secret_is_not_in_the_log_either(
    odd_house: House, probe: ProbeService, caplog: pytest.LogCaptureFixture
) -> None:
    odd_house.configure(odd_secret=SECRET, odd_key_id="AKIAIOSFODNN7EXAMPLE")
    seen: list[str | None] = []

    def put(self: OddBackend, key: str) -> None:
        seen.append(self.secret)
        raise StorageBackendError(f"AKIAIOSFODNN7EXAMPLE with {self.secret}", cause="credentials")

    OddBackend.instead["put"] = put
    with caplog.at_level(logging.DEBUG):
        result = tried(probe)
    assert causes(result)["write"] == "credentials"
    assert seen == [SECRET]
    written = _as_written(caplog)
    assert SECRET not in written
    assert "AKIAIOSFODNN7EXAMPLE" not in written
    assert "write failed, credentials: StorageBackendError" in written


def test_the_log_says_which_request_it_was(probe: ProbeService, caplog: pytest.LogCaptureFixture) -> None:
    ids: list[str | None] = []

    def put(*_: object) -> None:
        ids.append(logs.request_id.get())
        raise OSError("x")

    OddBackend.instead["put"] = put
    before = logs.request_id.set("request-of-a-test")
    try:
        tried(probe)
    finally:
        logs.request_id.reset(before)
    assert ids == ["request-of-a-test"]


def test_clearing_up_that_fails_is_written_down(
    probe: ProbeService, links: Server, caplog: pytest.LogCaptureFixture
) -> None:
    OddBackend.instead["delete"] = raises(StorageBackendError("x", cause="denied"))
    assert causes(tried(probe))["delete"] == "denied"
    assert "clearing up failed" in _as_written(caplog)
    MemoryBackend.forget()


def test_words_of_a_vendor_are_nowhere_in_the_result(probe: ProbeService) -> None:
    OddBackend.instead["put"] = raises(StorageBackendError("vendor words", cause="vendor cause", more="vendor data"))
    assert "vendor" not in repr(tried(probe))


def test_values_that_nobody_saved_are_in_no_event(odd_house: House, probe: ProbeService, heard: list[Any]) -> None:
    probe.run(FILE_STORAGE, {"odd_secret": SECRET})
    assert heard == []


def _as_written(caplog: pytest.LogCaptureFixture) -> str:
    formatters = (logs.TextFormatter(), logs.JsonFormatter())
    return "\n".join(formatter.format(record) for record in caplog.records for formatter in formatters)
