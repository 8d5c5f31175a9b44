"""Pages about accounts, for admins."""

from dataclasses import dataclass
from typing import Any
from uuid import UUID

from flask import Blueprint, Response, make_response, render_template, request, url_for

from webapp.http import errors
from webapp.http.auth import permission
from webapp.http.context import caller, services
from webapp.http.i18n import t
from webapp.services.access import ROLES, Permission
from webapp.services.errors import ConflictError, ValidationError
from webapp.services.users import UserOut
from webapp.ui import confirm, flashes, htmx
from webapp.ui.addresses import see
from webapp.ui.confirm import Asked
from webapp.ui.flashes import Flash
from webapp.ui.forms import back
from webapp.ui.people import PeopleState, matrix, read, state_of
from webapp.ui.sentences import rich

blueprint = Blueprint("ui_users", __name__, url_prefix="/admin/users")

_TEMPLATE = "admin/users.html"
_PASSWORD = "admin/user_password.html"  # noqa: S105 (a template)


@dataclass(frozen=True, kw_only=True)
class UserForm:
    """What is in the form for a new account. The password is typed again after a mistake."""

    username: str = ""
    role: str = "user"


@blueprint.get("")
@permission(Permission.USERS)
def browse() -> Response:
    state = read(request.args)
    typing = request.headers.get("HX-Trigger") == "users-search"
    response = _answer(state=state, focus="" if typing else "users-h")
    return htmx.push(response, state.address) if htmx.wants_fragment() else response


@blueprint.get("/new")
@permission(Permission.USERS)
def new() -> Response:
    return _answer(form=UserForm())


@blueprint.post("")
@permission(Permission.USERS)
def create() -> Response:
    form = UserForm(username=request.form.get("username", ""), role=request.form.get("role", ""))
    try:
        user = services().users.create(form.username, request.form.get("password", ""), form.role, caller().actor)
    except ValidationError as exc:
        return _answer(422, form=form, errors=_beside_fields(exc))
    except ConflictError:
        return _answer(409, form=form, errors={"username": t("users.taken")})
    return _done(t("users.created", name=user.username), PeopleState(), f"acts-{user.id}")


@blueprint.post("/<uuid:user_id>/role")
@permission(Permission.USERS)
def change_role(user_id: UUID) -> Response:
    role = request.form.get("role", "")
    response = _changed(user_id, {"role": role}, "users.role_changed", "users.last_admin_role")
    if user_id == caller().user_id and role != caller().role and response.status_code in (200, 303):
        # Whoever is no admin any more has no business here.
        flashes.tell("ok", t("users.own_role_changed"))
        return htmx.go(url_for("ui_files.browse"))
    return response


@blueprint.post("/<uuid:user_id>/active")
@permission(Permission.USERS)
def change_active(user_id: UUID) -> Response:
    active = request.form.get("active") == "true"
    done = "users.enabled" if active else "users.disabled"
    return _changed(user_id, {"active": active}, done, "users.last_admin_active", f"acts-{user_id}")


@blueprint.get("/<uuid:user_id>/password")
@permission(Permission.USERS)
def ask_password(user_id: UUID) -> Response:
    return _password_form(services().users.get(user_id))


@blueprint.post("/<uuid:user_id>/password")
@permission(Permission.USERS)
def change_password(user_id: UUID) -> Response:
    try:
        user = services().users.change(user_id, {"password": request.form.get("password", "")}, caller().actor)
    except ValidationError as exc:
        return _password_form(services().users.get(user_id), _beside_fields(exc))
    return _done(t("users.password_changed", name=user.username), _here(), f"acts-{user_id}")


@blueprint.get("/<uuid:user_id>/delete")
@permission(Permission.USERS)
def ask(user_id: UUID) -> Response:
    user = services().users.get(user_id)
    return confirm.ask(
        Asked(
            title=rich("users.delete_title", name=user.username),
            text=t("users.delete_text"),
            keep=t("users.keep"),
            do=t("users.delete_do"),
            action=url_for("ui_users.delete", user_id=user_id),
            target="users",
            back=url_for("ui_users.browse"),
        )
    )


@blueprint.post("/<uuid:user_id>/delete")
@permission(Permission.USERS)
def delete(user_id: UUID) -> Response:
    user = services().users.get(user_id)
    try:
        services().users.delete(user_id, caller().actor)
    except ConflictError:
        return _answer(409, _here(), row_errors={user_id: t("users.last_admin_delete")})
    return _done(t("users.deleted", name=user.username), _here(), "users-h")


def _changed(user_id: UUID, changes: dict[str, object], done: str, conflict: str, focus: str = "") -> Response:
    """Change an account and tell so; what does not work is told beside its row."""
    try:
        user = services().users.change(user_id, changes, caller().actor)
    except ConflictError:
        return _answer(409, _here(), row_errors={user_id: t(conflict)})
    except ValidationError as exc:
        sentences = " ".join(_beside_fields(exc).values())
        return _answer(422, _here(), row_errors={user_id: sentences})
    values = {"role": t(f"roles.{user.role}")} if done == "users.role_changed" else {}
    return _done(t(done, name=user.username, **values), _here(), focus)


def _done(text: str, state: PeopleState, focus: str) -> Response:
    """The accounts anew, with a message."""
    message = flashes.made("ok", text)
    if not htmx.wants_fragment():
        flashes.keep(message)
        return see(state.address)
    response = _answer(state=state, messages=(message,), focus=focus)
    # The form may stand in a dialog, whose part of the page is another one.
    response.headers.update({"HX-Retarget": "#users", "HX-Reswap": "outerHTML"})
    return htmx.replace(response, state.address)


def _answer(
    status: int = 200,
    state: PeopleState | None = None,
    *,
    form: UserForm | None = None,
    errors: dict[str, str] | None = None,
    row_errors: dict[UUID, str] | None = None,
    messages: tuple[Flash, ...] = (),
    focus: str = "",
) -> Response:
    """The page, or the part of it that changes. ``focus`` is the id of what has it then, if that is not what had it."""
    state = state or PeopleState()
    shown = state.shown()
    if focus.startswith("acts-") and focus not in {f"acts-{user.id}" for user in shown["users"]}:
        focus = "users-h"
    values: dict[str, Any] = {
        **shown,
        "state": state,
        "form": form,
        "errors": errors or {},
        "row_errors": row_errors or {},
        "focus": focus,
        "roles": list(ROLES),
        "matrix": matrix(),
        "messages": messages,
        "here": state.address,
    }
    if htmx.wants_fragment():
        return htmx.fragment(_TEMPLATE, ("users", "tally", "said"), values, status)
    return make_response(render_template(_TEMPLATE, **values), status)


def _password_form(user: UserOut, errors: dict[str, str] | None = None) -> Response:
    values = {"user": user, "errors": errors or {}, "here": _here().address}
    status = 422 if errors else 200
    if htmx.wants_fragment():
        return htmx.fragment(_PASSWORD, ("dialog",), values, status)
    return make_response(render_template(_PASSWORD, **values), status)


def _here() -> PeopleState:
    """What the page shows that the form is on."""
    address = htmx.current_path(url_for("ui_users.browse")) if htmx.wants_fragment() else back("ui_users.browse")
    return state_of(address)


def _beside_fields(error: ValidationError) -> dict[str, str]:
    return {each["field"]: each["message"] for each in errors.sentences(error)}
