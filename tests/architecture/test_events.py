"""Events are facts that outsiders rely on: immutable, complete and documented."""

import dataclasses
import re
from collections.abc import Iterator
from datetime import datetime
from typing import Any, get_type_hints
from uuid import UUID

from tests.architecture.sources import DOCS, document, listed, python_files, subclasses
from webapp import contracts
from webapp.contracts.events import EVENT_TYPES, Event, FileRestored, _FileEvent, signal_for
from webapp.contracts.plugins import PluginHost

FILE = "*file*"
"""Stands for the fields that all events of files have."""
TOPIC = re.compile(r"[a-z_]+(\.[a-z_]+)+", re.ASCII)
# Rows of tables, and what is named in a cell.
ROW = re.compile(r"^\| (.*) \|$", re.MULTILINE)
NAMED = re.compile(r"`([^`]+)`|(\*file\*)")
WORDS: dict[Any, str] = {
    UUID: "UUID",
    datetime: "datetime",
    str: "text",
    int: "integer",
    bool: "boolean",
    str | None: "text or None",
    bool | None: "boolean or None",
    tuple[str, ...]: "texts",
}


def test_every_event_class_is_public() -> None:
    classes = {event for event in subclasses(Event) if not event.__name__.startswith("_")}
    hidden = sorted(event.__name__ for event in classes if event not in EVENT_TYPES)
    hidden += sorted(event.__name__ for event in classes if event.__name__ not in contracts.__all__)
    assert not hidden, f"Add these to EVENT_TYPES and to webapp.contracts.__all__:{listed(hidden)}"


def test_every_event_is_frozen_and_named_by_keyword() -> None:
    soft = [event.__name__ for event in EVENT_TYPES if not _is_frozen_and_keyword_only(event)]
    assert not soft, f"Declare these as @dataclass(frozen=True, kw_only=True):{listed(soft)}"


def test_every_event_has_a_topic_of_its_own() -> None:
    odd = [event.__name__ for event in EVENT_TYPES if not TOPIC.fullmatch(event.topic) or "topic" not in vars(event)]
    assert not odd, f"A topic is made of lower-case words with dots between them:{listed(odd)}"
    assert len({event.topic for event in EVENT_TYPES}) == len(EVENT_TYPES)
    assert all(signal_for(event).name == event.topic for event in EVENT_TYPES)


def test_every_event_is_emitted_somewhere() -> None:
    text = "".join(path.read_text(encoding="utf-8") for path in python_files("webapp/services", "webapp/builtin"))
    silent = [event.__name__ for event in EVENT_TYPES if f"{event.__name__}(" not in text]
    assert not silent, f"Nobody emits these:{listed(silent)}"


def test_events_of_files_are_made_of_all_that_is_known_of_the_file() -> None:
    """Their fields have defaults, so that nobody would notice one that was forgotten."""
    names = "|".join(event.__name__ for event in EVENT_TYPES if issubclass(event, _FileEvent))
    made = re.compile(rf"\b(?:{names})\((?!\*\*event_fields\(|\*\*about\b).*")
    odd = [
        f"{path.name}: {call}"
        for path in python_files("webapp/services", "webapp/builtin")
        for call in made.findall(path.read_text(encoding="utf-8"))
    ]
    assert not odd, f"Make these of services.rows.event_fields:{listed(odd)}"


# --- docs/events.md -----------------------------------------------------------------


def test_the_catalogue_has_every_event_with_its_topic_and_its_own_fields() -> None:
    catalogue = [tuple(cells[:3]) for cells in _table("Catalogue")]
    there = [(f"`{event.__name__}`", f"`{event.topic}`", tuple(_own_fields(event))) for event in EVENT_TYPES]
    found = [(name, topic, tuple(_named(fields))) for name, topic, fields in catalogue]
    wrong = [str(row) for row in there if row not in found] + [f"too much: {row}" for row in found if row not in there]
    assert not wrong, f"The catalogue in docs/events.md is not what webapp.contracts.events has:{listed(wrong)}"
    assert found == there, "The catalogue in docs/events.md has another order than EVENT_TYPES"
    assert all(cells[3].endswith(".") for cells in _table("Catalogue")), "Say when, in a sentence"


def test_the_catalogue_fits_on_one_screen() -> None:
    assert len(_table("Catalogue")) <= 40


def test_every_field_is_described_with_its_type() -> None:
    common = _described(Event)
    assert _documented("Fields of all events") == common
    assert _documented("Fields of *file*") == _missing_from(common, FileRestored)
    own = [pair for event in EVENT_TYPES for pair in _missing_from([*common, *_described(FileRestored)], event)]
    assert _documented("Other fields") == list(dict.fromkeys(own))


def test_only_events_that_exist_are_named_anywhere_in_the_documentation() -> None:
    known = {event.topic for event in EVENT_TYPES} | {"stowage.webhook.test"}
    areas = "|".join(sorted({event.topic.partition(".")[0] for event in EVENT_TYPES}))
    topic = re.compile(rf"\b(?:{areas})\.[a-z_]+\.[a-z_]+\b", re.ASCII)
    for path in sorted(DOCS.glob("*.md")):
        unknown = sorted(set(topic.findall(path.read_text(encoding="utf-8"))) - known)
        assert not unknown, f"{path.name} names topics that there are not:{listed(unknown)}"


def test_every_door_of_the_plugin_host_is_documented() -> None:
    text = document("writing-a-plugin.md")
    doors = sorted(name for name in vars(PluginHost) if not name.startswith("_"))
    assert len(doors) > 5
    missing = [name for name in doors if f"host.{name}(" not in text]
    assert not missing, f"docs/writing-a-plugin.md lacks these:{listed(missing)}"
    gone = sorted(set(re.findall(r"\bhost\.(\w+)\(", text)) - set(doors))
    assert not gone, f"docs/writing-a-plugin.md has doors that there are not:{listed(gone)}"


def _is_frozen_and_keyword_only(event: type[Event]) -> bool:
    parameters = getattr(event, "__dataclass_params__", None)
    return bool(parameters and parameters.frozen and all(field.kw_only for field in dataclasses.fields(event)))


def _own_fields(event: type[Event]) -> Iterator[str]:
    """As the catalogue names them: what all have is left out, what all of files have is one word."""
    known = {field.name for field in dataclasses.fields(Event)}
    if "file_id" in {field.name for field in dataclasses.fields(event)}:
        known |= {field.name for field in dataclasses.fields(FileRestored)}
        yield FILE
    yield from (field.name for field in dataclasses.fields(event) if field.name not in known)


def _described(event: type[Event]) -> list[tuple[str, str]]:
    """Fields and the words for their types."""
    hints = get_type_hints(event)
    return [(field.name, WORDS[hints[field.name]]) for field in dataclasses.fields(event)]


def _missing_from(known: list[tuple[str, str]], event: type[Event]) -> list[tuple[str, str]]:
    return [pair for pair in _described(event) if pair not in known]


def _documented(title: str) -> list[tuple[str, str]]:
    rows = _table(title)
    mute = [cells[0] for cells in rows if not cells[2].strip()]
    assert not mute, f"Say what these are:{listed(mute)}"
    return [(cells[0].strip("`"), cells[1]) for cells in rows]


def _named(cell: str) -> list[str]:
    return [code or word for code, word in NAMED.findall(cell)]


def _table(title: str) -> list[list[str]]:
    """The first table below a heading, without its head."""
    below = re.split(rf"^##+ {re.escape(title)}$", document("events.md"), flags=re.MULTILINE)
    assert len(below) == 2, f"docs/events.md has no heading {title!r}"
    part = re.split(r"^##+ ", below[1], flags=re.MULTILINE)[0]
    return [row.split(" | ") for row in ROW.findall(part)][1:]
