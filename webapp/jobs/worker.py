"""The background worker: the process that runs tasks and tells subscribers of events."""

import contextlib
import logging
import os
import signal
import threading
import time
from collections.abc import Callable
from importlib.metadata import version
from types import FrameType
from typing import TypeVar

from flask import Flask

from webapp.config import Config, Environment
from webapp.jobs import nodes
from webapp.jobs.catalogue import tasks_of
from webapp.jobs.queues import Queue, TaskConsumer, storage_at
from webapp.jobs.runner import Runner
from webapp.jobs.subscribers import installed, subscribe_plugins, targets
from webapp.services import Services
from webapp.services.delivery.dispatcher import Dispatcher
from webapp.services.delivery.suspects import Suspects
from webapp.services.tasks import BEAT_SECONDS

log = logging.getLogger(__name__)

T = TypeVar("T")

THREADS = 2
"""For each queue: one slow task keeps nobody waiting."""
LOOK_SECONDS = 0.5
HEALTH_SECONDS = 10.0
TRY_AGAIN_SECONDS = 2.0
STUCK_SECONDS = 300.0
CALLS_SECONDS = 10.0
"""How long receivers that are being called may take in the end."""


def run(app: Flask, under: int | None = None) -> int:
    """Work until a signal asks to stop, or the process ``under`` is gone; returns the exit status."""
    return _Worker(app, under).run()


class _Worker:
    def __init__(self, app: Flask, under: int | None) -> None:
        self._app = app
        self._under = under
        self._config: Config = app.extensions["stowage_config"]
        self._services: Services = app.extensions["stowage"]
        self._stopping = threading.Event()
        self._stopped = threading.Event()
        self._grace = Environment(os.environ).integer("STOWAGE_GRACEFUL_SECONDS", 30, least=1)
        self._node = nodes.node_of(self._config.instance_dir)
        self._running_mark = self._config.instance_dir / "worker.running"
        self._tasks = tasks_of(self._services, lambda: installed(app))
        self._runner = Runner(app, self._node, self._tasks)

    def run(self) -> int:
        for number in (signal.SIGTERM, signal.SIGINT, signal.SIGHUP):
            signal.signal(number, self._asked_to_stop)
        lock = self._until(lambda: nodes.lock(self._config.instance_dir), LOOK_SECONDS)
        consumers = self._until(self._ready, TRY_AGAIN_SECONDS) if lock is not None else None
        if consumers is None:
            return 0
        suspects = Suspects(self._config.instance_dir / "calls.json", careful=nodes.mark_running(self._running_mark))
        bell = self._app.extensions["stowage_bell"]
        dispatcher = Dispatcher(lambda: targets(self._app), self._node, self._app.app_context, bell, suspects)
        threading.Thread(target=self._beat, name="heart", daemon=True).start()
        for consumer in consumers:
            consumer.start()
        dispatcher.start()
        log.info("background worker started", extra={"node": self._node, "pid": os.getpid()})
        self._watch(consumers, dispatcher)
        return self._finish(consumers, dispatcher)

    # --- the beginning --------------------------------------------------------------

    def _ready(self) -> list[TaskConsumer] | None:
        """Everything that database and queue are needed for; None: not yet."""
        try:
            self._join()
            storage = storage_at(self._config.queue_url)
            # What is for one node is in a queue of its own: who takes a name out of a queue has to be able to run it.
            for_all = Queue("stowage", storage, self._runner.run)
            for_node = Queue(f"stowage-{self._node}", storage, self._runner.run)
        except Exception:
            log.warning("database or queue cannot be used yet", exc_info=True)
            return None
        return [self._consumer(for_all, per_node=False), self._consumer(for_node, per_node=True)]

    def _join(self) -> None:
        subscribe_plugins(self._app)
        with self._app.app_context():
            self._services.tasks.join(self._node, nodes.host(), os.getpid(), version("stowage"), self._tasks)

    def _consumer(self, queue: Queue, *, per_node: bool) -> TaskConsumer:
        names = self._runner.names(per_node=per_node)
        return TaskConsumer(queue, THREADS, lambda: self._runner.tell_due(names, queue.tell))

    def _until(self, attempt: Callable[[], T | None], pause: float) -> T | None:
        """What ``attempt`` gives in the end; None if there is no time for it any more."""
        while not self._is_over():
            if (found := attempt()) is not None:
                return found
            self._stopping.wait(pause)
        return None

    # --- meanwhile ------------------------------------------------------------------

    def _watch(self, consumers: list[TaskConsumer], dispatcher: Dispatcher) -> None:
        """Until it is over, or threads that hang are in the way: only a new process is rid of them."""
        checked = time.monotonic()
        while not self._is_over():
            self._stopping.wait(LOOK_SECONDS)
            if time.monotonic() - checked > HEALTH_SECONDS:
                checked = time.monotonic()
                for consumer in consumers:
                    consumer.check_worker_health()
            if dispatcher.stuck_seconds() > STUCK_SECONDS:
                log.error("calls of a receiver hang: this worker ends, for a new one to begin without them")
                return

    def _is_over(self) -> bool:
        if self._under is not None and os.getppid() != self._under:
            return True
        return self._stopping.is_set()

    def _beat(self) -> None:
        while not self._stopped.wait(BEAT_SECONDS):
            try:
                with self._app.app_context():
                    if not self._services.tasks.beat(self._node, self._runner.running()):
                        self._join()
            except Exception:
                log.exception("the worker cannot say that it is alive")

    # --- the end --------------------------------------------------------------------

    def _asked_to_stop(self, _number: int, _frame: FrameType | None) -> None:
        # Who has started us kills us when our time is over; whoever signals a group of processes asks twice by mistake.
        if self._stopping.is_set() and self._under is None:
            os._exit(1)  # somebody is in a hurry
        self._stopping.set()

    def _finish(self, consumers: list[TaskConsumer], dispatcher: Dispatcher) -> int:
        """Begin nothing more, and let end what is running."""
        until = time.monotonic() + self._grace
        self._stopping.set()
        for consumer in consumers:
            consumer.stop_flag.set()
        dispatcher.stop(min(self._grace, CALLS_SECONDS))
        threads = [thread for consumer in consumers for _, thread in consumer.worker_threads]
        for thread in threads:
            thread.join(max(0.0, until - time.monotonic()))
        self._stopped.set()
        left = self._runner.running()
        if left:
            log.warning("tasks were cut off", extra={"tasks": ", ".join(left)})
        with contextlib.suppress(OSError):
            self._running_mark.unlink()
        log.info("background worker stopped", extra={"node": self._node, "pid": os.getpid()})
        logging.shutdown()
        # Threads that hang in a plugin or in a network call would keep the process, or crash it at its end.
        os._exit(0)
