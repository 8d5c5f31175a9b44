"""The upload form: read as it comes, one file after the other, none before the form has proved itself."""

import logging
from collections.abc import Iterator
from dataclasses import dataclass, field, replace
from itertools import chain

from flask import Blueprint, Response, url_for

from webapp.contracts.backends import Bytes
from webapp.contracts.checks import UploadRefusedError
from webapp.contracts.errors import StowageError
from webapp.http import auth, bodies
from webapp.http.auth import permission
from webapp.http.bodies import FormField, FormFile
from webapp.http.context import caller, services
from webapp.http.errors import STATUS_BY_CODE
from webapp.http.i18n import has, t
from webapp.services.access import Permission
from webapp.services.errors import BadRequestError, CsrfError
from webapp.services.uploads import IncomingFile
from webapp.ui import filters, flashes
from webapp.ui.addresses import own_path, see

log = logging.getLogger(__name__)
blueprint = Blueprint("ui_uploads", __name__, url_prefix="/file-storage")

FIELD = "file"


@dataclass
class Outcome:
    """What became of a form with files."""

    back: str | None = None
    stored: int = 0
    refused: list[tuple[str, str]] = field(default_factory=list)
    """Names, and why each was not stored."""


@blueprint.post("/upload")
@permission(Permission.UPLOAD, upload=True)
def upload() -> Response:
    outcome = _store_all()
    _tell(outcome)
    return see(own_path(outcome.back, url_for("ui_files.browse")))


def _store_all() -> Outcome:
    outcome = Outcome()
    try:
        for part in _proven(_parts()):
            if isinstance(part, FormField):
                outcome.back = part.value if part.name == "back" else outcome.back
            elif part.name == FIELD:
                _store(part, outcome)
    except BadRequestError:
        if not outcome.stored:
            raise
        outcome.refused.append(("", t("upload.cut")))
    return outcome


def _store(part: FormFile, outcome: Outcome) -> None:
    try:
        incoming = IncomingFile(filename=part.filename, content_type=part.content_type, chunks=part.chunks)
        services().uploads.upload(caller(), incoming)
    except BadRequestError:
        raise
    except StowageError as error:
        if STATUS_BY_CODE.get(error.code, 500) >= 500:
            log.exception("%s", error.code)
        outcome.refused.append((part.filename, _reason(error)))
    else:
        outcome.stored += 1


def _reason(error: StowageError) -> str:
    if isinstance(error, UploadRefusedError):
        return error.sentence
    if error.code == "too_large":
        return t("upload.too_large", limit=filters.size(caller().settings.max_file_size_bytes))
    if error.code == "bad_type":
        return t("upload.bad_type", content_type=error.data["content_type"])
    return t(f"errors.{error.code}") if has(f"errors.{error.code}") else t("errors.internal_error")


def _tell(outcome: Outcome) -> None:
    stored, refused = outcome.stored, outcome.refused
    if not refused:
        flashes.tell("ok" if stored else "warn", t("toasts.stored", count=stored) if stored else t("toasts.no_file"))
    elif stored:
        flashes.tell("warn", t("toasts.stored_some", done=stored, count=stored + len(refused)), details=refused)
    else:
        flashes.tell("bad", t("toasts.none_stored", count=len(refused)), details=refused)


# --- reading ---------------------------------------------------------------------


def _proven(parts: Iterator[FormField | FormFile]) -> Iterator[FormField | FormFile]:
    """The parts after the CSRF token, which has to come before any file.

    Raises:
        CsrfError: it does not, or it is wrong.
    """
    for part in parts:
        if isinstance(part, FormField) and part.name == auth.CSRF_FIELD:
            auth.check_csrf_token(part.value)
            continue
        if isinstance(part, FormFile) and auth.awaits_csrf_field():
            raise CsrfError("a file before the token")
        yield part
    if auth.awaits_csrf_field():
        raise CsrfError("no token")


def _parts() -> Iterator[FormField | FormFile]:
    """The parts of the form, without file inputs that were left empty.

    The chunks of a file end only when the next part has begun or the whole form
    has come: a form that is cut short leaves no file that might be cut too.
    """
    parts = bodies.parts()
    following: list[FormField | FormFile | None] = [next(parts, None)]

    def advance() -> Iterator[Bytes]:
        following.append(next(parts, None))
        yield from ()

    while (part := following.pop()) is not None:
        if isinstance(part, FormField):
            yield part
        elif (first := next(part.chunks, None)) is not None or part.filename:
            yield replace(part, chunks=chain(() if first is None else (first,), part.chunks, advance()))
        if not following:
            following.append(next(parts, None))
