"""Stowage over a bucket, from outside: a real server whose settings were saved over the API, and its bucket."""

import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import requests

from tests.support.client import FILES, Client
from tests.support.problems import problem
from tests.support.s3 import Bucket
from tests.support.server import Server, eventually

SETTINGS = "/api/settings/modules/file_storage"
MIB = 1024 * 1024
ENVIRON = {"STOWAGE_ALLOW_PRIVATE_ENDPOINTS": "true", "STOWAGE_LOG_FORMAT": "json"}
RECOVERY_SECONDS = 30
"""What processes and stores that died have left is gone after so long."""


def configured(client: Client, **values: object) -> dict[str, Any]:
    """Save these settings, as the page does."""
    answer = client.put(SETTINGS, json={"values": values})
    assert answer.status_code == 200, answer.text
    document: dict[str, Any] = answer.json()
    return document


def use(client: Client, bucket: Bucket, **others: object) -> None:
    """Keep new files in this bucket."""
    values = {name: value for name, value in bucket.options(**others).items() if not name.startswith("allow_")}
    configured(client, backend="s3", **values)


class Shelf:
    """A server and the bucket it keeps its files in."""

    def __init__(self, base: Path, bucket: Bucket, *, workers: int = 2, **others: object) -> None:
        self.bucket = bucket
        self.server = Server(base, workers=workers, environ=ENVIRON)
        self._settings = others

    def __enter__(self) -> "Shelf":
        self.server.start()
        try:
            self.server.add_user("uploader")
            self.use(**self._settings)
        except BaseException:
            self.server.close()
            raise
        return self

    def __exit__(self, *_: object) -> None:
        self.server.close()

    @property
    def admin(self) -> Client:
        return self.server.admin

    def use(self, **others: object) -> None:
        use(self.admin, self.bucket, **others)

    @contextmanager
    def settings(self, **values: object) -> Iterator[None]:
        """Other settings for a while."""
        before = self.admin.get(SETTINGS).json()["values"]
        configured(self.admin, **values)
        try:
            yield
        finally:
            configured(self.admin, **{name: before[name] for name in values})

    # What there is

    def named(self) -> set[str]:
        """The keys that rows name, trashed ones too."""
        return {row["key"] for where in ("files", "trash") for row in self.admin.every(where)}

    def is_clean(self) -> bool:
        """Whether the bucket holds what rows name, and nothing else."""
        return set(self.bucket.keys()) == self.named() and not self.bucket.uploads()

    def wait_until_clean(self, patience: float = RECOVERY_SECONDS) -> None:
        assert eventually(self.is_clean, patience, pause=0.5), (
            f"left behind: {sorted(set(self.bucket.keys()) - self.named())[:9]},"
            f" in parts: {self.bucket.uploads()[:9]}, missing: {sorted(self.named() - set(self.bucket.keys()))[:9]}"
        )

    def secrets(self) -> list[str]:
        """What no answer may tell."""
        key, secret = self.bucket.keys_of_owner
        where = [urlsplit(self.bucket.url).netloc, str(urlsplit(self.bucket.client.meta.endpoint_url).port)]
        vendor = ["vendor text", "boto", "InternalError", "SlowDown", "Amazon", "swift", "PutObject", "UploadPart"]
        return [self.bucket.name, key, secret, *where, *vendor]

    def backend_error(self, answer: Any) -> dict[str, Any]:
        """Check that it is one, and that it tells nothing of the store."""
        document = problem(answer, "backend_error")
        told = answer.content.decode() + "\n".join(f"{name}: {value}" for name, value in answer.headers.items())
        assert not [secret for secret in self.secrets() if secret.lower() in told.lower()], told
        return document

    def logged(self, request_id: str) -> str:
        """What the log has about a request."""
        lines: list[str] = []

        def found() -> bool:
            lines[:] = [line for line in self.server.log().splitlines() if request_id in line]
            return bool(lines)

        assert eventually(found, 5), f"the log knows nothing of {request_id}"
        return "\n".join(lines)


def redirected(client: Client, file: Mapping[str, Any] | str, **headers: str) -> str:
    """Where a download leads; the redirect itself has to be right."""
    answer = client.download(file, **headers)
    assert (answer.status_code, answer.content) == (302, b""), f"{answer.status_code} {answer.text}"
    assert answer.headers["Cache-Control"] == "no-store"
    assert answer.headers["Referrer-Policy"] == "no-referrer"
    assert "Content-Type" not in answer.headers
    return answer.headers["Location"]


def plain(url: str, **headers: str) -> requests.Response:
    """What somebody gets who has nothing but the link."""
    with requests.Session() as session:
        session.trust_env = False
        sent = {name.replace("_", "-"): value for name, value in headers.items()}
        return session.get(url, headers=sent, timeout=60, allow_redirects=False)


def fetched(client: Client, file: Mapping[str, Any] | str) -> requests.Response:
    """The file as a browser gets it, by whatever way that is."""
    answer = client.download(file)
    if answer.status_code == 302:
        answer = plain(redirected(client, file))
    assert answer.status_code == 200, f"{answer.status_code} {answer.text[:500]}"
    return answer


@contextmanager
def within(seconds: float) -> Iterator[None]:
    """It has to be over by then."""
    begun = time.monotonic()
    yield
    assert time.monotonic() - begun < seconds, f"it took {time.monotonic() - begun:.1f} s"


def download_path(file: Mapping[str, Any]) -> str:
    return f"{FILES}/files/{file['id']}/download"
