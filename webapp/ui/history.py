"""Events as people tell them: who did what to what, in words."""

from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from webapp.http.i18n import has, t
from webapp.services.activity import EventOut
from webapp.ui import filters
from webapp.ui.sentences import rich

ICONS = {
    "FileUploaded": "upload",
    "FileRenamed": "pencil",
    "FileVerified": "shield-check",
    "FileDeleted": "trash-2",
    "FileErased": "ban",
    "FileRestored": "undo-2",
    "FilePurged": "ban",
    "SettingsChanged": "settings-2",
    "UserCreated": "user-plus",
    "UserChanged": "users",
    "UserDeleted": "ban",
    "TokenCreated": "key-round",
    "TokenRevoked": "lock",
    "SignedIn": "user",
    "WebhookCreated": "webhook",
    "WebhookChanged": "webhook",
    "WebhookPaused": "pause",
    "WebhookDeleted": "ban",
}
_OTHER_ICON = "activity"
_SUBJECTS = ("filename", "username", "name", "host", "names")
Payload = dict[str, Any]


@dataclass(frozen=True, kw_only=True)
class Told:
    """An event in words."""

    icon: str
    sentence: str
    """All of it: who did what, where a file is ``it``."""
    occurred_at: datetime
    actor_name: str
    action: str
    """What was done, without who and what to: "Uploaded"."""
    subject: str
    """The name of what it was done to."""
    extra: str
    """What else there is to say."""


def tell(event: EventOut) -> Told:
    """Put an event into words; one that nobody has words for is told by its name."""
    kind = _kind(event)
    known = has(f"events.{kind}.action")
    who, subject, extra = event.actor_name or t("events.nobody"), _subject(event.payload), _extra(kind, event.payload)
    action = t(f"events.{kind}.action") if known else event.name
    sentence = rich(
        f"events.{kind}.sentence" if known else "events.unknown", who=who, name=subject or action, extra=extra
    )
    return Told(
        icon=ICONS.get(kind, _OTHER_ICON),
        sentence=sentence,
        occurred_at=event.occurred_at,
        actor_name=who,
        action=action,
        subject=subject,
        extra=extra,
    )


def _kind(event: EventOut) -> str:
    """A file that skipped the trash is told as what it is: gone."""
    erased = event.name == "FileDeleted" and event.payload.get("permanent") is True
    return "FileErased" if erased else event.name


def _subject(payload: Payload) -> str:
    found = next((payload[name] for name in _SUBJECTS if payload.get(name)), "")
    return _listed(found)


def _extra(kind: str, payload: Payload) -> str:
    make = _EXTRAS.get(kind)
    return make(payload) if make else ""


def _size(payload: Payload) -> str:
    size = payload.get("size_bytes")
    return filters.size(size) if isinstance(size, int) else ""


def _changed(payload: Payload) -> str:
    names = payload.get("names") or ()
    return ", ".join(t(f"events.fields.{name}") if has(f"events.fields.{name}") else str(name) for name in names)


def _reason(payload: Payload) -> str:
    key = f"events.paused_because.{payload.get('reason')}"
    return t(key) if has(key) else ""


def _role(payload: Payload) -> str:
    role = payload.get("role")
    return t(f"roles.{role}") if has(f"roles.{role}") else ""


def _listed(value: object) -> str:
    return ", ".join(str(each) for each in value) if isinstance(value, list | tuple) else str(value)


_EXTRAS: dict[str, Callable[[Payload], str]] = {
    "FileUploaded": _size,
    "FileDeleted": _size,
    "FileErased": _size,
    "FilePurged": _size,
    "FileRestored": _size,
    "FileRenamed": lambda payload: str(payload.get("previous_filename", "")),
    "FileVerified": lambda payload: t("events.not_announced") if payload.get("matches") is False else "",
    "SettingsChanged": lambda payload: str(payload.get("module", "")),
    "UserCreated": _role,
    "UserChanged": _changed,
    "TokenCreated": lambda payload: _listed(payload.get("scopes", ())),
    "SignedIn": lambda payload: str(payload.get("address", "")),
    "WebhookChanged": _changed,
    "WebhookPaused": _reason,
}
