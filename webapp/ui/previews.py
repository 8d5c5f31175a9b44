"""Pictures for pages: thumbnails, and files that a browser may show by itself."""

from uuid import UUID

from flask import Blueprint, Response, request

from webapp.http import downloads
from webapp.http.answers import nothing
from webapp.http.auth import permission
from webapp.http.context import caller, services
from webapp.services.access import Permission
from webapp.services.thumbnails import CONTENT_TYPE

blueprint = Blueprint("ui_previews", __name__, url_prefix="/file-storage/files")


@blueprint.get("/<uuid:file_id>/thumbnail/<int:width>")
@permission(Permission.DOWNLOAD)
def thumbnail(file_id: UUID, width: int) -> Response:
    wanted = services().thumbnails.find(caller(), file_id, width)
    # The tag is known before the bytes are: a browser that has them costs one look at the row.
    if request.if_none_match.contains_weak(wanted.tag):
        return _kept(nothing(304), wanted.tag)
    data = services().thumbnails.read(wanted)
    if data is None:
        # No error, which a browser would complain of in its console: the page shows the icon of its kind.
        answer = nothing()
        answer.headers["Cache-Control"] = "private, max-age=300"
        return answer
    return _kept(Response(data, mimetype=CONTENT_TYPE), wanted.tag)


@blueprint.get("/<uuid:file_id>/preview")
@permission(Permission.DOWNLOAD)
def preview(file_id: UUID) -> Response:
    return downloads.answer(services().previews.locate(caller(), file_id), inline=True)


def _kept(response: Response, tag: str) -> Response:
    response.set_etag(tag)
    response.headers["Cache-Control"] = "private, max-age=86400"
    response.headers["Cross-Origin-Resource-Policy"] = "same-origin"
    return response
