"""Fields as JSON Schema (draft 2020-12), for programs that make forms or check before they send."""

from typing import Any

from webapp.contracts.settings import SettingField
from webapp.services.settings.values import LONGEST_TEXT, MOST_ITEMS


def of(fields: tuple[SettingField, ...], backend_ids: tuple[str, ...], pinned: frozenset[str]) -> dict[str, Any]:
    """The schema of ``values`` in a save: every name may be left out, and ``null`` resets it."""
    return {
        "$schema": "https://json-schema.org/draft/2020-12/schema",
        "type": "object",
        "additionalProperties": False,
        "properties": {f.name: _property(f, backend_ids, is_pinned=f.name in pinned) for f in fields},
    }


def _property(f: SettingField, backend_ids: tuple[str, ...], *, is_pinned: bool) -> dict[str, Any]:
    found: dict[str, Any] = {"type": [_TYPES[f.type], "null"], "title": f.label or title(f.name), "description": f.help}
    if not f.secret:
        found["default"] = list(f.default) if isinstance(f.default, tuple) else f.default
    choices = backend_ids if f.name == "backend" else f.choices
    if choices:
        found["enum"] = [*choices, None]
    found.update({key: value for key, value in (("minimum", f.minimum), ("maximum", f.maximum)) if value is not None})
    found.update(_text(f))
    if f.secret:
        found["writeOnly"] = True
    if is_pinned:
        found["readOnly"] = True
    return found


def _text(f: SettingField) -> dict[str, Any]:
    """What is said about a text, or about the items of a list."""
    text: dict[str, Any] = {"maxLength": LONGEST_TEXT}
    if f.pattern:
        text["pattern"] = f"^(?:{f.pattern})$"
    if f.format in ("url", "public_url"):
        text["format"] = "uri"
    if f.type == "list":
        return {"maxItems": MOST_ITEMS, "items": {"type": "string", **text}}
    return text if f.type == "string" and not f.choices else {}


_TYPES = {"string": "string", "integer": "integer", "boolean": "boolean", "list": "array"}


def title(name: str) -> str:
    """A label made from the name of a field."""
    return name.replace("_", " ").capitalize()
