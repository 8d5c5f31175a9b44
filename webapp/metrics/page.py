"""``GET /metrics``: the counters of this node's processes, and what the database says."""

import logging
import os
from collections.abc import Iterable
from pathlib import Path

from flask import Flask, Response, current_app
from prometheus_client import CONTENT_TYPE_LATEST, CollectorRegistry, generate_latest
from prometheus_client.core import Metric

from webapp.http.auth import public
from webapp.metrics import counters, processes, watching
from webapp.metrics.measures import Measures
from webapp.metrics.place import VARIABLE

log = logging.getLogger(__name__)


def register(app: Flask) -> None:
    """Count, and answer ``GET /metrics``."""
    watching.register(app)
    app.extensions["stowage_measures"] = Measures(app.extensions["stowage"])
    app.add_url_rule("/metrics", "metrics", public(_show))


def _show() -> Response:
    registry = CollectorRegistry(auto_describe=False)
    registry.register(_Collected())
    return Response(generate_latest(registry), content_type=CONTENT_TYPE_LATEST)


class _Collected:
    def collect(self) -> Iterable[Metric]:
        if VARIABLE in os.environ:
            yield from processes.collect(Path(os.environ[VARIABLE]))
        else:
            for counter in counters.ALL:
                yield from counter.collect()
        try:
            yield from current_app.extensions["stowage_measures"].collect()
        except Exception:
            # The counters of this node are worth most just when the database is gone.
            log.warning("the database could not be asked for metrics", exc_info=True)
