"""Pages about files in the trash."""

from uuid import UUID

from flask import Blueprint, Response, make_response, render_template, request

from webapp.http.auth import permission
from webapp.http.context import caller, services
from webapp.services.access import Permission
from webapp.ui import answers, flashes, forms, htmx, lists, pages, questions, states, work

blueprint = Blueprint("ui_trash", __name__, url_prefix="/file-storage/trash")


@blueprint.get("")
@permission(Permission.DELETE)
def browse() -> Response:
    shown = lists.show(states.read(request.args, trash=True))
    if htmx.wants_fragment():
        return answers.list_of(shown)
    return make_response(render_template(pages.TRASH, **pages.values(shown)))


@blueprint.post("/ask")
@blueprint.post("/<uuid:file_id>/ask")
@permission(Permission.MANAGE)
def ask(file_id: UUID | None = None) -> Response:
    return questions.ask("purge", file_id)


@blueprint.post("/ask-all")
@permission(Permission.MANAGE)
def ask_all() -> Response:
    """Ask about everything that is in the trash now, whatever the page shows of it."""
    return questions.ask_all()


@blueprint.post("/purge")
@permission(Permission.MANAGE)
def purge() -> Response:
    if again := questions.unanswered():
        return again
    if many := forms.many("purged"):
        return answers.worked(work.step(many))
    wanted = forms.ids()
    done = services().files.purge_many(caller(), wanted)
    return answers.after(flashes.made_of("purged", len(wanted), len(done)), "ui_trash.browse")
