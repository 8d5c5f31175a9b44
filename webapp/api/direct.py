"""Uploads that bypass the application: ``/api/file-storage/direct-uploads``."""

from dataclasses import dataclass, field
from uuid import UUID

from flask import Blueprint, Response

from webapp.api.describe import describe
from webapp.contracts.files import StoredFileOut
from webapp.http import answers, params
from webapp.http.auth import permission
from webapp.http.context import caller, services
from webapp.services.access import Permission
from webapp.services.direct import MOST_URLS
from webapp.services.parts import Announced, DirectUploadOut, PartUrl

blueprint = Blueprint("api_direct", __name__, url_prefix="/api/file-storage/direct-uploads")
_REFUSED = ("upload_refused", "check_failed")
"""By plugins."""


@dataclass(frozen=True, kw_only=True)
class DirectUploadIn:
    """A file that is going to be sent."""

    filename: str = field(metadata={"help": "Its name; cleaned as at an upload.", "min_length": 1, "max_length": 4096})
    size_bytes: int = field(metadata={"help": "Its size in bytes.", "minimum": 1, "maximum": 2**53})
    content_type: str | None = field(default=None, metadata={"help": "Its media type.", "max_length": 1024})
    checksum_sha256: str | None = field(
        default=None,
        metadata={
            "help": "Its SHA-256, 64 hexadecimal digits. A file that turns out to be another one is not kept.",
            "pattern": "^[0-9a-fA-F]{64}$",
        },
    )


@dataclass(frozen=True, kw_only=True)
class Numbers:
    """Parts to be sent."""

    numbers: list[int] = field(
        metadata={"help": "Numbers of the parts, from 1.", "min_items": 1, "max_items": MOST_URLS}
    )


@dataclass(frozen=True, kw_only=True)
class UrlsOut:
    """Where parts go. The URLs work for 15 minutes; ask again for what is left then."""

    urls: list[PartUrl]


@blueprint.post("")
@permission(Permission.UPLOAD)
@describe(
    summary="Begin an upload straight to the store",
    details=(
        "For large files, where the backend in use can: send each part by PUT to its URL, in any order and several at"
        " once, then complete the upload. 409 `direct_upload_unsupported` where it cannot, or where a plugin has to"
        " see the bytes: use an ordinary upload."
    ),
    body=DirectUploadIn,
    answers={201: DirectUploadOut},
    errors=("direct_upload_unsupported", "too_large", "bad_type", *_REFUSED, "rate_limited", "backend_error"),
)
def begin() -> Response:
    wanted = params.body(DirectUploadIn)
    digest = bytes.fromhex(wanted.checksum_sha256) if wanted.checksum_sha256 else None
    announced = Announced(
        filename=wanted.filename, content_type=wanted.content_type, size_bytes=wanted.size_bytes, sha256=digest
    )
    made = services().direct.begin(caller(), announced)
    return answers.json(made, 201, {"Location": f"/api/file-storage/direct-uploads/{made.id}"})


@blueprint.get("/<uuid:upload_id>")
@permission(Permission.UPLOAD)
@describe(
    summary="Tell which parts have arrived",
    answers={200: DirectUploadOut},
    errors=("direct_upload_unsupported", "backend_error"),
)
def show(upload_id: UUID) -> Response:
    return answers.json(services().direct.get(caller(), upload_id))


@blueprint.post("/<uuid:upload_id>/urls")
@permission(Permission.UPLOAD)
@describe(
    summary="Get the URLs of parts",
    details="A part that was sent before is replaced.",
    body=Numbers,
    answers={200: UrlsOut},
    errors=("direct_upload_unsupported", "backend_error"),
)
def urls(upload_id: UUID) -> Response:
    wanted = params.body(Numbers)
    return answers.json(UrlsOut(urls=services().direct.urls(caller(), upload_id, wanted.numbers)))


@blueprint.post("/<uuid:upload_id>/complete")
@permission(Permission.UPLOAD)
@describe(
    summary="Make the parts a file",
    details=(
        "Size and parts are checked; asking again gives the same answer. `checksum_sha256` of a file over 32 MiB is"
        " empty at first: Stowage reads the file once in the background and fills it in (event `FileVerified`)."
        " 409 with `missing` where parts have not arrived."
    ),
    answers={201: StoredFileOut},
    errors=(
        "direct_upload_unsupported",
        "conflict",
        "checksum_mismatch",
        "too_large",
        "bad_type",
        *_REFUSED,
        "backend_error",
    ),
)
def complete(upload_id: UUID) -> Response:
    out = services().direct.complete(caller(), upload_id)
    return answers.json(out, 201, {"Location": f"/api/file-storage/files/{out.id}"})


@blueprint.delete("/<uuid:upload_id>")
@permission(Permission.UPLOAD)
@describe(
    summary="Throw an upload away",
    details="Its parts are removed from the store. A file that it has become stays.",
    answers={204: None},
    errors=("direct_upload_unsupported", "backend_error"),
)
def abort(upload_id: UUID) -> Response:
    services().direct.abort(caller(), upload_id)
    return answers.nothing()
