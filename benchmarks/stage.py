"""The servers of one run: started when first needed, ended in any case, everything below one folder."""

import fcntl
import os
import secrets
import shutil
import tempfile
from collections.abc import Iterator, Mapping
from contextlib import ExitStack, contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Self

from benchmarks import machine
from benchmarks.s3 import Store
from benchmarks.servers import Copyparty, FolderServer, Limit, Nginx, Server, find_copyparty, find_nginx
from benchmarks.stowage import Stowage

CANDIDATES = 4
PREFIX = "run-"
IN_MEMORY = ("tmpfs", "ramfs")


@dataclass(frozen=True, kw_only=True)
class Plan:
    """How much is measured."""

    rounds: int = 5
    seconds: float = 2.0
    large: int = 1 << 30
    depths: tuple[int, ...] = (1_000, 100_000, 1_000_000)
    slow_rounds: int = 3
    slow_clients: int = 200
    slow_seconds: float = 10.0


QUICK = Plan(rounds=2, seconds=1.0, large=1 << 28, depths=(1_000, 20_000), slow_rounds=1, slow_seconds=4.0)


class Stage:
    """Where rows find the servers they measure."""

    def __init__(self, plan: Plan, parent: Path, create_rates: dict[str, float], *, with_stowage: bool = True) -> None:
        self.plan = plan
        self._with_stowage = with_stowage
        self._parent = parent
        self._exit = ExitStack()
        self._peers: dict[str, FolderServer] = {}
        self._seeded: dict[int, Stowage] = {}
        self._store: Store | None = None
        self._folders = 0
        self._create_rates = create_rates

    def __enter__(self) -> Self:
        if machine.file_system(self._parent).startswith(IN_MEMORY):
            raise SystemExit(f"{self._parent} is memory, not a disk: choose another place with --dir")
        _sweep(self._parent)
        self.root = Path(tempfile.mkdtemp(prefix=PREFIX, dir=self._parent))
        self._exit.callback(os.close, _locked(self.root))
        self._exit.callback(shutil.rmtree, self.root, ignore_errors=True)
        machine.spread(self.root)
        (self._parent / "stowage.log").unlink(missing_ok=True)
        return self

    def __exit__(self, *error: object) -> None:
        self._exit.close()

    def peers(self) -> list[FolderServer]:
        """nginx and copyparty, where they are installed; one of each for the whole run."""
        if find_nginx():
            self._peer(Nginx)
        if find_copyparty():
            self._peer(Copyparty)
        return [peer for peer in self._peers.values() if not isinstance(peer, Limit)]

    def limit(self) -> FolderServer:
        """The one-thread limit."""
        return self._peer(Limit)

    def store(self) -> Store:
        """The store that speaks S3; one for the whole run."""
        if self._store is None:
            self._store = Store(self.folder("swift"))
            self._exit.callback(self._store.process.stop)
        return self._store

    @contextmanager
    def stowage(self, environ: Mapping[str, str] | None = None) -> Iterator[Stowage | None]:
        """A new Stowage, so that no row sees what another one left; None where only peers are measured."""
        if not self._with_stowage:
            yield None
            return
        server = Stowage(self.folder("stowage"), environ=environ)
        try:
            yield server
        finally:
            server.process.stop()
            with server.process.log.open("rb") as log, (self._parent / "stowage.log").open("ab") as kept:
                shutil.copyfileobj(log, kept)

    @contextmanager
    def all(self) -> Iterator[list[Server]]:
        """A new Stowage and the peers."""
        with self.stowage() as stowage:
            yield [*([stowage] if stowage else []), *self.peers()]

    def seeded(self, rows: int) -> Stowage | None:
        """A Stowage whose database has so many rows; one for the whole run."""
        if self._with_stowage and rows not in self._seeded:
            server = Stowage(self.folder(f"seeded-{rows}"), rows)
            self._exit.callback(server.process.stop)
            self._seeded[rows] = server
        return self._seeded.get(rows)

    def folder(self, name: str) -> Path:
        """A new folder, in a part of the disk that is in a good state (see machine.spread)."""
        self._folders += 1
        # ext4 chooses the part by the name: at random, a part that the last run has just left is seldom met.
        candidates = [self.root / f"{self._folders:02d}-{name}-{secrets.token_hex(4)}" for _ in range(CANDIDATES)]
        rates = {}
        for path in candidates:
            path.mkdir()
            rates[path] = machine.create_rate(path / "probe")
        best = max(candidates, key=lambda path: rates[path])
        self._create_rates[best.name] = rates[best]
        return best

    def _peer(self, kind: type[FolderServer]) -> FolderServer:
        if kind.name not in self._peers:
            server = kind(self.folder(kind.name))
            self._exit.callback(server.process.stop)
            self._peers[kind.name] = server
        return self._peers[kind.name]


def _locked(folder: Path) -> int:
    """Hold the lock that says a run is alive. It goes with the process."""
    fd = os.open(folder, os.O_RDONLY | os.O_DIRECTORY)
    try:
        fcntl.flock(fd, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except OSError:
        os.close(fd)
        raise
    return fd


def _sweep(parent: Path) -> None:
    """Remove what killed runs have left."""
    for folder in parent.glob(f"{PREFIX}*"):
        with suppress(OSError):  # it lives
            os.close(_locked(folder))
            shutil.rmtree(folder)
