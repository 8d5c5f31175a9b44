"""A store that speaks S3, for tests: OpenStack Swift in a process of its own, and what is in it.

It verifies signatures, checksums and the age of URLs, which the usual stand-ins do not.
"""

import importlib.util
import json
import secrets
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Iterator, Mapping
from contextlib import closing
from pathlib import Path
from typing import Any

import boto3
import pytest
from botocore.config import Config

from tests.support.missing import missing
from tests.support.server import free_port
from tests.support.swift_server import ACCESS_KEY, CORS, SECRET_KEY
from webapp.backends.s3 import S3Backend
from webapp.backends.s3_fields import Limits

START_SECONDS = 60
REGION = "us-east-1"


class S3Server:
    """Start it, kill it, start it again: what was stored stays."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        self.port = free_port()
        self._process: subprocess.Popen[bytes] | None = None

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.port}"

    def start(self) -> "S3Server":
        self._folder.mkdir(parents=True, exist_ok=True)
        command = [sys.executable, "-m", "tests.support.swift_server", str(self._folder), str(self.port)]
        with (self._folder / "log").open("ab") as log:
            self._process = subprocess.Popen(command, stdin=subprocess.DEVNULL, stdout=log, stderr=log)
        deadline = time.monotonic() + START_SECONDS
        while not self._answers():
            if self._process.poll() is not None or time.monotonic() > deadline:
                raise AssertionError(f"Swift does not start: {(self._folder / 'log').read_text()[-2000:]}")
            time.sleep(0.05)
        return self

    def kill(self) -> None:
        """As a power cut would."""
        if self._process is not None:
            self._process.send_signal(signal.SIGKILL)
            self._process.wait()
            self._process = None

    def data_files(self) -> int:
        """How many pieces of objects lie on the disk of the store, whether or not anything refers to them."""
        return sum(1 for _ in (self._folder / "devices" / "disk" / "objects").rglob("*.data"))

    def _answers(self) -> bool:
        try:
            socket.create_connection(("127.0.0.1", self.port), 1).close()
        except OSError:
            return False
        return True

    def allow(self, users: Mapping[str, str]) -> None:
        """From the next start on, these have access: secrets by access key, of which the account is the first part."""
        self._folder.mkdir(parents=True, exist_ok=True)
        (self._folder / "users.json").write_text(json.dumps(dict(users)))

    def allow_pages(self) -> "S3Server":
        """From the next start on, browsers let scripts of other hosts speak to it (CORS)."""
        self._folder.mkdir(parents=True, exist_ok=True)
        (self._folder / CORS).touch()
        return self

    def bucket(self, url: str | None = None, keys: tuple[str, str] = (ACCESS_KEY, SECRET_KEY)) -> "Bucket":
        """A new and empty one; ``url`` is another way to the same server."""
        made = Bucket(self, f"test-{secrets.token_hex(8)}", url or self.url, keys)
        made.client.create_bucket(Bucket=made.name)
        return made


class Bucket:
    """A bucket as the tests look at it, past the backend."""

    def __init__(self, server: S3Server, name: str, url: str, keys: tuple[str, str] = (ACCESS_KEY, SECRET_KEY)) -> None:
        self.name = name
        self.url = url
        self.keys_of_owner = keys
        self.client: Any = boto3.session.Session().client(
            "s3",
            endpoint_url=server.url,
            region_name=REGION,
            aws_access_key_id=keys[0],
            aws_secret_access_key=keys[1],
            config=Config(s3={"addressing_style": "path"}, request_checksum_calculation="when_required", proxies={}),
        )

    def options(self, **others: object) -> dict[str, object]:
        """What the settings of this bucket would be."""
        return {
            "s3_bucket": self.name,
            "s3_region": REGION,
            "s3_endpoint_url": self.url,
            "s3_addressing_style": "auto",
            "s3_access_key_id": self.keys_of_owner[0],
            "s3_secret_access_key": self.keys_of_owner[1],
            "s3_presign_ttl_seconds": 300,
            "s3_presigned_downloads": True,
            "s3_public_endpoint_url": None,
            "allow_private_addresses": True,
        } | others

    def backend(self, limits: Limits | None = None, **others: object) -> S3Backend:
        return S3Backend(self.options(**others), limits=limits)

    def keys(self) -> list[str]:
        return [each["Key"] for each in self.client.list_objects_v2(Bucket=self.name).get("Contents", [])]

    def uploads(self) -> list[str]:
        """Keys of uploads in parts that are neither completed nor aborted."""
        return [each["Key"] for each in self.client.list_multipart_uploads(Bucket=self.name).get("Uploads", [])]

    def read(self, key: str) -> bytes:
        with closing(self.client.get_object(Bucket=self.name, Key=key)["Body"]) as body:
            return bytes(body.read())


def new_server(folder: Path, *, pages: bool = False) -> S3Server:
    """A server that has been started; with ``pages``, those of other hosts may speak to it.

    Where there is no Swift, tests are skipped; in CI they fail.
    """
    if importlib.util.find_spec("swift") is None:
        missing("There is no S3 server here: run `make install`, which installs OpenStack Swift.")
    server = S3Server(folder)
    return (server.allow_pages() if pages else server).start()


@pytest.fixture(scope="session")
def s3_server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[S3Server]:
    """One for all tests of this process; it starts within two seconds. Each test has a bucket of its own."""
    server = new_server(tmp_path_factory.mktemp("swift"))
    yield server
    server.kill()


@pytest.fixture
def own_s3_server(tmp_path: Path) -> Iterator[S3Server]:
    """One that may be killed."""
    server = new_server(tmp_path / "swift")
    yield server
    server.kill()


@pytest.fixture
def bucket(s3_server: S3Server) -> Bucket:
    return s3_server.bucket()
