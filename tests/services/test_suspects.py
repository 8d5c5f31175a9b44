"""A receiver that takes the whole worker with it costs itself attempts, and nobody else more than some seconds."""

import json
import threading
import time
from pathlib import Path
from uuid import UUID, uuid4

import pytest
import sqlalchemy as sa

from tests.services.lane import Listener, all_due, deliveries, go_on, in_log, lane_of, log_end, states, well
from tests.support.app import House
from webapp.services.delivery import suspects as rules
from webapp.services.delivery.suspects import Suspects
from webapp.services.delivery.targets import Logged, Outcome

EVENT = UUID(int=1)


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "calls.json"


def left(path: Path) -> list[list[str]]:
    found: list[list[str]] = json.loads(path.read_text())
    return found


def test_whom_the_last_worker_died_in_is_said_once(path: Path) -> None:
    Suspects(path, careful=True).begin("plugin:a", "index", EVENT)
    after = Suspects(path, careful=True)
    assert not after.has_killed("plugin:b", "index", EVENT)
    assert not after.has_killed("plugin:a", "index", uuid4())
    assert after.has_killed("plugin:a", "index", EVENT)
    assert not after.has_killed("plugin:a", "index", EVENT)
    assert not Suspects(path, careful=True).has_killed("plugin:a", "index", EVENT)


def test_who_came_back_is_not_suspected(path: Path) -> None:
    first = Suspects(path, careful=True)
    first.begin("plugin:a", "index", EVENT)
    first.end("plugin:a", "index", EVENT)
    first.end("plugin:a", "index", EVENT)
    assert not Suspects(path, careful=True).has_killed("plugin:a", "index", EVENT)


def test_one_is_called_at_a_time_so_that_nobody_is_suspected_in_another_one_s_place(path: Path) -> None:
    shared = Suspects(path, careful=True)
    shared.begin("plugin:a", "index", EVENT)
    other = threading.Thread(target=lambda: shared.begin("plugin:b", "index", EVENT))
    other.start()
    time.sleep(0.1)
    assert left(path) == [["plugin:a", "index", str(EVENT)]]
    shared.end("plugin:a", "index", EVENT)
    other.join(10)
    assert left(path) == [["plugin:b", "index", str(EVENT)]]


def test_one_that_was_not_judged_yet_is_still_suspected_by_the_next_worker(path: Path) -> None:
    Suspects(path, careful=True).begin("plugin:a", "index", EVENT)
    Suspects(path, careful=True).begin("plugin:b", "index", EVENT)
    assert Suspects(path, careful=True).has_killed("plugin:a", "index", EVENT)


@pytest.mark.parametrize("content", ["", "{", "5", '[["a"]]'])
def test_a_file_that_was_cut_off_accuses_nobody(path: Path, content: str) -> None:
    path.write_text(content)
    found = Suspects(path, careful=True)
    assert not found.has_killed("plugin:a", "index", EVENT)
    found.begin("plugin:a", "index", EVENT)
    assert left(path)


def test_a_disk_that_is_full_stops_nobody(path: Path) -> None:
    path.with_name(f".{path.name}.new").mkdir()
    found = Suspects(path, careful=True)
    found.begin("plugin:a", "index", EVENT)
    found.end("plugin:a", "index", EVENT)


# --- in a lane --------------------------------------------------------------------------


def test_a_careful_lane_calls_one_at_a_time_and_says_whom(inside: House, path: Path) -> None:
    listener, most, named = Listener(), [0, 0], []
    lock = threading.Lock()

    def outcome(receiver: str, logged: Logged) -> Outcome:
        with lock:
            most[0] += 1
            most[1] = max(most)
        time.sleep(0.005)
        named.append(left(path) == [[listener.name, receiver, str(logged.event_id)]])
        with lock:
            most[0] -= 1
        return well(receiver, logged)

    listener.outcome, listener.named = outcome, ("one", "two")
    lane = lane_of(inside, listener, Suspects(path, careful=True))
    for _ in range(5):
        inside.upload()
    go_on(lane)
    assert (most[1], named) == (1, [True] * 10)
    assert left(path) == []


def test_care_is_taken_for_a_while(inside: House, path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("webapp.services.delivery.lanes.CAREFUL_CALLS", 2)
    listener, noted = Listener(), []
    listener.outcome = lambda receiver, logged: (noted.append(bool(left(path))), well(receiver, logged))[1]
    lane = lane_of(inside, listener, Suspects(path, careful=True))
    for _ in range(8):
        inside.upload()
        go_on(lane)
    assert noted == [True, True, *[False] * 6]


def test_after_a_worker_that_ended_well_none_is_taken(inside: House, path: Path) -> None:
    listener = Listener()
    lane = lane_of(inside, listener, Suspects(path, careful=False))
    inside.upload()
    go_on(lane)
    assert listener.heard
    assert not path.exists()


def test_a_call_that_ended_the_worker_is_a_failed_attempt_each_time_and_parked_in_the_end(
    inside: House, path: Path
) -> None:
    listener = Listener()
    lane_of(inside, listener)
    deadly, harmless = inside.upload().id, inside.upload().id
    [event, _] = in_log(log_end() - 2)
    for attempt in range(1, len(listener.delays) + 2):
        Suspects(path, careful=True).begin(listener.name, "listen", event.event_id)  # and there it ended
        all_due(inside)
        go_on(lane_of(inside, listener, Suspects(path, careful=True)))
        columns = (deliveries.c.attempts, deliveries.c.cause)
        assert [tuple(row) for row in inside.query(sa.select(*columns))] == [(attempt, "crashed")]
        assert str(deadly) not in [file for file, _ in listener.heard]
        assert str(harmless) in [file for file, _ in listener.heard]
    assert states(inside) == ["parked"]


def test_it_is_called_with_care_again_though_the_worker_has_long_been_at_ease(inside: House, path: Path) -> None:
    listener, noted = Listener(), []
    lane_of(inside, listener)
    inside.upload()
    [event] = in_log(log_end() - 1)
    Suspects(path, careful=True).begin(listener.name, "listen", event.event_id)
    go_on(lane_of(inside, listener, Suspects(path, careful=False)))
    assert states(inside) == ["waiting"]
    all_due(inside)
    listener.outcome = lambda receiver, logged: (noted.append(left(path)), well(receiver, logged))[1]
    go_on(lane_of(inside, listener, Suspects(path, careful=False)))
    assert noted == [[[listener.name, "listen", str(event.event_id)]]]
    assert states(inside) == ["delivered"]


def test_one_that_hangs_while_care_is_taken_holds_up_nobody(inside: House, path: Path, gate: threading.Event) -> None:
    listener = Listener()
    listener.patience = 0.1

    def outcome(receiver: str, logged: Logged) -> Outcome:
        if receiver == "hang":
            gate.wait(30)
        return well(receiver, logged)

    listener.outcome, listener.named = outcome, ("hang", "listen")
    lane = lane_of(inside, listener, Suspects(path, careful=True))
    inside.upload()
    go_on(lane)
    assert len(listener.heard) == 1
    assert rules.CAREFUL_CALLS > 200
