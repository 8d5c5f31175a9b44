"""A third party's storage behind HTTP: its backend, with a field of every kind, and the store it speaks to.

Requests are signed with the secret, and the store writes down what it hears. A server that is started with
``installed(folder)`` in its ``PYTHONPATH`` finds the backend as an installed package.
"""

import hashlib
import hmac
import http.client
import os
import threading
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any, ClassVar, Self
from urllib.parse import urlsplit

from tests.support import packages
from webapp.contracts.addresses import refusal
from webapp.contracts.backends import Bytes, SettingField
from webapp.contracts.errors import NotSupportedError, StorageBackendError, StorageNotFoundError

ROOT = Path(__file__).resolve().parents[2]
KEY_ID = "VKID5Q7TMZ2XJ4WCE"
SECONDS = 5
_CAUSES = {403: "credentials", 404: "not_found"}


def signature(secret: str, method: str, path: str) -> str:
    return hmac.new(secret.encode(), f"{method} {path}".encode(), hashlib.sha256).hexdigest()


class VaultBackend:
    """Keeps bytes in rooms of a vault."""

    backend_id: ClassVar[str] = "vault"
    label: ClassVar[str] = "Vault"
    supports_presigned_url: ClassVar[bool] = False
    supports_local_files: ClassVar[bool] = False
    supports_recovery: ClassVar[bool] = False
    fields: ClassVar[tuple[SettingField, ...]] = (
        SettingField(name="vault_url", help="Where the vault is.", format="url", location=True, required=True),
        SettingField(
            name="vault_room",
            help="Which room.",
            pattern="[a-z][a-z0-9-]{1,30}[a-z0-9]",
            location=True,
            required=True,
        ),
        SettingField(name="vault_key_id", help="Id of the key.", masked=True, required=True),
        SettingField(name="vault_secret", help="The key.", secret=True, required=True),
        SettingField(name="vault_spare_secret", help="Another key.", secret=True),
        SettingField(
            name="vault_seconds",
            help="How long things take.",
            type="integer",
            format="seconds",
            default=300,
            required=True,
            minimum=1,
            maximum=604_800,
        ),
        SettingField(name="vault_offset", help="Any number.", type="integer"),
        SettingField(name="vault_cold", help="Whether it is cold.", type="boolean", default=False),
        SettingField(name="vault_tags", help="Words.", type="list", pattern="[a-z]{1,10}"),
        SettingField(name="vault_class", help="How good.", choices=("fine", "plain"), default="fine"),
        SettingField(name="vault_page", help="An address for browsers.", format="public_url", location=True),
        SettingField(name="vault_note", help="Any text."),
    )

    def __init__(self, options: Mapping[str, object]) -> None:
        self._url = urlsplit(str(options["vault_url"]))
        self._room = options["vault_room"]
        self._id = str(options["vault_key_id"])
        self._secret = str(options["vault_secret"] or "")
        self._allow_private = bool(options["allow_private_addresses"])

    @classmethod
    def check(cls, options: Mapping[str, object]) -> Mapping[str, str]:
        return {"vault_room": "This room is always full."} if options["vault_room"] == "full" else {}

    def put(self, key: str, chunks: Iterable[Bytes], *, content_type: str, size: int | None = None) -> None:
        self._ask("PUT", key, b"".join(map(bytes, chunks)))

    def get(self, key: str, *, start: int = 0, length: int | None = None) -> Iterator[bytes]:
        return iter([self._ask("GET", key)[start : None if length is None else start + length]])

    def delete(self, key: str) -> None:
        self._ask("DELETE", key)

    def exists(self, key: str) -> bool:
        try:
            self._ask("GET", key)
        except StorageNotFoundError:
            return False
        return True

    def presigned_get_url(self, key: str, *, filename: str, content_type: str, expires_in: int | None = None) -> str:
        raise NotSupportedError("a vault has no links")

    def _ask(self, method: str, key: str, body: bytes | None = None) -> bytes:
        path = f"/{self._room}/{key}"
        headers = {"X-Vault-Id": self._id, "X-Vault-Signature": signature(self._secret, method, path)}
        connection = http.client.HTTPConnection(self._url.hostname or "", self._url.port or 80, timeout=SECONDS)
        try:
            connection.connect()
            if refusal(connection.sock.getpeername()[0], allow_private=self._allow_private):
                raise StorageBackendError("an address that may not be connected to", cause="address")
            connection.request(method, path, body, headers)
            answer = connection.getresponse()
            found = answer.read()
        except (OSError, http.client.HTTPException) as exc:
            raise StorageBackendError("the vault does not answer", cause="refused") from exc
        finally:
            connection.close()
        if answer.status == 404:
            raise StorageNotFoundError("not in the vault")
        if answer.status >= 400:
            raise StorageBackendError(f"the vault says {answer.status}", cause=_CAUSES.get(answer.status, "protocol"))
        return found


@dataclass
class Vault:
    """A store on loopback."""

    keys: dict[str, str] = field(default_factory=dict)
    """Id to secret; without any, every request is let in."""
    status: int = 0
    """What it says to everything, if not nothing."""
    kept: dict[str, bytes] = field(default_factory=dict)
    heard: list[tuple[str, str, dict[str, str]]] = field(default_factory=list)
    """Method, path and headers of each request."""

    def __enter__(self) -> Self:
        self._server = ThreadingHTTPServer(("127.0.0.1", 0), _handler(self))
        self._thread = threading.Thread(target=self._server.serve_forever, daemon=True)
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._server.shutdown()
        self._thread.join()
        self._server.server_close()

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self._server.server_address[1]}"

    def settings(self, secret: str | None = None, **more: object) -> dict[str, object]:
        """Values that lead here."""
        key_id, known = next(iter(self.keys.items()), (KEY_ID, "no secret"))
        values = {"vault_url": self.url, "vault_room": "room-1", "vault_key_id": key_id}
        return {**values, "vault_secret": secret or known, **more}

    def answer(self, method: str, path: str, headers: Mapping[str, str], body: bytes) -> tuple[int, bytes]:
        self.heard.append((method, path, dict(headers)))
        if self.status:
            return self.status, b""
        secret = self.keys.get(headers.get("X-Vault-Id", ""), "")
        if self.keys and headers.get("X-Vault-Signature") != signature(secret, method, path):
            return 403, b""
        if method == "PUT":
            self.kept[path] = body
        elif method == "DELETE":
            self.kept.pop(path, None)
        elif path not in self.kept:
            return 404, b""
        return 200, self.kept.get(path, b"") if method == "GET" else b""


def _handler(vault: Vault) -> type[BaseHTTPRequestHandler]:
    class Handler(BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"

        def handle_one_request(self) -> None:
            self.close_connection = True
            if not self.raw_requestline_read() or not self.parse_request():
                return
            body = self.rfile.read(int(self.headers.get("Content-Length", 0)))
            status, found = vault.answer(self.command, self.path, dict(self.headers), body)
            self.send_response_only(status)
            self.send_header("Content-Length", str(len(found)))
            self.send_header("Connection", "close")
            self.end_headers()
            self.wfile.write(found)

        def raw_requestline_read(self) -> bool:
            self.raw_requestline = self.rfile.readline(65_537)
            return bool(self.raw_requestline)

        def log_message(self, *_: Any) -> None:
            """Tests print nothing."""

    return Handler


def installed(folder: Path) -> dict[str, str]:
    """The environment of a server in which the vault's package is installed."""
    packages.described(folder, "vault-for-stowage", f"[stowage.backends]\nvault = {__name__}:VaultBackend\n")
    return {"PYTHONPATH": os.pathsep.join((str(folder), str(ROOT)))}
