"""One bucket as this process reaches it: its clients, and the requests that need no more than one answer."""

import os
import re
import threading
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from email.utils import parsedate_to_datetime
from typing import TYPE_CHECKING

from botocore.exceptions import ClientError

from webapp.backends.s3_client import make_client
from webapp.backends.s3_errors import code_of, translated
from webapp.backends.s3_fields import WEEK, Limits, Options
from webapp.contracts.errors import StorageBackendError, StorageNotFoundError
from webapp.contracts.headers import content_disposition

if TYPE_CHECKING:
    from types_boto3_s3 import S3Client
    from types_boto3_s3.type_defs import ResponseMetadataTypeDef

TOKEN = "stowage-put"  # noqa: S105 (the name of a header)
"""Metadata of every object: which put it is from. Tells "stored, but the answer was lost" from everything else."""
_KEY = re.compile(r"[0-9a-f]{32}")


@dataclass(frozen=True, slots=True)
class Found:
    """What a HEAD tells of an object."""

    size: int
    token: str | None


class Store:
    """Thread-safe. Made after the fork, and used by the process that made it alone."""

    def __init__(self, options: Options, limits: Limits) -> None:
        self.bucket = options.bucket
        self.limits = limits
        self.pid = os.getpid()
        self._options = options
        self._clients: dict[str, S3Client] = {}
        self._lock = threading.Lock()

    @property
    def client(self) -> "S3Client":
        return self._client("usual", lambda: self._make(self._options.endpoint))

    @property
    def brief(self) -> "S3Client":
        """For looking and clearing up after something has failed: a store that hangs is not waited for again."""
        return self._client("brief", lambda: self._make(self._options.endpoint, brief=True))

    @property
    def unsigned(self) -> "S3Client":
        """For bodies that are not there yet when their request is signed."""
        return self._client("unsigned", lambda: self._make(self._options.endpoint, sign_payload=False))

    @property
    def links(self) -> "S3Client":
        """Signs URLs for browsers; connects to nothing."""
        if self._options.public_endpoint == self._options.endpoint:
            return self.client
        return self._client("links", lambda: self._make(self._options.public_endpoint))

    def head(self, key: str, client: "S3Client | None" = None) -> Found | None:
        """What is under the key, if anything is."""
        try:
            with translated():
                answer = (client or self.client).head_object(Bucket=self.bucket, Key=key)
        except StorageNotFoundError:
            return None
        return Found(answer["ContentLength"], answer.get("Metadata", {}).get(TOKEN))

    def delete(self, key: str, client: "S3Client | None" = None) -> None:
        """Remove the object; stores differ in what they say where there is none."""
        try:
            with translated():
                (client or self.client).delete_object(Bucket=self.bucket, Key=key)
        except StorageNotFoundError:
            return

    def list_keys(self, prefix: str) -> Iterator[str]:
        """Keys as Stowage makes them, page by page; whatever else is in the bucket is passed over."""
        pages = iter(self._pages(prefix))
        while True:
            with translated(StorageBackendError):
                page = next(pages, None)
            if page is None:
                return
            yield from filter(_KEY.fullmatch, page)

    def _pages(self, prefix: str) -> Iterator[list[str]]:
        pages = self.client.get_paginator("list_objects_v2").paginate(Bucket=self.bucket, Prefix=prefix)
        for page in pages:
            yield [entry["Key"] for entry in page.get("Contents", [])]

    def link(self, key: str, filename: str, content_type: str, seconds: int | None) -> str:
        """A URL that serves the object as a download for so many seconds."""
        asked = {
            "Bucket": self.bucket,
            "Key": key,
            "ResponseContentDisposition": content_disposition(filename),
            "ResponseContentType": content_type,
        }
        lasts = min(max(1, self._options.link_seconds if seconds is None else seconds), WEEK)
        with translated():
            return self.links.generate_presigned_url("get_object", Params=asked, ExpiresIn=lasts)

    # Uploads in parts that nobody will finish

    def abort_all(self, key: str, but: str | None = None) -> int:
        """Abort every upload in parts of the key, and look that none is left; returns how many there were.

        Parts that were on their way when their upload was aborted can outlive it, hence several rounds.
        """
        aborted = 0
        for _ in range(3):
            with translated(StorageBackendError):
                ids = [each for each in self._upload_ids(key) if each != but]
            if not ids:
                return aborted
            for upload_id in ids:
                self.abort(key, upload_id)
            aborted += len(ids)
        raise StorageBackendError("an upload in parts comes back after it was aborted")

    def abort(self, key: str, upload_id: str) -> None:
        """Abort one upload in parts; it is fine if it is gone already."""
        with translated(StorageBackendError):
            try:
                self.brief.abort_multipart_upload(Bucket=self.bucket, Key=key, UploadId=upload_id)
            except ClientError as exc:
                if code_of(exc) != "NoSuchUpload":
                    raise

    def _upload_ids(self, key: str) -> list[str]:
        pages = self.brief.get_paginator("list_multipart_uploads").paginate(Bucket=self.bucket, Prefix=key)
        return [each["UploadId"] for page in pages for each in page.get("Uploads", []) if each["Key"] == key]

    def abort_stale(self, is_known: Callable[[str], bool]) -> int:
        """Abort uploads in parts that got none for a long time, by the store's own clock.

        Nobody knows whose they are: this machine's own are in its journal. But a living put sends
        parts, or its client is cut off long before.
        """
        aborted = 0
        with translated(StorageBackendError):
            for page in self.brief.get_paginator("list_multipart_uploads").paginate(Bucket=self.bucket):
                stale = _moment_of(page["ResponseMetadata"]) - timedelta(seconds=self.limits.stale_seconds)
                for each in page.get("Uploads", []):
                    key, upload_id = each["Key"], each["UploadId"]
                    if not _KEY.fullmatch(key) or each["Initiated"] > stale or is_known(key):
                        continue
                    if self._last_part(key, upload_id, each["Initiated"]) <= stale:
                        self.abort(key, upload_id)
                        aborted += 1
        return aborted

    def _last_part(self, key: str, upload_id: str, begun: datetime) -> datetime:
        pages = self.brief.get_paginator("list_parts").paginate(Bucket=self.bucket, Key=key, UploadId=upload_id)
        try:
            return max((part["LastModified"] for page in pages for part in page.get("Parts", [])), default=begun)
        except ClientError as exc:
            if code_of(exc) != "NoSuchUpload":
                raise
            return datetime.now(UTC)  # somebody has just finished it

    # Clients

    def _client(self, name: str, make: "Callable[[], S3Client]") -> "S3Client":
        found = self._clients.get(name)
        if found is None:
            with self._lock, translated():
                found = self._clients.get(name) or make()
                self._clients[name] = found
        return found

    def _make(self, endpoint: str | None, *, brief: bool = False, sign_payload: bool = True) -> "S3Client":
        return make_client(self._options, self.limits, endpoint=endpoint, brief=brief, sign_payload=sign_payload)


def _moment_of(metadata: "ResponseMetadataTypeDef") -> datetime:
    """When the store gave this answer, by its own clock."""
    try:
        return parsedate_to_datetime(metadata["HTTPHeaders"]["date"])
    except (KeyError, ValueError):
        return datetime.now(UTC)
