"""The supervisor: its process runs, is started again when it ends, and ends when it is asked to."""

import os
import signal
import sys
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.support.processes import is_alive
from tests.support.server import eventually
from webapp import supervisor as rules
from webapp.supervisor import Supervisor

SLEEPER = "import sys, time; open(sys.argv[1], 'a').write('x'); time.sleep(60)"
STUBBORN = (
    "import signal, sys, time; signal.signal(signal.SIGTERM, signal.SIG_IGN);"
    "open(sys.argv[1], 'a').write('x'); time.sleep(60)"
)


class Kept:
    """A supervisor of a process that notes each of its starts."""

    def __init__(self, folder: Path, program: str = SLEEPER, seconds: float = 5) -> None:
        self.notes = folder / "starts"
        self.supervisor = Supervisor([sys.executable, "-c", program, str(self.notes)], seconds)

    def starts(self) -> int:
        self.supervisor.look()
        return self.notes.stat().st_size if self.notes.exists() else 0

    @property
    def pid(self) -> int:
        process = self.supervisor._process
        assert process is not None
        return process.pid


@pytest.fixture
def kept(tmp_path: Path) -> Iterator[Kept]:
    made = Kept(tmp_path)
    yield made
    made.supervisor.stop(quick=True)
    made.supervisor.wait()


def test_it_is_started_once_and_again_when_it_was_killed(kept: Kept) -> None:
    assert eventually(lambda: kept.starts() == 1, 10)
    time.sleep(0.3)
    assert kept.starts() == 1
    os.kill(kept.pid, signal.SIGKILL)
    assert eventually(lambda: kept.starts() == 2, 10)


def test_it_is_started_again_when_somebody_else_was_told_of_its_end(kept: Kept) -> None:
    assert eventually(lambda: kept.starts() == 1, 10)
    os.kill(kept.pid, signal.SIGKILL)
    os.waitpid(kept.pid, 0)  # as the server's loop does for all children
    assert eventually(lambda: kept.starts() == 2, 10)


def test_the_pause_grows_while_it_dies_young(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    kept = Kept(tmp_path, "import sys; open(sys.argv[1], 'a').write('x')")
    until = time.monotonic() + 5
    while time.monotonic() < until:
        kept.starts()
        time.sleep(0.02)
    assert 2 <= kept.starts() <= 4
    monkeypatch.setattr(rules, "LONG_ENOUGH", -1.0)
    before = kept.starts()
    assert eventually(lambda: kept.starts() > before + 5, 20), "one that lived long is started at once"
    kept.supervisor.stop()
    kept.supervisor.wait()


def test_asked_to_stop_it_ends_and_stays_ended(kept: Kept) -> None:
    assert eventually(lambda: kept.starts() == 1, 10)
    pid = kept.pid
    kept.supervisor.stop()
    kept.supervisor.wait()
    assert not is_alive(pid)
    assert kept.starts() == 1


def test_one_that_does_not_end_in_time_is_killed(tmp_path: Path) -> None:
    kept = Kept(tmp_path, STUBBORN, seconds=0.5)
    assert eventually(lambda: kept.starts() == 1, 10)
    started = time.monotonic()
    kept.supervisor.stop()
    kept.supervisor.stop(quick=True)  # may not give it more time
    kept.supervisor.wait()
    assert time.monotonic() - started < 1.5


def test_restarted_it_is_a_new_one_at_once(kept: Kept) -> None:
    assert eventually(lambda: kept.starts() == 1, 10)
    kept.supervisor.restart()
    assert eventually(lambda: kept.starts() == 2, 3)
