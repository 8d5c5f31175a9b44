"""Where the processes of a node keep the counters that they share.

prometheus_client maps files into memory for this. On a disk that is full, writing to a
new page of such a file kills the process, so they are kept in memory where there is
room. Nothing here imports prometheus_client: it looks for its directory when imported.
"""

import hashlib
import os
import shutil
import stat
from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path

VARIABLE = "PROMETHEUS_MULTIPROC_DIR"
SHARED_MEMORY = Path("/dev/shm")  # noqa: S108 (below it, a directory of our own, see _is_ours)
LEAST_FREE = 32 * 1024 * 1024
"""Containers often have little of it. A node of ten processes takes a few megabytes."""
_OF = "of"
"""A file with the path of the instance directory that a directory of counters belongs to."""


def share(instance_dir: Path) -> Path:
    """Have this process and those it starts use the counters of this node."""
    directory = _in_memory(instance_dir) or instance_dir / "metrics"
    directory.mkdir(mode=0o700, exist_ok=True)
    os.environ[VARIABLE] = str(directory)
    return directory


def begin(directory: Path) -> None:
    """Forget what processes counted that are gone; those of another command may still be there."""
    for path in [*dead(directory), *directory.glob("*_0.db")]:
        path.unlink(missing_ok=True)
    if directory.parent == SHARED_MEMORY:
        _forget_gone_instances()


def in_use(directory: Path) -> bool:
    """Whether some process counts there that is alive."""
    return any(_is_alive(pid) for path in directory.glob("*.db") if (pid := _pid_of(path)))


def dead(directory: Path) -> list[Path]:
    """The files of processes that are gone."""
    return [path for path in directory.glob("*.db") if (pid := _pid_of(path)) and not _is_alive(pid)]


def _pid_of(path: Path) -> int:
    number = path.stem.rpartition("_")[2]
    return int(number) if number.isdigit() else 0


def _is_alive(pid: int) -> bool:
    try:
        os.kill(pid, 0)
    except ProcessLookupError:
        return False
    except PermissionError:
        pass
    return True


def _in_memory(instance_dir: Path) -> Path | None:
    """A directory that only this user can write to, or None if there cannot be one."""
    digest = hashlib.sha256(str(instance_dir).encode()).hexdigest()[:16]
    directory = SHARED_MEMORY / f"stowage-{os.geteuid()}-{digest}"
    try:
        if not directory.exists():
            if shutil.disk_usage(SHARED_MEMORY).free < LEAST_FREE:
                return None
            directory.mkdir(mode=0o700, exist_ok=True)
        if not _is_ours(directory):
            return None
        (directory / _OF).write_text(str(instance_dir), encoding="utf-8")
    except OSError:
        return None
    return directory


def _is_ours(directory: Path) -> bool:
    """Anybody may make a directory in shared memory, or a link, and call it as they like."""
    found = directory.lstat()
    return stat.S_ISDIR(found.st_mode) and found.st_uid == os.geteuid() and not stat.S_IMODE(found.st_mode) & 0o077


def _forget_gone_instances() -> None:
    for directory in SHARED_MEMORY.glob(f"stowage-{os.geteuid()}-*"):
        for instance_dir in _belongs_to(directory):
            if not instance_dir.exists():
                shutil.rmtree(directory, ignore_errors=True)


def _belongs_to(directory: Path) -> Iterator[Path]:
    with suppress(OSError):
        if _is_ours(directory):
            yield Path((directory / _OF).read_text(encoding="utf-8"))
