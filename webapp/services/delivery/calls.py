"""Threads that call receivers. One that hangs keeps its thread, and nobody else waits for that."""

import queue
import threading
from collections.abc import Callable

IDLE_SECONDS = 10.0


class Calls:
    """As many threads as there are calls at once; they stay for a while, for the next ones."""

    def __init__(self, name: str) -> None:
        """Threads are called ``name``."""
        self._name = name
        self._queue: queue.SimpleQueue[Callable[[], None]] = queue.SimpleQueue()
        self._lock = threading.Lock()
        self._idle = 0

    def start(self, call: Callable[[], None]) -> None:
        """Run ``call`` in a thread; it must not raise."""
        with self._lock:
            if reserved := self._idle > 0:
                self._idle -= 1
        if not reserved:
            threading.Thread(target=self._work, name=self._name, daemon=True).start()
        self._queue.put(call)

    def _work(self) -> None:
        while True:
            try:
                call = self._queue.get(timeout=IDLE_SECONDS)
            except queue.Empty:
                with self._lock:
                    if self._idle > 0:
                        self._idle -= 1
                        return
                continue  # somebody has reckoned with this thread: the call is on its way
            call()
            with self._lock:
                self._idle += 1
