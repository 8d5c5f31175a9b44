"""Sign-in, sign-out and the own account."""

from flask import Blueprint, Response, redirect, render_template, request, url_for

from webapp.http import auth, context
from webapp.http.auth import public, signed_in
from webapp.http.context import caller, services
from webapp.services.errors import RateLimitedError, UnauthenticatedError

blueprint = Blueprint("account", __name__, url_prefix="/account")


@blueprint.get("/login")
@public
def login() -> str:
    return render_template("account/login.html", next=_own(request.args.get("next")), wrong=None, username="")


@blueprint.post("/login")
@public
def sign_in() -> Response | tuple[str, int, dict[str, str]]:
    username, password = request.form.get("username", ""), request.form.get("password", "")
    target = _own(request.form.get("next"))
    try:
        secret = services().sessions.sign_in(username, password, context.client())
    except RateLimitedError as exc:
        page = render_template("account/login.html", next=target, wrong="rate_limited", username=username)
        return page, 429, {"Retry-After": str(exc.data["retry_after"])}
    except UnauthenticatedError:
        return render_template("account/login.html", next=target, wrong="wrong", username=username), 401, {}
    auth.remember(secret)
    return redirect(target, 303)


@blueprint.post("/logout")
@signed_in
def logout() -> Response:
    session_id = caller().session_id
    if session_id is not None:
        services().sessions.sign_out(session_id)
    auth.forget()
    return redirect(url_for("account.login"), 303)


def _own(target: str | None) -> str:
    """Where to go after signing in: a path of ours, whatever the form says."""
    safe = target and target.startswith("/") and not target.startswith(("//", "/\\")) and target.isprintable()
    return target if safe and target else url_for("ui_files.browse")
