"""A real server for the tests: ``stowage serve`` on a data directory of its own."""

import os
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from functools import cached_property
from pathlib import Path

import requests

from tests.support import commands
from tests.support.browser import Browser
from tests.support.client import Client
from tests.support.missing import missing
from tests.support.problems import SECRET_NAME
from tests.support.processes import command_line, descendants, is_alive

ADMIN_PASSWORD = "correct horse battery staple"
USER_PASSWORD = "tr0ub4dor and three more"


def stowage() -> str:
    """The command under test: the one next to this interpreter."""
    command = Path(sys.executable).parent / "stowage"
    if not command.exists():
        missing("There is no `stowage` next to this Python: run `make install`.")
    return str(command)


class Server:
    """Start it, speak to it, look at its disk, stop it, kill it."""

    def __init__(
        self, base: Path, *, workers: int = 2, environ: Mapping[str, str] | None = None, prefix: Sequence[str] = ()
    ) -> None:
        """``prefix`` stands before the command, for example to give it a mount of its own."""
        self.data_dir = base / SECRET_NAME
        self.data_dir.mkdir(parents=True, exist_ok=True)
        self.prefix = list(prefix)
        self.port = free_port()
        self.url = f"http://127.0.0.1:{self.port}"
        self.environ = {
            **{name: value for name, value in os.environ.items() if not name.startswith("STOWAGE_")},
            "HOME": str(base),
            "STOWAGE_DATA": str(self.data_dir),
            "STOWAGE_ADMIN_PASSWORD": ADMIN_PASSWORD,
            "STOWAGE_WORKERS": str(workers),
            **(environ or {}),
        }
        self._log_path = base / "server.log"
        self._process: subprocess.Popen[bytes] | None = None
        self._clients: list[Client] = []

    # Life

    def start(self, patience: float = 60, *, ready: str = "/readyz") -> "Server":
        """``ready`` answers 200 when it is up; without a backend that works, only ``/healthz`` does."""
        command = [*self.prefix, stowage(), "serve", "--port", str(self.port)]
        with self._log_path.open("ab") as log:
            self._process = subprocess.Popen(
                command, env=self.environ, stdout=log, stderr=log, cwd=self.data_dir, start_new_session=True
            )
        self.wait_until_ready(patience, ready)
        return self

    def wait_until_ready(self, patience: float = 60, ready: str = "/readyz") -> None:
        assert eventually(lambda: self._answers(ready), patience), (
            f"the server does not get ready:\n{self.log()[-3000:]}"
        )

    def stop(self, patience: float = 45) -> int:
        """Ask it to stop and return its exit status."""
        self.terminate()
        return self.wait(patience)

    def terminate(self) -> None:
        self.process.send_signal(signal.SIGTERM)

    def wait(self, patience: float = 45) -> int:
        try:
            status = self.process.wait(patience)
        except subprocess.TimeoutExpired:
            self.kill()
            raise AssertionError(f"the server does not stop:\n{self.log()[-3000:]}") from None
        self._process = None
        return status

    def kill(self) -> None:
        """What a power failure does to it: every process, at once."""
        if self._process is not None:
            os.killpg(self._process.pid, signal.SIGKILL)
            self._process.wait()
            self._process = None

    def close(self) -> None:
        """Leave nothing running."""
        for client in self._clients:
            client.close()
        if self._process is not None:
            if self._process.poll() is None:
                self.stop()
            else:
                self._process = None

    @property
    def process(self) -> "subprocess.Popen[bytes]":
        assert self._process is not None, "the server does not run"
        return self._process

    def workers(self) -> list[int]:
        """The processes that answer requests."""
        return [pid for pid in descendants(self.process.pid) if is_alive(pid) and "gunicorn" in command_line(pid)]

    def background(self) -> list[int]:
        """Its background worker."""
        below = [pid for pid in descendants(self.process.pid) if is_alive(pid)]
        return [pid for pid in below if "webapp.cli worker" in command_line(pid)]

    def log(self) -> str:
        return self._log_path.read_text(errors="replace") if self._log_path.exists() else ""

    def _answers(self, path: str) -> bool:
        if self.process.poll() is not None:
            raise AssertionError(f"the server went away ({self.process.returncode}):\n{self.log()[-3000:]}")
        try:
            return requests.get(f"{self.url}{path}", timeout=3).status_code == 200
        except (requests.ConnectionError, requests.Timeout):
            return False

    # Command line

    def run(self, *arguments: str, stdin: str = "") -> "subprocess.CompletedProcess[str]":
        """Run one ``stowage`` command on the same data directory."""
        return subprocess.run(
            [stowage(), *arguments],
            check=False,
            env=self.environ,
            input=stdin,
            capture_output=True,
            text=True,
            timeout=60,
        )

    def cli(self, *arguments: str, stdin: str = "") -> str:
        """Run a command that has to succeed and return what it printed."""
        quick = commands.can_run(self.environ)
        done = commands.run(arguments, self.environ, stdin, 60) if quick else self.run(*arguments, stdin=stdin)
        assert done.returncode == 0, f"stowage {' '.join(arguments)}: {done.stdout}{done.stderr}"
        return done.stdout.strip()

    def token(self, user: str, *scopes: str, expires: int | None = None) -> str:
        arguments = ["token", "create", user, "--name", "test"]
        arguments += [part for scope in scopes for part in ("--scope", scope)]
        arguments += ["--expires", str(expires)] if expires is not None else []
        return self.cli(*arguments)

    def add_user(self, name: str, password: str = USER_PASSWORD, role: str = "user") -> None:
        self.cli("user", "create", name, "--role", role, stdin=password + "\n")

    @contextmanager
    def settings(self, **values: object) -> Iterator[None]:
        """Other settings, live at the next request, put back in the end."""
        try:
            for name, value in values.items():
                self.set_value(name, str(value))
            yield
        finally:
            for name in values:
                self.cli("settings", "unset", "file_storage", name)

    def set_value(self, name: str, value: str) -> None:
        self.cli("settings", "set", "file_storage", name, value)

    # Callers

    def client(self, user: str | None = None, *scopes: str) -> Client:
        """A program of ``user`` with a new token, or of nobody."""
        return self._kept(Client(self.url, self.token(user, *scopes) if user else None))

    def browser(self) -> Browser:
        browser = Browser(self.url)
        self._kept(browser)
        return browser

    @cached_property
    def admin(self) -> Client:
        return self.client("admin")

    def _kept(self, client: Client) -> Client:
        self._clients.append(client)
        return client

    # Disk

    @property
    def uploads(self) -> Path:
        """The directory of the files, as the server itself sees it."""
        if self.prefix:
            return Path(f"/proc/{self.process.pid}/root{self.data_dir}/uploads")
        return self.data_dir / "uploads"

    def stored(self) -> set[str]:
        """Every file in the uploads directory, whatever its name."""
        return {str(path.relative_to(self.uploads)) for path in self.uploads.rglob("*") if path.is_file()}

    def named(self) -> set[str]:
        """The files that rows name, trashed ones too."""
        rows = [*self.admin.every("files"), *self.admin.every("trash")]
        return {f"{row['key'][:2]}/{row['key']}" for row in rows}

    def leftovers(self) -> set[str]:
        """What lies in the uploads directory and no row names."""
        return self.stored() - self.named()

    def wait_until_clean(self, patience: float = 5) -> None:
        """Nothing lies around, and nothing is missing."""
        assert eventually(lambda: not self.leftovers(), patience), f"left behind: {sorted(self.leftovers())[:20]}"
        assert not (lost := self.named() - self.stored()), f"rows without bytes: {sorted(lost)[:20]}"

    def state(self) -> tuple[int, int, frozenset[str]]:
        """How many rows there are, live and trashed, and which files."""
        return self.admin.total("files"), self.admin.total("trash"), frozenset(self.stored())

    @contextmanager
    def unchanged(self, patience: float = 5) -> Iterator[None]:
        """Whatever happens inside stores nothing, removes nothing and leaves nothing behind."""
        before = self.state()
        yield
        if not eventually(lambda: self.state() == before, patience):
            rows, trashed, files = self.state()
            assert (rows, trashed) == before[:2], f"rows: {before[:2]} before, {(rows, trashed)} after"
            raise AssertionError(f"new: {sorted(files - before[2])[:20]}, gone: {sorted(before[2] - files)[:20]}")


def eventually(condition: Callable[[], bool], patience: float, pause: float = 0.05) -> bool:
    """Whether the condition comes true in time."""
    deadline = time.monotonic() + patience
    while not condition():
        if time.monotonic() > deadline:
            return False
        time.sleep(pause)
    return True


def free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port: int = probe.getsockname()[1]
        return port
