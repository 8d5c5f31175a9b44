"""Files in a bucket of Amazon S3 or of any store that speaks its protocol: one object per file, under its key.

boto3 is only imported when something connects: an installation without a bucket
neither waits for it nor holds it in memory. What is in which module:

* ``s3_fields``: the settings; ``s3_journal``: which puts are under way on this machine;
* ``s3_client``, ``s3_errors``: boto3, guarded and translated;
* ``s3_store``, ``s3_put``, ``s3_get``, ``s3_direct``: what is done with it.
"""

import logging
import os
import re
import threading
import time
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from typing import TYPE_CHECKING, ClassVar

from webapp.backends import s3_fields
from webapp.backends.s3_fields import MIB, Limits, Options
from webapp.backends.s3_journal import Journal
from webapp.contracts.backends import Bytes, Part
from webapp.contracts.errors import ConfigurationError, NotSupportedError, StorageError, StorageNotFoundError
from webapp.contracts.settings import SettingField

if TYPE_CHECKING:
    from webapp.backends.s3_direct import Direct
    from webapp.backends.s3_store import Store

log = logging.getLogger(__name__)

_KEY = re.compile(r"[0-9a-f]{32}")


class S3Backend:
    """Thread-safe. Its bucket may be shared with other processes and nodes."""

    backend_id: ClassVar[str] = "s3"
    supports_presigned_url: ClassVar[bool] = True
    supports_local_files: ClassVar[bool] = False
    supports_recovery: ClassVar[bool] = True
    supports_listing: ClassVar[bool] = True
    supports_direct_upload: bool = True
    # docs.aws.amazon.com/AmazonS3/latest/userguide/qfacts.html
    least_part_bytes: ClassVar[int] = 5 * MIB
    most_part_bytes: ClassVar[int] = 5 * 1024 * MIB
    most_parts: ClassVar[int] = 10_000
    fields: ClassVar[tuple[SettingField, ...]] = s3_fields.FIELDS

    def __init__(self, options: Mapping[str, object], *, limits: Limits | None = None) -> None:
        """Use the bucket of these options; the first call of a method connects."""
        self._options = Options.of(options)
        self._limits = limits or Limits()
        # Whoever cannot get a file from the store cannot bring one there.
        self.supports_direct_upload = self._options.links
        place = (self._options.endpoint or "", self._options.region, self._options.bucket)
        self._journal = Journal(self._options.state_dir, place)
        self._store: Store | None = None
        self._lock = threading.Lock()
        self._sweep_at = 0.0

    @classmethod
    def check(cls, options: Mapping[str, object]) -> Mapping[str, str]:
        """Whether the settings can work together."""
        return s3_fields.check(options)

    def put(self, key: str, chunks: Iterable[Bytes], *, content_type: str, size: int | None = None) -> None:
        """Store the bytes: in one request up to 8 MiB, in parts above; at most 48 MiB are held."""
        _check(key)
        store = self._connected()
        from webapp.backends.s3_put import Put  # noqa: PLC0415 (boto3)

        put = Put(store, key, content_type)
        self._begin(key)
        try:
            put.run(chunks, size)
        except BaseException:
            if put.clear_up():
                self._journal.end(key)
            else:
                self._journal.abandon(key)
            raise

    def get(self, key: str, *, start: int = 0, length: int | None = None) -> Iterator[bytes]:
        """Return the bytes in pieces of at most 1 MiB."""
        _check(key)
        store = self._connected()
        from webapp.backends.s3_get import Pieces  # noqa: PLC0415 (boto3)

        return Pieces(store, key, start, length)

    def delete(self, key: str) -> None:
        """Remove the object."""
        _check(key)
        try:
            self._connected().delete(key)
        except BaseException:
            self._journal.abandon(key)
            raise
        self._journal.end(key)

    def exists(self, key: str) -> bool:
        """Tell whether there is an object under the key."""
        return bool(_KEY.fullmatch(key)) and self._connected().head(key) is not None

    def list_keys(self, prefix: str = "") -> Iterator[str]:
        """Yield the keys, a thousand per request."""
        return self._connected().list_keys(prefix)

    def presigned_get_url(self, key: str, *, filename: str, content_type: str, expires_in: int | None = None) -> str:
        """Return a URL for browsers, unless the settings say that downloads go through Stowage."""
        _check(key)
        if not self._options.links:
            raise NotSupportedError("the settings have downloads go through Stowage")
        return self._connected().link(key, filename, content_type, expires_in)

    def begin_parts(self, key: str, *, content_type: str) -> str:
        """Begin an upload whose parts clients send, unless the settings say that they do not reach the store."""
        _check(key)
        if not self._options.links:
            raise NotSupportedError("the settings have clients reach the store through Stowage only")
        return self._direct(key).begin(content_type)

    def part_url(self, key: str, upload: str, number: int, *, size: int, expires_in: int) -> str:
        """Return a URL that takes one part, of exactly this size, by PUT."""
        return self._direct(key).part_url(upload, number, size, expires_in)

    def client_origin(self) -> str | None:
        """Where those URLs lead; found out once."""
        return self._connected().origin

    def list_parts(self, key: str, upload: str) -> list[Part]:
        """The parts that have arrived."""
        return self._direct(key).parts(upload)

    def complete_parts(self, key: str, upload: str, parts: Sequence[Part]) -> None:
        """Make the parts one object; a store that says 500 once it is done has done it."""
        self._direct(key).complete(upload, parts)

    def abort_parts(self, key: str, upload: str) -> None:
        """Throw the parts away; an object that they have become stays."""
        self._direct(key).abort(upload)

    def settle(self, key: str) -> None:
        """The row is committed."""
        self._journal.end(key)

    def recover(self, is_known: Callable[[str], bool]) -> int:
        """Undo what dead processes of this machine were putting; now and then look for what others never finished."""
        removed = sum(self._undo(key, is_known) for key in self._journal.dead())
        if time.monotonic() >= self._sweep_at:
            self._sweep_at = time.monotonic() + self._limits.sweep_seconds
            removed += self._sweep(is_known)
        return removed

    def _direct(self, key: str) -> "Direct":
        _check(key)
        store = self._connected()
        from webapp.backends.s3_direct import Direct  # noqa: PLC0415 (boto3)

        return Direct(store, key)

    def _undo(self, key: str, is_known: Callable[[str], bool]) -> int:
        with self._journal.claimed(key) as dead:
            if not dead or is_known(key):
                return 0
            store = self._connected()
            store.abort_all(key)
            store.delete(key, store.brief)
        return 1

    def _sweep(self, is_known: Callable[[str], bool]) -> int:
        try:
            return self._connected().abort_stale(is_known)
        except StorageError:
            # Not every key may list uploads, and a rule of the bucket's own may do the same.
            log.warning("uploads that were never finished could not be looked for", exc_info=True)
            return 0

    def _begin(self, key: str) -> None:
        try:
            self._journal.begin(key)
        except OSError:
            # The bytes go elsewhere: a full disk here must not keep them out.
            log.warning(
                "a put could not be noted; should this process die now, its parts stay for a day", exc_info=True
            )

    def _connected(self) -> "Store":
        """The store as this process reaches it: sockets and locks do not survive a fork."""
        store = self._store
        if store is None or store.pid != os.getpid():
            with self._lock:
                store = self._store
                if store is None or store.pid != os.getpid():
                    store = self._store = self._make()
        return store

    def _make(self) -> "Store":
        try:
            from webapp.backends.s3_store import Store  # noqa: PLC0415 (boto3)
        except ImportError as exc:
            raise ConfigurationError("boto3 is not installed", cause="settings") from exc
        return Store(self._options, self._limits)


def _check(key: str) -> None:
    if not _KEY.fullmatch(key):
        raise StorageNotFoundError("malformed key")
