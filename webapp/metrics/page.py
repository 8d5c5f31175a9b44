"""``GET /metrics``: the counters of this node's processes, and what the database says."""

import logging
import os
import threading
import time
from collections.abc import Iterable
from pathlib import Path

from flask import Flask, Response
from prometheus_client import CONTENT_TYPE_LATEST, CollectorRegistry, generate_latest
from prometheus_client.core import Metric

from webapp import logs
from webapp.http.auth import public
from webapp.metrics import counters, processes, watching
from webapp.metrics.measures import Measures
from webapp.metrics.place import VARIABLE

log = logging.getLogger(__name__)

_rarely = logs.Rarely(60)  # anybody may ask, as often as they like


def register(app: Flask) -> None:
    """Count, and answer ``GET /metrics``."""
    watching.register(app)
    page = app.extensions["stowage_metrics"] = Page(Measures(app.extensions["stowage"]))

    def show() -> Response:
        text = page.text()
        if text is None:
            return Response("the counters cannot be read now\n", 503, {"Retry-After": "5"}, mimetype="text/plain")
        return Response(text, content_type=CONTENT_TYPE_LATEST)

    app.add_url_rule("/metrics", "metrics", public(show))


class Page:
    """The page of this process. One request at a time makes it, for all that asked before it began.

    So a crowd costs two collections at most, however large it is, and nobody is told what is older than the question.
    """

    def __init__(self, measures: Measures) -> None:
        """Nothing is collected yet."""
        self.measures = measures
        self._registry = CollectorRegistry(auto_describe=False)
        self._registry.register(_Collected(measures))
        self._lock = threading.Lock()
        self._began = float("-inf")
        self._kept: bytes | None = None

    def text(self) -> bytes | None:
        """The page as it is now; the last one where that takes too long, None where there was none yet."""
        try:
            self._renew()
        except TimeoutError as exc:
            if _rarely.is_due(str(exc)):
                log.warning("metrics are not collected: %s", exc)
        return self._kept

    def _renew(self) -> None:
        asked = time.monotonic()
        # Who waits holds a thread that other requests need, and whoever collects may be waiting for a database.
        if not self._lock.acquire(timeout=processes.PATIENCE_SECONDS):
            raise TimeoutError("another request is still collecting them")
        try:
            if self._began <= asked:
                # Before it may fail: those who waited for it would wait as long again, one after the other.
                self._began = time.monotonic()
                self._kept = generate_latest(self._registry)
        finally:
            self._lock.release()


class _Collected:
    def __init__(self, measures: Measures) -> None:
        self._measures = measures

    def collect(self) -> Iterable[Metric]:
        if VARIABLE in os.environ:
            yield from processes.collect(Path(os.environ[VARIABLE]))
        else:
            for counter in counters.ALL:
                yield from counter.collect()
        yield from self._measures.collect()
