"""What a setting is: one list of fields gives the form, the validation, the JSON schema, the defaults and the docs.

A backend declares its fields on its class (:attr:`webapp.contracts.StorageBackend.fields`);
any other part of the program, plugins included, adds a :class:`SettingsModule`.
"""

import re
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from typing import Any

TYPES = ("string", "integer", "boolean", "list")
FORMATS = ("", "url", "public_url", "media_types", "bytes", "seconds", "days")


@dataclass(frozen=True, kw_only=True, slots=True)
class SettingField:
    """One setting."""

    name: str
    """Lower-case letters, digits and underscores, at most 64; no other field of the module is called so."""
    help: str
    """A sentence or two for whoever sets it."""
    label: str = ""
    """A word or two above the field; by default made from ``name``."""
    type: str = "string"
    """``"string"``, ``"integer"``, ``"boolean"`` or ``"list"`` (of strings)."""
    format: str = ""
    """What the value stands for:

    * ``"url"``: an http or https address that Stowage connects to. The address policy
      applies, and no secret saved for one host is ever used for another.
    * ``"public_url"``: the same for browsers: Stowage makes links to it, and connects only to test them.
    * ``"media_types"``: a list of ``image/png`` or ``image/*``; parameters are left out.
    * ``"bytes"``, ``"seconds"``, ``"days"``: the unit of an integer.
    """
    default: object = None
    required: bool = False
    """It cannot be empty: never, where there is a default; otherwise as long as its backend is in use."""
    secret: bool = False
    """Sealed in the database, and never shown again."""
    masked: bool = False
    """Shown in part only, such as the id of a key."""
    location: bool = False
    """It tells *where* bytes are (root, bucket, endpoint): those values are kept with
    every row, so files stay readable after the setting changes."""
    path: bool = False
    """A directory: a relative one is resolved against the data directory."""
    minimum: int | None = None
    maximum: int | None = None
    choices: tuple[str, ...] = ()
    pattern: str = ""
    """Regular expression that a text, or each item of a list, has to match as a whole."""
    pattern_help: str = ""
    """The sentence for a text that does not match."""


Check = Callable[[Mapping[str, Any]], Mapping[str, str]]
"""Gets all values as they would be; returns what is wrong, by name of the field, as a sentence each."""


def _nothing_wrong(_values: Mapping[str, Any]) -> Mapping[str, str]:
    return {}


@dataclass(frozen=True, kw_only=True, slots=True)
class SettingsModule:
    """Settings that belong together: the page ``/settings/modules/<name>`` and ``/api/settings/modules/<name>``."""

    name: str
    """Lower-case letters, digits and underscores, at most 64."""
    title: str
    """What the page is called."""
    fields: tuple[SettingField, ...]
    help: str = ""
    """A sentence below the title."""
    check: Check = _nothing_wrong
    """Whether the values can work together; asked before they are saved. Quick: no connection, no disk."""


_NAME = re.compile(r"[a-z][a-z0-9_]{0,63}", re.ASCII)


def is_name(text: object) -> bool:
    """Whether a field or a module can be called so."""
    return isinstance(text, str) and _NAME.fullmatch(text) is not None


def faults(fields: object) -> Iterator[str]:
    """What keeps these fields from being used: a sentence for the author of each fault."""
    if not isinstance(fields, tuple) or not all(isinstance(each, SettingField) for each in fields):
        yield "fields are a tuple of SettingField"
        return
    names = [each.name for each in fields]
    yield from (f"there are two fields {name}" for name in sorted(set(names)) if names.count(name) > 1)
    for field in fields:
        yield from (f"field {field.name}: {fault}" for fault in _field_faults(field))


def _field_faults(field: SettingField) -> Iterator[str]:
    if not is_name(field.name):
        yield "a name is made of lower-case letters, digits and underscores, 64 at most"
    if field.type not in TYPES or field.format not in FORMATS:
        yield "its type or format is unknown"
    if field.secret and (field.type != "string" or field.location or field.default is not None):
        yield "a secret is a string without a default, and tells no location"
    if field.masked and (field.type != "string" or field.location):
        yield "what is masked is a string, and tells no location"
    if field.default is not None and not _is_of_type(field):
        yield "its default does not fit its type or choices"
    if not field.help.strip():
        yield "its help is missing"
    try:
        re.compile(field.pattern)
    except re.error:
        yield "its pattern is no regular expression"


def _is_of_type(field: SettingField) -> bool:
    fits = {
        "string": isinstance(field.default, str),
        "integer": type(field.default) is int,
        "boolean": type(field.default) is bool,
        "list": isinstance(field.default, list | tuple),
    }
    return fits[field.type] and (not field.choices or field.default in field.choices)
