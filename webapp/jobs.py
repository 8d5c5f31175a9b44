"""Background work: what is done now and then, by one process of each node.

Every worker runs the thread; an ``flock`` decides which of them works. When that
one dies, the next in line takes over within a tick: nothing has to watch over it.
"""

import fcntl
import logging
import os
import threading
import time
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path

from flask import Flask

from webapp import db
from webapp.config import Config
from webapp.services import Services
from webapp.services.upkeep import forget_expired

log = logging.getLogger(__name__)

TICK_SECONDS = 1.0


class Schedule:
    """Runs each job at its interval, and all of them once at the start."""

    def __init__(self, services: Services) -> None:
        """Jobs of these services."""
        removals = services.removals
        self._jobs: list[tuple[str, float, Callable[[], int]]] = [
            ("recover", 5, removals.recover),
            ("retry removals", 15, removals.retry),
            ("purge expired", 60, removals.purge_expired),
            ("find out checksums", 5, services.checksums.find_out),
            ("clear expired direct uploads", 60, services.direct.clear_expired),
            ("forget expired", 300, forget_expired),
        ]
        self._due = dict.fromkeys((name for name, _, _ in self._jobs), 0.0)

    def run_due(self) -> None:
        """Run what is due; a job that fails is logged and tried again next time."""
        for name, interval, job in self._jobs:
            if time.monotonic() < self._due[name]:
                continue
            self._due[name] = time.monotonic() + interval
            try:
                if done := job():
                    log.info("job done", extra={"job": name, "count": done})
            except Exception:
                log.exception("a job failed", extra={"job": name})


def start(app: Flask) -> threading.Event:
    """Start the thread; setting the returned event ends it."""
    stop = threading.Event()
    threading.Thread(target=_run, args=(app, stop), name="jobs", daemon=True).start()
    return stop


def _run(app: Flask, stop: threading.Event) -> None:
    config: Config = app.extensions["stowage_config"]
    schedule = Schedule(app.extensions["stowage"])
    lock: int | None = None
    while not stop.is_set():
        with app.app_context():
            with suppress(Exception):
                db.acknowledge_published()
            with suppress(OSError):  # out of descriptors or of space: the next tick tries again
                lock = _locked(config.instance_dir / "jobs.lock") if lock is None else lock
            if lock is not None:
                schedule.run_due()
        stop.wait(TICK_SECONDS)
    if lock is not None:
        os.close(lock)


def _locked(path: Path) -> int | None:
    fd = os.open(path, os.O_RDWR | os.O_CREAT, 0o640)
    try:
        fcntl.flock(fd, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        os.close(fd)
        return None
    return fd
