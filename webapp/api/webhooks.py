"""Webhooks, for admins: ``/api/webhooks``."""

from dataclasses import asdict, dataclass, field
from uuid import UUID

from flask import Blueprint, Response

from webapp.api.describe import describe
from webapp.http import answers, params
from webapp.http.auth import permission
from webapp.http.context import caller, services
from webapp.services.access import Permission
from webapp.services.webhooks.views import (
    STATES,
    DeliveryDetailOut,
    DeliveryOut,
    DeliveryPage,
    TestResult,
    WebhookChanges,
    WebhookCreatedOut,
    WebhookIn,
    WebhookOut,
    WebhookSecretOut,
)

blueprint = Blueprint("api_webhooks", __name__, url_prefix="/webhooks")


@dataclass(frozen=True, kw_only=True)
class WebhookListOut:
    """All webhooks, newest first."""

    items: list[WebhookOut]


@dataclass(frozen=True, kw_only=True)
class SecretIn:
    """The new secret of a webhook."""

    secret: str | None = field(
        default=None,
        metadata={"help": "`whsec_` and 24 to 64 bytes in base64; left out: it is made.", "max_length": 128},
    )


@dataclass(frozen=True, kw_only=True)
class DeliveriesQuery:
    """Which deliveries."""

    state: str | None = field(default=None, metadata={"choices": STATES})
    before: int | None = field(
        default=None, metadata={"help": "`older` of the page before.", "minimum": 0, "maximum": 2**63 - 1}
    )
    limit: int = field(default=50, metadata={"minimum": 1, "maximum": 200})


@blueprint.get("")
@permission(Permission.WEBHOOKS)
@describe(summary="List webhooks", answers={200: WebhookListOut})
def list_webhooks() -> Response:
    return answers.json(WebhookListOut(items=services().webhooks.list(caller())))


@blueprint.post("")
@permission(Permission.WEBHOOKS)
@describe(
    summary="Make a webhook",
    details="It is told of what happens from now on. The secret is in this answer and never shown again.",
    body=WebhookIn,
    answers={201: WebhookCreatedOut},
)
def create() -> Response:
    made, secret = services().webhooks.create(caller(), params.body(WebhookIn))
    answer = WebhookCreatedOut(**asdict(made), secret=secret)
    return answers.json(answer, 201, {"Location": f"/api/webhooks/{made.id}"})


@blueprint.get("/<uuid:webhook_id>")
@permission(Permission.WEBHOOKS)
@describe(summary="Show a webhook", answers={200: WebhookOut})
def show(webhook_id: UUID) -> Response:
    return answers.json(services().webhooks.get(caller(), webhook_id))


@blueprint.patch("/<uuid:webhook_id>")
@permission(Permission.WEBHOOKS)
@describe(summary="Change a webhook", body=WebhookChanges, answers={200: WebhookOut})
def change(webhook_id: UUID) -> Response:
    changes = {name: value for name, value in asdict(params.body(WebhookChanges)).items() if value is not None}
    return answers.json(services().webhooks.change(caller(), webhook_id, changes))


@blueprint.delete("/<uuid:webhook_id>")
@permission(Permission.WEBHOOKS)
@describe(
    summary="Remove a webhook",
    details="What waits for it goes too, and so does the list of what was sent.",
    answers={204: None},
)
def delete(webhook_id: UUID) -> Response:
    services().webhooks.delete(caller(), webhook_id)
    return answers.nothing()


@blueprint.post("/<uuid:webhook_id>/test")
@permission(Permission.WEBHOOKS)
@describe(
    summary="Send a test",
    details="At once, also to a webhook that is paused. The answer tells how it went.",
    answers={200: TestResult},
    errors=("rate_limited",),
)
def test(webhook_id: UUID) -> Response:
    return answers.json(services().webhooks.test(caller(), webhook_id))


@blueprint.post("/<uuid:webhook_id>/pause")
@permission(Permission.WEBHOOKS)
@describe(summary="Pause a webhook", details="Nothing is lost: events wait for it.", answers={200: WebhookOut})
def pause(webhook_id: UUID) -> Response:
    return answers.json(services().webhooks.pause(caller(), webhook_id))


@blueprint.post("/<uuid:webhook_id>/resume")
@permission(Permission.WEBHOOKS)
@describe(summary="Resume a webhook", details="It goes on where it stopped.", answers={200: WebhookOut})
def resume(webhook_id: UUID) -> Response:
    return answers.json(services().webhooks.resume(caller(), webhook_id))


@blueprint.post("/<uuid:webhook_id>/secret")
@permission(Permission.WEBHOOKS)
@describe(
    summary="Change the secret of a webhook",
    details="For a day messages carry two signatures, one by the secret before.",
    body=SecretIn,
    answers={200: WebhookSecretOut},
)
def rotate(webhook_id: UUID) -> Response:
    secret = services().webhooks.rotate(caller(), webhook_id, params.body(SecretIn).secret)
    return answers.json(WebhookSecretOut(secret=secret))


@blueprint.get("/<uuid:webhook_id>/deliveries")
@permission(Permission.WEBHOOKS)
@describe(summary="List deliveries", query=DeliveriesQuery, answers={200: DeliveryPage})
def list_deliveries(webhook_id: UUID) -> Response:
    wanted = params.query(DeliveriesQuery)
    page = services().webhooks.deliveries(caller(), webhook_id, wanted.state, wanted.before, wanted.limit)
    return answers.json(page)


@blueprint.get("/<uuid:webhook_id>/deliveries/<uuid:delivery_id>")
@permission(Permission.WEBHOOKS)
@describe(summary="Show a delivery with its attempts", answers={200: DeliveryDetailOut})
def show_delivery(webhook_id: UUID, delivery_id: UUID) -> Response:
    found, tries = services().webhooks.delivery(caller(), webhook_id, delivery_id)
    return answers.json(DeliveryDetailOut(**asdict(found), tries=[*tries]))


@blueprint.post("/<uuid:webhook_id>/deliveries/<uuid:delivery_id>/replay")
@permission(Permission.WEBHOOKS)
@describe(
    summary="Send a delivery again",
    details="As soon as the background worker comes to it, and with a day of further attempts.",
    answers={202: DeliveryOut},
    errors=("conflict",),
)
def replay(webhook_id: UUID, delivery_id: UUID) -> Response:
    return answers.json(services().webhooks.replay(caller(), webhook_id, delivery_id), 202)
