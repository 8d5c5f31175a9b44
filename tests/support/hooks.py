"""Receivers of webhooks: real servers that remember what came, and check signatures by their own means."""

import base64
import hashlib
import hmac
import json
import socket
import threading
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import UTC, datetime
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

import sqlalchemy as sa

from tests.support.app import House
from webapp import db
from webapp.db import table
from webapp.models import Delivery
from webapp.services.delivery import event_log, leases
from webapp.services.delivery.lanes import Lane
from webapp.services.webhooks.views import DeliveryOut, WebhookIn, WebhookOut


@dataclass(frozen=True)
class Message:
    """What came in one request."""

    path: str
    headers: Mapping[str, str]
    body: bytes

    @property
    def event(self) -> dict[str, Any]:
        return dict(json.loads(self.body))

    @property
    def type(self) -> str:
        return str(self.event["type"])

    def is_signed_by(self, secret: str) -> bool:
        """By the words of the specification, not by our code."""
        key = base64.b64decode(secret.split("_", 1)[1])
        signed = b".".join([self.headers["webhook-id"].encode(), self.headers["webhook-timestamp"].encode(), self.body])
        wanted = base64.b64encode(hmac.digest(key, signed, hashlib.sha256)).decode()
        return any(hmac.compare_digest(each, f"v1,{wanted}") for each in self.headers["webhook-signature"].split(" "))


class Hook:
    """A server that answers as ``answer`` says: a status, or a function of the message that returns one."""

    def __init__(self, answer: int | Callable[[Message], Any] = 204) -> None:
        self.answer = answer
        self.headers: dict[str, str] = {}
        self.messages: list[Message] = []
        hook = self

        class Handler(BaseHTTPRequestHandler):
            def do_POST(self) -> None:
                length = int(self.headers.get("Content-Length", 0))
                body = self.rfile.read(length)
                if len(body) < length:
                    return  # whoever was sending it was killed
                headers = {name.lower(): value for name, value in self.headers.items()}
                message = Message(self.path, headers, body)
                hook.messages.append(message)
                found = hook.answer(message) if callable(hook.answer) else hook.answer
                self.send_response(int(found))
                for name, value in hook.headers.items():
                    self.send_header(name, value)
                self.send_header("Content-Length", "0")
                self.end_headers()

            def do_GET(self) -> None:
                hook.messages.append(Message(self.path, {}, b"{}"))
                self.send_response(200)
                self.end_headers()

            def log_message(self, *_: object) -> None:
                """Say nothing."""

        self.server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self.server.daemon_threads = True
        self.port: int = self.server.server_address[1]
        threading.Thread(target=self.server.serve_forever, args=(0.05,), daemon=True).start()

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.port}/hook"

    def types(self) -> list[str]:
        return [message.type for message in self.messages]

    def close(self) -> None:
        self.server.shutdown()
        self.server.server_close()


def allow_private(house: House) -> None:
    """As STOWAGE_ALLOW_PRIVATE_ENDPOINTS does: the servers of tests are on the loopback."""
    object.__setattr__(house.config, "allow_private_endpoints", True)


def closed_port() -> int:
    """A port that nobody listens at."""
    with socket.create_server(("127.0.0.1", 0)) as listening:
        return int(listening.getsockname()[1])


@contextmanager
def serving(answer: int | Callable[[Message], Any] = 204) -> Iterator[Hook]:
    hook = Hook(answer)
    try:
        yield hook
    finally:
        hook.close()


def made(house: House, url: str, *types: str) -> WebhookOut:
    return house.services.webhooks.create(house.admin, WebhookIn(url=url, types=list(types)))[0]


def tell(house: House) -> None:
    """Tell the webhooks what they can be told now: those that are paused or rest are not waited for."""
    event_log.place_new()
    for target in house.services.webhooks.targets():
        leases.take([target.name], "test")
        lane = Lane(target, "test", house.app.app_context)
        lane.open()
        with db.read() as connection:
            lane.wake(event_log.end(connection))
        while lane.step(look=True) and (target.width() > 0 or lane._running() or lane._window.results):
            time.sleep(0.002)


def due(house: House) -> None:
    """Time passes until everything that waits is due."""
    rows = table(Delivery)
    house.write(sa.update(rows).where(rows.c.state == "waiting").values(due_at=datetime.now(UTC)))


def sent(house: House, webhook: WebhookOut, state: str | None = None) -> list[DeliveryOut]:
    return house.services.webhooks.deliveries(house.admin, webhook.id, state).items
