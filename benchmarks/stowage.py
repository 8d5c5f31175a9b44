"""Stowage itself: started as an administrator would, with default settings, on a data directory of its own."""

import json
import os
import secrets
import subprocess
import sys
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

from benchmarks import seed, stream
from benchmarks.clients import ClientError, Request, numbered
from benchmarks.processes import ServerProcess, StartError, free_port
from benchmarks.servers import PROJECT, put_head
from benchmarks.stream import blocks
from benchmarks.wrk import get_head

API = "/api/file-storage"
BOUNDARY = "----------------------------stowage-benchmark"
TYPE = {"Content-Type": "application/octet-stream"}


class Stowage:
    """A running server and a token of its admin."""

    name = "Stowage"

    def __init__(self, root: Path, rows: int = 0, environ: Mapping[str, str] | None = None) -> None:
        self.root = root
        self._names = numbered()
        self._env = {**_environment(root), **(environ or {})}
        self.run("db", "upgrade")
        self.run("user", "create", "admin", "--role", "admin", stdin=secrets.token_urlsafe(16))
        self.headers = {"Authorization": f"Bearer {self.run('token', 'create', 'admin', '--name', 'bench').strip()}"}
        if rows:
            seed.run(root, rows, self._env)
        port = free_port()
        options = ["serve", "--host", "127.0.0.1", "--port", str(port)]
        self.process = ServerProcess([*command(), *options], port, root / "log", self._env)
        self.process.wait_until_listening()
        self.json("/readyz")

    def run(self, *arguments: str, stdin: str = "") -> str:
        """One ``stowage`` command; its standard output."""
        done = subprocess.run(
            [*command(), *arguments],
            input=stdin,
            capture_output=True,
            text=True,
            timeout=120,
            check=False,
            env=self._env,
            cwd=PROJECT,
        )
        if done.returncode:
            raise StartError(f"stowage {' '.join(arguments)}: {done.stderr[-2000:]}")
        return done.stdout

    def allow_large_files(self) -> None:
        """The one setting that is not the default, where files are larger than the default ceiling."""
        self.run("settings", "set", "file_storage", "max_file_size_bytes", str(20 << 30))

    def put_head(self, size: int) -> bytes:
        return put_head(f"{API}/upload/{next(self._names)}", size, self.headers | TYPE)

    def puts(self, size: int) -> Iterator[Request]:
        body = b"".join(blocks(size))
        while True:
            yield [self.put_head(size), body]

    def form(self, size: int) -> tuple[bytes, bytes, bytes]:
        """The head of one upload by form, and what comes before and after the bytes of the file."""
        before = (
            f"--{BOUNDARY}\r\n"
            f'Content-Disposition: form-data; name="file"; filename="{next(self._names)}"\r\n'
            "Content-Type: application/octet-stream\r\n\r\n"
        ).encode()
        after = f"\r\n--{BOUNDARY}--\r\n".encode()
        headers = self.headers | {"Content-Type": f"multipart/form-data; boundary={BOUNDARY}"}
        head = put_head(f"{API}/upload", len(before) + size + len(after), headers)
        return head.replace(b"PUT", b"POST", 1), before, after

    def forms(self, size: int) -> Iterator[Request]:
        """Uploads by form."""
        body = b"".join(blocks(size))
        while True:
            head, before, after = self.form(size)
            yield [head + before, body, after]

    def place(self, size: int) -> str:
        answer = stream.send(self.process.port, self.put_head(size), size)
        return f"{API}/files/{json.loads(answer.answer)['id']}/download"

    def uploaded(self) -> Iterator[Path]:
        return (path for path in (self.root / "uploads").rglob("*") if path.is_file())

    def json(self, path: str) -> dict[str, Any]:
        """GET some JSON."""
        status, body = stream.read(self.process.port, get_head(path, self.headers))
        if status != 200:
            raise ClientError(f"GET {path} answered {status}: {body[:300]!r}")
        parsed: dict[str, Any] = json.loads(body)
        return parsed


def command() -> Sequence[str]:
    """How ``stowage`` is called in this installation."""
    script = Path(sys.executable).with_name("stowage")
    return [str(script)] if script.exists() else [sys.executable, "-m", "webapp.cli"]


def _environment(root: Path) -> Mapping[str, str]:
    """This environment without its settings for Stowage: the defaults are measured."""
    kept = {name: value for name, value in os.environ.items() if not name.startswith("STOWAGE_")}
    return kept | {"STOWAGE_DATA": str(root), "HOME": str(root), "PYTHONPATH": str(PROJECT)}
