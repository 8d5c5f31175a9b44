"""Requests of which every byte is ours, over plain sockets."""

import json
import socket
import ssl
import struct
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path
from types import TracebackType
from typing import Any, Self
from urllib.parse import urlsplit

from requests.structures import CaseInsensitiveDict

Header = tuple[str, str | bytes]


@dataclass
class Answer:
    """An answer as it was read from the socket."""

    status_code: int
    headers: "CaseInsensitiveDict[str]"
    content: bytes
    pairs: list[tuple[str, str]]

    def json(self) -> Any:
        return json.loads(self.content)

    @property
    def text(self) -> str:
        return self.content.decode("utf-8", "replace")


def head(method: str, target: str | bytes, headers: Iterable[Header] = (), *, host: str = "localhost") -> bytes:
    """Start line and header section."""
    lines = [b"%s %s HTTP/1.1" % (method.encode(), _bytes(target)), b"Host: " + host.encode()]
    lines += [_bytes(name) + b": " + _bytes(value) for name, value in headers]
    return b"\r\n".join(lines) + b"\r\n\r\n"


def chunked(pieces: Iterable[bytes], end: bytes = b"0\r\n\r\n") -> bytes:
    """A body in chunks."""
    return b"".join(b"%x\r\n%s\r\n" % (len(piece), piece) for piece in pieces if piece) + end


def multipart(
    parts: Sequence[tuple[Sequence[Header], bytes]], boundary: bytes = b"b0undary", end: bytes | None = None
) -> bytes:
    """A form written by hand: each part is its headers and its bytes."""
    out = b""
    for headers, data in parts:
        out += b"--" + boundary + b"\r\n"
        out += b"".join(_bytes(name) + b": " + _bytes(value) + b"\r\n" for name, value in headers)
        out += b"\r\n" + data + b"\r\n"
    return out + (b"--" + boundary + b"--\r\n" if end is None else end)


def file_part(
    data: bytes, filename: str | bytes = "file.bin", name: str = "file", content_type: str = "application/octet-stream"
) -> tuple[list[Header], bytes]:
    """The part that carries a file; ``filename`` stands between the quotes as it is."""
    disposition = b'form-data; name="' + name.encode() + b'"; filename="' + _bytes(filename) + b'"'
    return [("Content-Disposition", disposition), ("Content-Type", content_type)], data


def field_part(name: str, value: str | bytes) -> tuple[list[Header], bytes]:
    return [("Content-Disposition", f'form-data; name="{name}"')], _bytes(value)


def form_headers(boundary: bytes = b"b0undary") -> list[Header]:
    return [("Content-Type", b"multipart/form-data; boundary=" + boundary)]


class Wire:
    """One TCP connection."""

    def __init__(self, url: str, timeout: float = 20, *, trust: Path | None = None) -> None:
        """``trust`` is the certificate of a server that speaks TLS."""
        address = urlsplit(url)
        assert address.hostname is not None
        self.socket = socket.create_connection((address.hostname, address.port or 80), timeout=timeout)
        self.socket.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        if trust is not None:
            context = ssl.create_default_context(cafile=str(trust))
            self.socket = context.wrap_socket(self.socket, server_hostname=address.hostname)
        self.file = self.socket.makefile("rb")

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()

    def send(self, data: bytes) -> None:
        self.socket.sendall(data)

    def try_send(self, data: bytes) -> bool:
        """Send, unless the server has already turned away."""
        try:
            self.socket.sendall(data)
        except (BrokenPipeError, ConnectionResetError):
            return False
        return True

    def finish(self) -> None:
        """Say that nothing more will come; the answer can still be read."""
        try:
            self.socket.shutdown(socket.SHUT_WR)
        except OSError:
            return

    def close(self) -> None:
        self.file.close()
        self.socket.close()

    def reset(self) -> None:
        """Go away as a crashed machine does: RST instead of FIN."""
        self.socket.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
        self.close()

    def answer(self, method: str = "GET") -> Answer:
        """Read one answer."""
        found = self.answer_or_end(method)
        assert found is not None, "the server closed the connection without an answer"
        return found

    def answer_or_end(self, method: str = "GET") -> Answer | None:
        """Read one answer, or None where the server closed the connection."""
        try:
            status = self._head_line()
            while status is not None and status.split()[1] == b"100":
                while self._head_line():
                    pass
                status = self._head_line()
            if status is None:
                return None
            pairs = self._pairs()
        except (ConnectionResetError, BrokenPipeError):
            return None
        headers = CaseInsensitiveDict(pairs)
        code = int(status.split()[1])
        return Answer(code, headers, self._body(method, code, headers), pairs)

    def answers(self) -> list[Answer]:
        """Everything the server says until it closes the connection."""
        found: list[Answer] = []
        while (answer := self.answer_or_end()) is not None:
            found.append(answer)
        return found

    def _head_line(self) -> bytes | None:
        line = self.file.readline(65536)
        return line.rstrip(b"\r\n") if line else None

    def _pairs(self) -> list[tuple[str, str]]:
        pairs = []
        while line := self._head_line():
            name, _, value = line.partition(b":")
            pairs.append((name.decode("latin-1"), value.strip().decode("latin-1")))
        return pairs

    def _body(self, method: str, code: int, headers: "CaseInsensitiveDict[str]") -> bytes:
        if method == "HEAD" or code in {204, 304}:
            return b""
        if headers.get("Transfer-Encoding", "").lower() == "chunked":
            return b"".join(iter(self._chunk, b""))
        try:
            return self.file.read(int(headers["Content-Length"]) if "Content-Length" in headers else -1)
        except ConnectionResetError:
            return b""

    def _chunk(self) -> bytes:
        size = int((self._head_line() or b"0").split(b";")[0], 16)
        data = self.file.read(size)
        self._head_line()
        return data


def exchange(url: str, data: bytes, method: str = "GET", timeout: float = 20) -> Answer:
    """Send bytes, read one answer."""
    with Wire(url, timeout) as wire:
        wire.send(data)
        return wire.answer(method)


def _bytes(value: str | bytes) -> bytes:
    return value if isinstance(value, bytes) else value.encode()
