"""A background worker whose only task takes as long as a test wants: ``python -m tests.support.slow_worker NOTES``.

The task writes ``begun`` to the file NOTES, waits until a file NOTES.go is there, and writes ``ended``.
"""

import sys
import time
from datetime import timedelta
from pathlib import Path

from webapp.app import create_app
from webapp.jobs import worker
from webapp.services import tasks
from webapp.services.tasks import BackgroundTask

NAME = "slow"
PATIENCE = 60


def main(notes: Path) -> int:
    def slow() -> int:
        note(notes, "begun")
        until = time.monotonic() + PATIENCE
        while not notes.with_suffix(".go").exists() and time.monotonic() < until:
            time.sleep(0.05)
        note(notes, "ended")
        return 1

    # Tests do not wait for half a minute until a dead node is taken for dead.
    tasks.LEASE = timedelta(seconds=4)
    worker.BEAT_SECONDS = 1.0
    worker.tasks_of = lambda *_: [BackgroundTask(name=NAME, every=3600, run=slow)]
    return worker.run(create_app())


def note(notes: Path, word: str) -> None:
    with notes.open("a") as file:
        file.write(f"{word}\n")


if __name__ == "__main__":
    sys.exit(main(Path(sys.argv[1])))
