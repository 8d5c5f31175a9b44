"""Sign-in, sign-out and the own account."""

from typing import Any, cast

from flask import Blueprint, Response, make_response, render_template, request, url_for

from webapp.http import auth, context, errors
from webapp.http.auth import public, signed_in
from webapp.http.context import caller, services
from webapp.http.i18n import t
from webapp.services.errors import RateLimitedError, UnauthenticatedError, ValidationError
from webapp.ui import flashes, words
from webapp.ui.addresses import own_path, see

blueprint = Blueprint("account", __name__, url_prefix="/account")

A_YEAR = 365 * 24 * 60 * 60


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
    return render_template("account/show.html", **_no_errors())


@blueprint.post("/password")
@signed_in
def change_password() -> Response:
    try:
        new = _new_password()
        services().sessions.change_password(caller(), request.form.get("current_password", ""), new, context.client())
    except RateLimitedError as exc:
        return _too_often("account/show.html", exc, {**_no_errors(), "wrong": "rate_limited"})
    except ValidationError as exc:
        found = {error["field"]: error["message"] for error in errors.sentences(exc)}
        return make_response(render_template("account/show.html", **{**_no_errors(), "errors": found}), 422)
    flashes.tell("ok", t("toasts.password_changed"))
    return see(url_for("account.show"))


@blueprint.post("/appearance")
@signed_in
def appearance() -> Response:
    response = see(url_for("account.show"))
    for cookie, choices in ((words.THEME_COOKIE, words.THEMES), (words.DENSITY_COOKIE, words.DENSITIES)):
        wanted = request.form.get(cookie, "")
        if wanted in choices:
            response.set_cookie(cookie, wanted, max_age=A_YEAR, samesite="Lax", secure=request.is_secure)
    return response


def _empty_form(target: str | None) -> dict[str, Any]:
    return {
        "next": own_path(target, url_for("ui_files.browse")),
        "username": "",
        "wrong": None,
        "wait": 0,
        "first_run": services().users.is_empty(),
    }


def _new_password() -> str:
    new = request.form.get("password", "")
    if new != request.form.get("password_again", ""):
        raise ValidationError({"password_again": "not_the_same"})
    return new


def _no_errors() -> dict[str, Any]:
    return {"errors": {}, "wrong": None, "wait": 0}


def _too_often(template: str, error: RateLimitedError, values: dict[str, Any]) -> Response:
    seconds = cast("int", error.data["retry_after"])
    page = render_template(template, **{**values, "wait": -(-seconds // 60)})
    return make_response(page, 429, {"Retry-After": str(seconds)})
