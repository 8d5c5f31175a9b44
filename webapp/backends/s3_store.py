"""One bucket as this process reaches it: its clients, and the requests that need no more than one answer."""

import itertools
import math
import os
import re
import threading
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace
from datetime import UTC, datetime, timedelta
from email.utils import parsedate_to_datetime
from functools import cached_property
from typing import TYPE_CHECKING, Any
from urllib.parse import urlsplit

from botocore.exceptions import ClientError

from webapp.backends.s3_client import make_anonymous, make_client
from webapp.backends.s3_errors import code_of, translated
from webapp.backends.s3_fields import WEEK, Limits, Options
from webapp.contracts.errors import StorageBackendError, StorageNotFoundError
from webapp.contracts.headers import content_disposition

if TYPE_CHECKING:
    from types_boto3_s3 import S3Client
    from types_boto3_s3.type_defs import ListPartsOutputTypeDef, ResponseMetadataTypeDef

TOKEN = "stowage-put"  # noqa: S105 (the name of a header)
"""Metadata of every object: which put it is from. Tells "stored, but the answer was lost" from everything else."""
CLEARING_SECONDS = 5
"""For an instance that was only tried to take away what it made, once its time is up."""
_KEY = re.compile(r"[0-9a-f]{32}")
_MOST_EMPTY_PAGES = 100


@dataclass(frozen=True, slots=True)
class _Listing:
    """A kind of request that is answered page by page."""

    operation: str
    entries: str
    marks: dict[str, str]
    """What the next request says, by what the answer calls it."""
    order: str = ""
    """The one of them that never gets less."""


_KEYS = _Listing("list_objects_v2", "Contents", {"ContinuationToken": "NextContinuationToken"})
_UPLOADS = _Listing(
    "list_multipart_uploads",
    "Uploads",
    {"KeyMarker": "NextKeyMarker", "UploadIdMarker": "NextUploadIdMarker"},
    "KeyMarker",
)
_PARTS = _Listing("list_parts", "Parts", {"PartNumberMarker": "NextPartNumberMarker"}, "PartNumberMarker")


@dataclass(frozen=True, slots=True)
class Found:
    """What a HEAD tells of an object."""

    size: int
    token: str | None


class Store:
    """Thread-safe. Made after the fork, and used by the process that made it alone."""

    def __init__(self, options: Options, limits: Limits) -> None:
        self.bucket = options.bucket
        # Nobody waits for the second half of what is only tried.
        self.limits = limits if options.trial_seconds is None else replace(limits, resumptions=0, pauses=())
        self._ends = math.inf if options.trial_seconds is None else time.monotonic() + options.trial_seconds
        self.pid = os.getpid()
        self._options = options
        self._clients: dict[str, S3Client] = {}
        self._lock = threading.Lock()

    @property
    def client(self) -> "S3Client":
        if time.monotonic() >= self._ends:
            return self.brief
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
        last, barren = "", 0
        pages = self._pages(_KEYS, self.client, most=math.inf, Prefix=prefix)
        while True:
            with translated(StorageBackendError):
                page = next(pages, None)
                keys = [each["Key"] for each in page.get("Contents", [])] if page else []
            if page is None:
                return
            ours = [key for key in keys if _KEY.fullmatch(key) and key.startswith(prefix)]
            barren = 0 if ours else barren + 1
            if barren > self.limits.most_barren_pages:
                raise StorageBackendError("keys that are not ours, without an end", cause="protocol")
            for key in ours:
                if key <= last:
                    raise StorageBackendError("a list of keys begins again", cause="protocol")
                last = key
                yield key

    def part_pages(self, key: str, upload_id: str, client: "S3Client") -> "Iterator[ListPartsOutputTypeDef]":
        """What has arrived of an upload, a thousand parts at a time. Raises as boto3 does."""
        return self._pages(_PARTS, client, Key=key, UploadId=upload_id)

    def _pages(
        self, listing: _Listing, client: "S3Client", *, most: float | None = None, until: float = math.inf, **about: str
    ) -> Iterator[Any]:
        """A list page by page, of a store that may have none of our interests in mind. Raises as boto3 does."""
        marks: dict[str, Any] = {}
        empty = 0
        for number in itertools.count(1):
            page = getattr(client, listing.operation)(Bucket=self.bucket, **about, **marks)
            yield page
            before, marks = marks, {name: page[said] for name, said in listing.marks.items() if page.get(said)}
            if not page.get("IsTruncated") or not marks:
                return
            empty = 0 if page.get(listing.entries) else empty + 1
            goes_back = listing.order in before and before[listing.order] > marks.get(listing.order, "")
            if marks == before or goes_back or empty > _MOST_EMPTY_PAGES:
                raise StorageBackendError("a list goes round in circles", cause="protocol")
            if number >= (self.limits.most_pages if most is None else most):
                raise StorageBackendError("a list without an end", cause="protocol")
            if time.monotonic() >= until:
                raise StorageBackendError("a list that takes too long", cause="timeout")

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

    @cached_property
    def origin(self) -> str:
        """Scheme, host and port of all URLs for browsers. By botocore's own rules, of which there are many."""
        # Signing would look for the credentials of a machine's role, which may take its time.
        client = self.links if self._options.access_key else make_anonymous(self._options)
        with translated():
            url = client.generate_presigned_url("get_object", Params={"Bucket": self.bucket, "Key": "any"})
        parts = urlsplit(url)
        return f"{parts.scheme}://{parts.netloc}"

    def begin_upload(self, key: str, content_type: str, token: str) -> str:
        """Begin an upload in parts, exactly one, and return its id."""
        with translated(StorageBackendError):
            begun = self.client.create_multipart_upload(
                Bucket=self.bucket, Key=key, ContentType=content_type, Metadata={TOKEN: token}
            )
            upload_id = begun["UploadId"]
        if begun["ResponseMetadata"]["RetryAttempts"]:
            # One of those tries may have begun an upload too, and only its answer was lost.
            self.abort_all(key, but=upload_id)
        return upload_id

    # Uploads in parts that nobody will finish

    def abort_all(self, key: str, but: str | None = None, client: "S3Client | None" = None) -> int:
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
                self.abort(key, upload_id, client)
            aborted += len(ids)
        raise StorageBackendError("an upload in parts comes back after it was aborted")

    def abort(self, key: str, upload_id: str, client: "S3Client | None" = None) -> None:
        """Abort one upload in parts; it is fine if it is gone already."""
        with translated(StorageBackendError):
            try:
                (client or self.brief).abort_multipart_upload(Bucket=self.bucket, Key=key, UploadId=upload_id)
            except ClientError as exc:
                if code_of(exc) not in ("NoSuchUpload", "NoSuchKey"):  # the second is Swift's, of a completed one
                    raise

    def _upload_ids(self, key: str) -> list[str]:
        pages = self._pages(_UPLOADS, self.brief, until=time.monotonic() + self.limits.list_seconds, Prefix=key)
        return [each["UploadId"] for page in pages for each in page.get("Uploads", []) if each["Key"] == key]

    def abort_stale(self, is_known: Callable[[str], bool]) -> int:
        """Abort uploads in parts that got none for a long time, by the store's own clock.

        Nobody knows whose they are: this machine's own are in its journal. But a living put sends
        parts, or its client is cut off long before.
        """
        aborted = 0
        until = time.monotonic() + self.limits.search_seconds
        with translated(StorageBackendError):
            for page in self._pages(_UPLOADS, self.brief, until=until):
                stale = _moment_of(page["ResponseMetadata"]) - timedelta(seconds=self.limits.stale_seconds)
                for each in page.get("Uploads", []):
                    key, upload_id, begun = each["Key"], each["UploadId"], _aware(each["Initiated"])
                    if not _KEY.fullmatch(key) or begun > stale or is_known(key):
                        continue
                    if self._last_part(key, upload_id, begun, until) <= stale:
                        self.abort(key, upload_id)
                        aborted += 1
                    if time.monotonic() >= until:
                        return aborted  # the next sweep goes on
        return aborted

    def _last_part(self, key: str, upload_id: str, begun: datetime, until: float) -> datetime:
        pages = self._pages(_PARTS, self.brief, until=until, Key=key, UploadId=upload_id)
        try:
            arrived = (_aware(part["LastModified"]) for page in pages for part in page.get("Parts", []))
            return max(arrived, default=begun)
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
        ends = self._ends + (CLEARING_SECONDS if brief else 0)
        return make_client(
            self._options, self.limits, endpoint=endpoint, brief=brief, sign_payload=sign_payload, ends=ends
        )


def _moment_of(metadata: "ResponseMetadataTypeDef") -> datetime:
    """When the store gave this answer, by its own clock."""
    try:
        return _aware(parsedate_to_datetime(metadata["HTTPHeaders"]["date"]))
    except (KeyError, ValueError):
        return datetime.now(UTC)


def _aware(moment: datetime) -> datetime:
    return moment if moment.tzinfo else moment.replace(tzinfo=UTC)
