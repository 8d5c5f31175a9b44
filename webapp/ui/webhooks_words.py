"""Webhooks and what was sent to them, in words."""

from dataclasses import dataclass
from datetime import UTC, datetime

from webapp.http.i18n import has, number, t
from webapp.services.delivery.message import TEST_NAME
from webapp.services.delivery.service import SubscriberOut
from webapp.services.webhooks.views import AttemptOut, DeliveryOut, TestResult, WebhookOut
from webapp.ui import filters, webhooks_form

FAILING_FROM = 5
"""So many failures in a row are more than a bad moment: from then on Stowage sends one at a time."""
MOST_KINDS = 3
_ICONS = {"waiting": "clock", "delivered": "check", "parked": "pause", "failed": "x"}
_LOOKS = {"waiting": "", "delivered": "badge-ok", "parked": "badge-warn", "failed": "badge-bad"}


@dataclass(frozen=True, kw_only=True)
class Badge:
    """A state, with an icon beside its word."""

    label: str
    icon: str
    look: str


@dataclass(frozen=True, kw_only=True)
class Counts:
    """How much has gone to a webhook, and how much has not."""

    delivered: int = 0
    waiting: int = 0
    parked: int = 0
    failed: int = 0
    behind: int = 0
    last_delivered_at: datetime | None = None
    last_failed_at: datetime | None = None


@dataclass(frozen=True, kw_only=True)
class Try:
    """One attempt."""

    number: int
    at: datetime
    ok: bool
    took: str
    said: str


@dataclass(frozen=True, kw_only=True)
class Tested:
    """A test delivery that was just sent."""

    ok: bool
    took: str
    said: str


def counts(found: SubscriberOut | None) -> Counts:
    """The numbers of a webhook; nothing was sent to one that nobody knows of yet."""
    if found is None:
        return Counts()
    return Counts(
        delivered=found.delivered,
        waiting=found.waiting,
        parked=found.parked,
        failed=found.failed,
        behind=found.behind,
        last_delivered_at=found.last_delivered_at,
        last_failed_at=found.last_failed_at,
    )


def state(webhook: WebhookOut) -> Badge:
    """How a webhook is."""
    if webhook.state == "paused":
        by_hand = webhook.paused_reason == "manual"
        return Badge(label=t("webhooks.paused"), icon="pause", look="" if by_hand else "badge-bad")
    if webhook.failures:
        if webhook.failures >= FAILING_FROM:
            return Badge(label=t("webhooks.failing"), icon="triangle-alert", look="badge-bad")
        return Badge(label=t("webhooks.some_failures"), icon="triangle-alert", look="badge-warn")
    return Badge(label=t("webhooks.active"), icon="check", look="badge-ok")


def why_paused(webhook: WebhookOut) -> str:
    """Who or what paused it."""
    reason = webhook.paused_reason if has(f"webhooks.reasons.{webhook.paused_reason}") else "manual"
    return t(f"webhooks.reasons.{reason}")


def kinds(webhook: WebhookOut) -> tuple[list[str], int]:
    """Some of the kinds of events it is sent, by name, and how many more there are; none: all kinds."""
    return [webhooks_form.label(topic) for topic in webhook.types[:MOST_KINDS]], max(0, len(webhook.types) - MOST_KINDS)


def delivery_state(delivery: DeliveryOut) -> Badge:
    """How a delivery is."""
    found = delivery.state
    return Badge(label=t(f"webhooks.states.{found}"), icon=_ICONS.get(found, "circle-help"), look=_LOOKS.get(found, ""))


def event(delivery: DeliveryOut) -> str:
    """What it tells of."""
    return t("webhooks.test_event") if delivery.name == TEST_NAME else webhooks_form.label(delivery.topic)


def answer(code: int | None, cause: str | None) -> str:
    """What came back, or why nothing did; empty where nothing was sent yet."""
    if cause is None:
        return t("webhooks.answered", code=str(code)) if code is not None else ""
    key = f"webhooks.causes.{cause}"
    return t(key if has(key) else "webhooks.causes.error", code=str(code))


def attempt(one: AttemptOut) -> Try:
    """An attempt in words."""
    ok = one.cause is None
    return Try(number=one.number, at=one.at, ok=ok, took=took(one.ms), said=answer(one.code, one.cause))


def tested(result: TestResult) -> Tested:
    """A test in words."""
    return Tested(ok=result.ok, took=took(result.ms), said=answer(result.code, result.cause))


def took(ms: int) -> str:
    """120 ms, 1.2 s."""
    return t("webhooks.ms", value=ms) if ms < 1000 else t("webhooks.s", value=number(ms / 1000, 1))


def is_due(moment: datetime) -> bool:
    """Whether its time has come, or comes within a second."""
    return (moment - datetime.now(UTC)).total_seconds() < 1


def due(delivery: DeliveryOut) -> str:
    """When the next attempt is: soon, in 20 seconds, in 5 min, in 2 hours, or after another message."""
    moment = delivery.due_at
    if moment is None:
        return ""
    if delivery.behind:
        return t("webhooks.due_behind")
    seconds = (moment - datetime.now(UTC)).total_seconds()
    if seconds < 1:
        return t("webhooks.due_soon")
    if seconds < 60:
        return t("webhooks.due_seconds", count=int(seconds))
    if seconds < 3600:
        return t("webhooks.due_minutes", count=round(seconds / 60))
    if seconds < 86_400:
        return t("webhooks.due_hours", count=round(seconds / 3600))
    return filters.utc(moment)
