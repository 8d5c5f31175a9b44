"""The queue: which tasks are due, told to whoever of the workers is free.

It carries names and nothing else, as JSON: nobody who can write into a shared queue can make
a worker run more than a task that there is. What it loses is told again (runner.py).
"""

import json
import logging
import threading
import time
from collections.abc import Callable
from typing import Any

from huey import Huey
from huey.consumer import Consumer, Scheduler
from huey.storage import BaseSqlStorage, BaseStorage, PostgresStorage, RedisStorage, SqliteStorage

from webapp.contracts.errors import ConfigurationError

log = logging.getLogger(__name__)

TELL_SECONDS = 1.0
CONNECT_SECONDS = 3
ANSWER_SECONDS = 10
COMPLAIN_SECONDS = 60.0


class Queue(Huey):  # type: ignore[misc]
    """A queue of names. Neither results nor retries: the rows of the tasks have these."""

    def __init__(self, name: str, storage: Callable[[str], BaseStorage], run: Callable[[str], None]) -> None:
        self._storage = storage
        super().__init__(name, results=False)
        self._run = self.task(name="run")(run)
        self.on_shutdown("close")(self._close)  # by each thread: some storages have a connection for each
        self._closing = threading.Lock()
        self._prepared = False
        self._complained = -COMPLAIN_SECONDS

    def tell(self, name: str) -> bool:
        """Tell whoever is free that this task is due; False: the queue does not work."""
        try:
            self.prepare()
            self._run(name)
        except Exception as exc:  # noqa: BLE001 (told by _complain)
            self._complain(exc)
            return False
        return True

    def dequeue(self) -> Any:
        """What is to be run next, if anything is."""
        try:
            self.prepare()
            return super().dequeue()
        except Exception as exc:  # noqa: BLE001 (told by _complain)
            self._complain(exc)
            time.sleep(TELL_SECONDS)
            return None

    def create_storage(self) -> BaseStorage:
        return self._storage(self.name)

    def serialize_task(self, task: Any) -> bytes:
        """JSON: huey's own way is pickle, which runs whatever it is given."""
        return json.dumps({"task": task.args[0]}).encode()

    def deserialize_task(self, data: bytes) -> Any:
        return self._run.s(str(json.loads(bytes(data))["task"]))

    def prepare(self) -> None:
        """Make its tables when it is used, not before: nothing waits for a queue that is down."""
        if not self._prepared:
            if isinstance(self.storage, BaseSqlStorage):
                try:
                    self.storage.initialize_schema()
                except Exception:  # noqa: BLE001 (if it was no chance, it comes again)
                    # PostgreSQL: of two that make the same table at once, one fails.
                    self.storage.initialize_schema()
            self._prepared = True

    def _close(self) -> None:
        # Others have one for all, and trip when two threads close it at once.
        with self._closing:
            self.storage.close()

    def _complain(self, failure: Exception) -> None:
        """Now and then: several threads ask each second."""
        now = time.monotonic()
        if now - self._complained >= COMPLAIN_SECONDS:
            self._complained = now
            log.warning("the queue does not work; tasks are run without it", exc_info=failure)

    def execute(self, task: Any, timestamp: object = None) -> Any:
        """Run it, without asking the storage whether it was revoked: nothing is."""
        return task.execute()


def storage_at(url: str) -> Callable[[str], BaseStorage]:
    """What makes the storage of a queue at this address.

    Raises:
        ConfigurationError: there is no such kind of queue.
    """
    scheme, _, path = url.partition("://")
    if scheme == "sqlite":
        # It is filled again from the rows, so it need not survive the machine.
        return lambda name: SqliteStorage(
            name, filename=path.removeprefix("/"), fsync=False, cache_mb=1, create_tables=False
        )
    if scheme in ("redis", "rediss"):
        return lambda name: _redis(name, url)
    if scheme in ("postgresql", "postgresql+psycopg", "postgres"):
        dsn = f"postgresql://{path}"
        return lambda name: PostgresStorage(
            name,
            dsn=dsn,
            table_prefix="stowage_queue",
            create_tables=False,
            connect_timeout=CONNECT_SECONDS,
            read_timeout=TELL_SECONDS,
        )
    raise ConfigurationError("STOWAGE_QUEUE_URL begins with sqlite://, redis:// or postgresql://")


def _redis(name: str, url: str) -> BaseStorage:
    try:
        from redis import ConnectionPool  # noqa: PLC0415 (of the extra, see pyproject.toml)
    except ImportError as exc:
        raise ConfigurationError("a queue in Redis needs the extra redis: .venv/bin/pip install -e '.[redis]'") from exc
    pool = ConnectionPool.from_url(url, socket_connect_timeout=CONNECT_SECONDS, socket_timeout=ANSWER_SECONDS)
    return RedisStorage(name, connection_pool=pool, clean_name=False)


class TaskConsumer(Consumer):  # type: ignore[misc]
    """The threads that work off one queue, and the one that tells it what is due."""

    def __init__(self, queue: Queue, threads: int, tell_due: Callable[[], None]) -> None:
        self._tell_due = tell_due
        super().__init__(queue, workers=threads, periodic=False, max_delay=TELL_SECONDS)

    def _create_scheduler(self) -> Scheduler:
        return _Teller(self.huey, self.stop_flag, self._tell_due)

    def _set_signal_handlers(self) -> None:
        """They belong to the process, which has more than one consumer."""


class _Teller(Scheduler):  # type: ignore[misc]
    """Stands in for huey's schedule."""

    def __init__(self, queue: Queue, stop_flag: Any, tell_due: Callable[[], None]) -> None:
        super().__init__(queue, stop_flag, interval=1, periodic=False)
        self._tell_due = tell_due

    def loop(self, now: object = None) -> None:
        self._tell_due()
        self.stop_flag.wait(TELL_SECONDS)
