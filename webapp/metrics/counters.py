"""The counters that requests and committed changes move. Short texts: they are in every key of the shared files."""

import os
from pathlib import Path

from prometheus_client import Counter, Histogram

from webapp.contracts.events import EVENT_TYPES
from webapp.metrics.place import VARIABLE

if VARIABLE in os.environ:
    # Who logs out may have emptied shared memory (RemoveIPC of systemd). Without a directory, no worker would start.
    Path(os.environ[VARIABLE]).mkdir(mode=0o700, parents=True, exist_ok=True)

_ANSWERS = (0.005, 0.025, 0.1, 0.5, 2.5, 10, 60)
_TRANSFERS = (0.05, 0.25, 1, 5, 30, 120, 600, 3600)

REQUESTS = Counter("stowage_http_requests", "Requests that were answered.", ["endpoint", "method", "status"])
REQUEST_SECONDS = Histogram(
    "stowage_http_request_duration_seconds", "Until an answer begins.", ["endpoint", "status"], buckets=_ANSWERS
)
ERRORS = Counter("stowage_errors", "Error answers, by code.", ["code"])

UPLOADS = Counter("stowage_uploads", "Files that were stored.", ["backend", "way"])
UPLOADED = Counter("stowage_upload_bytes", "Their bytes.", ["backend", "way"])
UPLOAD_SECONDS = Histogram(
    "stowage_upload_duration_seconds", "From the request to the commit.", ["backend"], buckets=_TRANSFERS
)
CHECKS = Counter("stowage_upload_checks", "Checks of uploads by plugins.", ["plugin", "outcome"])

DOWNLOADS = Counter("stowage_downloads", "Files or parts that were asked for.", ["backend", "outcome"])
DOWNLOADED = Counter("stowage_download_bytes", "Bytes that left this process.", ["backend"])
DOWNLOAD_SECONDS = Histogram(
    "stowage_download_duration_seconds", "Of whole downloads.", ["backend"], buckets=_TRANSFERS
)

EVENTS = Counter("stowage_events", "Events of changes that this node made.", ["event"])
for _type in EVENT_TYPES:  # a rate can be taken of what has not happened yet
    EVENTS.labels(_type.__name__)

ALL = (
    REQUESTS, REQUEST_SECONDS, ERRORS,
    UPLOADS, UPLOADED, UPLOAD_SECONDS, CHECKS,
    DOWNLOADS, DOWNLOADED, DOWNLOAD_SECONDS,
    EVENTS,
)  # fmt: skip
