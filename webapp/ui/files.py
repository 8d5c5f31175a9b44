"""Pages about files that are there."""

from uuid import UUID

from flask import Blueprint, Response, render_template, request, url_for

from webapp.http import downloads
from webapp.http.auth import permission
from webapp.http.context import caller, services
from webapp.services.access import Permission
from webapp.ui import flashes, forms, lists
from webapp.ui.addresses import see

blueprint = Blueprint("ui_files", __name__, url_prefix="/file-storage")


@blueprint.get("/")
@permission(Permission.DOWNLOAD)
def browse() -> str:
    shown = lists.show(lists.read(request.args, trash=False))
    root = url_for("ui_files.browse")
    return render_template("files/browse.html", **vars(shown), root=root, settings=caller().settings)


@blueprint.get("/files/<uuid:file_id>/download")
@permission(Permission.DOWNLOAD)
def download(file_id: UUID) -> Response:
    return downloads.answer(services().files.locate(caller(), file_id))


@blueprint.post("/files/delete")
@blueprint.post("/files/<uuid:file_id>/delete")
@permission(Permission.DELETE)
def delete(file_id: UUID | None = None) -> Response:
    wanted = forms.ids(file_id)
    done = services().files.trash_many(caller(), wanted)
    flashes.tell_of("trashed", wanted, done, undo=True)
    return see(forms.back())


@blueprint.post("/files/restore")
@blueprint.post("/files/<uuid:file_id>/restore")
@permission(Permission.DELETE)
def restore(file_id: UUID | None = None) -> Response:
    wanted = forms.ids(file_id)
    done = services().files.restore_many(caller(), wanted)
    flashes.tell_of("restored", wanted, done)
    return see(forms.back("ui_trash.browse"))
