"""A proxy in front of an HTTP server that does to requests what networks and overloaded stores do."""

import contextlib
import fcntl
import re
import socket
import ssl
import struct
import termios
import threading
import time
from collections.abc import Iterator
from dataclasses import dataclass, field

PIECE = 64 * 1024
MOST_HEAD = 64 * 1024
REASONS = {200: "OK", 400: "Bad Request", 403: "Forbidden", 500: "Internal Server Error", 503: "Slow Down"}


@dataclass
class Fault:
    """What happens to the next ``times`` requests whose method and target match."""

    kind: str
    """One of

    * ``answer``: ``status`` and ``code`` without asking the server; ``answer_after``: the same once it has done it;
    * ``lose_answer``: the server does it, and the connection is reset instead of its answer;
    * ``delay``: ``seconds`` before anything is passed on; ``silent``: what comes is read, and nothing is ever said;
    * ``corrupt``: the byte at ``after`` of the body arrives as another one;
    * ``cut_request``, ``cut_response``: the connection is reset after ``after`` bytes of the body.
    """
    method: str = ""
    target: str = ""
    """A regular expression; it is looked for."""
    times: int = 1
    after: int = 0
    seconds: float = 0
    status: int = 500
    code: str = "InternalError"
    location: str = ""
    body: str = ""
    """What is answered, if it is no error of S3."""
    hit: threading.Event = field(default_factory=threading.Event)
    done: int = 0

    def matches(self, method: str, target: str) -> bool:
        return self.done < self.times and self.method in ("", method) and bool(re.search(self.target, target))


@dataclass
class _Request:
    method: str
    target: str
    head: bytes
    begun: bytes
    """What has already come of the body."""
    length: int


class FaultProxy:
    """Every connection carries one request. Use it in a ``with`` statement."""

    def __init__(self, port: int, tls: ssl.SSLContext | None = None) -> None:
        self._upstream = port
        self._tls = tls
        self._faults: list[Fault] = []
        self._lock = threading.Lock()
        self._closing = threading.Event()
        self._listening = socket.create_server(("127.0.0.1", 0), backlog=128)
        self._threads: list[threading.Thread] = []
        self.port: int = self._listening.getsockname()[1]
        self.seen: list[tuple[str, str]] = []
        """Method and target of every request that came."""

    @property
    def url(self) -> str:
        # By name where there is TLS: certificates are about names.
        return f"https://localhost:{self.port}" if self._tls else f"http://127.0.0.1:{self.port}"

    def fail(self, kind: str, **about: object) -> Fault:
        fault = Fault(kind, **about)  # type: ignore[arg-type]
        with self._lock:
            self._faults.append(fault)
        return fault

    def count(self, method: str, target: str = "") -> int:
        return sum(method == seen and bool(re.search(target, where)) for seen, where in self.seen)

    def __enter__(self) -> "FaultProxy":
        self._start(self._accept)
        return self

    def __exit__(self, *_: object) -> None:
        self._closing.set()
        with contextlib.suppress(OSError):
            self._listening.shutdown(socket.SHUT_RDWR)
        self._listening.close()
        for thread in self._threads:
            thread.join(10)

    def _start(self, target: object, *args: object) -> None:
        thread = threading.Thread(target=target, args=args, daemon=True)  # type: ignore[arg-type]
        self._threads.append(thread)
        thread.start()

    def _accept(self) -> None:
        while True:
            try:
                client, _ = self._listening.accept()
            except OSError:
                return
            self._start(self._serve, client)

    def _serve(self, client: socket.socket) -> None:
        client.settimeout(30)
        with contextlib.suppress(OSError), contextlib.ExitStack() as stack:
            stack.callback(client.close)
            if self._tls is not None:
                client = stack.enter_context(self._tls.wrap_socket(client, server_side=True))
            request = _read_head(client)
            if request is not None:
                self._handle(client, request, self._fault_of(request))

    def _fault_of(self, request: _Request) -> Fault | None:
        with self._lock:
            self.seen.append((request.method, request.target))
            for fault in self._faults:
                if fault.matches(request.method, request.target):
                    fault.done += 1
                    fault.hit.set()
                    return fault
        return None

    def _handle(self, client: socket.socket, request: _Request, fault: Fault | None) -> None:
        kind = fault.kind if fault else ""
        if fault is not None and kind in ("answer", "silent"):
            for _ in _body(client, request):
                pass
            if kind == "answer":
                _answer(client, fault)
            else:
                self._closing.wait(fault.seconds or 60)
            return
        if fault is not None and kind == "delay":
            self._closing.wait(fault.seconds)
        with socket.create_connection(("127.0.0.1", self._upstream), 10) as server:
            server.settimeout(30)
            server.sendall(request.head)
            passed = 0
            for piece in _body(client, request):
                if fault is not None and kind == "cut_request" and passed + len(piece) > fault.after:
                    server.sendall(piece[: fault.after - passed])
                    _reset(client)
                    return
                at = fault.after - passed if fault is not None and kind == "corrupt" else -1
                server.sendall(_corrupted(piece, at))
                passed += len(piece)
            self._pass_back(client, server, fault)

    def _pass_back(self, client: socket.socket, server: socket.socket, fault: Fault | None) -> None:
        left = fault.after if fault is not None and fault.kind == "cut_response" else None
        silenced = fault is not None and fault.kind in ("answer_after", "lose_answer")
        head = True
        while piece := server.recv(PIECE):
            if silenced:
                continue
            if left is not None and head:
                before, mark, piece = piece.partition(b"\r\n\r\n")
                client.sendall(before + mark)
                head = False
            if left is not None and len(piece) > left:
                client.sendall(piece[:left])
                _reset(client)
                return
            client.sendall(piece)
            left = None if left is None else left - len(piece)
        if fault is not None and fault.kind == "lose_answer":
            _reset(client)
        elif silenced and fault is not None:
            _answer(client, fault)


def _read_head(client: socket.socket) -> _Request | None:
    received = b""
    while b"\r\n\r\n" not in received:
        piece = client.recv(PIECE)
        if not piece or len(received) > MOST_HEAD:
            return None
        received += piece
    head, _, begun = received.partition(b"\r\n\r\n")
    lines = head.split(b"\r\n")
    method, target, _ = lines[0].decode().split(" ")
    # One request for each connection, here and there.
    kept = [line for line in lines if not line.lower().startswith((b"connection:", b"expect:"))]
    length = next((int(line.split(b":")[1]) for line in lines if line.lower().startswith(b"content-length:")), 0)
    head = b"\r\n".join([*kept, b"Connection: close"]) + b"\r\n\r\n"
    return _Request(method, target, head, begun, length)


def _body(client: socket.socket, request: _Request) -> Iterator[bytes]:
    left = request.length - len(request.begun)
    if request.begun:
        yield request.begun
    while left > 0:
        piece = client.recv(min(PIECE, left))
        if not piece:
            raise ConnectionResetError("the client went away")
        left -= len(piece)
        yield piece


def _corrupted(piece: bytes, at: int) -> bytes:
    return piece[:at] + bytes([piece[at] ^ 1]) + piece[at + 1 :] if 0 <= at < len(piece) else piece


def _answer(client: socket.socket, fault: Fault) -> None:
    error = f"<Error><Code>{fault.code}</Code><Message>vendor text</Message></Error>"
    body = (fault.body or error).encode()
    head = f"HTTP/1.1 {fault.status} {REASONS.get(fault.status, 'Trouble')}\r\nContent-Type: application/xml\r\n"
    if fault.location:
        head += f"Location: {fault.location}\r\n"
    client.sendall(f"{head}Content-Length: {len(body)}\r\nConnection: close\r\n\r\n".encode() + body)


def _reset(client: socket.socket) -> None:
    """Close it so that the other end gets an RST: it must not look like an end."""
    with contextlib.suppress(OSError):
        # What was sent and has not arrived would be lost with the connection.
        until = time.monotonic() + 10
        while struct.unpack("i", fcntl.ioctl(client, termios.TIOCOUTQ, bytes(4)))[0] and time.monotonic() < until:
            time.sleep(0.001)
        client.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, b"\x01\x00\x00\x00\x00\x00\x00\x00")
    client.close()


class Listener:
    """Accepts connections and keeps what comes, without a word. For proving that nothing is sent."""

    def __init__(self) -> None:
        self._listening = socket.create_server(("127.0.0.1", 0))
        self.port: int = self._listening.getsockname()[1]
        self.connections = 0
        self.received = b""
        self._thread = threading.Thread(target=self._run, daemon=True)

    def __enter__(self) -> "Listener":
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        with contextlib.suppress(OSError):
            self._listening.shutdown(socket.SHUT_RDWR)
        self._listening.close()
        self._thread.join(10)

    def _run(self) -> None:
        with contextlib.suppress(OSError):
            while True:
                client, _ = self._listening.accept()
                self.connections += 1
                with client, contextlib.suppress(OSError):
                    client.settimeout(5)
                    while piece := client.recv(PIECE):
                        self.received += piece
