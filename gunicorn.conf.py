"""How Stowage is served. Why each value is what it is: docs/operations.md and benchmarks/README.md."""

import os
import shutil
import tempfile
from pathlib import Path
from typing import Any

from webapp import logs
from webapp.config import Environment

_env = Environment(os.environ)
_shm = Path("/dev/shm")

worker_class = "gthread"
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

if "PROMETHEUS_MULTIPROC_DIR" not in os.environ:
    os.environ["PROMETHEUS_MULTIPROC_DIR"] = tempfile.mkdtemp(prefix="stowage-metrics-", dir=worker_tmp_dir)
    _metrics_dir: str | None = os.environ["PROMETHEUS_MULTIPROC_DIR"]
else:
    _metrics_dir = None


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


def on_exit(_server: Any) -> None:
    """Remove the counters of this run."""
    if _metrics_dir is not None:
        shutil.rmtree(_metrics_dir, ignore_errors=True)
