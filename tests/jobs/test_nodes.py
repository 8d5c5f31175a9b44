"""A node keeps its name, and a worker that is signalled together with its parent ends in order."""

import threading
from pathlib import Path

import pytest

from tests.support.app import House
from webapp.jobs import nodes, worker


def test_a_node_is_the_same_wherever_its_data_directory_is_mounted(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A new container on the same volume has another host name."""
    first = nodes.node_of(tmp_path)
    monkeypatch.setattr(nodes.socket, "gethostname", lambda: "another")
    assert nodes.node_of(tmp_path) == first
    other = tmp_path / "other"
    other.mkdir()
    assert nodes.node_of(other) != first


@pytest.mark.parametrize(("under", "ends"), [(None, True), (1, False)])
def test_asked_twice_only_one_that_nobody_looks_after_ends_at_once(
    sqlite_house: House, monkeypatch: pytest.MonkeyPatch, under: int | None, *, ends: bool
) -> None:
    ended: list[int] = []
    monkeypatch.setattr(worker.os, "_exit", ended.append)
    made = worker._Worker(sqlite_house.app, under)
    made._asked_to_stop(15, None)
    assert ended == []
    made._asked_to_stop(2, None)
    assert bool(ended) is ends


@pytest.mark.parametrize(("seconds", "ends"), [(worker.STUCK_SECONDS + 1, True), (0.0, False)])
def test_a_worker_whose_threads_hang_makes_room_for_a_new_one(
    sqlite_house: House, monkeypatch: pytest.MonkeyPatch, seconds: float, *, ends: bool
) -> None:
    class Stuck:
        def stuck_seconds(self) -> float:
            return seconds

    monkeypatch.setattr(worker, "LOOK_SECONDS", 0.01)
    made = worker._Worker(sqlite_house.app, None)
    watching = threading.Thread(target=made._watch, args=([], Stuck()), daemon=True)
    watching.start()
    watching.join(0.5)
    assert watching.is_alive() is not ends
    made._stopping.set()
    watching.join(5)
