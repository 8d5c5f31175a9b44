"""The counters of all processes of this node, living and dead, added up.

Each process counts in files of its own. Those of dead ones are added to one of
everybody's, or a server that runs for years would read ever more of them.
"""

import fcntl
import os
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from prometheus_client import Metric
from prometheus_client.mmap_dict import MmapedDict
from prometheus_client.multiprocess import MultiProcessCollector

from webapp.metrics.place import dead

PATIENCE_SECONDS = 2.0
"""Nobody waits longer for the others: a process that stands still may hold the lock for hours."""
_EVERYBODYS = "0"


def collect(directory: Path) -> list[Metric]:
    """All counters now.

    Raises:
        TimeoutError: another process keeps them to itself.
    """
    with _lock_file(directory) as lock:
        # Only where nobody else is reading: until then the files of dead processes are read like all others.
        if dead(directory) and _try_to_lock(lock, fcntl.LOCK_EX):
            for path in dead(directory):
                _fold(path)
        _share(lock)
        collector: Any = MultiProcessCollector(None, str(directory))  # type: ignore[no-untyped-call]
        return list(collector.collect())


def _fold(path: Path) -> None:
    """Add what a dead process counted to what all dead ones did; its gauges are of no interest any more."""
    kind = path.stem.partition("_")[0]
    if kind != "gauge":
        everybodys = path.with_name(f"{kind}_{_EVERYBODYS}.db")
        beside = everybodys.with_suffix(".new")
        beside.unlink(missing_ok=True)
        sums: dict[str, float] = {}
        for each in (everybodys, path):
            for key, value in _values(each):
                sums[key] = sums.get(key, 0.0) + value
        written = MmapedDict(str(beside))  # type: ignore[no-untyped-call]
        for key, value in sums.items():
            written.write_value(key, value, 0.0)  # type: ignore[no-untyped-call]
        written.close()  # type: ignore[no-untyped-call]
        # Should this process die between the two steps, the dead one is counted twice: once in years.
        beside.replace(everybodys)
    path.unlink()


def _values(path: Path) -> Iterator[tuple[str, float]]:
    if path.exists() and path.stat().st_size:
        for key, value, _, _ in MmapedDict.read_all_values_from_file(str(path)):  # type: ignore[no-untyped-call]
            yield key, value


@contextmanager
def _lock_file(directory: Path) -> Iterator[int]:
    fd = os.open(directory / "lock", os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
    try:
        yield fd
    finally:
        os.close(fd)


def _share(lock: int) -> None:
    """Keep others from adding up while this one reads."""
    until = time.monotonic() + PATIENCE_SECONDS
    while not _try_to_lock(lock, fcntl.LOCK_SH):
        if time.monotonic() >= until:
            raise TimeoutError("another process keeps the counters locked")
        time.sleep(0.01)


def _try_to_lock(lock: int, how: int) -> bool:
    """Lock it in this way, and no longer in another; False where others are in the way."""
    try:
        fcntl.flock(lock, how | fcntl.LOCK_NB)
    except BlockingIOError:
        return False
    return True
