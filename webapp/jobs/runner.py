"""Runs tasks that are due: each by one worker of all nodes, or by each node for itself."""

import logging
import threading
import time
from collections.abc import Callable, Sequence

from flask import Flask

from webapp.contracts.errors import StorageFullError
from webapp.services import Services
from webapp.services.tasks import BackgroundTask

log = logging.getLogger(__name__)

TOLD_AGAIN_SECONDS = 15.0
"""A name that was told and not run since has been lost on the way, or its turn has not come yet."""


class Runner:
    """Knows the tasks, and which of them this worker is running."""

    def __init__(self, app: Flask, node: str, tasks: Sequence[BackgroundTask]) -> None:
        """Run ``tasks`` in contexts of ``app``, as the worker of ``node``."""
        self._app = app
        self._services: Services = app.extensions["stowage"]
        self._node = node
        self._tasks = {task.row(node): task for task in tasks}
        self._lock = threading.Lock()
        self._running: set[str] = set()
        self._told: dict[str, float] = {}

    def names(self, *, per_node: bool) -> list[str]:
        """The tasks that each node does for itself, or those that one does for all."""
        return [name for name, task in self._tasks.items() if task.per_node is per_node]

    def running(self) -> list[str]:
        """What is running here now."""
        with self._lock:
            return sorted(self._running)

    def tell_due(self, names: Sequence[str], tell: Callable[[str], bool]) -> None:
        """Tell the queue what is due. Without a queue that works, the task is run here and now."""
        try:
            with self._app.app_context():
                due = self._services.tasks.due(names)
        except Exception:
            log.exception("it could not be found out which tasks are due")
            time.sleep(TOLD_AGAIN_SECONDS / 5)
            return
        now = time.monotonic()
        for name in due:
            if now - self._told.get(name, -TOLD_AGAIN_SECONDS) < TOLD_AGAIN_SECONDS or name in self._running:
                continue
            self._told[name] = now
            if not tell(name):
                self.run(name)

    def run(self, name: str) -> None:
        """Run a task, if it is due and no other worker does; what it raises is logged and noted."""
        self._told.pop(name, None)
        task = self._tasks.get(name)
        if task is None:
            return  # of another version or another node; whoever knows it finds it due
        with self._lock:
            if name in self._running:
                return  # a name may come twice
            self._running.add(name)
        try:
            with self._app.app_context():
                if self._claimed(name, task):
                    self._run(name, task)
        except StorageFullError:
            log.warning("a task could not be noted: the disk of the database is full", extra={"task": name})
            self._told[name] = time.monotonic()  # not again and again until there is room
        except Exception:
            log.exception("a task could not be noted", extra={"task": name})
        finally:
            with self._lock:
                self._running.discard(name)

    def _claimed(self, name: str, task: BackgroundTask) -> bool:
        try:
            return self._services.tasks.claim(name, task.every, self._node)
        except StorageFullError:
            # Clearing away what dead processes left may be what makes room again, and it needs no claim:
            # no other worker does it for this node.
            return task.per_node

    def _run(self, name: str, task: BackgroundTask) -> None:
        started = time.perf_counter()
        result: int | str
        try:
            result = task.run() or 0
        except Exception as exc:
            log.exception("a task failed", extra={"task": name})
            result = type(exc).__name__
        seconds = time.perf_counter() - started
        if result and not isinstance(result, str):
            log.info("task done", extra={"task": name, "count": result, "ms": round(seconds * 1000)})
        if not self._services.tasks.finish(name, task.every, self._node, round(seconds * 1000), result):
            log.warning("a task took so long that another worker has it", extra={"task": name})
