"""Writes past the page cache (``O_DIRECT``), for files of any size and chunks of any shape.

Bytes that were just received are seldom read next, and putting them into the
page cache costs more than sending them to the disk: 2.5 ms of processor time per
MiB against 0.15 on the machine of benchmarks/results.md. A direct write needs an
aligned buffer, an aligned offset and an aligned length (open(2), "O_DIRECT"), so
whole blocks are copied to such a buffer; the rest of less than a block goes
through the page cache at the end.
"""

import errno
import fcntl
import mmap
import os
import queue

from webapp.contracts.backends import Bytes

BLOCK = 4096
BUFFER_SIZE = 1024 * 1024
BUFFERS = 4
"""So many threads of a process write at once; the others wait for a buffer, not for the disk."""
DIRECT_FROM = 64 * 1024
"""Smaller pieces are not worth the two system calls."""

_O_DIRECT = getattr(os, "O_DIRECT", 0)  # Linux and FreeBSD have it
_buffers: "queue.LifoQueue[mmap.mmap | None]" = queue.LifoQueue()
for _ in range(BUFFERS):
    _buffers.put(None)


class AlignedWriter:
    """Appends to a file descriptor. The rest of less than a block is only written by :meth:`finish`."""

    def __init__(self, fd: int) -> None:
        """Write to ``fd``, an empty file."""
        self._fd = fd
        self._flags = fcntl.fcntl(fd, fcntl.F_GETFL)
        self._direct = False
        self._possible = bool(_O_DIRECT)
        self._rest = b""

    def write(self, chunk: Bytes) -> None:
        """Write all whole blocks there are by now."""
        view = memoryview(chunk)
        while len(self._rest) + len(view) >= DIRECT_FROM and self._possible:
            view = self._write_blocks(view)
        if not self._possible:
            self._write_plainly(self._rest)
            self._write_plainly(view)
            self._rest = b""
        else:
            self._rest += view

    def finish(self) -> None:
        """Write what is left."""
        self._switch(direct=False)
        self._write_plainly(self._rest)
        self._rest = b""

    def _write_blocks(self, view: memoryview) -> memoryview:
        """Write as many blocks as the buffer holds, and return what did not fit."""
        buffer = _buffers.get()
        try:
            buffer = buffer or mmap.mmap(-1, BUFFER_SIZE)
            rest = len(self._rest)
            size = min(BUFFER_SIZE, rest + len(view)) // BLOCK * BLOCK
            buffer[:rest] = self._rest
            buffer[rest:size] = view[: size - rest]
            with memoryview(buffer) as aligned:
                if not self._write_directly(aligned[:size]):
                    return view
        finally:
            _buffers.put(buffer)
        self._rest = b""
        return view[size - rest :] if len(view) - (size - rest) >= DIRECT_FROM else self._keep(view[size - rest :])

    def _keep(self, view: memoryview) -> memoryview:
        self._rest = bytes(view)
        return view[:0]

    def _write_directly(self, aligned: memoryview) -> bool:
        """Write whole blocks; False where this file system cannot, in which case nothing was written."""
        try:
            self._switch(direct=True)
            written = os.write(self._fd, aligned)
        except OSError as exc:
            if exc.errno not in (errno.EINVAL, errno.EOPNOTSUPP):
                raise
            self._possible = False
            self._switch(direct=False)
            return False
        if written < len(aligned):  # a nearly full disk, or a signal: the offset may be no longer aligned
            self._switch(direct=False)
            self._write_plainly(aligned[written:])
        return True

    def _write_plainly(self, data: Bytes) -> None:
        with memoryview(data) as view:
            written = 0
            while written < len(view):
                written += os.write(self._fd, view[written:])

    def _switch(self, *, direct: bool) -> None:
        if direct is not self._direct:
            fcntl.fcntl(self._fd, fcntl.F_SETFL, self._flags | _O_DIRECT if direct else self._flags)
            self._direct = direct
