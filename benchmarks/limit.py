"""The one-thread limit of an upload: receive, SHA-256, write, sync file and directory.

``python -m benchmarks.limit PORT FOLDER`` is a server that does for one PUT after
another what no durable file store can avoid, and nothing else. It speaks enough
HTTP for the same client to be used on it.
"""

import hashlib
import os
import socket
import sys
from itertools import count
from pathlib import Path

READ_BYTES = 1 << 20
HEAD_END = b"\r\n\r\n"

_numbers = count()


def main() -> None:
    port, folder = int(sys.argv[1]), Path(sys.argv[2])
    with socket.create_server(("127.0.0.1", port)) as listener:
        while True:
            connection, _ = listener.accept()
            with connection:
                _serve(connection, folder)


def _serve(connection: socket.socket, folder: Path) -> None:
    buffer = memoryview(bytearray(READ_BYTES))
    while (head := _read_head(connection)) is not None:
        text, rest = head
        length = int(text.lower().partition(b"content-length:")[2].split(b"\r\n")[0])
        digest = _store(connection, folder, length, rest, buffer)
        reply = digest.encode()
        connection.sendall(b"HTTP/1.1 201 Created\r\nContent-Length: %d\r\n\r\n%s" % (len(reply), reply))


def _read_head(connection: socket.socket) -> tuple[bytes, bytes] | None:
    data = b""
    while HEAD_END not in data:
        piece = connection.recv(65536)
        if not piece:
            return None
        data += piece
    text, _, rest = data.partition(HEAD_END)
    return text, rest


def _store(connection: socket.socket, folder: Path, length: int, rest: bytes, buffer: memoryview) -> str:
    final = folder / f"upload-{next(_numbers)}"
    temporary = final.with_suffix(".part")
    digest = hashlib.sha256(rest)
    fd = os.open(temporary, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o640)
    try:
        os.write(fd, rest)
        left = length - len(rest)
        while left:
            count = connection.recv_into(buffer, min(left, READ_BYTES))
            if not count:
                raise ConnectionError("the client went away")
            digest.update(buffer[:count])
            os.write(fd, buffer[:count])
            left -= count
        os.fsync(fd)
    finally:
        os.close(fd)
    temporary.rename(final)
    _sync_folder(folder)
    return digest.hexdigest()


def _sync_folder(folder: Path) -> None:
    fd = os.open(folder, os.O_RDONLY | os.O_DIRECTORY)
    try:
        os.fsync(fd)
    finally:
        os.close(fd)


if __name__ == "__main__":
    main()
