"""Everybody may ask for the numbers, as often as they like and all at once: that costs little, and holds nobody up."""

import fcntl
import threading
import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from pathlib import Path

import pytest
from prometheus_client import Metric
from prometheus_client.mmap_dict import MmapedDict, mmap_key

from tests.support.app import Answer, House
from webapp import logs
from webapp.metrics import measures, page, processes
from webapp.metrics.place import VARIABLE

NOBODY = 2**22 + 1
"""No process has such a number (proc(5), pid_max)."""
PATIENCE = 20


class Counted:
    """A lock that knows how many have come to it."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self.come = 0
        self.release = self._lock.release

    def acquire(self, timeout: float = -1) -> bool:
        self.come += 1
        return self._lock.acquire(timeout=timeout)


@pytest.fixture(autouse=True)
def nothing_said_yet(monkeypatch: pytest.MonkeyPatch) -> None:
    for module in (page, measures):
        monkeypatch.setattr(module, "_rarely", logs.Rarely(60))


@pytest.fixture
def shared(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Counters of two processes, one of which is dead; nobody waits long for them."""
    directory = tmp_path / "counters"
    directory.mkdir()
    for pid, value in ((1, 2.0), (NOBODY, 3.0)):
        counted = MmapedDict(str(directory / f"counter_{pid}.db"))
        counted.write_value(mmap_key("stowage_made_up", "stowage_made_up_total", [], [], "x"), value, 0.0)
        counted.close()
    monkeypatch.setattr(processes, "PATIENCE_SECONDS", 0.2)
    monkeypatch.setenv(VARIABLE, str(directory))
    return directory


@contextmanager
def locked(directory: Path, how: int) -> Iterator[None]:
    with (directory / "lock").open("w") as file:
        fcntl.flock(file, how)
        yield


def said(caplog: pytest.LogCaptureFixture) -> list[str]:
    return [record.message for record in caplog.records if record.name.startswith("webapp.metrics")]


def look(house: House) -> Answer:
    """What is answered in time: a test that waits for a lock of its own would wait for ever."""
    thread = ThreadPoolExecutor(1)
    try:
        return thread.submit(house.api().get, "/metrics").result(PATIENCE)
    finally:
        thread.shutdown(wait=False)


def number(answer: Answer, sample: str) -> float:
    lines = answer.content.decode().splitlines()
    return sum(float(line.rpartition(" ")[2]) for line in lines if line.startswith(sample))


def test_a_crowd_costs_two_collections_and_nobody_gets_what_is_older_than_the_question(
    sqlite_house: House, monkeypatch: pytest.MonkeyPatch
) -> None:
    house, begun, go_on = sqlite_house, threading.Event(), threading.Event()
    lock = house.app.extensions["stowage_metrics"]._lock = Counted()
    collections: list[measures.Measures] = []

    def collect(of: measures.Measures) -> list[Metric]:
        collections.append(of)
        begun.set()
        assert go_on.wait(PATIENCE)
        return []

    monkeypatch.setattr(measures.Measures, "collect", collect)
    monkeypatch.setattr(processes, "PATIENCE_SECONDS", PATIENCE)
    with ThreadPoolExecutor(10) as pool:
        first = pool.submit(look, house)
        assert begun.wait(PATIENCE)
        house.upload()  # the collection that is under way has counted events already
        crowd = [pool.submit(look, house) for _ in range(9)]
        end = time.monotonic() + PATIENCE
        while lock.come < 10 and time.monotonic() < end:
            time.sleep(0.01)
        go_on.set()
    assert len(collections) == 2
    sample = 'stowage_events_total{event="FileUploaded"}'
    assert {number(each.result(), sample) for each in crowd} == {number(first.result(), sample) + 1}


def test_nobody_waits_long_for_another_one_that_collects(
    sqlite_house: House, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    monkeypatch.setattr(processes, "PATIENCE_SECONDS", 0.1)
    collecting = sqlite_house.app.extensions["stowage_metrics"]._lock
    with collecting:
        none = look(sqlite_house)
    last = look(sqlite_house)
    with collecting:
        kept = look(sqlite_house)
    assert (none.status_code, none.headers["Retry-After"]) == (503, "5")
    assert (last.status_code, kept.status_code, kept.content == last.content) == (200, 200, True)
    assert said(caplog) == ["metrics are not collected: another request is still collecting them"]


def test_a_database_that_cannot_be_asked_is_not_asked_each_time(
    sqlite_house: House, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    asked: list[object] = []

    def fail(*_: object) -> None:
        asked.append(None)
        raise RuntimeError("no database")

    assert number(look(sqlite_house), "stowage_workers_alive") == 0
    kept = sqlite_house.app.extensions["stowage_metrics"].measures
    monkeypatch.setattr(measures, "_subscribers", fail)
    for times in (1, 2):
        kept._read_at = -measures.FRESH_SECONDS
        answers = [look(sqlite_house) for _ in range(5)]
        assert len(asked) == times
        assert not [each for each in answers if b"stowage_workers_alive" in each.content]
        assert {each.status_code for each in answers} == {200}
    assert said(caplog) == ["the database could not be asked for metrics"]


def test_counters_that_another_process_keeps_locked_are_those_of_the_last_page(
    sqlite_house: House, shared: Path, caplog: pytest.LogCaptureFixture
) -> None:
    began = time.monotonic()
    with locked(shared, fcntl.LOCK_EX):
        none = look(sqlite_house)
    last = look(sqlite_house)
    with locked(shared, fcntl.LOCK_EX):
        kept = look(sqlite_house)
    assert time.monotonic() - began < 10
    assert (none.status_code, last.status_code, kept.status_code) == (503, 200, 200)
    assert number(kept, "stowage_made_up_total") == number(last, "stowage_made_up_total") == 5
    assert said(caplog) == ["metrics are not collected: another process keeps the counters locked"]


def test_those_of_dead_processes_count_whether_they_can_be_added_up_now_or_not(
    sqlite_house: House, shared: Path
) -> None:
    of_dead = shared / f"counter_{NOBODY}.db"
    with locked(shared, fcntl.LOCK_SH):
        assert number(look(sqlite_house), "stowage_made_up_total") == 5
        assert of_dead.exists(), "added up while somebody was reading"
    assert number(look(sqlite_house), "stowage_made_up_total") == 5
    assert not of_dead.exists()
    assert number(look(sqlite_house), "stowage_made_up_total") == 5
