"""One line per request, as far as wanted."""

import logging
import time

from flask import Flask, Response, g, request

log = logging.getLogger("webapp.access")
_SAFE = frozenset({"GET", "HEAD", "OPTIONS"})
SLOW_SECONDS = 5.0


def register(app: Flask, which: str) -> None:
    """Log ``all`` requests, or only ``changes`` (unsafe methods, errors, slow ones), or none (``off``)."""
    if which != "off":
        everything = which == "all"
        app.after_request(lambda response: _logged(response, everything))


def _logged(response: Response, everything: bool) -> Response:
    seconds = time.perf_counter() - g.started if "started" in g else 0.0
    slow = seconds > SLOW_SECONDS and not g.get("waits", False)
    if everything or request.method not in _SAFE or response.status_code >= 400 or slow:
        caller = g.get("caller")
        log.info(
            "request",
            extra={
                "method": request.method,
                "path": request.path,
                "status": response.status_code,
                "ms": round(seconds * 1000, 1),
                "user": caller.username if caller else None,
                "address": request.remote_addr,
            },
        )
    return response
