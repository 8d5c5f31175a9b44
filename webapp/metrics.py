"""Prometheus counters, fed by our own signals: the proof in the house that these suffice.

Workers share the numbers through memory-mapped files (prometheus_client's
multiprocess mode) in the directory that gunicorn.conf.py sets up.
"""

import os
from typing import Any

from flask import Flask, Response, request
from flask.signals import request_finished
from prometheus_client import CONTENT_TYPE_LATEST, REGISTRY, CollectorRegistry, Counter, generate_latest
from prometheus_client.multiprocess import MultiProcessCollector

from webapp.contracts.events import EVENT_TYPES, Event, FileUploaded, signal_for
from webapp.http.auth import public

_events = Counter("stowage_events", "Events, by kind.", ["event"])
_bytes = Counter("stowage_uploaded_bytes", "Bytes of the files that were stored.")
_responses = Counter("stowage_http_responses", "HTTP answers, by method and status.", ["method", "status"])
_METHODS = frozenset({"GET", "HEAD", "POST", "PUT", "PATCH", "DELETE", "OPTIONS"})


def register(app: Flask) -> None:
    """Count, and answer ``GET /metrics``."""
    for event_type in EVENT_TYPES:
        signal_for(event_type).connect(_count, weak=False)
    request_finished.connect(_count_response, app, weak=False)
    app.add_url_rule("/metrics", "metrics", public(_show))


def _count(_sender: object, event: Event, **_: Any) -> None:
    _events.labels(type(event).__name__).inc()
    if isinstance(event, FileUploaded):
        _bytes.inc(event.size_bytes)


def _count_response(_sender: Flask, response: Response, **_: Any) -> None:

    method = request.method if request.method in _METHODS else "other"
    _responses.labels(method, str(response.status_code)).inc()


def _show() -> Response:
    registry = REGISTRY
    if "PROMETHEUS_MULTIPROC_DIR" in os.environ:
        registry = CollectorRegistry()
        MultiProcessCollector(registry)  # type: ignore[no-untyped-call]
    return Response(generate_latest(registry), content_type=CONTENT_TYPE_LATEST)
