"""Query strings and JSON bodies as typed dataclasses.

A frozen dataclass says what a request may carry; its field metadata (``help``,
``minimum``, ``maximum``, ``choices``, ``max_length``) is checked here and shown
in the OpenAPI document. Every wrong field is named, with a sentence.
"""

import re
import types
from collections.abc import Mapping
from dataclasses import MISSING, Field, fields
from datetime import UTC, datetime
from functools import cache
from typing import Any, TypeVar, Union, get_args, get_origin, get_type_hints
from uuid import UUID

from flask import request

from webapp.http import bodies
from webapp.services.errors import ValidationError

Shape = TypeVar("Shape")
_INTEGER = re.compile(r"-?[0-9]{1,18}", re.ASCII)
_BOOLEANS = {"true": True, "1": True, "false": False, "0": False}


class _WrongError(Exception):
    """A value does not fit; carries a key of the namespace ``validation`` and its values."""

    def __init__(self, key: str, **values: object) -> None:
        super().__init__(key)
        self.message = (key, values)


def query(shape: type[Shape]) -> Shape:
    """Read the query string; unknown names are ignored. Of repeated ones the first counts, or all where it is a list.

    Raises:
        ValidationError: some values do not fit.
    """
    lists = [f.name for f, kind, _ in _plan(shape) if get_origin(kind) is list]  # type: ignore[arg-type]
    several = {name: request.args.getlist(name) for name in lists if name in request.args}
    return _parse(shape, {**request.args.to_dict(), **several}, from_text=True)


def body(shape: type[Shape]) -> Shape:
    """Read the JSON body; unknown names are errors.

    Raises:
        BadRequestError: the body is no JSON object.
        ValidationError: some values do not fit.
    """
    values = bodies.json_object()
    known = {f.name for f in fields(shape)}  # type: ignore[arg-type]
    unknown = [name for name in values if name not in known]
    if unknown:
        raise ValidationError(dict.fromkeys(unknown, "unknown_field"))
    return _parse(shape, values, from_text=False)


def _parse(shape: type[Shape], values: Mapping[str, Any], *, from_text: bool) -> Shape:
    found: dict[str, Any] = {}
    errors: dict[str, Any] = {}
    for f, kind, optional in _plan(shape):  # type: ignore[arg-type]
        if f.name not in values or (values[f.name] is None and optional):
            if f.default is MISSING and f.default_factory is MISSING:
                errors[f.name] = "required"
            continue
        try:
            found[f.name] = _converted(kind, f, values[f.name], from_text=from_text)
        except _WrongError as exc:
            errors[f.name] = exc.message
    if errors:
        raise ValidationError(errors)
    return shape(**found)


@cache
def _plan(shape: type[Any]) -> list[tuple[Field[Any], Any, bool]]:
    hints = get_type_hints(shape)
    return [(f, *_unwrapped(hints[f.name])) for f in fields(shape)]


def _unwrapped(kind: Any) -> tuple[Any, bool]:
    """Split ``X | None`` into X and True."""
    if get_origin(kind) in (Union, types.UnionType):
        rest = [k for k in get_args(kind) if k is not type(None)]
        return rest[0], len(rest) < len(get_args(kind))
    return kind, False


def _converted(kind: Any, f: Field[Any], value: Any, *, from_text: bool) -> Any:
    if get_origin(kind) is list:
        return _items(get_args(kind)[0], f, value)
    if get_origin(kind) is dict:
        return _object(value)
    if kind is int:
        return _bounded(f, _integer(value, from_text=from_text))
    if kind is bool:
        return _boolean(value, from_text=from_text)
    if kind is datetime:
        return _moment(value)
    if kind is UUID:
        return _uuid(value)
    return _text(f, value)


def _items(kind: Any, f: Field[Any], value: Any) -> list[Any]:
    most = f.metadata.get("max_items", 200)
    if not isinstance(value, list):
        raise _WrongError("not_a_list")
    if len(value) > most:
        raise _WrongError("too_many", most=most)
    return [_converted(kind, f, item, from_text=False) for item in value]


def _object(value: Any) -> dict[str, Any]:
    """Names to whatever JSON knows: what is in there is for somebody else to judge."""
    if not isinstance(value, dict):
        raise _WrongError("not_an_object")
    return value


def _integer(value: Any, *, from_text: bool) -> int:
    if from_text and isinstance(value, str) and _INTEGER.fullmatch(value.strip()):
        return int(value)
    if isinstance(value, int) and not isinstance(value, bool):
        return value
    raise _WrongError("not_a_number")


def _bounded(f: Field[Any], value: int) -> int:
    least, most = f.metadata.get("minimum"), f.metadata.get("maximum")
    if least is not None and value < least:
        raise _WrongError("too_small", least=least)
    if most is not None and value > most:
        raise _WrongError("too_big", most=most)
    return value


def _boolean(value: Any, *, from_text: bool) -> bool:
    if from_text and isinstance(value, str) and value.lower() in _BOOLEANS:
        return _BOOLEANS[value.lower()]
    if isinstance(value, bool):
        return value
    raise _WrongError("not_a_boolean")


def _moment(value: Any) -> datetime:
    """RFC 3339; without an offset it is UTC, a bare date is its midnight."""
    try:
        # "+" of an offset is a space in a query string that was not escaped.
        moment = datetime.fromisoformat(str(value).strip().replace(" ", "+" if "T" in str(value) else "T"))
        return moment.astimezone(UTC) if moment.tzinfo else moment.replace(tzinfo=UTC)
    except (ValueError, OverflowError):
        raise _WrongError("not_a_date") from None


def _uuid(value: Any) -> UUID:
    try:
        if isinstance(value, str) and len(value) <= 45:
            return UUID(value)
    except ValueError:
        pass
    raise _WrongError("not_an_id")


def _text(f: Field[Any], value: Any) -> str:
    if not isinstance(value, str) or "\x00" in value:
        raise _WrongError("not_text")
    most = f.metadata.get("max_length", 1024)
    if len(value) > most:
        raise _WrongError("too_long", most=most)
    choices = f.metadata.get("choices")
    if choices and value not in choices:
        raise _WrongError("not_a_choice", choices=", ".join(choices))
    pattern = f.metadata.get("pattern")
    if pattern and not re.fullmatch(pattern, value):
        raise _WrongError("bad_pattern")
    return value.encode("utf-8", "replace").decode("utf-8")
