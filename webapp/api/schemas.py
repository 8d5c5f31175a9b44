"""JSON schemas (2020-12) of the dataclasses that requests and answers are made of."""

import types
from collections.abc import Mapping, Sequence
from dataclasses import MISSING, Field, fields, is_dataclass
from datetime import datetime
from enum import StrEnum
from typing import Any, Union, get_args, get_origin, get_type_hints
from uuid import UUID

Schema = dict[str, Any]

_OF_LISTS = ("minItems", "maxItems")

LONGEST_TEXT = 1024
MOST_ITEMS = 200
"""What webapp.http.params takes where a field says nothing else."""
_PLAIN: dict[Any, Schema] = {
    str: {"type": "string"},
    int: {"type": "integer"},
    float: {"type": "number"},
    bool: {"type": "boolean"},
    UUID: {"type": "string", "format": "uuid"},
    datetime: {"type": "string", "format": "date-time"},
}
_KEYWORDS = {
    "minimum": "minimum",
    "maximum": "maximum",
    "min_length": "minLength",
    "max_length": "maxLength",
    "min_items": "minItems",
    "max_items": "maxItems",
    "pattern": "pattern",
}


class Schemas:
    """Collects the schemas of a document; each dataclass is described once, under its own name."""

    def __init__(self, known: Mapping[str, Sequence[str]]) -> None:
        """``known`` are the values that fields can have which this application knows only while it runs."""
        self.found: dict[str, Schema] = {}
        self._known = known

    def answer(self, shape: type[Any]) -> Schema:
        """A reference to what the server sends: every field is always there that is not marked ``optional``."""
        return self._reference(shape, sent_by_client=False)

    def body(self, shape: type[Any]) -> Schema:
        """A reference to what a client sends: fields with defaults may be left out, unknown ones may not be there."""
        return self._reference(shape, sent_by_client=True)

    def parameters(self, shape: type[Any]) -> list[Schema]:
        """The fields as parameters of a query string."""
        hints = get_type_hints(shape)
        return [
            _parameter(f, self._of_field(f, _without_none(hints[f.name]), sent_by_client=True)) for f in fields(shape)
        ]

    def _reference(self, shape: type[Any], *, sent_by_client: bool) -> Schema:
        if shape.__name__ not in self.found:
            self.found[shape.__name__] = {}  # taken, should it contain itself
            self.found[shape.__name__] = self._of_shape(shape, sent_by_client=sent_by_client)
        return {"$ref": f"#/components/schemas/{shape.__name__}"}

    def _of_shape(self, shape: type[Any], *, sent_by_client: bool) -> Schema:
        hints = get_type_hints(shape)
        properties = {f.name: self._of_field(f, hints[f.name], sent_by_client=sent_by_client) for f in fields(shape)}
        required = [f.name for f in fields(shape) if not _may_be_missing(f, sent_by_client=sent_by_client)]
        schema: Schema = {"type": "object", "description": _first_line(shape), "properties": properties}
        if required:
            schema["required"] = required
        if sent_by_client:
            schema["additionalProperties"] = False
        return schema

    def _of_field(self, f: Field[Any], kind: Any, *, sent_by_client: bool) -> Schema:
        schema = self._of_type(kind, f, sent_by_client=sent_by_client)
        if help_text := f.metadata.get("help"):
            # Beside a $ref, 2020-12 allows siblings.
            schema = {**schema, "description": help_text}
        default = _default(f)
        if sent_by_client and default is not MISSING and default not in (None, ""):
            schema["default"] = default
        return schema

    def _of_type(self, kind: Any, f: Field[Any], *, sent_by_client: bool) -> Schema:
        if (inner := _without_none(kind)) is not kind:
            return _or_null(self._of_type(inner, f, sent_by_client=sent_by_client))
        if isinstance(kind, type) and is_dataclass(kind):
            return self._reference(kind, sent_by_client=sent_by_client)
        if get_origin(kind) is dict:
            values = get_args(kind)[1]
            inner = {} if values is Any else self._item(values, f, sent_by_client=sent_by_client)
            return {"type": "object", "additionalProperties": inner}
        if get_origin(kind) in (list, tuple):
            items = self._item(get_args(kind)[0], f, sent_by_client=sent_by_client)
            return {"type": "array", "items": items, **_limits(f, list, sent_by_client=sent_by_client)}
        return {**_PLAIN[kind], **_limits(f, kind, sent_by_client=sent_by_client)}

    def _item(self, kind: Any, f: Field[Any], *, sent_by_client: bool) -> Schema:
        if isinstance(kind, type) and is_dataclass(kind):
            return self._reference(kind, sent_by_client=sent_by_client)
        if get_origin(kind) in (dict, list):
            return self._of_type(kind, f, sent_by_client=sent_by_client)
        if get_origin(kind) is types.UnionType:
            return {"type": [_PLAIN[one]["type"] for one in get_args(kind)]}
        if known := f.metadata.get("known"):  # told, but judged by a service
            return {**_PLAIN[kind], "enum": list(self._known.get(known, ()) if isinstance(known, str) else known)}
        own = {name: limit for name, limit in _given(f).items() if name not in _OF_LISTS}
        return {**_PLAIN[kind], **own, **_choices(f)}


def _limits(f: Field[Any], kind: Any, *, sent_by_client: bool) -> Schema:
    found = _given(f)
    if kind is list:
        found = {name: limit for name, limit in found.items() if name in _OF_LISTS}
    else:
        found.update(_choices(f))
    if sent_by_client and kind is str and "enum" not in found:
        found.setdefault("maxLength", LONGEST_TEXT)
        found.setdefault("pattern", "^[^\\x00]*$")
    if sent_by_client and kind is list:
        found.setdefault("maxItems", MOST_ITEMS)
    return found


def _given(f: Field[Any]) -> Schema:
    return {keyword: f.metadata[name] for name, keyword in _KEYWORDS.items() if name in f.metadata}


def _choices(f: Field[Any]) -> Schema:
    choices = f.metadata.get("choices")
    return {"enum": [str(c) if isinstance(c, StrEnum) else c for c in choices]} if choices else {}


def _parameter(f: Field[Any], schema: Schema) -> Schema:
    parameter = {"name": f.name, "in": "query", "required": _default(f) is MISSING}
    if "description" in schema:
        parameter["description"] = schema.pop("description")
    return {**parameter, "schema": schema}


def _default(f: Field[Any]) -> Any:
    return f.default if f.default_factory is MISSING else f.default_factory()


def _may_be_missing(f: Field[Any], *, sent_by_client: bool) -> bool:
    return _default(f) is not MISSING if sent_by_client else bool(f.metadata.get("optional"))


def _without_none(kind: Any) -> Any:
    """Of ``X | None`` the X."""
    if get_origin(kind) not in (Union, types.UnionType):
        return kind
    rest = [k for k in get_args(kind) if k is not type(None)]
    return rest[0]


def _or_null(schema: Schema) -> Schema:
    if "$ref" in schema:
        return {"anyOf": [schema, {"type": "null"}]}
    if "enum" in schema:
        schema = {**schema, "enum": [*schema["enum"], None]}
    return {**schema, "type": [schema["type"], "null"]}


def _first_line(shape: type[Any]) -> str:
    return (shape.__doc__ or "").strip().split("\n", 1)[0]
