"""The form of a webhook: what is in it, and the kinds of events to choose from."""

from dataclasses import dataclass, field
from typing import Any

from werkzeug.datastructures import MultiDict

from webapp.contracts.events import EVENT_TYPES
from webapp.http.i18n import has, t
from webapp.services.errors import ValidationError
from webapp.services.webhooks.views import MOST_CHARACTERS, TOPICS, WebhookIn, WebhookOut

ALL, SOME = "all", "some"
MOST_DESCRIPTION = 200
MOST_SECRET = 128
_NAMES = {event_type.topic: event_type.__name__ for event_type in EVENT_TYPES}


@dataclass(frozen=True, kw_only=True)
class WebhookForm:
    """What is in the form. A secret is typed again after a mistake."""

    url: str = ""
    description: str = ""
    which: str = ALL
    """:data:`ALL` events, or :data:`SOME`: those of ``types``."""
    types: tuple[str, ...] = ()
    secret: str = field(default="", repr=False)

    @property
    def values(self) -> dict[str, Any]:
        """What can be changed later.

        Raises:
            ValidationError: some events are wanted, and it is not said which.
        """
        if self.which not in (ALL, SOME):
            raise ValidationError({"types": "not_a_choice"})
        if self.which == SOME and not self.types:
            raise ValidationError({"types": "none_chosen"})
        return {
            "url": self.url,
            "description": self.description,
            "types": list(self.types) if self.which == SOME else [],
        }

    @property
    def wanted(self) -> WebhookIn:
        """The same for one that is to be made.

        Raises:
            ValidationError: some events are wanted, and it is not said which.
        """
        return WebhookIn(**self.values, secret=self.secret or None)


@dataclass(frozen=True, kw_only=True)
class Kind:
    """A kind of events, or a family of them, to tick."""

    value: str
    label: str
    chosen: bool


@dataclass(frozen=True, kw_only=True)
class Group:
    """Kinds that belong together."""

    label: str
    kinds: list[Kind]


def of(webhook: WebhookOut) -> WebhookForm:
    """The form as it is filled in now."""
    return WebhookForm(
        url=webhook.url,
        description=webhook.description,
        which=SOME if webhook.types else ALL,
        types=tuple(webhook.types),
    )


def sent(values: "MultiDict[str, str]") -> WebhookForm:
    """The form as a browser sends it."""
    return WebhookForm(
        url=values.get("url", "").strip()[: MOST_CHARACTERS + 1],
        description=values.get("description", "").strip()[: MOST_DESCRIPTION + 1],
        which=values.get("which", ""),
        types=tuple(dict.fromkeys(values.getlist("types"))),
        secret=values.get("secret", "").strip()[: MOST_SECRET + 1],
    )


def groups(chosen: tuple[str, ...]) -> list[Group]:
    """All kinds by the part of Stowage they are about; last those that only the API can ask for."""
    found: dict[str, list[Kind]] = {}
    for topic in TOPICS:
        kind = Kind(value=topic, label=label(topic), chosen=topic in chosen)
        found.setdefault(topic.partition(".")[0], []).append(kind)
    shown = [Group(label=_area(area), kinds=kinds) for area, kinds in found.items()]
    others = [Kind(value=each, label=label(each), chosen=True) for each in chosen if each not in TOPICS]
    return [*shown, Group(label=t("webhooks.families"), kinds=others)] if others else shown


def label(topic: str) -> str:
    """What a kind of events is called; a family by its pattern."""
    key = f"events.{_NAMES.get(topic, topic)}.action"
    return t(key) if has(key) else topic


def _area(name: str) -> str:
    key = f"webhooks.areas.{name}"
    return t(key) if has(key) else name
