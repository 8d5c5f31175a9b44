"""What the numbers depend on: the machine, its file system, the versions."""

import importlib.metadata
import os
import platform
import shutil
import subprocess
import time
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path

from benchmarks import servers

CREATE_FILES = 200
PACKAGES = ("flask", "werkzeug", "gunicorn", "sqlalchemy", "orjson")


@dataclass(frozen=True)
class Machine:
    """Written above every table of results."""

    date: str
    cpu: str
    cores: int
    memory_gb: float
    kernel: str
    file_system: str
    load: float
    """Of the last minute, before the run: other people's work on the same cores."""
    versions: dict[str, str]


def describe(folder: Path) -> Machine:
    """Describe this machine, and the file system that ``folder`` is on."""
    return Machine(
        date=datetime.now(UTC).strftime("%Y-%m-%d %H:%M UTC"),
        cpu=_cpu(),
        cores=os.cpu_count() or 0,
        memory_gb=round(os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES") / 1e9, 1),
        kernel=f"{platform.system()} {platform.release()}",
        file_system=file_system(folder),
        load=round(os.getloadavg()[0], 2),
        versions=_versions(),
    )


def file_system(folder: Path) -> str:
    """Type and options of the mount that holds ``folder``."""
    mounts = [line.split() for line in Path("/proc/mounts").read_text().splitlines()]
    above = [mount for mount in mounts if folder.resolve().is_relative_to(mount[1])]
    _, _, kind, options, *_ = max(above, key=lambda mount: len(mount[1]))
    shown = [option for option in options.split(",") if not option.startswith(("resuid", "resgid", "resv"))]
    return f"{kind} ({','.join(shown)})"


def spread(folder: Path) -> None:
    """Let every server's folder start in a part of the disk of its own.

    ext4 without a journal does not use the inode of a deleted file again for up to
    five minutes, and looks at each of them whenever it makes a file in their block
    group: after some thousand deletions files are made 20 times slower there
    (recently_deleted() in fs/ext4/ialloc.c). ``+T`` sends subdirectories to other
    groups; elsewhere it does nothing.
    """
    if chattr := shutil.which("chattr"):
        subprocess.run([chattr, "+T", str(folder)], capture_output=True, check=False, timeout=10)


def create_rate(place: Path) -> float:
    """Small files made per second in a new folder, which stays; tells a disk in a bad state from a slow server."""
    place.mkdir()
    began = time.perf_counter()
    for number in range(CREATE_FILES):
        part = place / f"{number}.part"
        part.write_bytes(b"x" * 1024)
        part.rename(place / str(number))
    return CREATE_FILES / (time.perf_counter() - began)


def _cpu() -> str:
    for line in Path("/proc/cpuinfo").read_text().splitlines():
        if line.startswith("model name"):
            return line.partition(":")[2].strip()
    return platform.machine()


def _versions() -> dict[str, str]:
    found = {"Python": platform.python_version()}
    for package in PACKAGES:
        found[package] = importlib.metadata.version(package)
    return found | servers.versions()
