"""The load generator for uploads and for large bodies: one thread, one epoll loop, ready-made bytes.

It shares the machine with the server, so it must cost little: requests are prepared
buffers, bodies of answers are thrown away inside the kernel (MSG_TRUNC, tcp(7)), and
nothing is parsed but status and length. The same client is used on every peer.
"""

import gc
import select
import socket
import time
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from itertools import count

Request = Sequence[bytes | memoryview]

HEAD_BYTES = 65536
DISCARD = bytearray(4 << 20)
STALL_SECONDS = 30.0


class ClientError(Exception):
    """The server answered something that cannot be measured."""


@dataclass(frozen=True, kw_only=True)
class Load:
    """How much is asked for: whichever bound is reached first ends it."""

    clients: int
    seconds: float
    most: int
    good: range = range(200, 300)
    """Statuses that are successes."""


@dataclass
class Outcome:
    """What came back."""

    seconds: float = 0.0
    latencies: list[float] = field(default_factory=list)
    body_bytes: int = 0
    refused: dict[int, int] = field(default_factory=dict)
    reconnects: int = 0

    @property
    def rate(self) -> float:
        """Good answers per second."""
        return len(self.latencies) / self.seconds if self.seconds else 0.0


def run_load(port: int, requests: Iterator[Request], load: Load) -> Outcome:
    """Keep ``load.clients`` connections busy, one request at a time on each."""
    gc.disable()
    try:
        return _Loop(port, requests, load).run()
    finally:
        gc.enable()


class _Loop:
    def __init__(self, port: int, requests: Iterator[Request], load: Load) -> None:
        self.port = port
        self.requests = requests
        self.load = load
        self.outcome = Outcome()
        self.epoll = select.epoll()
        self.connections: dict[int, _Connection] = {}
        self.asked = 0

    def run(self) -> Outcome:
        for _ in range(self.load.clients):
            self.connect()
        began = time.perf_counter()
        deadline = began + self.load.seconds
        try:
            for connection in list(self.connections.values()):
                self.ask(connection)
            while self.connections:
                self.turn(deadline)
        finally:
            self.close()
        self.outcome.seconds = time.perf_counter() - began
        return self.outcome

    def turn(self, deadline: float) -> None:
        ready = self.epoll.poll(STALL_SECONDS)
        if not ready:
            raise ClientError("no answer for a long time")
        for fd, events in ready:
            connection = self.connections[fd]
            if events & select.EPOLLOUT and connection.send():
                self.epoll.modify(fd, select.EPOLLIN)
            if events & ~select.EPOLLOUT and connection.receive():
                self.finish(connection, deadline)

    def finish(self, connection: "_Connection", deadline: float) -> None:
        now = time.perf_counter()
        if connection.status in self.load.good:
            self.outcome.latencies.append(now - connection.began)
            self.outcome.body_bytes += connection.length
        else:
            self.outcome.refused[connection.status] = self.outcome.refused.get(connection.status, 0) + 1
        if now >= deadline or self.asked >= self.load.most:
            self.drop(connection)
        else:
            if connection.closing:
                self.outcome.reconnects += 1
                self.drop(connection)
                connection = self.connect()
            self.ask(connection)

    def connect(self) -> "_Connection":
        connection = _Connection(self.port)
        self.connections[connection.socket.fileno()] = connection
        self.epoll.register(connection.socket, select.EPOLLIN)
        return connection

    def ask(self, connection: "_Connection") -> None:
        self.asked += 1
        if not connection.start(next(self.requests)):
            self.epoll.modify(connection.socket, select.EPOLLIN | select.EPOLLOUT)

    def drop(self, connection: "_Connection") -> None:
        del self.connections[connection.socket.fileno()]
        connection.socket.close()

    def close(self) -> None:
        for connection in list(self.connections.values()):
            self.drop(connection)
        self.epoll.close()


class _Connection:
    def __init__(self, port: int) -> None:
        self.socket = socket.create_connection(("127.0.0.1", port), timeout=STALL_SECONDS)
        self.socket.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        self.socket.settimeout(0)
        self.unsent: list[bytes | memoryview] = []
        self.began = 0.0
        self.head = b""
        self.status = self.length = self.left = 0
        self.closing = False

    def start(self, request: Request) -> bool:
        self.unsent = list(request)
        self.head = b""
        self.status = 0
        self.began = time.perf_counter()
        return self.send()

    def send(self) -> bool:
        """Send what the kernel takes; whether all is sent."""
        try:
            while self.unsent:
                self._forget(self.socket.sendmsg(self.unsent))
        except BlockingIOError:
            return False
        return True

    def _forget(self, sent: int) -> None:
        while self.unsent and sent >= len(self.unsent[0]):
            sent -= len(self.unsent.pop(0))
        if sent:
            self.unsent[0] = memoryview(self.unsent[0])[sent:]

    def receive(self) -> bool:
        """Take what has come; whether the answer is complete."""
        try:
            if not self.status and not self._receive_head():
                return False
            while self.left:
                received = self.socket.recv_into(DISCARD, min(self.left, len(DISCARD)), socket.MSG_TRUNC)
                if not received:
                    raise ClientError("the answer was cut")
                self.left -= received
        except BlockingIOError:
            return False
        return True

    def _receive_head(self) -> bool:
        data = self.socket.recv(HEAD_BYTES)
        if not data:
            raise ClientError("the server closed the connection without an answer")
        self.head += data
        head, end, rest = self.head.partition(b"\r\n\r\n")
        if not end:
            return False
        self.status, self.length, self.closing = parse_head(head)
        self.left = self.length - len(rest)
        return True


def parse_head(head: bytes) -> tuple[int, int, bool]:
    """Status, length of the body, and whether the connection ends after it."""
    status = int(head[9:12])
    lower = head.lower()
    _, found, rest = lower.partition(b"\r\ncontent-length:")
    if not found and status != 204:
        raise ClientError(f"an answer without Content-Length: {head[:200]!r}")
    return status, int(rest.split(b"\r\n", 1)[0]) if found else 0, b"\r\nconnection: close" in lower


def numbered(start: int = 0) -> Iterator[str]:
    """Names that never repeat."""
    for number in count(start):
        yield f"file-{number:08d}.bin"
