"""A file on its way out of the bucket, taken up again where a connection was cut."""

import logging
import time
from collections.abc import Iterator
from typing import TYPE_CHECKING

from botocore.exceptions import ClientError

from webapp.backends.s3_errors import code_of, translated
from webapp.backends.s3_fields import MIB, PASSING
from webapp.backends.s3_store import Store
from webapp.contracts.errors import StorageBackendError, StorageNotFoundError

if TYPE_CHECKING:
    from botocore.response import StreamingBody
    from types_boto3_s3.type_defs import GetObjectOutputTypeDef, GetObjectRequestTypeDef

log = logging.getLogger(__name__)

PIECE = MIB


class Pieces:
    """The bytes from ``start`` on. An object, not a generator: it can be closed before it is begun."""

    def __init__(self, store: Store, key: str, start: int, length: int | None) -> None:
        """Open it and have the first piece ready.

        Raises:
            StorageNotFoundError: there is no such object.
            StorageBackendError: the store does not give it.
        """
        self._store = store
        self._key = key
        self._position = start
        self._stop = None if length is None else start + length
        self._etag: str | None = None
        self._body: StreamingBody | None = None
        self._failures = 0
        self._first: bytes | None = None
        if length == 0:
            self._require()
        elif self._open():
            self._first = self._read()

    def __iter__(self) -> Iterator[bytes]:
        return self

    def __next__(self) -> bytes:
        piece, self._first = self._first, None
        if piece is None:
            piece = self._read()
        if not piece:
            self.close()
            raise StopIteration
        return piece

    def close(self) -> None:
        """Let go of the connection; what was not read is not fetched."""
        body, self._body, self._first = self._body, None, b""
        if body is not None:
            body.close()

    def _require(self) -> None:
        if self._store.head(self._key) is None:
            raise StorageNotFoundError("no such object")

    def _read(self) -> bytes:
        """The next piece; opens the object again, from here on, as long as that helps."""
        while self._body is not None:
            most = PIECE if self._stop is None else min(PIECE, self._stop - self._position)
            if most == 0:  # whatever else the store may have to say
                return b""
            try:
                with translated(StorageBackendError):
                    piece = self._body.read(most)
            except StorageBackendError as exc:
                self._resume(exc)
                continue
            self._position += len(piece)
            if piece:
                self._failures = 0
            return piece
        return b""

    def _resume(self, failure: StorageBackendError) -> None:
        self._failures += 1
        if self._failures > self._store.limits.resumptions:
            self.close()
            raise failure
        log.info("a download is taken up again", extra={"key": self._key, "position": self._position})
        time.sleep(0.1 * 2**self._failures)
        body, self._body = self._body, None
        if body is not None:
            body.close()
        try:
            opened = self._open()
        except StorageNotFoundError as exc:
            raise StorageBackendError("an object vanished while it was read", cause="not_found") from exc
        except StorageBackendError as exc:
            if exc.data.get("cause") not in (*PASSING, "timeout"):
                raise
            self._resume(exc)
            return
        if not opened:
            raise StorageBackendError("an object became shorter while it was read", cause="corrupted") from failure

    def _open(self) -> bool:
        """Ask for the object from here on; False where nothing is left of it."""
        asked: GetObjectRequestTypeDef = {"Bucket": self._store.bucket, "Key": self._key}
        if self._position or self._stop is not None:
            asked["Range"] = f"bytes={self._position}-{'' if self._stop is None else self._stop - 1}"
        if self._etag:
            asked["IfMatch"] = self._etag  # not the rest of another object
        with translated():
            try:
                answer = self._store.client.get_object(**asked)
            except ClientError as exc:
                if code_of(exc) in ("InvalidRange", "416"):
                    return False
                raise
        self._check_range(answer, ranged="Range" in asked)
        self._etag = self._etag or answer.get("ETag")
        self._body = answer["Body"]
        return True

    def _check_range(self, answer: "GetObjectOutputTypeDef", *, ranged: bool) -> None:
        """A store that ignores ranges would give the beginning for the middle."""
        if not ranged or (self._position == 0 and answer.get("ContentLength") == 0):
            return
        if not answer.get("ContentRange", "").startswith(f"bytes {self._position}-"):
            answer["Body"].close()
            raise StorageBackendError("the store ignores ranges", cause="protocol")
