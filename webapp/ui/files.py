"""Pages about files."""

from flask import Blueprint, Response

from webapp.http.auth import permission
from webapp.services.access import Permission

blueprint = Blueprint("ui_files", __name__, url_prefix="/file-storage")


@blueprint.get("/")
@permission(Permission.DOWNLOAD)
def browse() -> Response:
    return Response("files")
