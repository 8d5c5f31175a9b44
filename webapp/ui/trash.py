"""Pages about files in the trash."""

from uuid import UUID

from flask import Blueprint, Response, render_template, request

from webapp.http.auth import permission
from webapp.http.context import caller, services
from webapp.services.access import Permission
from webapp.services.errors import NotFoundError
from webapp.ui import flashes, forms, lists
from webapp.ui.addresses import query_of, see

blueprint = Blueprint("ui_trash", __name__, url_prefix="/file-storage/trash")


@blueprint.get("")
@permission(Permission.DELETE)
def browse() -> str:
    shown = lists.show(lists.read(request.args, trash=True))
    return render_template("files/trash.html", **vars(shown), days=caller().settings.trash_retention_days)


@blueprint.post("/ask")
@blueprint.post("/<uuid:file_id>/ask")
@permission(Permission.MANAGE)
def ask(file_id: UUID | None = None) -> str | Response:
    wanted, back = forms.ids(file_id), forms.back("ui_trash.browse")
    if not wanted:
        flashes.tell_of("purged", [], [])
        return see(back)
    page = lists.show(lists.read(query_of(back), trash=True)).found.items
    return render_template("files/purge.html", ids=wanted, files=[f for f in page if f.id in wanted], back=back)


@blueprint.post("/purge")
@permission(Permission.MANAGE)
def purge() -> Response:
    wanted = forms.ids()
    done = [file_id for file_id in wanted if _purged(file_id)]
    flashes.tell_of("purged", wanted, done)
    return see(forms.back("ui_trash.browse"))


def _purged(file_id: UUID) -> bool:
    """Delete for good what is still in the trash: whoever restored it meanwhile wants it."""
    try:
        services().files.purge(caller(), file_id, only_trashed=True)
    except NotFoundError:
        return False
    return True
