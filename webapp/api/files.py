"""Files over JSON: ``/api/file-storage``."""

from dataclasses import dataclass, field
from datetime import datetime
from uuid import UUID

from flask import Blueprint, Response, request

from webapp.api.describe import describe
from webapp.contracts.files import StoredFileListOut, StoredFileOut
from webapp.http import answers, bodies, downloads, headers, params
from webapp.http.auth import permission
from webapp.http.context import caller, services
from webapp.services.access import Permission
from webapp.services.errors import ValidationError
from webapp.services.families import FAMILIES
from webapp.services.listing import SORTS, TRASH_SORTS, Listing
from webapp.services.uploads import IncomingFile

blueprint = Blueprint("api_files", __name__, url_prefix="/api/file-storage")

MOST_IDS = 200
_UPLOAD_ERRORS = (
    "bad_request", "checksum_mismatch", "too_large", "bad_type", "validation_error", "upload_refused",
    "check_failed", "backend_error",
)  # fmt: skip
_UPLOAD_HEADERS = {
    "Idempotency-Key": "A text of your own; for 24 hours the same upload with it answers with the first result.",
    "Content-Digest": "RFC 9530 digest of the file's bytes, `sha-256=:…:`; a mismatch stores nothing.",
    "Repr-Digest": "The same.",
}


@dataclass(frozen=True, kw_only=True)
class ListQuery:
    """Which files to list."""

    page: int = field(default=1, metadata={"help": "Numbered page, from 1.", "minimum": 1})
    per_page: int = field(default=20, metadata={"help": "Files per page.", "minimum": 1, "maximum": 200})
    cursor: str | None = field(
        default=None,
        metadata={"help": "`next_cursor` or `previous_cursor` of a page, instead of `page`; empty for the start."},
    )
    q: str = field(default="", metadata={"help": "Part of the file name, taken literally, in any case."})
    content_type: str = field(default="", metadata={"help": "image/png, or a family such as image/."})
    family: str = field(default="", metadata={"help": "Kind of file, by its type.", "choices": ("", *FAMILIES)})
    uploaded_by: str = field(default="", metadata={"help": "Id or name of an account."})
    backend: str = field(default="", metadata={"help": "Id of a storage backend."})
    created_after: datetime | None = field(default=None, metadata={"help": "Uploaded later than this."})
    created_before: datetime | None = field(default=None, metadata={"help": "Uploaded earlier than this."})
    min_size: int | None = field(default=None, metadata={"help": "At least so many bytes.", "minimum": 0})
    max_size: int | None = field(default=None, metadata={"help": "At most so many bytes.", "minimum": 0})
    sort: str = field(default="-created_at", metadata={"help": "With - descending.", "choices": SORTS})


@dataclass(frozen=True, kw_only=True)
class TrashQuery(ListQuery):
    """Which trashed files to list."""

    sort: str = field(default="-deleted_at", metadata={"help": "With - descending.", "choices": TRASH_SORTS})


@dataclass(frozen=True, kw_only=True)
class FileChanges:
    """What to change of a file."""

    filename: str = field(metadata={"help": "The new name; cleaned as at an upload.", "min_length": 1})


@dataclass(frozen=True, kw_only=True)
class DeleteQuery:
    """How to delete."""

    permanent: bool = field(default=False, metadata={"help": "`true`: row and bytes go for good."})


@dataclass(frozen=True, kw_only=True)
class Ids:
    """Which files to act on."""

    ids: list[UUID] = field(metadata={"help": "Unknown ones are skipped.", "max_items": MOST_IDS})


@dataclass(frozen=True, kw_only=True)
class IdsOut:
    """Which files were acted on."""

    ids: list[UUID]


@blueprint.post("/upload")
@permission(Permission.UPLOAD, upload=True)
@describe(
    summary="Upload a file as a form",
    details="One part named `file`; other fields are ignored. The bytes go straight to their place, however many.",
    upload="multipart",
    answers={201: StoredFileOut},
    errors=_UPLOAD_ERRORS,
    headers=_UPLOAD_HEADERS,
)
def upload_form() -> Response:
    part = bodies.single_file()
    return _stored(
        IncomingFile(
            filename=part.filename,
            content_type=part.content_type,
            chunks=part.chunks,
            sha256=headers.expected_sha256(),
            idempotency_key=_idempotency_key(),
        )
    )


@blueprint.put("/upload/<rawpath:filename>")
@permission(Permission.UPLOAD, upload=True)
@describe(
    summary="Upload a file as the body",
    details="What `curl -T` does, with or without `Content-Length`. A body that ends early is not stored.",
    upload="raw",
    answers={201: StoredFileOut},
    errors=_UPLOAD_ERRORS,
    headers=_UPLOAD_HEADERS,
)
def upload_raw(filename: str) -> Response:
    return _stored(
        IncomingFile(
            filename=filename,
            content_type=request.headers.get("Content-Type"),
            chunks=bodies.raw(),
            size=request.content_length,
            sha256=headers.expected_sha256(),
            idempotency_key=_idempotency_key(),
        )
    )


@blueprint.get("/files")
@permission(Permission.DOWNLOAD)
@describe(
    summary="List files",
    details="By numbered pages, or with `cursor` through all of them in a stable order at the same cost at any depth.",
    query=ListQuery,
    answers={200: StoredFileListOut},
)
def list_files() -> Response:
    wanted = params.query(ListQuery)
    return answers.json(services().listing.list(caller(), Listing(**vars(wanted))))


@blueprint.get("/trash")
@permission(Permission.DELETE)
@describe(summary="List trashed files", query=TrashQuery, answers={200: StoredFileListOut})
def list_trash() -> Response:
    wanted = params.query(TrashQuery)
    return answers.json(services().listing.list(caller(), Listing(trash=True, **vars(wanted))))


@blueprint.get("/files/<uuid:file_id>")
@permission(Permission.DOWNLOAD)
@describe(summary="Show a file", answers={200: StoredFileOut})
def show(file_id: UUID) -> Response:
    return answers.json(services().files.get(caller(), file_id))


@blueprint.patch("/files/<uuid:file_id>")
@permission(Permission.UPLOAD)
@describe(
    summary="Rename a file",
    details="Its id, key, bytes and type stay as they are.",
    body=FileChanges,
    answers={200: StoredFileOut},
)
def rename(file_id: UUID) -> Response:
    return answers.json(services().files.rename(caller(), file_id, params.body(FileChanges).filename))


@blueprint.get("/files/<uuid:file_id>/download")
@permission(Permission.DOWNLOAD)
@describe(
    summary="Download a file",
    details="As `attachment`, with its stored type. A backend that can sign URLs answers with a redirect to one.",
    answers={200: "*/*", 206: "*/*", 302: None, 304: None},
    errors=("range_not_satisfiable", "backend_error"),
    headers={
        "Range": "A single range of bytes.",
        "If-Range": "ETag or date the range is valid for.",
        "If-None-Match": "ETag already had.",
        "If-Modified-Since": "Date of what is already had.",
    },
)
def download(file_id: UUID) -> Response:
    return downloads.answer(services().files.locate(caller(), file_id))


@blueprint.delete("/files/<uuid:file_id>")
@permission(Permission.DELETE, Permission.MANAGE)
@describe(
    summary="Move a file to the trash, or delete it for good",
    details="The trash takes `file_storage.delete`. For good takes `file_storage.manage`, also for trashed files.",
    query=DeleteQuery,
    answers={204: None},
)
def delete(file_id: UUID) -> Response:
    if params.query(DeleteQuery).permanent:
        services().files.purge(caller(), file_id)
    else:
        services().files.trash(caller(), file_id)
    return answers.nothing()


@blueprint.post("/files/<uuid:file_id>/restore")
@permission(Permission.DELETE)
@describe(summary="Bring a file back from the trash", answers={200: StoredFileOut}, errors=("conflict",))
def restore(file_id: UUID) -> Response:
    return answers.json(services().files.restore(caller(), file_id))


@blueprint.post("/files/bulk-delete")
@permission(Permission.DELETE)
@describe(summary="Move files to the trash", body=Ids, answers={200: IdsOut})
def bulk_delete() -> Response:
    return answers.json(IdsOut(ids=services().files.trash_many(caller(), params.body(Ids).ids)))


@blueprint.post("/files/bulk-restore")
@permission(Permission.DELETE)
@describe(summary="Bring files back from the trash", body=Ids, answers={200: IdsOut})
def bulk_restore() -> Response:
    return answers.json(IdsOut(ids=services().files.restore_many(caller(), params.body(Ids).ids)))


def _stored(incoming: IncomingFile) -> Response:
    uploaded = services().uploads.upload(caller(), incoming)
    location = {"Location": f"/api/file-storage/files/{uploaded.file.id}"}
    if uploaded.replayed:
        location["Idempotent-Replayed"] = "true"
    return answers.json(uploaded.file, 201, location)


def _idempotency_key() -> str | None:
    key = request.headers.get("Idempotency-Key")
    if key is not None and not (0 < len(key) <= 255 and key.isascii() and key.isprintable()):
        raise ValidationError({"Idempotency-Key": "bad_key"})
    return key
