"""How Stowage is served. Why each value is what it is: docs/operations.md and benchmarks/README.md."""

import contextlib
import json
import logging
import os
import resource
import secrets
import shutil
from http import HTTPStatus
from pathlib import Path
from typing import Any

from gunicorn.http.errors import LimitRequestHeaders, LimitRequestLine, ParseException
from gunicorn.workers.gthread import ThreadWorker

from webapp import logs
from webapp.config import Environment, load
from webapp.http.i18n import t

_env = Environment(os.environ)
_shm = Path("/dev/shm")

workers = _env.integer("STOWAGE_WORKERS", min(8, max(2, os.cpu_count() or 2)), least=1)
# Many threads to wait for slow clients; the costly sections are bounded where they are.
threads = _env.integer("STOWAGE_THREADS", 128, least=1)
worker_connections = max(1000, threads * 4)
# Without it one worker took all keep-alive connections in most runs.
reuse_port = True
# The heartbeat file must not be on a disk that may stall.
worker_tmp_dir = str(_shm) if _shm.is_dir() else None
timeout = 60
graceful_timeout = _env.integer("STOWAGE_GRACEFUL_SECONDS", 30, least=1)
keepalive = 75
backlog = 2048
# A name of 255 characters outside the BMP takes 3,060 bytes in an address.
limit_request_line = 8190
# Which proxies are believed is said in STOWAGE_TRUSTED_PROXIES, see webapp/app.py.
secure_scheme_headers: dict[str, str] = {}
# Nobody asked for a control socket in the home directory.
control_socket_disable = True

accesslog = None
logconfig_dict = logs.settings(
    _env.choice("STOWAGE_LOG_FORMAT", "text", ("text", "json")),
    _env.choice("STOWAGE_LOG_LEVEL", "INFO", ("DEBUG", "INFO", "WARNING", "ERROR")),
)

# The counters of this run, shared by its workers. Emptied at the start: a killed master cannot do it at the end.
_metrics = load().instance_dir / "metrics"
os.environ["PROMETHEUS_MULTIPROC_DIR"] = str(_metrics)


def on_starting(_server: Any) -> None:
    """Begin with empty counters, and with as many open files as the system allows."""
    most = resource.getrlimit(resource.RLIMIT_NOFILE)[1]
    resource.setrlimit(resource.RLIMIT_NOFILE, (most, most))
    shutil.rmtree(_metrics, ignore_errors=True)
    _metrics.mkdir()


class worker_class(ThreadWorker):  # type: ignore[misc]  # noqa: N801 (the name of the setting)
    """Answers what never reaches the application in the same shape as the application."""

    def handle_error(self, req: Any, client: Any, addr: Any, exc: BaseException) -> None:
        """Tell a client that its request cannot be read; log what it was."""
        request_id = secrets.token_hex(12)
        malformed = isinstance(exc, ParseException)
        self.log.log(
            logging.WARNING if malformed else logging.ERROR,
            "%s from %s: %r (request_id=%s)",
            "malformed request" if malformed else "unexpected error in a request",
            addr,
            exc,
            request_id,
            exc_info=None if malformed else exc,
        )
        with contextlib.suppress(OSError):
            client.sendall(_problem(exc, request_id))


def _problem(exc: BaseException, request_id: str) -> bytes:
    malformed = isinstance(exc, ParseException)
    status = 400 if malformed else 500
    if isinstance(exc, LimitRequestHeaders | LimitRequestLine):
        status = 431 if isinstance(exc, LimitRequestHeaders) else 414
    code = "bad_request" if malformed else "internal_error"
    problem = {
        "type": f"urn:stowage:problem:{code}",
        "title": HTTPStatus(status).phrase,
        "status": status,
        "detail": t(f"errors.{code}"),
        "code": code,
        "request_id": request_id,
    }
    body = json.dumps(problem).encode()
    head = (
        f"HTTP/1.1 {status} {HTTPStatus(status).phrase}\r\nConnection: close\r\n"
        f"Content-Type: application/problem+json\r\nContent-Length: {len(body)}\r\n"
        f"X-Request-ID: {request_id}\r\nX-Content-Type-Options: nosniff\r\nCache-Control: no-store\r\n\r\n"
    )
    return head.encode() + body


def post_worker_init(worker: Any) -> None:
    """Start the background thread of this worker."""
    from webapp import jobs

    worker.stowage_jobs = jobs.start(worker.wsgi)


def worker_exit(_server: Any, worker: Any) -> None:
    """End it, and note which events were delivered."""
    from webapp import db

    if hasattr(worker, "stowage_jobs"):
        worker.stowage_jobs.set()
        with worker.wsgi.app_context():
            db.acknowledge_published()


def child_exit(_server: Any, worker: Any) -> None:
    """Forget the gauges of a worker that is gone; its counters stay."""
    from prometheus_client import multiprocess

    multiprocess.mark_process_dead(worker.pid)  # type: ignore[no-untyped-call]
