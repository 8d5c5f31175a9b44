"""Pages about one's own API tokens."""

from dataclasses import dataclass
from datetime import UTC, date, datetime, time, timedelta
from typing import Any
from uuid import UUID

from flask import Blueprint, Response, make_response, render_template, request, url_for

from webapp.http import errors
from webapp.http.auth import permission
from webapp.http.context import caller, services
from webapp.http.i18n import t
from webapp.services.access import Permission
from webapp.services.errors import NotFoundError, ValidationError
from webapp.services.tokens import TokenCreatedOut, TokenOut
from webapp.ui import confirm, filters, flashes, htmx
from webapp.ui.addresses import see
from webapp.ui.confirm import Asked
from webapp.ui.flashes import Flash
from webapp.ui.people import matrix
from webapp.ui.sentences import rich

blueprint = Blueprint("ui_tokens", __name__, url_prefix="/account/tokens")

_TEMPLATE = "account/tokens.html"
DAYS = (30, 90, 365)
NEVER, ON_DAY = "never", "date"


@dataclass(frozen=True, kw_only=True)
class TokenForm:
    """What is in the form for a new token."""

    name: str = ""
    scopes: tuple[str, ...] = (Permission.DOWNLOAD.value,)
    expires: str = "90"
    """A number of days, :data:`NEVER`, or :data:`ON_DAY` for ``until``."""
    until: str = ""

    def expires_at(self, now: datetime) -> datetime | None:
        """The moment it says.

        Raises:
            ValidationError: it says none.
        """
        if self.expires == NEVER:
            return None
        if self.expires in map(str, DAYS):
            return now + timedelta(days=int(self.expires))
        if self.expires != ON_DAY:
            raise ValidationError({"expires": "not_a_choice"})
        try:
            # The whole day still counts.
            return datetime.combine(date.fromisoformat(self.until) + timedelta(days=1), time(), UTC)
        except (ValueError, OverflowError) as exc:
            raise ValidationError({"until": "required"}) from exc


@blueprint.get("")
@permission(Permission.TOKENS)
def browse() -> Response:
    return _answer()


@blueprint.get("/new")
@permission(Permission.TOKENS)
def new() -> Response:
    return _answer(form=TokenForm())


@blueprint.post("")
@permission(Permission.TOKENS)
def create() -> Response:
    form = _sent()
    try:
        expires_at = form.expires_at(datetime.now(UTC))
        created = services().tokens.create(caller(), form.name, list(form.scopes), expires_at)
    except ValidationError as exc:
        return _answer(422, form=form, errors=_beside_fields(exc, form))
    # Back to the plain address: a reload must not make another one.
    return htmx.replace(_answer(created=created), url_for("ui_tokens.browse"))


@blueprint.get("/<uuid:token_id>/revoke")
@permission(Permission.TOKENS)
def ask(token_id: UUID) -> Response:
    token = _own(token_id)
    used = filters.ago(token.last_used_at) if token.last_used_at else ""
    return confirm.ask(
        Asked(
            title=rich("tokens.revoke_title", name=token.name),
            text=t("tokens.revoke_text_used", when=used) if used else t("tokens.revoke_text"),
            keep=t("tokens.keep"),
            do=t("tokens.revoke_do"),
            action=url_for("ui_tokens.revoke", token_id=token_id),
            target="tokens",
            back=url_for("ui_tokens.browse"),
        )
    )


@blueprint.post("/<uuid:token_id>/revoke")
@permission(Permission.TOKENS)
def revoke(token_id: UUID) -> Response:
    try:
        services().tokens.revoke(caller(), token_id)
        message = flashes.made("ok", t("tokens.revoked"))
    except NotFoundError:
        message = flashes.made("warn", t("tokens.already_revoked"))
    if htmx.wants_fragment():
        return _answer(messages=(message,), focus="list")
    flashes.keep(message)
    return see(url_for("ui_tokens.browse"))


def _own(token_id: UUID) -> TokenOut:
    for token in services().tokens.list(caller()):
        if token.id == token_id:
            return token
    raise NotFoundError("no such token")


def _sent() -> TokenForm:
    values = request.form
    return TokenForm(
        name=values.get("name", ""),
        scopes=tuple(values.getlist("scopes")),
        expires=values.get("expires", ""),
        until=values.get("until", "").strip(),
    )


def _answer(
    status: int = 200,
    *,
    form: TokenForm | None = None,
    errors: dict[str, str] | None = None,
    created: TokenCreatedOut | None = None,
    messages: tuple[Flash, ...] = (),
    focus: str = "",
) -> Response:
    """The page, or the part of it that changes."""
    values: dict[str, Any] = {
        "tokens": services().tokens.list(caller()),
        "now": datetime.now(UTC),
        "form": form,
        "errors": errors or {},
        "created": created,
        "focus": focus or ("" if form or created else "list"),
        "scopes": [(code, what) for code, what, _ in matrix() if code in caller().permissions],
        "expiries": _expiries(),
        "messages": messages,
        "here": url_for("ui_tokens.browse"),
    }
    if htmx.wants_fragment():
        return htmx.fragment(_TEMPLATE, ("tokens", "said"), values, status)
    return make_response(render_template(_TEMPLATE, **values), status)


def _expiries() -> list[tuple[str, str]]:
    """Choices of how long a token lasts."""
    now = datetime.now(UTC)
    in_days = [
        (str(days), t("tokens.in_days", count=days, day=filters.day(now + timedelta(days=days)))) for days in DAYS
    ]
    return [*in_days, (NEVER, t("tokens.never")), (ON_DAY, t("tokens.on_day"))]


def _beside_fields(error: ValidationError, form: TokenForm) -> dict[str, str]:
    """Sentences by the field they belong to."""
    found = {each["field"]: each["message"] for each in errors.sentences(error)}
    if "scopes" in found and not form.scopes:
        found["scopes"] = t("tokens.no_scope")
    if "expires_at" in found:
        found["until" if form.expires == ON_DAY else "expires"] = found.pop("expires_at")
    return found
