"""Pages about files that are there."""

from dataclasses import replace
from datetime import UTC, datetime
from uuid import UUID

from flask import Blueprint, Response, make_response, render_template, request

from webapp.http import downloads
from webapp.http.auth import permission
from webapp.http.context import caller, services
from webapp.http.errors import sentences
from webapp.services.access import Permission
from webapp.services.errors import ValidationError
from webapp.ui import answers, flashes, forms, htmx, lists, pages, questions, selections, states, work

blueprint = Blueprint("ui_files", __name__, url_prefix="/file-storage")


@blueprint.get("/")
@permission(Permission.DOWNLOAD)
def browse() -> Response:
    state = states.read(request.args, trash=False)
    if htmx.wants_fragment() and htmx.target() == "inspector":
        return htmx.fragment(pages.FILES, ("inspector",), pages.panel(state))
    shown = lists.show(state)
    if htmx.wants_fragment():
        return answers.list_of(shown)
    return make_response(render_template(pages.FILES, **pages.values(shown)))


@blueprint.get("/files/<uuid:file_id>/download")
@permission(Permission.DOWNLOAD)
def download(file_id: UUID) -> Response:
    return downloads.answer(services().files.locate(caller(), file_id))


@blueprint.post("/files/ask")
@permission(Permission.DELETE)
def ask() -> Response:
    return questions.ask("trash")


@blueprint.post("/files/delete")
@blueprint.post("/files/<uuid:file_id>/delete")
@permission(Permission.DELETE)
def delete(file_id: UUID | None = None) -> Response:
    if many := forms.many("trashed", file_id):
        return answers.worked(work.step(many))
    wanted, stamp = forms.ids(file_id), datetime.now(UTC)
    done = services().files.trash_many(caller(), wanted, stamp)
    undo = selections.batch(stamp) if done else ""
    return answers.after(flashes.made_of("trashed", len(wanted), len(done), undo=undo), gone=done)


@blueprint.post("/files/restore")
@blueprint.post("/files/<uuid:file_id>/restore")
@permission(Permission.DELETE)
def restore(file_id: UUID | None = None) -> Response:
    if many := forms.many("restored", file_id):
        return answers.worked(work.step(many))
    wanted = forms.ids(file_id)
    done = services().files.restore_many(caller(), wanted)
    return answers.after(flashes.made_of("restored", len(wanted), len(done)), "ui_trash.browse")


@blueprint.post("/files/<uuid:file_id>/rename")
@permission(Permission.UPLOAD)
def rename(file_id: UUID) -> Response:
    try:
        services().files.rename(caller(), file_id, request.form.get("filename", ""))
    except ValidationError as exc:
        return _not_renamed(file_id, exc)
    return answers.renamed(file_id)


def _not_renamed(file_id: UUID, error: ValidationError) -> Response:
    state = replace(pages.state_of(forms.back()), file=str(file_id))
    errors = {each["field"]: each["message"] for each in sentences(error)}
    wrong = {"errors": errors, "typed": request.form.get("filename", "")}
    if htmx.wants_fragment():
        return htmx.fragment(pages.FILES, ("inspector",), {**pages.panel(state), **wrong}, 422)
    page = {**pages.values(lists.show(state)), **wrong}
    return make_response(render_template(pages.FILES, **page), 422)
