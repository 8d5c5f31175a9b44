"""What is measured: peers behind one small interface, so that a row asks each of them for the same."""

import os
import shutil
import subprocess
import sys
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Protocol

from benchmarks.clients import Request, numbered
from benchmarks.processes import ServerProcess, free_port
from benchmarks.stream import blocks

PROJECT = Path(__file__).resolve().parent.parent

NGINX_CONFIG = """
{user}
worker_processes 2;
daemon off;
pid {root}/nginx.pid;
error_log stderr warn;
events {{ worker_connections 2048; }}
http {{
    access_log off;
    sendfile on;
    default_type application/octet-stream;
    keepalive_requests 1000000000;
    client_max_body_size 0;
    client_body_temp_path {root}/body;
    proxy_temp_path {root}/proxy;
    fastcgi_temp_path {root}/fastcgi;
    uwsgi_temp_path {root}/uwsgi;
    scgi_temp_path {root}/scgi;
    server {{
        listen 127.0.0.1:{port};
        root {root}/files;
        location / {{ dav_methods PUT; }}
    }}
}}
"""


class Server(Protocol):
    """A file server that runs."""

    name: str
    process: ServerProcess
    headers: dict[str, str]

    def puts(self, size: int) -> Iterator[Request]:
        """Uploads of ``size`` bytes under names that never repeat."""

    def put_head(self, size: int) -> bytes:
        """The head of one upload."""

    def place(self, size: int) -> str:
        """Make a file that can be downloaded, and tell its path in URLs."""

    def uploaded(self) -> Iterator[Path]:
        """The files that hold what was uploaded."""


class FolderServer:
    """A server without a database: its files are a folder."""

    name = ""

    def __init__(self, root: Path) -> None:
        self.headers: dict[str, str] = {}
        self.files = root / "files"
        self.uploads = self.files / "in"
        self.downloads = self.files / "out"
        for folder in (self.uploads, self.downloads):
            folder.mkdir(parents=True)
        self._names = numbered()
        port = free_port()
        self.process = ServerProcess(self.command(root, port), port, root / "log", _clean_env(root))
        self.process.wait_until_listening()

    def command(self, root: Path, port: int) -> list[str]:
        """How to start it."""
        raise NotImplementedError

    def put_head(self, size: int) -> bytes:
        return put_head(f"/in/{next(self._names)}", size, self.headers)

    def puts(self, size: int) -> Iterator[Request]:
        body = bytes(b"".join(blocks(size)))
        while True:
            yield [self.put_head(size), body]

    def place(self, size: int) -> str:
        path = self.downloads / f"{size}.bin"
        with path.open("wb") as file:
            for block in blocks(size):
                file.write(block)
        return f"/out/{path.name}"

    def uploaded(self) -> Iterator[Path]:
        return self.uploads.iterdir()


class Nginx(FolderServer):
    """The floor: static files and DAV PUT; no account, no hash, no database, nothing synced."""

    name = "nginx"

    def command(self, root: Path, port: int) -> list[str]:
        config = root / "nginx.conf"
        user = "user root;" if os.geteuid() == 0 else ""
        config.write_text(NGINX_CONFIG.format(root=root, port=port, user=user))
        return [find_nginx() or "nginx", "-p", str(root), "-c", str(config)]


class Copyparty(FolderServer):
    """The peer in Python: hashes what comes in; no account, no index, nothing synced."""

    name = "copyparty"

    def command(self, root: Path, port: int) -> list[str]:
        options = ["-q", "-i", "127.0.0.1", "-p", str(port), "--http-only", "--no-thumb", "-v", f"{self.files}::rw"]
        return [str(find_copyparty()), *options]


class Limit(FolderServer):
    """One thread that receives, hashes, writes and syncs (see limit.py)."""

    name = "limit"

    def command(self, root: Path, port: int) -> list[str]:
        code = f"import sys; sys.path.insert(0, {str(PROJECT)!r}); from benchmarks.limit import main; main()"
        return [sys.executable, "-c", code, str(port), str(self.uploads)]


def find_nginx() -> str | None:
    """Where nginx is; Debian keeps it out of a user's PATH."""
    return shutil.which("nginx", path=os.environ.get("PATH", "") + ":/usr/sbin:/usr/local/sbin")


def find_copyparty() -> Path | None:
    """Where copyparty is: beside the Python that runs this."""
    path = Path(sys.executable).with_name("copyparty")
    return path if path.exists() else None


def versions() -> dict[str, str]:
    """The peers that are here, with their versions."""
    found = {}
    if nginx := find_nginx():
        found["nginx"] = _first_line([nginx, "-v"]).rpartition("/")[2]
    if copyparty := find_copyparty():
        found["copyparty"] = _first_line([str(copyparty), "--version"]).removeprefix("copyparty v").split(" ")[0]
    return found


def empty(server: Server) -> None:
    """Give back the space of what was uploaded, and with it what is still to be written to the disk.

    Deleting would do that too, but slows down the making of files on some file systems (see machine.spread).
    """
    for path in server.uploaded():
        if path.stat().st_size:
            os.truncate(path, 0)


def put_head(path: str, size: int, headers: Mapping[str, str]) -> bytes:
    """A PUT of so many bytes, up to its body."""
    lines = [f"PUT {path} HTTP/1.1", "Host: 127.0.0.1", *(f"{name}: {value}" for name, value in headers.items())]
    return "\r\n".join([*lines, f"Content-Length: {size}", "", ""]).encode()


def _first_line(command: list[str]) -> str:
    done = subprocess.run(command, capture_output=True, text=True, timeout=60, check=False)
    return (done.stdout + done.stderr).strip().partition("\n")[0]


def _clean_env(home: Path) -> dict[str, str]:
    """Nothing of the user's configuration, nothing left in the user's home."""
    return {"PATH": os.environ.get("PATH", ""), "HOME": str(home), "XDG_CONFIG_HOME": str(home), "LC_ALL": "C.UTF-8"}
