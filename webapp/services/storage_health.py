"""Whether the store in use answers, for load balancers and probes, which ask often and do not wait for long."""

import logging
import secrets
import threading
import time

from webapp import logs
from webapp.contracts.backends import HealthChecked, StorageBackend
from webapp.contracts.errors import StorageError, StorageNotFoundError
from webapp.services.settings import SettingsService

log = logging.getLogger(__name__)

FRESH_SECONDS = 10.0
"""So long an answer of the store counts."""
PATIENCE_SECONDS = 2.0
"""A store that has not answered after so long is failing, until it does."""
COMPLAIN_SECONDS = 60.0
"""So often the log says why, at most."""


class StorageHealth:
    """Asks the store in use, at most every ten seconds, in a thread that nobody has to wait for."""

    def __init__(self, settings: SettingsService) -> None:
        """Ask the store that these settings name."""
        self._settings = settings
        self._lock = threading.Lock()
        self._latest: _Check | None = None
        self._rarely = logs.Rarely(COMPLAIN_SECONDS)

    def is_working(self) -> bool:
        """Tell whether files could be stored and read now, as far as that can be told without storing one."""
        try:
            backend = self._settings.active_place(self._settings.current()).backend
        except StorageError as exc:
            if self._rarely.is_due("backend", exc):
                log.warning("the backend in use cannot work", exc_info=True)
            return False
        with self._lock:
            check = self._latest
            if check is None or check.backend is not backend or check.is_stale():
                check = self._latest = _Check(backend, self._rarely)
                threading.Thread(target=check.run, name="storage-health", daemon=True).start()
        return check.result()


class _Check:
    """One question to the store. One that hangs is not asked a second time."""

    def __init__(self, backend: StorageBackend, rarely: logs.Rarely) -> None:
        self.backend = backend
        self._rarely = rarely
        self._began = time.monotonic()
        self._ended = threading.Event()
        self._is_working = False

    def run(self) -> None:
        try:
            _ask(self.backend)
            self._is_working = True
        except Exception as exc:
            # Whatever the class of a plugin raises.
            if self._rarely.is_due("store", exc):
                log.warning("the store does not answer as it should", exc_info=True)
        finally:
            self._ended.set()

    def is_stale(self) -> bool:
        return self._ended.is_set() and time.monotonic() - self._began > FRESH_SECONDS

    def result(self) -> bool:
        self._ended.wait(max(0.0, self._began + PATIENCE_SECONDS - time.monotonic()))
        return self._is_working


def _ask(backend: StorageBackend) -> None:
    if isinstance(backend, HealthChecked):
        backend.check_health()
        return
    try:
        pieces = backend.get(secrets.token_hex(16))
    except StorageNotFoundError:
        return
    except StorageError as exc:
        # Who may not list a bucket is not told either what is not in it.
        if exc.data.get("cause") == "denied":
            return
        raise
    close = getattr(pieces, "close", None)
    if close is not None:
        close()
