"""A file on its way into the bucket: in one request up to 8 MiB, in parts above.

Not by boto3's managed transfer: it would read the chunks in a thread of its own, away
from the request they belong to, end at 80 GB of unannounced size, and leave the parts
of a failed upload in a store that was down for a moment. docs/decisions/0035-s3.md
tells the rest.
"""

import logging
import secrets
from collections.abc import Iterable
from typing import cast

from webapp.backends.s3_errors import translated
from webapp.backends.s3_parts import Parts, Source, content_md5
from webapp.backends.s3_store import TOKEN, Found, Store
from webapp.contracts.backends import Bytes
from webapp.contracts.errors import StorageBackendError, StorageError

log = logging.getLogger(__name__)


class Put:
    """One put. After :meth:`run` has raised, :meth:`clear_up` removes what may be left."""

    def __init__(self, store: Store, key: str, content_type: str) -> None:
        self._store = store
        self._key = key
        self._content_type = content_type
        self._token = secrets.token_hex(16)
        self._began = False
        self._may_be_there = False

    def run(self, chunks: Iterable[Bytes], size: int | None) -> None:
        """Store all of it.

        Raises:
            StorageError: the store failed.
            Exception: what ``chunks`` raised.
        """
        source = Source(chunks)
        first = source.take(self._store.limits.single)
        if source.more():
            self._put_in_parts(source, first, size)
        else:
            self._put_at_once(first)

    def clear_up(self) -> bool:
        """Remove what a failed put left; False where the store did not let us."""
        try:
            if self._began:
                self._store.abort_all(self._key)
            # Only what is from this very put: an object that was there before stays.
            if self._may_be_there and self._is_ours(self._store.head(self._key, self._store.brief)):
                self._store.delete(self._key, self._store.brief)
        except StorageError:
            log.warning("what a failed upload left could not be removed yet", extra={"key": self._key}, exc_info=True)
            return False
        return True

    def _put_at_once(self, data: bytearray) -> None:
        self._may_be_there = True
        try:
            with translated(StorageBackendError):
                answer = self._store.client.put_object(
                    Bucket=self._store.bucket,
                    Key=self._key,
                    Body=cast("bytes", data),
                    ContentMD5=content_md5(data),
                    ContentType=self._content_type,
                    Metadata={TOKEN: self._token},
                )
                answer["ETag"]  # a proxy's page of its own has none, and is 200 all the same
        except StorageError:
            if not self._is_there_after_all(len(data)):
                raise

    def _put_in_parts(self, source: Source, first: bytearray, size: int | None) -> None:
        upload_id = self._begin()
        parts = Parts(self._store, self._key, upload_id, source)
        parts.send(first, size)
        self._complete(upload_id, parts, source.taken)

    def _begin(self) -> str:
        self._began = True
        return self._store.begin_upload(self._key, self._content_type, self._token)

    def _complete(self, upload_id: str, parts: Parts, size: int) -> None:
        self._may_be_there = True
        try:
            with translated(StorageBackendError):
                self._store.client.complete_multipart_upload(
                    Bucket=self._store.bucket,
                    Key=self._key,
                    UploadId=upload_id,
                    MultipartUpload={"Parts": parts.done()},
                )
        except StorageError:
            if not self._is_there_after_all(size):
                raise
            return
        # Each part was checked against its MD5 by the store; what is left to check is what it made of them.
        if not self._is_ours(self._store.head(self._key), size):
            raise StorageBackendError("the store put the parts together wrongly", cause="corrupted")

    def _is_there_after_all(self, size: int) -> bool:
        """Whether all of it is there although the store did not say so."""
        try:
            return self._is_ours(self._store.head(self._key, self._store.brief), size)
        except StorageError:
            return False  # the first error is the one to report

    def _is_ours(self, found: Found | None, size: int | None = None) -> bool:
        return found is not None and found.token == self._token and size in (None, found.size)
