"""What the page of one webhook shows, as its address says it: every address shows something."""

from dataclasses import dataclass, replace
from typing import Any
from uuid import UUID

from flask import url_for
from werkzeug.datastructures import MultiDict

from webapp.http.context import caller, services
from webapp.http.i18n import t
from webapp.services.delivery.service import SubscriberOut
from webapp.services.delivery.targets import WEBHOOK
from webapp.services.errors import NotFoundError
from webapp.services.webhooks.views import DeliveryOut, DeliveryPage, WebhookOut
from webapp.ui import states, webhooks_form, webhooks_words
from webapp.ui.addresses import query_of
from webapp.ui.webhooks_words import Badge, Counts, Try

STATES = ("waiting", "delivered", "parked")
"""What the list of deliveries can be narrowed to."""
PER_PAGE = 25
MOST_LOOKS = 5
"""So often the page looks by itself what became of a delivery that is sent again."""


@dataclass(frozen=True, kw_only=True)
class DeliveriesState:
    """A part of what was sent to one webhook. Field names are those of the address."""

    webhook: UUID
    state: str = ""
    """One of :data:`STATES`; empty: all."""
    before: int | None = None
    """Only what is older than the delivery with this number."""
    open: str = ""
    """Id of the delivery whose attempts are shown."""

    @property
    def address(self) -> str:
        """Where this is shown."""
        return self._at()

    def look(self, looks: int) -> str:
        """Where the same comes from once more, to be looked at so many times after that."""
        return self._at(looks=looks)

    def of(self, state: str) -> str:
        """Where those of another state are, from the newest."""
        return DeliveriesState(webhook=self.webhook, state=state).address

    def older(self, before: int) -> str:
        """Where older ones are."""
        return replace(self, before=before, open="").address

    @property
    def newest(self) -> str:
        """Where this begins."""
        return replace(self, before=None, open="").address

    def toggled(self, delivery_id: UUID) -> str:
        """Where the attempts of this one are shown, or hidden again."""
        return replace(self, open="" if self.open == str(delivery_id) else str(delivery_id)).address

    def _at(self, **more: int) -> str:
        values: dict[str, Any] = {"state": self.state, "before": self.before, "open": self.open, **more}
        known = {name: value for name, value in values.items() if value}
        return url_for("ui_webhooks.show", webhook_id=self.webhook, **known)


@dataclass(frozen=True, kw_only=True)
class Row:
    """A delivery, as the list shows it."""

    delivery: DeliveryOut
    event: str
    state: Badge
    answer: str
    due: str
    replay: str
    """What sending it (again) is called; empty where that cannot be, or would change nothing."""
    toggled: str
    tries: list[Try] | None
    """Its attempts, where they are shown."""


@dataclass(frozen=True, kw_only=True)
class Line:
    """A webhook, as the list of all shows it."""

    webhook: WebhookOut
    state: Badge
    kinds: list[str]
    more_kinds: int
    counts: Counts


def read(webhook_id: UUID, values: "MultiDict[str, str]") -> DeliveriesState:
    """Make the best of a query string."""
    state, before = values.get("state", ""), values.get("before", "")
    return DeliveriesState(
        webhook=webhook_id,
        state=state if state in STATES else "",
        before=int(before) if before.isascii() and before.isdigit() and len(before) <= 18 else None,
        open=states.id_of(values.get("open", "")) or "",
    )


def state_of(webhook_id: UUID, address: str) -> DeliveriesState:
    """What an address shows."""
    return read(webhook_id, query_of(address))


def lines() -> list[Line]:
    """All webhooks."""
    told = _told()
    return [_line(webhook, told) for webhook in services().webhooks.list(caller())]


def values(state: DeliveriesState) -> dict[str, Any]:
    """What the page of a webhook shows.

    Raises:
        NotFoundError: there is no such webhook.
    """
    webhook = services().webhooks.get(caller(), state.webhook)
    page = services().webhooks.deliveries(caller(), webhook.id, state.state or None, state.before, PER_PAGE)
    return {
        "webhook": webhook,
        "line": _line(webhook, _told()),
        "why_paused": webhooks_words.why_paused(webhook),
        "is_failing": webhook.state == "active" and webhook.failures >= webhooks_words.FAILING_FROM,
        "all_kinds": [webhooks_form.label(topic) for topic in webhook.types],
        "state": state,
        "states": STATES,
        "rows": _rows(state, page, webhook),
        "older": state.older(page.older) if page.older is not None else "",
        "here": state.address,
    }


def _told() -> dict[str, SubscriberOut]:
    return {each.name: each for each in services().delivery.overview()}


def _line(webhook: WebhookOut, told: dict[str, SubscriberOut]) -> Line:
    kinds, more = webhooks_words.kinds(webhook)
    return Line(
        webhook=webhook,
        state=webhooks_words.state(webhook),
        kinds=kinds,
        more_kinds=more,
        counts=webhooks_words.counts(told.get(f"{WEBHOOK}{webhook.id}")),
    )


def _rows(state: DeliveriesState, page: DeliveryPage, webhook: WebhookOut) -> list[Row]:
    rests = webhook.state == "paused"
    return [
        Row(
            delivery=delivery,
            event=webhooks_words.event(delivery),
            state=webhooks_words.delivery_state(delivery),
            answer=webhooks_words.answer(delivery.code, delivery.cause),
            due="" if rests else webhooks_words.due(delivery),
            replay=_replay(delivery, rests=rests, fails=webhook.failures > 0),
            toggled=state.toggled(delivery.id),
            tries=_tries(state.webhook, delivery.id) if str(delivery.id) == state.open else None,
        )
        for delivery in page.items
    ]


def _replay(delivery: DeliveryOut, *, rests: bool, fails: bool) -> str:
    if not delivery.replayable:
        return ""
    if delivery.due_at is None:
        return t("webhooks.replay")
    # What is due is about to be sent anyway, except where the address is left alone after failures.
    is_soon = webhooks_words.is_due(delivery.due_at) and not (fails and delivery.attempts)
    return "" if rests or delivery.behind or is_soon else t("webhooks.replay_now")


def _tries(webhook_id: UUID, delivery_id: UUID) -> list[Try]:
    try:
        _, attempts = services().webhooks.delivery(caller(), webhook_id, delivery_id)
    except NotFoundError:  # it went since the list was read
        return []
    return [webhooks_words.attempt(one) for one in attempts]
