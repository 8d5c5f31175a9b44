"""What moves the counters: answers, downloads, committed events and checks of uploads."""

import logging
import time
from collections.abc import Callable
from functools import wraps
from typing import ParamSpec

from flask import Flask, Response, g, has_request_context, request
from flask.signals import request_finished

from webapp import events
from webapp.contracts.events import Event, FileUploaded
from webapp.http import transfers
from webapp.http.transfers import Transferred
from webapp.metrics import counters
from webapp.services import Services

log = logging.getLogger(__name__)

_METHODS = frozenset({"GET", "HEAD", "POST", "PUT", "PATCH", "DELETE", "OPTIONS"})
_DIRECT = "api_direct.complete"

P = ParamSpec("P")


def _harmless(count: Callable[P, None]) -> Callable[P, None]:
    """Nothing that is only counted may fail: not a request, and not what follows a commit."""

    @wraps(count)
    def counted(*args: P.args, **kwargs: P.kwargs) -> None:
        try:
            count(*args, **kwargs)
        except Exception:
            log.warning("something could not be counted", exc_info=True)

    return counted


def register(app: Flask) -> None:
    """Count from now on."""
    services: Services = app.extensions["stowage"]
    request_finished.connect(_answered, app, weak=False)
    services.checks.observers.append(_checked)
    # These two are of the process: an application that is made a second time must not count twice.
    if _committed not in events.observers:
        events.observers.append(_committed)
    if _transferred not in transfers.observers:
        transfers.observers.append(_transferred)


@_harmless
def _answered(_sender: Flask, response: Response, **_: object) -> None:
    endpoint, status = request.endpoint or "none", str(response.status_code)
    method = request.method if request.method in _METHODS else "other"
    counters.REQUESTS.labels(endpoint, method, status).inc()
    if (seconds := _seconds_since("started")) is not None and not g.get("waits", False):
        counters.REQUEST_SECONDS.labels(endpoint, f"{status[0]}xx").observe(seconds)
    if code := g.get("problem"):
        counters.ERRORS.labels(code).inc()


@_harmless
def _committed(event: Event) -> None:
    counters.EVENTS.labels(type(event).__name__).inc()
    if isinstance(event, FileUploaded):
        _uploaded(event)


def _uploaded(event: FileUploaded) -> None:
    way = "direct" if has_request_context() and request.endpoint == _DIRECT else "through"
    counters.UPLOADS.labels(event.backend, way).inc()
    counters.UPLOADED.labels(event.backend, way).inc(event.size_bytes)
    if not has_request_context() or way == "direct":
        return  # when the first part was sent, nobody here knows
    # A form may bring several files, one after the other.
    seconds = _seconds_since("stored" if "stored" in g else "started")
    g.stored = time.perf_counter()
    if seconds is not None:
        counters.UPLOAD_SECONDS.labels(event.backend).observe(seconds)


@_harmless
def _transferred(done: Transferred) -> None:
    counters.DOWNLOADS.labels(done.backend, done.outcome).inc()
    counters.DOWNLOADED.labels(done.backend).inc(done.size_bytes)
    if done.outcome == transfers.SENT:
        counters.DOWNLOAD_SECONDS.labels(done.backend).observe(done.seconds)


@_harmless
def _checked(plugin: str, outcome: str) -> None:
    counters.CHECKS.labels(plugin, outcome).inc()


def _seconds_since(moment: str) -> float | None:
    began: float | None = g.get(moment)
    return None if began is None else time.perf_counter() - began
