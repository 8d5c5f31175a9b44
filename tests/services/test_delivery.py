"""Plugins are told of what was committed: all of it, nothing else, in order, again after a failure."""

import threading
import time
from collections.abc import Iterator
from datetime import UTC, datetime
from typing import Any
from uuid import uuid4

import pytest
import sqlalchemy as sa

from tests.support.app import House
from webapp import db
from webapp.contracts.events import EVENT_TYPES, Event, FileDeleted, FileRestored, FileUploaded, signal_for
from webapp.db import table
from webapp.models import Delivery, Subscriber
from webapp.services.delivery import receivers
from webapp.services.delivery.receivers import PluginTarget

ME = "plugin:recorder"


class Recorder:
    """A plugin that writes down what it hears."""

    def __init__(self, house: House) -> None:
        self.house = house
        self.heard: list[Event] = []
        self.lock = threading.Lock()
        self.connected: list[tuple[type[Event], Any]] = []

    def listen(self, *event_types: type[Event], receiver: Any = None, name: str = "record") -> None:
        def deliver(_sender: object, event: Event, **_: Any) -> None:
            (receiver or self.record)(event)

        deliver.stowage_plugin, deliver.stowage_receiver = "recorder", name  # type: ignore[attr-defined]
        for event_type in event_types:
            signal_for(event_type).connect(deliver, sender=self.house.app, weak=False)
            self.connected.append((event_type, deliver))
        with self.house.app.app_context():
            self.house.services.delivery.subscribe([ME])

    def record(self, event: Event) -> None:
        with self.lock:
            self.heard.append(event)

    def of(self, file_id: object) -> list[str]:
        return [type(event).__name__ for event in self.heard if getattr(event, "file_id", None) == file_id]


@pytest.fixture
def recorder(house: House) -> Iterator[Recorder]:
    made = Recorder(house)
    yield made
    for event_type, receiver in made.connected:
        signal_for(event_type).disconnect(receiver, sender=house.app)


@pytest.fixture
def impatient(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(receivers, "DELAYS", (0.0, 0.0))
    monkeypatch.setattr(PluginTarget, "patience", 0.3)


def trash(house: House, file: Any) -> None:
    with house.app.app_context():
        house.services.files.trash(house.uploader, file.id)


def subscriber(house: House) -> Any:
    with house.app.app_context():
        return next(each for each in house.services.delivery.overview() if each.name == ME)


def deliveries(house: House) -> list[Any]:
    rows = table(Delivery)
    return house.query(sa.select(rows).order_by(rows.c.seq))


def test_what_was_committed_is_told_once_with_the_application_as_sender(house: House, recorder: Recorder) -> None:
    senders = []
    recorder.listen(FileUploaded)
    connected = signal_for(FileUploaded).connect(
        lambda sender, event, **_: senders.append(sender), sender=house.app, weak=False
    )
    try:
        out = house.upload()
        assert not recorder.heard, "the request tells nobody"
        house.deliver()
        house.deliver()
    finally:
        signal_for(FileUploaded).disconnect(connected, sender=house.app)
    [event] = recorder.heard
    assert isinstance(event, FileUploaded)
    assert (event.file_id, event.key, event.size_bytes) == (out.id, out.key, out.size_bytes)
    assert (event.backend, event.uploaded_by) == (out.backend, out.uploaded_by)


def test_whoever_subscribes_is_told_of_what_comes_then(house: House, recorder: Recorder) -> None:
    house.upload()
    recorder.listen(FileUploaded)
    later = house.upload()
    house.deliver()
    assert [event.file_id for event in recorder.heard if isinstance(event, FileUploaded)] == [later.id]


def test_nobody_is_told_of_what_was_rolled_back(house: House, recorder: Recorder) -> None:
    recorder.listen(FileUploaded)
    house.upload()
    with house.app.app_context(), pytest.raises(ZeroDivisionError):
        emit_and_fail()
    house.deliver()
    assert len(recorder.heard) == 1


def emit_and_fail() -> None:
    fields = {"key": "k", "filename": "f", "content_type": "a/b", "backend": "filesystem", "checksum_sha256": ""}
    with db.transaction() as tx:
        tx.emit(FileUploaded(file_id=uuid4(), size_bytes=1, **fields))
        raise ZeroDivisionError


def test_events_of_one_file_are_told_in_order(house: House, recorder: Recorder) -> None:
    def slow(event: Event) -> None:
        if isinstance(event, FileUploaded):
            time.sleep(0.02)
        recorder.record(event)

    recorder.listen(FileUploaded, FileDeleted, receiver=slow)
    files = [house.upload(name=f"{number}.txt") for number in range(12)]
    for file in files:
        trash(house, file)
    house.deliver()
    assert all(recorder.of(file.id) == ["FileUploaded", "FileDeleted"] for file in files)


def test_every_kind_of_event_comes_back_from_the_log_as_it_was(house: House, recorder: Recorder) -> None:
    recorder.listen(*EVENT_TYPES)
    house.configure(max_file_size_bytes=77)
    with house.app.app_context():
        made = house.services.tokens.create(house.admin, "t", ["file_storage.download"])
        house.services.tokens.revoke(house.admin, made.id)
    house.deliver()
    changed, created, revoked = recorder.heard
    assert (type(changed).__name__, getattr(changed, "names", None)) == ("SettingsChanged", ("max_file_size_bytes",))
    assert getattr(created, "scopes", None) == ("file_storage.download",)
    assert getattr(revoked, "token_id", None) == str(made.id)
    assert created.occurred_at.tzinfo is not None
    assert created.actor_name == "admin"


def test_a_receiver_that_raises_is_called_again_and_others_do_not_notice(
    house: House, recorder: Recorder, impatient: None
) -> None:
    failures = 2

    def fail(event: Event) -> None:
        nonlocal failures
        if failures:
            failures -= 1
            raise RuntimeError("not today\nsecond line")
        recorder.record(event)

    others: list[Event] = []
    recorder.listen(FileUploaded, receiver=fail, name="fails")
    recorder.listen(FileUploaded, receiver=others.append, name="works")
    out = house.upload()
    for _ in range(4):
        house.deliver()
    assert len(others) == 1, "told once, whatever the other one does"
    assert recorder.of(out.id) == ["FileUploaded"]
    state = subscriber(house)
    assert (state.failed, state.delivered, state.waiting, state.behind) == (2, 2, 0, 0)
    assert state.last_error == "RuntimeError: not today"
    [row] = deliveries(house)
    assert (row.state, row.attempts, row.receiver) == ("delivered", 3, "fails")


def test_what_never_works_is_parked(house: House, recorder: Recorder, impatient: None) -> None:
    def fail(event: Event) -> None:
        raise RuntimeError("never")

    recorder.listen(FileUploaded, receiver=fail)
    house.upload()
    for _ in range(5):
        house.deliver()
    [row] = deliveries(house)
    assert (row.state, row.attempts, row.cause) == ("parked", 3, "error")


def test_later_events_of_a_file_wait_behind_one_that_failed(
    house: House, recorder: Recorder, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(receivers, "DELAYS", (0.4, 0.4))
    broken = True

    def fail_on_uploads(event: Event) -> None:
        if broken and isinstance(event, FileUploaded) and event.filename == "bad":
            raise RuntimeError
        recorder.record(event)

    recorder.listen(FileUploaded, FileDeleted, receiver=fail_on_uploads)
    bad, good = house.upload(name="bad"), house.upload(name="good")
    trash(house, bad)
    trash(house, good)
    house.deliver()
    assert recorder.of(good.id) == ["FileUploaded", "FileDeleted"], "other files do not wait"
    assert recorder.of(bad.id) == []
    broken = False
    time.sleep(0.6)
    house.deliver()
    assert recorder.of(bad.id) == ["FileUploaded", "FileDeleted"]
    assert subscriber(house).waiting == 0


def test_a_receiver_that_hangs_stops_nobody(house: House, recorder: Recorder, impatient: None) -> None:
    let_go = threading.Event()
    others: list[Event] = []

    def hang(event: Event) -> None:
        let_go.wait(20)

    recorder.listen(FileUploaded, receiver=hang, name="hangs")
    recorder.listen(FileUploaded, receiver=others.append, name="works")
    try:
        house.upload()
        started = time.monotonic()
        house.deliver()
        assert len(others) == 1
        assert time.monotonic() - started < 10
        assert subscriber(house).hung_since is not None
        house.upload()
        house.deliver()
        assert len(others) == 2
    finally:
        let_go.set()


def test_what_was_told_but_not_written_down_is_told_again(
    house: House, recorder: Recorder, monkeypatch: pytest.MonkeyPatch
) -> None:
    """As after a kill: at least once, with the same id."""
    recorder.listen(FileUploaded)
    house.upload()
    before = house.query(sa.select(table(Subscriber).c.position).where(table(Subscriber).c.name == ME))
    house.deliver()
    house.write(sa.update(table(Subscriber)).values(position=before[0].position))
    house.deliver()
    first, second = recorder.heard
    assert first == second


def test_a_failing_database_loses_no_delivery(
    house: House, recorder: Recorder, monkeypatch: pytest.MonkeyPatch
) -> None:
    from webapp.services.delivery import lanes, results  # noqa: PLC0415

    monkeypatch.setattr(lanes, "RETRY_COMMIT_SECONDS", 0.05)
    write, failures = results.write, [1, 1]

    def failing(*given: Any) -> bool:
        if failures:
            failures.pop()
            raise RuntimeError("the disk of the database is full")
        return write(*given)

    monkeypatch.setattr(results, "write", failing)
    recorder.listen(FileUploaded)
    house.upload()
    house.deliver()
    assert not failures
    assert len(recorder.heard) == 1
    assert subscriber(house).behind == 0


def test_one_that_was_asked_for_again_lets_nobody_overtake_those_that_wait(
    house: House, recorder: Recorder, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A delivery that had ended is made to wait again from outside, while a later event of its file waits."""
    monkeypatch.setattr(receivers, "DELAYS", (0.4, 0.4, 0.4, 0.4))
    failing = {"FileUploaded"}

    def receive(event: Event) -> None:
        if type(event).__name__ in failing:
            raise RuntimeError
        recorder.record(event)

    recorder.listen(FileUploaded, FileDeleted, FileRestored, receiver=receive)
    file = house.upload()
    house.deliver()
    failing.clear()
    time.sleep(0.6)
    house.deliver()
    assert recorder.of(file.id) == ["FileUploaded"]
    trash(house, file)
    failing.add("FileDeleted")
    house.deliver()
    rows = table(Delivery)
    again = sa.update(rows).where(rows.c.name == "FileUploaded")
    house.write(again.values(state="waiting", due_at=datetime.now(UTC)))
    with house.app.app_context():
        house.services.files.restore(house.uploader, file.id)
    house.deliver()
    assert "FileRestored" not in recorder.of(file.id), "the deletion still waits"
    failing.clear()
    time.sleep(0.6)
    for _ in range(3):
        house.deliver()
    heard = recorder.of(file.id)
    assert heard[-2:] == ["FileDeleted", "FileRestored"]


@pytest.mark.parametrize("text", ["name \udc80.txt", "nothing \x00 here"], ids=["surrogate", "nul"])
def test_an_error_that_no_database_takes_stops_nothing(
    house: House, recorder: Recorder, text: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    # Processes of pytest-xdist tell each other what was logged, and cannot say this.
    monkeypatch.setattr(receivers.log, "disabled", True)

    def fail(event: Event) -> None:
        raise RuntimeError(text)

    recorder.listen(FileUploaded, receiver=fail)
    recorder.listen(FileDeleted)
    file = house.upload()
    house.upload()
    house.deliver()
    trash(house, file)
    house.deliver()
    [row] = house.query(sa.select(table(Subscriber)).where(table(Subscriber).c.name == ME))
    assert row.last_error == "RuntimeError: " + text.replace("\udc80", "?").replace("\x00", "\ufffd")
    assert row.failed == 2
