"""Events are facts that outsiders rely on: immutable, complete and documented."""

import dataclasses

from tests.architecture.sources import document, listed, subclasses
from webapp import contracts
from webapp.contracts.events import EVENT_TYPES, Event


def test_every_event_class_is_public() -> None:
    classes = {event for event in subclasses(Event) if not event.__name__.startswith("_")}
    hidden = sorted(event.__name__ for event in classes if event not in EVENT_TYPES)
    hidden += sorted(event.__name__ for event in classes if event.__name__ not in contracts.__all__)
    assert not hidden, f"Add these to EVENT_TYPES and to webapp.contracts.__all__:{listed(hidden)}"


def test_every_event_is_frozen_and_named_by_keyword() -> None:
    soft = [event.__name__ for event in EVENT_TYPES if not _is_frozen_and_keyword_only(event)]
    assert not soft, f"Declare these as @dataclass(frozen=True, kw_only=True):{listed(soft)}"


def test_every_event_and_its_fields_are_documented() -> None:
    text = document("events.md")
    names = [event.__name__ for event in EVENT_TYPES]
    names += [field.name for event in EVENT_TYPES for field in dataclasses.fields(event)]
    missing = sorted({name for name in names if f"`{name}`" not in text})
    assert not missing, f"docs/events.md lacks these events or fields:{listed(missing)}"


def _is_frozen_and_keyword_only(event: type[Event]) -> bool:
    parameters = getattr(event, "__dataclass_params__", None)
    return bool(parameters and parameters.frozen and all(field.kw_only for field in dataclasses.fields(event)))
