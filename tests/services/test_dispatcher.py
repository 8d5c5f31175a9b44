"""The dispatcher: awake when something happens, one of all nodes, and over with what it began when it stops."""

import os
import threading
import time
from collections.abc import Callable, Iterator
from typing import Any

import pytest
import sqlalchemy as sa

from tests.services.lane import Listener, log_end
from tests.support.app import House
from tests.support.server import eventually
from webapp.db import table
from webapp.models import Lease
from webapp.services.delivery import leases
from webapp.services.delivery.dispatcher import Dispatcher
from webapp.services.delivery.lanes import Lane

PATIENCE = 20


Started = Callable[..., Dispatcher]


@pytest.fixture
def started(house: House) -> Iterator[Started]:
    yield from _starter(house)


@pytest.fixture
def started_on(postgres_house: House) -> Iterator[Started]:
    """Several nodes: each hears only its own bell, so they have none."""
    yield from _starter(postgres_house)


def _starter(house: House) -> Iterator[Started]:
    running: list[Dispatcher] = []

    def start(listener: Listener, holder: str = "", *, bell: bool = True) -> Dispatcher:
        with house.app.app_context():
            house.services.delivery.subscribe([listener.name])
        found = house.app.extensions["stowage_bell"] if bell and not holder else None
        dispatcher = Dispatcher(lambda: [listener], holder or "node", house.app.app_context, found)
        dispatcher.start()
        running.append(dispatcher)
        return dispatcher

    yield start
    for dispatcher in running:
        dispatcher.stop()


def test_the_bell_wakes_it_at_once(house: House, started: Started, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("webapp.services.delivery.dispatcher.LOOK_SECONDS", 15.0)
    listener = Listener()
    started(listener)
    time.sleep(1)
    sent = time.monotonic()
    house.upload()
    assert eventually(lambda: len(listener.heard) == 1, 10), "without the bell it would have slept on"
    assert listener.heard[0][1] - sent < 5


def test_without_a_bell_it_looks_now_and_then(house: House, started: Started) -> None:
    listener = Listener()
    started(listener, bell=False)
    house.upload()
    assert eventually(lambda: len(listener.heard) == 1, PATIENCE)


def test_a_target_that_rests_is_told_later(house: House, started: Started) -> None:
    listener = Listener()
    listener.open = False
    started(listener)
    house.upload()
    time.sleep(1.5)
    assert not listener.heard
    listener.open = True
    assert eventually(lambda: len(listener.heard) == 1, PATIENCE)


def test_what_runs_is_ended_and_written_down_when_it_stops(house: House, started: Started) -> None:
    listener = Listener()
    listener.pause = 1.0
    dispatcher = started(listener)
    house.upload()
    time.sleep(0.6)
    dispatcher.stop()
    [overview] = [each for each in _overview(house) if each.name == listener.name]
    assert (len(listener.heard), overview.delivered, overview.behind) == (1, 1, 0)


def test_two_nodes_tell_each_event_once(postgres_house: House, started_on: Started) -> None:
    one, two = Listener(), Listener()
    started_on(one, "node-1")
    started_on(two, "node-2")
    files = [str(postgres_house.upload().id) for _ in range(30)]
    assert eventually(lambda: len(one.heard) + len(two.heard) == 30, PATIENCE)
    assert sorted(file for file, _ in one.heard + two.heard) == sorted(files)
    assert not (one.heard and two.heard), "one of them tells, as long as it lives"


def test_another_node_takes_over_from_one_that_died(
    postgres_house: House, started_on: Started, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(leases, "SECONDS", 2.0)
    with postgres_house.app.app_context():
        assert leases.take(["plugin:listener"], "dead node") == {"plugin:listener"}
    listener = Listener()
    started_on(listener, "node-2")
    postgres_house.upload()
    time.sleep(1)
    assert not listener.heard, "it was the other one's"
    assert eventually(lambda: len(listener.heard) == 1, PATIENCE)


def test_who_has_lost_the_lease_writes_nothing_down(postgres_house: House, started_on: Started) -> None:
    listener = Listener()
    listener.pause = 1.5
    started_on(listener, "slow node")
    postgres_house.upload()
    time.sleep(1.0)
    postgres_house.write(sa.update(table(Lease)).values(holder="another node"))
    assert eventually(lambda: len(listener.heard) == 1, PATIENCE)
    time.sleep(0.5)
    [overview] = [each for each in _overview(postgres_house) if each.name == listener.name]
    assert (overview.behind, overview.delivered) == (1, 0)


def _overview(house: House) -> list[Any]:
    with house.app.app_context():
        return list(house.services.delivery.overview())


def test_threads_of_calls_are_used_again_and_end() -> None:
    from webapp.services.delivery import calls  # noqa: PLC0415

    pool = calls.Calls("test")
    names: set[str] = set()
    for _ in range(20):
        done = threading.Event()

        def call(done: threading.Event = done) -> None:
            names.add(str(threading.get_ident()))
            done.set()

        pool.start(call)
        assert done.wait(PATIENCE)
        time.sleep(0.002)
    assert len(names) < 5


def test_an_event_that_came_while_the_log_was_read_is_told_once(house: House) -> None:
    """The lane was woken for the first event and reads the second one as well; then it is woken for that."""
    listener = Listener()
    with house.app.app_context():
        house.services.delivery.subscribe([listener.name])
        start = log_end()
        leases.take([listener.name], "node")
        lane = Lane(listener, "node", house.app.app_context)
        lane.open()
        house.upload()
        house.upload()
        end = log_end()
        for woken in (start + 1, end):
            lane.wake(woken)
            until = time.monotonic() + PATIENCE
            while lane.step(look=True) and time.monotonic() < until:
                time.sleep(0.002)
    told = [file for file, _ in listener.heard]
    assert len(told) == len(set(told)) == 2


def test_where_there_are_no_pipes_it_looks_now_and_then(
    house: House, started: Started, monkeypatch: pytest.MonkeyPatch
) -> None:
    """As on some network file systems."""

    def no_pipes(*_: object) -> None:
        raise PermissionError("this file system has none")

    monkeypatch.setattr(os, "mkfifo", no_pipes)
    listener = Listener()
    started(listener)
    house.upload()
    assert eventually(lambda: len(listener.heard) == 1, PATIENCE)
