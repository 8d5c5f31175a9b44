"""How Stowage is served. Why each value is what it is: docs/operations.md and benchmarks/README.md."""

import contextlib
import ctypes
import gc
import importlib
import json
import logging
import os
import resource
import secrets
import socket
import struct
import sys
from collections.abc import Callable
from http import HTTPStatus
from pathlib import Path
from typing import Any

from gunicorn.http.errors import LimitRequestHeaders, LimitRequestLine, ParseException
from gunicorn.workers.gthread import ThreadWorker

from webapp import logs
from webapp.config import Environment, load
from webapp.http.i18n import t
from webapp.metrics import place
from webapp.supervisor import Supervisor

_env = Environment(os.environ)
_shm = Path("/dev/shm")
_SO_ATTACH_FILTER = 26

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

# The counters of this run, shared by its processes, the background worker among them.
_metrics = place.share(load().instance_dir)

# Loaded before the workers are forked, and made into an application by each of them: they start in a third of the time
# and share what was loaded. Objects that no garbage collection looks at any more stay shared (gc.freeze). A worker
# that is started anew runs what the others run, whatever was installed meanwhile.
importlib.import_module("webapp.app")
gc.collect()
gc.freeze()


def on_starting(_server: Any) -> None:
    """Begin with empty counters, and with as many open files as the system allows."""
    most = resource.getrlimit(resource.RLIMIT_NOFILE)[1]
    resource.setrlimit(resource.RLIMIT_NOFILE, (most, most))
    place.begin(_metrics)


class worker_class(ThreadWorker):  # type: ignore[misc]  # noqa: N801 (the name of the setting)
    """Answers what never reaches the application in the same shape as the application, and whoever it let in."""

    def set_accept_enabled(self, enabled: bool) -> None:
        """When it stops, it takes what waits at its door and then shuts it.

        Each worker has a door of its own (``reuse_port``). gunicorn leaves it open until the worker ends, so
        the kernel goes on letting clients in that nobody answers: their connections are reset in the end.
        """
        super().set_accept_enabled(enabled)
        if enabled or self.alive:
            return
        for listener in self.sockets:
            _let_nobody_in(listener)
            before = -1
            while self.nr_conns != before:
                before = self.nr_conns
                self.accept(listener)
            listener.close()

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


def _let_nobody_in(listener: Any) -> None:
    """Have the kernel drop what knocks from now on (Linux, socket(7)): it knocks again, at another door or at none.

    Without it, whoever is let in between the last look and the closing of the door is reset.
    """
    drop_everything = ctypes.create_string_buffer(struct.pack("HBBI", 0x06, 0, 0, 0))  # BPF_RET | BPF_K, 0 bytes
    program = struct.pack("HL", 1, ctypes.addressof(drop_everything))
    with contextlib.suppress(OSError):
        listener.setsockopt(socket.SOL_SOCKET, _SO_ATTACH_FILTER, program)


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


def when_ready(server: Any) -> None:
    """Have the background worker beside the others: started, watched and stopped by this process.

    gunicorn has no hook that is called again and again, and this process must have no threads, since it
    forks: so the methods that look after the other workers look after this one too.
    """
    if _env.choice("STOWAGE_BACKGROUND_WORKER", "on", ("on", "off")) == "off":
        return
    command = [sys.executable, "-P", "-m", "webapp.cli", "worker", "--under", str(os.getpid())]
    supervisor = server.stowage_supervisor = Supervisor(command, graceful_timeout + 5)
    stop = server.stop

    def and_ours(method: Callable[[], None]) -> Callable[[], None]:
        def both() -> None:
            method()
            supervisor.look()

        return both

    def stop_workers(graceful: bool = True) -> None:
        supervisor.stop(quick=not graceful)
        stop(graceful)

    server.manage_workers = and_ours(server.manage_workers)
    # A reload waits for workers that end, and does nothing but this meanwhile.
    server.reap_workers = and_ours(server.reap_workers)
    server.stop = stop_workers


def on_reload(server: Any) -> None:
    """A new background worker as well."""
    if hasattr(server, "stowage_supervisor"):
        server.stowage_supervisor.restart()


def on_exit(server: Any) -> None:
    """The background worker was asked to stop when the others were."""
    if hasattr(server, "stowage_supervisor"):
        server.stowage_supervisor.wait()


def post_worker_init(worker: Any) -> None:
    """Plugins miss no event that this worker causes, even where no background worker has been started yet."""
    from webapp.jobs.subscribers import subscribe_plugins

    # A worker that is to stop does not wait for what may happen.
    worker.wsgi.extensions["stowage"].feed.is_stopping = lambda: not worker.alive
    try:
        subscribe_plugins(worker.wsgi)
    except Exception:
        # Without a database there are no events either, and the background worker tries again and again.
        logging.getLogger(__name__).warning("plugins could not be subscribed", exc_info=True)


def child_exit(_server: Any, worker: Any) -> None:
    """Forget the gauges of a worker that is gone; its counters stay."""
    from prometheus_client import multiprocess

    multiprocess.mark_process_dead(worker.pid)  # type: ignore[no-untyped-call]
