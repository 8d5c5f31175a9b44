"""The parts of a large file: filled from the chunks, sent a few at a time, never more than 48 MiB of them held."""

import base64
import hashlib
import threading
from collections.abc import Iterable
from concurrent.futures import FIRST_COMPLETED, Future, ThreadPoolExecutor, wait
from typing import IO, TYPE_CHECKING, Any, cast

from webapp.backends.s3_errors import translated
from webapp.backends.s3_fields import MIB, PASSING, Limits
from webapp.backends.s3_store import Store
from webapp.contracts.backends import Bytes
from webapp.contracts.errors import StorageBackendError, StorageError

if TYPE_CHECKING:
    from types_boto3_s3.type_defs import CompletedPartTypeDef, UploadPartOutputTypeDef

_NO_CHUNK = b""


class Source:
    """The chunks, copied to wherever they are needed: each is only valid until the next is asked for."""

    def __init__(self, chunks: Iterable[Bytes]) -> None:
        self._chunks = iter(chunks)
        self._chunk: Bytes = _NO_CHUNK
        self._offset = 0
        self.taken = 0

    def more(self) -> bool:
        """Whether there is another byte. Asks for the next chunk where that is the only way to know."""
        while self._offset == len(self._chunk):
            self._chunk, self._offset = _NO_CHUNK, 0
            chunk = next(self._chunks, None)
            if chunk is None:
                return False
            self._chunk = chunk
        return True

    def take(self, most: int) -> bytearray:
        """A new buffer, no larger than what is in it."""
        taken = bytearray()
        while len(taken) < most and self.more():
            taken += self._next(most - len(taken))
        return taken

    def fill(self, buffer: bytearray) -> int:
        """Fill a buffer that is there already; returns how many bytes it got."""
        filled = 0
        while filled < len(buffer) and self.more():
            piece = self._next(len(buffer) - filled)
            buffer[filled : filled + len(piece)] = piece
            filled += len(piece)
        return filled

    def read(self, most: int) -> bytes:
        """At most so many bytes, as files do."""
        return bytes(self._next(most)) if self.more() else b""

    def _next(self, most: int) -> memoryview:
        piece = memoryview(self._chunk)[self._offset : self._offset + most]
        self._offset += len(piece)
        self.taken += len(piece)
        return piece


class Parts:
    """Sends the parts of one upload. What one thread receives, a few others send; buffers are used again."""

    def __init__(self, store: Store, key: str, upload_id: str, source: Source) -> None:
        self._store = store
        self._limits = store.limits
        self._key = key
        self._upload_id = upload_id
        self._source = source
        self._number = 1
        self._etags: dict[int, str] = {}
        self._under_way: dict[Future[str], tuple[int, bytearray]] = {}
        self._free: list[bytearray] = []
        self._ending = threading.Event()

    def done(self) -> "list[CompletedPartTypeDef]":
        """What the completion lists."""
        return [{"PartNumber": number, "ETag": etag} for number, etag in sorted(self._etags.items())]

    def send(self, first: bytearray, size: int | None) -> None:
        """Send all of the source, of which ``first`` has been taken already.

        Raises:
            StorageError: the store failed.
            Exception: what the chunks raised.
        """
        large = _large_part(size, self._limits) if size is not None else None
        if size is None or large is None:
            self._send_buffered(first)
        else:
            self._send_streamed(first, large, size)

    def _send_buffered(self, first: bytearray) -> None:
        buffer, filled = first, len(first)
        with ThreadPoolExecutor(_most_under_way(self._limits), thread_name_prefix="s3-part") as pool:
            try:
                while True:
                    self._hand_over(pool, buffer, filled)
                    if not self._source.more():
                        break
                    buffer = self._buffer(self._next_number())
                    filled = self._source.fill(buffer)
                self._wait_for(0)
            finally:
                # Whatever went wrong: first all that was begun ends, then others clear up.
                self._ending.set()
                pool.shutdown(cancel_futures=True)

    def _send_streamed(self, first: bytearray, part: int, size: int) -> None:
        """In parts that are too large to be held: one after the other, as the bytes come, and each only once."""
        self._etags[1] = self._upload(1, first)
        while left := size - self._source.taken:
            if not self._source.more():
                raise StorageBackendError("fewer bytes came than were announced")
            number = self._next_number()
            self._etags[number] = self._stream(number, min(part, left))
        if self._source.more():
            raise StorageBackendError("more bytes came than were announced")

    def _next_number(self) -> int:
        self._number += 1
        if self._number > self._limits.most_parts:
            raise StorageBackendError("too large for the store, unless its size is announced")
        return self._number

    def _hand_over(self, pool: ThreadPoolExecutor, buffer: bytearray, filled: int) -> None:
        number = self._number
        data = buffer if filled == len(buffer) else buffer[:filled]
        if _plan(self._limits, number)[1]:
            self._under_way[pool.submit(self._upload, number, data)] = (number, buffer)
        else:
            self._etags[number] = self._upload(number, data)
            self._free.append(buffer)

    def _buffer(self, number: int) -> bytearray:
        """A buffer for that part, once few enough others are under way."""
        size, most = _plan(self._limits, number)
        if size != _plan(self._limits, number - 1)[0]:
            self._wait_for(0)
        # Not only for its buffer: a part that failed ends the upload now, not after all has been received.
        self._wait_for(most)
        self._free = [buffer for buffer in self._free if len(buffer) == size]
        return self._free.pop() if self._free else bytearray(size)

    def _wait_for(self, left: int) -> None:
        """Collect what is done, until no more than ``left`` parts are under way."""
        while self._under_way:
            enough = len(self._under_way) <= left
            done, _ = wait(self._under_way, timeout=0 if enough else None, return_when=FIRST_COMPLETED)
            for future in done:
                number, buffer = self._under_way.pop(future)
                self._etags[number] = future.result()
                self._free.append(buffer)
            if enough:
                return

    def _upload(self, number: int, data: bytearray) -> str:
        for pause in self._limits.pauses:
            try:
                return self._upload_once(number, data)
            except StorageBackendError as exc:
                if exc.data.get("cause") not in PASSING or self._ending.wait(pause):
                    raise
        return self._upload_once(number, data)

    def _upload_once(self, number: int, data: bytearray) -> str:
        with translated(StorageBackendError):
            answer = self._store.client.upload_part(
                Bucket=self._store.bucket,
                Key=self._key,
                UploadId=self._upload_id,
                PartNumber=number,
                Body=cast("bytes", data),
                ContentMD5=content_md5(data),
            )
            return answer["ETag"]

    def _stream(self, number: int, size: int) -> str:
        body = _Streamed(self._source, size)
        try:
            with translated(StorageBackendError):
                answer = self._store.unsigned.upload_part(
                    Bucket=self._store.bucket,
                    Key=self._key,
                    UploadId=self._upload_id,
                    PartNumber=number,
                    Body=cast("IO[Any]", body),  # as much of a file as is needed
                    ContentLength=size,
                )
                etag = answer["ETag"]
        except StorageError:
            if body.failure is not None:  # what the chunks raise passes unchanged
                raise body.failure from None
            raise
        if not _same_md5(answer, body.md5.hexdigest()):
            raise StorageBackendError("the store got other bytes", cause="corrupted")
        return etag


class _Streamed:
    """Part of the source as the body of a request: read once, and hashed on the way."""

    def __init__(self, source: Source, size: int) -> None:
        self._source = source
        self._size = self._left = size
        self.md5 = hashlib.md5(usedforsecurity=False)
        self.failure: BaseException | None = None

    def __len__(self) -> int:
        return self._size

    def read(self, most: int = -1) -> bytes:
        if not self._left:
            return b""
        try:
            piece = self._source.read(min(self._left, most if most >= 0 else MIB))
        except BaseException as exc:
            self.failure = exc
            raise
        if not piece:  # the store would wait for the rest until it loses patience
            self.failure = StorageBackendError("fewer bytes came than were announced")
            raise self.failure
        self._left -= len(piece)
        self.md5.update(piece)
        return piece


def _plan(limits: Limits, number: int) -> tuple[int, int]:
    """The size of a part, and how many of them may be under way while another is filled."""
    return next(((size, most) for last, size, most in limits.parts if number <= last), limits.parts[-1][1:])


def _most_under_way(limits: Limits) -> int:
    return max(1, *(most for _, _, most in limits.parts))


def _large_part(size: int, limits: Limits) -> int | None:
    """The size of the parts of a file that the plan does not reach to the end of."""
    reach = last = 0
    for until, part, _ in limits.parts:
        reach += (until - last) * part
        last = until
    if size <= reach:
        return None
    # One part fewer: the first one is small.
    return -(-size // (limits.most_parts - 1) // MIB) * MIB


def content_md5(data: bytearray) -> str:
    """The header Content-MD5: a store that received something else refuses it. All of them know it."""
    return base64.b64encode(hashlib.md5(data, usedforsecurity=False).digest()).decode()


def _same_md5(answer: "UploadPartOutputTypeDef", digest: str) -> bool:
    """Compare with the ETag, which is the MD5 of a part unless the store encrypts with keys of its own."""
    if answer.get("ServerSideEncryption", "AES256") != "AES256" or answer.get("SSECustomerAlgorithm"):
        return True
    etag = answer["ETag"].strip('"')
    return len(etag) != len(digest) or etag == digest
