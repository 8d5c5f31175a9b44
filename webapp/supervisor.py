"""Keeps the background worker running while the server does: for the master process, which has no threads of ours."""

import logging
import signal
import subprocess
import time
from collections.abc import Sequence

log = logging.getLogger(__name__)

LONG_ENOUGH = 10.0
"""A worker that lived so long is started again at once; the pause after shorter lives grows."""
LONGEST_PAUSE = 5.0
QUICK_SECONDS = 2.0


class Supervisor:
    """Starts one process, and starts it again when it ends."""

    def __init__(self, command: Sequence[str], seconds: float) -> None:
        """``seconds``: how long it may take to stop."""
        self._command = list(command)
        self._seconds = seconds
        self._process: subprocess.Popen[bytes] | None = None
        self._since = 0.0
        self._pause = 0.0
        self._begin_at = 0.0
        self._kill_at: float | None = None
        self._over = False

    def look(self) -> None:
        """See to it that it runs. To be called again and again."""
        if self._is_running() or self._over or time.monotonic() < self._begin_at:
            return
        self._since = time.monotonic()
        self._process = subprocess.Popen(self._command)  # noqa: S603 (our own program)

    def restart(self) -> None:
        """Let it end what it is doing; the next one is started by :meth:`look`."""
        self._send(signal.SIGTERM)
        self._since = -LONG_ENOUGH

    def stop(self, *, quick: bool = False) -> None:
        """Ask it to end, and start no other one."""
        self._over = True
        kill_at = time.monotonic() + (QUICK_SECONDS if quick else self._seconds)
        if self._kill_at is None:
            self._send(signal.SIGTERM)  # once: asked twice, it ends at once
        self._kill_at = min(kill_at, self._kill_at or kill_at)

    def wait(self) -> None:
        """Wait until it has ended, and end it when its time is over."""
        while self._is_running():
            if self._kill_at is not None and time.monotonic() > self._kill_at:
                self._send(signal.SIGKILL)
            time.sleep(0.05)

    def _send(self, number: int) -> None:
        if self._process is not None and self._is_running():
            self._process.send_signal(number)

    def _is_running(self) -> bool:
        if self._process is None:
            return False
        # The server waits for all its children, so it may have been told of this one's end before us: poll() knows.
        if self._process.poll() is None:
            return True
        self._process = None
        self._gone()
        return False

    def _gone(self) -> None:
        now = time.monotonic()
        lived = now - self._since
        self._pause = 0.0 if lived > LONG_ENOUGH else min(LONGEST_PAUSE, max(0.5, self._pause * 2))
        self._begin_at = now + self._pause
        if not self._over:
            log.log(logging.INFO if self._since < 0 else logging.ERROR, "the background worker has ended")
