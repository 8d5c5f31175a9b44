"""What tells this node from others, and its one worker from further ones."""

import contextlib
import fcntl
import logging
import os
import secrets
import socket
from pathlib import Path

log = logging.getLogger(__name__)

LONGEST_HOST = 80


def node_of(instance_dir: Path) -> str:
    """The name of this node: a mark that its data directory keeps. A new container has another host name each time."""
    return _mark(instance_dir / "node")


def host() -> str:
    """The name of this host."""
    return socket.gethostname()[:LONGEST_HOST] or "host"


def lock(instance_dir: Path) -> int | None:
    """Become the worker of this data directory; None while another process is. It ends with this process."""
    fd = os.open(instance_dir / "worker.lock", os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o640)
    try:
        # Not flock: that is kept by processes a plugin may have forked, after the worker was killed.
        fcntl.lockf(fd, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except (BlockingIOError, PermissionError):
        os.close(fd)
        return None
    return fd


def mark_running(path: Path) -> bool:
    """Leave a mark that goes when the worker ends; whether one was left by a worker that ended without a word."""
    try:
        path.touch(exist_ok=False)
    except FileExistsError:
        return True
    except OSError:
        log.warning("it cannot be noted that the worker runs", exc_info=True)
    return False


def _mark(path: Path) -> str:
    try:
        if kept := path.read_text(encoding="ascii").strip():
            return kept[:16]
    except FileNotFoundError:
        pass
    # The link makes file and content appear in one step.
    temporary = path.with_name(f".{path.name}.{secrets.token_hex(8)}")
    temporary.write_text(secrets.token_hex(4), encoding="ascii")
    try:
        with contextlib.suppress(FileExistsError):
            os.link(temporary, path)
        return path.read_text(encoding="ascii").strip()[:16]
    finally:
        temporary.unlink()
