"""Uploads whose parts clients send to the store themselves, over URLs signed for one part of one size each."""

import secrets
from collections.abc import Iterator, Sequence
from contextlib import contextmanager

from botocore.exceptions import ClientError

from webapp.backends.s3_errors import code_of, translated
from webapp.backends.s3_fields import WEEK
from webapp.backends.s3_store import Store
from webapp.contracts.backends import Part
from webapp.contracts.errors import StorageBackendError, StorageError, StorageNotFoundError


class Direct:
    """The upload of one key. It outlives the process: all that is known of it is in the store."""

    def __init__(self, store: Store, key: str) -> None:
        self._store = store
        self._key = key

    def begin(self, content_type: str) -> str:
        """Begin it and return the id the store gives it."""
        return self._store.begin_upload(self._key, content_type, secrets.token_hex(16))

    def part_url(self, upload_id: str, number: int, size: int, seconds: int) -> str:
        """A URL that takes this part by PUT.

        The length is among the headers that are signed: a request with another one is refused
        before a byte of it is stored, and so is one that names none.
        """
        asked = {
            "Bucket": self._store.bucket,
            "Key": self._key,
            "UploadId": upload_id,
            "PartNumber": number,
            "ContentLength": size,
        }
        lasts = min(max(1, seconds), WEEK)
        with translated():
            return self._store.links.generate_presigned_url("upload_part", Params=asked, ExpiresIn=lasts)

    def parts(self, upload_id: str) -> list[Part]:
        """What has arrived, by number, a thousand per request."""
        with _upload_named():
            pages = self._store.part_pages(self._key, upload_id, self._store.client)
            found = [
                Part(number=each["PartNumber"], size=each["Size"], tag=each["ETag"])
                for page in pages
                for each in page.get("Parts", [])
            ]
        return sorted(found, key=lambda part: part.number)

    def complete(self, upload_id: str, parts: Sequence[Part]) -> None:
        """Have the store put the parts together, and look at what it made of them."""
        size = sum(part.size for part in parts)
        try:
            self._complete(upload_id, parts)
        except StorageNotFoundError:
            # Either it was done before, or there is nothing; only the store can tell, and an outage is told as one.
            if self._store.head(self._key) is None:
                raise
        except StorageError:
            if not self._is_there_after_all(size):
                raise
            return
        found = self._store.head(self._key)
        if found is None or found.size != size:
            raise StorageBackendError("the store put the parts together wrongly", cause="corrupted")

    def abort(self, upload_id: str) -> None:
        """Abort it, and whatever else was begun for the key, until the store lists nothing any more.

        With all patience: there may be thousands of parts, which some stores delete one by one.
        """
        self._store.abort(self._key, upload_id, self._store.client)
        self._store.abort_all(self._key, client=self._store.client)

    def _complete(self, upload_id: str, parts: Sequence[Part]) -> None:
        with _upload_named():
            self._store.client.complete_multipart_upload(
                Bucket=self._store.bucket,
                Key=self._key,
                UploadId=upload_id,
                MultipartUpload={
                    "Parts": [
                        {"PartNumber": part.number, "ETag": part.tag}
                        for part in sorted(parts, key=lambda part: part.number)
                    ]
                },
            )

    def _is_there_after_all(self, size: int) -> bool:
        """Whether the store did it although it did not say so."""
        try:
            found = self._store.head(self._key, self._store.brief)
        except StorageError:
            return False  # the first error is the one to report
        return found is not None and found.size == size


@contextmanager
def _upload_named() -> Iterator[None]:
    """Errors of the contract for requests that name an upload."""
    with translated(StorageBackendError):
        try:
            yield
        except ClientError as exc:
            if code_of(exc) == "NoSuchUpload":
                raise StorageNotFoundError("the store knows no such upload") from exc
            raise
