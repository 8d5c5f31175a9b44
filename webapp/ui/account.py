"""Sign-in, sign-out and the own account."""

from typing import Any, cast
from uuid import UUID

from flask import Blueprint, Response, make_response, render_template, request, url_for

from webapp.http import auth, context, errors, i18n
from webapp.http.auth import public, signed_in
from webapp.http.context import caller, services
from webapp.http.i18n import t
from webapp.services.errors import NotFoundError, RateLimitedError, UnauthenticatedError, ValidationError
from webapp.ui import browsers, flashes, htmx, words
from webapp.ui.addresses import own_path, see
from webapp.ui.flashes import Flash

blueprint = Blueprint("account", __name__, url_prefix="/account")

A_YEAR = 365 * 24 * 60 * 60
_PAGE = "account/show.html"
_LOOKS = {
    words.THEME_COOKIE: words.THEMES,
    words.DENSITY_COOKIE: words.DENSITIES,
    words.UNITS_COOKIE: words.UNITS,
    i18n.COOKIE: tuple(i18n.LOCALES),
}


@blueprint.get("/login")
@public
def login() -> str:
    return render_template("account/login.html", **_empty_form(request.args.get("next")))


@blueprint.post("/login")
@public
def sign_in() -> Response:
    username, password = request.form.get("username", ""), request.form.get("password", "")
    form = {**_empty_form(request.form.get("next")), "username": username}
    try:
        secret = services().sessions.sign_in(username, password, context.client())
    except RateLimitedError as exc:
        return _too_often("account/login.html", exc, {**form, "wrong": "rate_limited"})
    except UnauthenticatedError:
        return make_response(render_template("account/login.html", **{**form, "wrong": "mismatch"}), 401)
    if previous := auth.remembered():
        services().sessions.end(previous)
    auth.remember(secret)
    return see(form["next"])


@blueprint.post("/logout")
@signed_in
def logout() -> Response:
    session_id = caller().session_id
    if session_id is not None:
        services().sessions.sign_out(session_id)
    auth.forget()
    return see(url_for("account.login"))


@blueprint.get("/")
@signed_in
def show() -> str:
    return render_template(_PAGE, **_values())


@blueprint.post("/password")
@signed_in
def change_password() -> Response:
    try:
        new = _new_password()
        services().sessions.change_password(caller(), request.form.get("current_password", ""), new, context.client())
    except RateLimitedError as exc:
        return _too_often(_PAGE, exc, {**_values(), "wrong": "rate_limited"})
    except ValidationError as exc:
        found = {error["field"]: error["message"] for error in errors.sentences(exc)}
        return make_response(render_template(_PAGE, **{**_values(), "errors": found}), 422)
    flashes.tell("ok", t("toasts.password_changed"))
    return see(url_for("account.show"))


@blueprint.post("/appearance")
@signed_in
def appearance() -> Response:
    response = see(url_for("account.show"))
    for cookie, choices in _LOOKS.items():
        wanted = request.form.get(cookie)
        if wanted in choices:
            response.set_cookie(cookie, wanted, max_age=A_YEAR, samesite="Lax", secure=request.is_secure)
        elif cookie == i18n.COOKIE and wanted == "":
            response.delete_cookie(cookie, samesite="Lax", secure=request.is_secure)
    return response


@blueprint.post("/sessions/<uuid:session_id>/end")
@signed_in
def end_session(session_id: UUID) -> Response:
    try:
        services().sessions.end_one(caller(), session_id)
    except NotFoundError:
        return _sessions(flashes.made("warn", t("sessions.already_ended")))
    if session_id == caller().session_id:
        auth.forget()
        return htmx.go(url_for("account.login"))
    return _sessions(flashes.made("ok", t("sessions.ended")))


@blueprint.post("/sessions/end-others")
@signed_in
def end_other_sessions() -> Response:
    count = services().sessions.end_others(caller())
    return _sessions(flashes.made("ok", t("sessions.others_ended", count=count)))


def _sessions(message: Flash) -> Response:
    """The list of sessions anew, with a message."""
    if htmx.wants_fragment():
        return htmx.fragment(_PAGE, ("sessions", "said"), {**_values(), "messages": (message,)})
    flashes.keep(message)
    return see(url_for("account.show"))


def _empty_form(target: str | None) -> dict[str, Any]:
    return {
        "next": own_path(target, url_for("ui_files.browse")),
        "username": "",
        "wrong": None,
        "wait": 0,
        "first_run": not services().users.has_admin(),
    }


def _new_password() -> str:
    new = request.form.get("password", "")
    if new != request.form.get("password_again", ""):
        raise ValidationError({"password_again": "not_the_same"})
    return new


def _values() -> dict[str, Any]:
    """What the page of the account shows, before anything goes wrong."""
    found = services().sessions.list(caller()) if caller().session_id else []
    return {
        "errors": {},
        "wrong": None,
        "wait": 0,
        "sessions": [(session, browsers.described(session.user_agent)) for session in found],
        "language": request.cookies.get(i18n.COOKIE, ""),
    }


def _too_often(template: str, error: RateLimitedError, values: dict[str, Any]) -> Response:
    seconds = cast("int", error.data["retry_after"])
    page = render_template(template, **{**values, "wait": -(-seconds // 60)})
    return make_response(page, 429, {"Retry-After": str(seconds)})
