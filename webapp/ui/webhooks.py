"""Pages about webhooks, for admins: made, changed, tested, paused, and what was sent to them."""

from typing import Any
from uuid import UUID

from flask import Blueprint, Response, make_response, render_template, request, url_for

from webapp.http import errors
from webapp.http.auth import permission
from webapp.http.context import caller, services
from webapp.http.i18n import t
from webapp.services.access import Permission
from webapp.services.errors import ConflictError, RateLimitedError, ValidationError
from webapp.services.webhooks.views import WebhookOut
from webapp.ui import confirm, flashes, htmx, webhooks_form, webhooks_page, webhooks_words
from webapp.ui.addresses import own_path, see
from webapp.ui.confirm import Asked
from webapp.ui.flashes import Flash
from webapp.ui.sentences import rich
from webapp.ui.webhooks_form import SOME, WebhookForm
from webapp.ui.webhooks_page import DeliveriesState
from webapp.ui.webhooks_words import Tested

blueprint = Blueprint("ui_webhooks", __name__, url_prefix="/admin/webhooks")

_LIST = "admin/webhooks.html"
_FORM = "admin/webhook_form.html"
_ONE = "admin/webhook.html"


@blueprint.get("")
@permission(Permission.WEBHOOKS)
def browse() -> Response:
    return make_response(render_template(_LIST, lines=webhooks_page.lines(), here=url_for("ui_webhooks.browse")))


@blueprint.get("/new")
@permission(Permission.WEBHOOKS)
def new() -> Response:
    return _form(WebhookForm())


@blueprint.post("/new")
@permission(Permission.WEBHOOKS)
def create() -> Response:
    form = webhooks_form.sent(request.form)
    try:
        webhook, secret = services().webhooks.create(caller(), form.wanted)
    except ValidationError as exc:
        return _form(form, errors=_beside_fields(exc, form))
    # A reload must not make another one.
    response = _answer(DeliveriesState(webhook=webhook.id), secret=secret, is_new=True)
    return htmx.push(response, _address(webhook.id))


@blueprint.get("/<uuid:webhook_id>")
@permission(Permission.WEBHOOKS)
def show(webhook_id: UUID) -> Response:
    state = webhooks_page.read(webhook_id, request.args)
    looks = request.args.get("looks", "")
    return _answer(state, ("deliveries", "stats"), looks=int(looks) if looks in set("12345") else 0)


@blueprint.get("/<uuid:webhook_id>/edit")
@permission(Permission.WEBHOOKS)
def edit(webhook_id: UUID) -> Response:
    webhook = services().webhooks.get(caller(), webhook_id)
    return _form(webhooks_form.of(webhook), webhook)


@blueprint.post("/<uuid:webhook_id>/edit")
@permission(Permission.WEBHOOKS)
def change(webhook_id: UUID) -> Response:
    webhook = services().webhooks.get(caller(), webhook_id)
    form = webhooks_form.sent(request.form)
    try:
        services().webhooks.change(caller(), webhook_id, form.values)
    except ValidationError as exc:
        return _form(form, webhook, _beside_fields(exc, form))
    flashes.tell("ok", t("webhooks.changed"))
    return see(_address(webhook_id))


@blueprint.post("/<uuid:webhook_id>/pause")
@permission(Permission.WEBHOOKS)
def pause(webhook_id: UUID) -> Response:
    services().webhooks.pause(caller(), webhook_id)
    return _done(_state(webhook_id), t("webhooks.paused_now"), focus="resume")


@blueprint.post("/<uuid:webhook_id>/resume")
@permission(Permission.WEBHOOKS)
def resume(webhook_id: UUID) -> Response:
    services().webhooks.resume(caller(), webhook_id)
    return _done(_state(webhook_id), t("webhooks.resumed"), focus="webhook-h", looks=webhooks_page.MOST_LOOKS)


@blueprint.post("/<uuid:webhook_id>/test")
@permission(Permission.WEBHOOKS)
def test(webhook_id: UUID) -> Response:
    try:
        tested = webhooks_words.tested(services().webhooks.test(caller(), webhook_id))
    except RateLimitedError:
        if htmx.wants_fragment():
            raise  # told by a message: what is on the page stays
        return _told(_state(webhook_id), flashes.made("warn", t("errors.rate_limited")), ())
    return _answer(_state(webhook_id), ("tested", "deliveries", "stats"), tested=tested)


@blueprint.post("/<uuid:webhook_id>/deliveries/<uuid:delivery_id>/replay")
@permission(Permission.WEBHOOKS)
def replay(webhook_id: UUID, delivery_id: UUID) -> Response:
    state, row = _state(webhook_id), f"row-{delivery_id}"
    try:
        services().webhooks.replay(caller(), webhook_id, delivery_id)
    except ConflictError:
        message = flashes.made("warn", t("webhooks.not_replayed"))
        return _told(state, message, ("deliveries", "stats", "said"), focus=row)
    message = flashes.made("ok", t("webhooks.replayed"))
    return _told(state, message, ("deliveries", "stats", "said"), focus=row, looks=webhooks_page.MOST_LOOKS)


@blueprint.get("/<uuid:webhook_id>/secret")
@permission(Permission.WEBHOOKS)
def ask_rotate(webhook_id: UUID) -> Response:
    webhook = services().webhooks.get(caller(), webhook_id)
    return confirm.ask(
        Asked(
            title=rich("webhooks.rotate_title", host=webhook.host),
            text=t("webhooks.rotate_text"),
            keep=t("webhooks.rotate_keep"),
            do=t("webhooks.rotate_do"),
            action=url_for("ui_webhooks.rotate", webhook_id=webhook_id),
            target="webhook",
            back=_address(webhook_id),
            icon="key-round",
        )
    )


@blueprint.post("/<uuid:webhook_id>/secret")
@permission(Permission.WEBHOOKS)
def rotate(webhook_id: UUID) -> Response:
    secret = services().webhooks.rotate(caller(), webhook_id)
    return htmx.replace(_answer(_state(webhook_id), secret=secret), _address(webhook_id))


@blueprint.get("/<uuid:webhook_id>/delete")
@permission(Permission.WEBHOOKS)
def ask_delete(webhook_id: UUID) -> Response:
    webhook = services().webhooks.get(caller(), webhook_id)
    return confirm.ask(
        Asked(
            title=rich("webhooks.delete_title", host=webhook.host),
            text=t("webhooks.delete_text"),
            keep=t("webhooks.keep"),
            do=t("webhooks.delete_do"),
            action=url_for("ui_webhooks.delete", webhook_id=webhook_id),
            target="main",
            back=_address(webhook_id),
        )
    )


@blueprint.post("/<uuid:webhook_id>/delete")
@permission(Permission.WEBHOOKS)
def delete(webhook_id: UUID) -> Response:
    webhook = services().webhooks.get(caller(), webhook_id)
    services().webhooks.delete(caller(), webhook_id)
    message, here = flashes.made("ok", t("webhooks.deleted", host=webhook.host)), url_for("ui_webhooks.browse")
    if not htmx.wants_fragment():
        flashes.keep(message)
        return see(here)
    # The list takes the place of the page of what is gone.
    values = {"lines": webhooks_page.lines(), "here": here, "messages": (message,)}
    response = htmx.fragment(_LIST, ("named", "main", "said"), values)
    response.headers["HX-Reswap"] = "innerHTML"
    return htmx.push(response, here)


def _form(form: WebhookForm, webhook: WebhookOut | None = None, errors: dict[str, str] | None = None) -> Response:
    """The form, alone on its page."""
    values: dict[str, Any] = {
        "form": form,
        "webhook": webhook,
        "groups": webhooks_form.groups(form.types),
        "errors": errors or {},
        "first_error": next((name for name in ("url", "description", "types", "secret") if name in (errors or {})), ""),
        "back": _address(webhook.id) if webhook else url_for("ui_webhooks.browse"),
    }
    return make_response(render_template(_FORM, **values), 422 if errors else 200)


def _done(state: DeliveriesState, text: str, *, focus: str, looks: int = 0) -> Response:
    """The page of the webhook anew, with a message."""
    return _told(state, flashes.made("ok", text), ("webhook", "said"), focus=focus, looks=looks)


def _told(
    state: DeliveriesState, message: Flash, blocks: tuple[str, ...], *, focus: str = "", looks: int = 0
) -> Response:
    """Parts of the page with a message, or the way back to it."""
    if not htmx.wants_fragment():
        flashes.keep(message)
        return see(state.address)
    return _answer(state, blocks, messages=(message,), focus=focus, looks=looks)


def _answer(
    state: DeliveriesState,
    blocks: tuple[str, ...] = ("webhook", "said"),
    *,
    secret: str = "",
    is_new: bool = False,
    tested: Tested | None = None,
    messages: tuple[Flash, ...] = (),
    focus: str = "",
    looks: int = 0,
) -> Response:
    """The page of a webhook, or parts of it: the first one takes the place of what was asked for.

    ``looks`` is how often the list looks again by itself whether the worker has sent what is due.
    """
    shown = webhooks_page.values(state)
    if focus.startswith("row-") and focus not in {f"row-{row.delivery.id}" for row in shown["rows"]}:
        focus = "deliveries-h"
    values: dict[str, Any] = {
        **shown,
        "secret": secret,
        "is_new": is_new,
        "tested": tested,
        "messages": messages,
        "focus": focus,
        "look": state.look(looks - 1) if looks and any(row.due for row in shown["rows"]) else "",
        "asked_for": blocks[0],
    }
    if htmx.wants_fragment():
        return htmx.fragment(_ONE, blocks, values)
    return make_response(render_template(_ONE, **values))


def _address(webhook_id: UUID) -> str:
    return url_for("ui_webhooks.show", webhook_id=webhook_id)


def _state(webhook_id: UUID) -> DeliveriesState:
    """What the page shows that the form is on."""
    home = _address(webhook_id)
    address = htmx.current_path(home) if htmx.wants_fragment() else own_path(request.form.get("back"), home)
    return webhooks_page.state_of(webhook_id, address)


def _beside_fields(error: ValidationError, form: WebhookForm) -> dict[str, str]:
    """Sentences by the field they belong to."""
    found = {each["field"]: each["message"] for each in errors.sentences(error)}
    if "types" in found and form.which == SOME and not form.types:
        found["types"] = t("webhooks.none_chosen")
    return found
