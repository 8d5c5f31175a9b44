"""Who is asking, may they, how much may they send, and did they mean it: settled before a body byte is read.

Views state their policy with one of the decorators; a view without one does not
pass the tests (tests/architecture).
"""

from collections.abc import Callable

from flask import Flask, current_app, g, redirect, request, session, url_for
from flask.typing import ResponseReturnValue
from flask_wtf.csrf import generate_csrf, validate_csrf
from wtforms import ValidationError as WtfValidationError

from webapp import logs
from webapp.contracts.errors import StowageError
from webapp.contracts.pages import Policy, View, public, signed_in, with_policy
from webapp.http import bodies, context
from webapp.services.access import Caller, Permission
from webapp.services.errors import CsrfError, ForbiddenError, TooLargeError, UnauthenticatedError

SMALL_BODY = 1024 * 1024
"""Most bytes of a JSON body or an HTML form."""
PUBLIC_BODY = 16 * 1024
"""The same from somebody nobody knows yet: parsing a form of a mebibyte takes a quarter of a second."""
FORM_OVERHEAD = 64 * 1024
"""What a multipart body may add around a file."""
CSRF_FIELD = "csrf_token"
CSRF_HEADER = "X-CSRFToken"
_SAFE = frozenset({"GET", "HEAD", "OPTIONS", "TRACE"})
_COOKIE_KEY = "sid"

__all__ = ["Policy", "permission", "public", "signed_in"]


def permission(*needed: str, upload: bool = False) -> Callable[[View], View]:
    """Only those with one of these permissions may call this; ``upload``: its body may be as large as a file."""
    return lambda view: with_policy(view, Policy(permissions=needed, upload=upload))


def register(app: Flask) -> None:
    """Check every request of this application."""
    app.config["WTF_CSRF_CHECK_DEFAULT"] = False
    app.config["WTF_CSRF_TIME_LIMIT"] = None
    app.before_request(_check)
    app.jinja_env.globals["csrf_token"] = generate_csrf


def _check() -> ResponseReturnValue | None:
    if request.endpoint is None:
        return None  # 404 and 405 answer for themselves
    if request.endpoint == "static":
        return None
    policy = _policy()
    unsafe = request.method not in _SAFE
    request.max_content_length = SMALL_BODY
    if policy.public:
        if unsafe:
            request.max_content_length = PUBLIC_BODY
            _check_size(PUBLIC_BODY)
            check_csrf(form_too=True)
        return None
    try:
        g.caller = _caller()
        logs.actor.set(g.caller.username)
    except UnauthenticatedError:
        if not context.is_api():
            return _to_sign_in()
        raise
    if policy.permissions and g.caller.permissions.isdisjoint(policy.permissions):
        raise ForbiddenError("no permission", permission=str(policy.permissions[0]))
    if unsafe:
        _check_body(policy)
    return None


def _policy() -> Policy:
    view = current_app.view_functions[request.endpoint or ""]
    policy: Policy = view.__policy__  # type: ignore[union-attr]
    return policy


def _caller() -> Caller:
    authorization = request.headers.get("Authorization")
    if authorization is not None:
        scheme, _, token = authorization.partition(" ")
        if scheme.lower() != "bearer" or not token.strip():
            raise UnauthenticatedError("not a bearer token")
        return context.services().tokens.authenticate(token.strip(), context.request_id())
    secret = remembered()
    if secret is None:
        raise UnauthenticatedError("no credentials")
    return context.services().sessions.authenticate(secret, context.request_id())


def _check_body(policy: Policy) -> None:
    limit = SMALL_BODY
    if policy.upload:
        limit = g.caller.settings.max_file_size_bytes
        _check_size(limit, FORM_OVERHEAD if bodies.is_multipart() else 0)
    else:
        _check_size(limit)
    if g.caller.session_id is None:
        return
    # A form with a file is not parsed here: its reader checks the field before the first file part.
    check_csrf(form_too=not policy.upload and not context.is_api())


def _check_size(limit: int, overhead: int = 0) -> None:
    """Refuse an announced size. Of a form with several files, each is measured as it comes."""
    if request.content_length is not None and request.content_length > limit + overhead:
        if overhead and not context.is_api():
            return
        raise TooLargeError("announced size", max_bytes=limit)


def check_csrf(*, form_too: bool = False) -> None:
    """Refuse what only proves that the browser has a cookie.

    Raises:
        CsrfError: the token is missing or wrong.
    """
    sent = request.headers.get(CSRF_HEADER)
    if sent is None and form_too and request.mimetype == "application/x-www-form-urlencoded":
        sent = request.form.get(CSRF_FIELD)
    if sent is None and context.is_api():
        raise CsrfError("no token")
    g.csrf_checked = sent is not None or not _expects_field()
    if g.csrf_checked:
        check_csrf_token(sent)


def check_csrf_token(token: str | None) -> None:
    """Refuse a wrong token.

    Raises:
        CsrfError: it is not the one of this browser's session.
    """
    try:
        validate_csrf(token)
    except WtfValidationError as exc:
        raise CsrfError("wrong token") from exc
    g.csrf_checked = True


def awaits_csrf_field() -> bool:
    """Whether the form that is being read still has to prove itself by its token."""
    return g.caller.session_id is not None and not g.get("csrf_checked", False)


def _to_sign_in() -> ResponseReturnValue:
    """A page is replaced by the sign-in page; a part of one cannot be, so htmx is told to go there."""
    if not context.wants_fragment():
        return redirect(url_for("account.login", next=_here()), 303)
    # The sign-in page itself sees to it that this leads nowhere else.
    return "", 401, {"HX-Redirect": url_for("account.login", next=context.page_path() or None)}


def _expects_field() -> bool:
    """Whether the view will read a form whose first field is the token."""
    return _policy().upload and bodies.is_multipart()


def _here() -> str:
    if request.method not in _SAFE:
        return url_for("ui_files.browse")
    return context.here()


def may(permission: Permission) -> bool:
    """Whether whoever asks a public view has this permission; strangers and wrong credentials have none."""
    try:
        return permission in _caller().permissions
    except StowageError:
        return False


def remembered() -> str | None:
    """The secret in the cookie of this browser, whether it still opens anything or not."""
    secret = session.get(_COOKIE_KEY) if request.cookies else None
    return secret if isinstance(secret, str) else None


def remember(secret: str) -> None:
    """Put a new session's secret into a fresh cookie: nothing from before the sign-in stays in it."""
    session.clear()
    session[_COOKIE_KEY] = secret
    session.permanent = True


def forget() -> None:
    """Empty the cookie."""
    session.clear()
