"""A file goes in: measured on the way, stored by its backend, then written down as a row."""

import hashlib
import logging
import queue
import threading
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from itertools import chain
from typing import Any, Protocol
from uuid import UUID, uuid4

import orjson
import sqlalchemy as sa
from sqlalchemy.exc import IntegrityError

from webapp import db
from webapp.contracts.backends import Bytes
from webapp.contracts.files import StoredFileOut
from webapp.db import Prepared, table
from webapp.models import IdempotencyKey
from webapp.services import content_types, filenames, records
from webapp.services.access import Caller, Permission
from webapp.services.checks import UploadChecks
from webapp.services.errors import ChecksumMismatchError, TooLargeError, ValidationError
from webapp.services.rows import files
from webapp.services.settings import SettingsService

log = logging.getLogger(__name__)

HASH_IN_THREAD_FROM = 8 * 1024 * 1024
IDEMPOTENCY_KEYS_LAST = timedelta(hours=24)

_keys = table(IdempotencyKey)
_insert_key = sa.insert(_keys)
_is_live = Prepared(sa.select(files.c.seq).where(files.c.id == sa.bindparam("id"), files.c.is_deleted.is_(sa.false())))
_find_key = Prepared(
    sa.select(_keys.c.fingerprint, _keys.c.result, _keys.c.created_at).where(
        _keys.c.user_id == sa.bindparam("user_id"), _keys.c.key == sa.bindparam("key")
    )
)


@dataclass(kw_only=True)
class IncomingFile:
    """A file on its way in. ``chunks`` ends only when the body was received whole."""

    filename: str
    content_type: str | None
    chunks: Iterator[Bytes]
    size: int | None = None
    sha256: bytes | None = None
    """The digest the client says the bytes have."""
    idempotency_key: str | None = None


@dataclass(frozen=True, slots=True)
class Uploaded:
    """The stored file, and whether it is the answer to a repeated request."""

    file: StoredFileOut
    replayed: bool = False


class UploadService:
    """Stores files."""

    def __init__(self, settings: SettingsService, checks: UploadChecks) -> None:
        """Store where the settings of each caller's moment say what ``checks`` let pass."""
        self._settings = settings
        self._checks = checks

    def upload(self, caller: Caller, incoming: IncomingFile) -> Uploaded:
        """Store one file: bytes first, then the row.

        Raises:
            ForbiddenError: the caller may not upload.
            TooLargeError: one byte more than the limit, announced or received.
            BadTypeError: the type is not allowed.
            ChecksumMismatchError: the bytes are not those the client digested.
            ValidationError: the idempotency key was used for other content.
            UploadRefusedError: a plugin does not want it.
            CheckFailedError: a check that has to be made could not be.
            StorageError: the backend failed. In all these cases nothing is kept.
        """
        caller.require(Permission.UPLOAD)
        limit = caller.settings.max_file_size_bytes
        if incoming.size is not None and incoming.size > limit:
            raise TooLargeError("announced size", max_bytes=limit)
        if incoming.idempotency_key and (first := _first_result(caller, incoming.idempotency_key)):
            return _replay(incoming, first, limit)
        return self._store(caller, incoming, limit)

    def _store(self, caller: Caller, incoming: IncomingFile, limit: int) -> Uploaded:
        name = filenames.clean(incoming.filename)
        head, chunks = _peek(incoming.chunks)
        content_type = content_types.settle(incoming.content_type, name, head, caller.settings.allowed_content_types)
        place = self._settings.active_place(caller.settings)
        key = uuid4().hex
        measured = Measured(chunks, limit, incoming.sha256)
        with self._checks.of(caller, name, content_type, incoming.size, head) as checking:
            place.backend.put(key, checking.passing(measured), content_type=content_type, size=incoming.size)
        out = StoredFileOut(
            id=uuid4(),
            key=key,
            filename=name,
            content_type=content_type,
            size_bytes=measured.size,
            backend=place.backend_id,
            checksum_sha256=measured.hexdigest,
            uploaded_by=str(caller.user_id),
            uploaded_by_name=caller.username,
            created_at=datetime.now(UTC),
            annotations=checking.annotations,
        )
        try:
            records.write_down(caller, out, place, lambda tx: _keep_first(tx, caller, out, incoming.idempotency_key))
        except IntegrityError:
            # Two requests with one idempotency key at once: the other was first.
            first = _first_result(caller, incoming.idempotency_key or "")
            if first is None:
                raise
            return _replayed(first, measured.hexdigest)
        return Uploaded(out)


def _peek(chunks: Iterator[Bytes]) -> tuple[bytes, Iterator[Bytes]]:
    """Return the first bytes for sniffing, and an iterator that still has them."""
    head = b""
    for chunk in chunks:
        head += bytes(chunk) if not head or len(chunk) < content_types.HEAD_SIZE else chunk
        if len(head) >= content_types.HEAD_SIZE:
            break
    return head[: content_types.HEAD_SIZE], chain((head,) if head else (), chunks)


# --- idempotency ---------------------------------------------------------------


def _keep_first(tx: db.Transaction, caller: Caller, out: StoredFileOut, key: str | None) -> None:
    """Note what a repeated request is answered with."""
    if key:
        result = orjson.loads(orjson.dumps(out))
        fingerprint = out.checksum_sha256
        row = {"user_id": caller.user_id, "key": key, "fingerprint": fingerprint, "created_at": out.created_at}
        tx.execute(_insert_key, {**row, "result": result})


def _first_result(caller: Caller, key: str) -> Any:
    with db.read() as connection:
        first = _find_key.first(connection, user_id=caller.user_id, key=key)
        if first is None or _is_live.first(connection, id=UUID(first.result["id"])) is not None:
            return first
    # The file is gone since: an answer from then would promise what is not there.
    with db.transaction() as tx:
        same = sa.and_(_keys.c.user_id == caller.user_id, _keys.c.key == key, _keys.c.created_at == first.created_at)
        tx.execute(sa.delete(_keys).where(same))
    return None


def _replay(incoming: IncomingFile, first: Any, limit: int) -> Uploaded:
    """Read the repeated body without storing it: a client that got no answer sends all of it again."""
    measured = Measured(incoming.chunks, limit, incoming.sha256)
    for _ in measured:
        pass
    return _replayed(first, measured.hexdigest)


def _replayed(first: Any, digest: str) -> Uploaded:
    if first.fingerprint != digest:
        raise ValidationError({"Idempotency-Key": "key_reused"})
    result = dict(first.result)
    result["id"] = UUID(result["id"])
    for name in ("created_at", "deleted_at"):
        result[name] = result[name] and datetime.fromisoformat(result[name])
    return Uploaded(StoredFileOut(**result), replayed=True)


# --- measuring -----------------------------------------------------------------


class _Hash(Protocol):
    def update(self, data: Bytes, /) -> None: ...
    def digest(self) -> bytes: ...


class Measured:
    """Counts and hashes chunks as they pass, and refuses the one that is too many.

    Large files are hashed by a second thread: SHA-256 releases the interpreter
    lock, so receiving and writing go on meanwhile.
    """

    def __init__(self, chunks: Iterator[Bytes], limit: int, expected: bytes | None = None) -> None:
        """Let at most ``limit`` bytes pass; ``expected`` is their SHA-256 where the client told it."""
        self._chunks = chunks
        self._limit = limit
        self._expected = expected
        self._hash: _Hash = hashlib.sha256()
        self.size = 0
        self.hexdigest = ""

    def __iter__(self) -> Iterator[Bytes]:
        """Yield the chunks.

        Raises:
            TooLargeError: at the first byte over the limit.
            ChecksumMismatchError: after the last byte, before the backend makes it a file.
        """
        helper: _HashThread | None = None
        try:
            for chunk in self._chunks:
                self.size += len(chunk)
                if self.size > self._limit:
                    raise TooLargeError("received size", max_bytes=self._limit)
                if helper is None and self.size > HASH_IN_THREAD_FROM:
                    helper = _HashThread(self._hash)
                if helper is None:
                    self._hash.update(chunk)
                else:
                    # It is hashed later: a buffer that is used again has to be copied.
                    helper.update(chunk if isinstance(chunk, bytes) else bytes(chunk))
                yield chunk
        finally:
            if helper is not None:
                helper.finish()
        digest = self._hash.digest()
        if self._expected is not None and digest != self._expected:
            raise ChecksumMismatchError("the digest differs")
        self.hexdigest = digest.hex()


class _HashThread:
    """Feeds a hash from a short queue: at most a few chunks are in memory."""

    def __init__(self, into: _Hash) -> None:
        self._into = into
        self._queue: queue.Queue[Bytes | None] = queue.Queue(maxsize=4)
        self._thread = threading.Thread(target=self._run, name="sha256", daemon=True)
        self._thread.start()

    def update(self, chunk: Bytes) -> None:
        self._queue.put(chunk)

    def finish(self) -> None:
        self._queue.put(None)
        self._thread.join()

    def _run(self) -> None:
        while (chunk := self._queue.get()) is not None:
            self._into.update(chunk)
