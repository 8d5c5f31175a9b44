"""Values of settings: coerced from what a form, a shell, JSON or the database holds, and masked for showing."""

import re
from typing import Any

from webapp.contracts.settings import SettingField

LONGEST_TEXT = 4096
MOST_ITEMS = 500
_INTEGER = re.compile(r"-?[0-9]{1,20}", re.ASCII)
_SUBTYPE = r"[A-Za-z0-9!#$&^_.+-]{1,127}"  # RFC 6838, section 4.2
_MEDIA_TYPE = re.compile(rf"{_SUBTYPE}/(?:\*|{_SUBTYPE})", re.ASCII)
_DOTS = "•" * 8
Problem = str | tuple[str, dict[str, object]]


class UnfitError(ValueError):
    """A value does not fit its field; ``problem`` says why, for the namespace ``validation``."""

    def __init__(self, problem: Problem) -> None:
        super().__init__(problem if isinstance(problem, str) else problem[0])
        self.problem = problem


def coerce(field: SettingField, value: object) -> Any:
    """Turn a value from a form, a shell or JSON into what the field holds.

    Raises:
        ValueError: it does not fit; the text is a key of the namespace ``validation``.
    """
    if field.type == "integer":
        return _integer(field, value)
    if field.type == "boolean":
        return _boolean(value)
    if field.type == "list":
        return _list(field, value)
    return _text(field, value)


def is_empty(field: SettingField, value: object) -> bool:
    """Whether somebody left the field empty."""
    return isinstance(value, str) and field.type != "boolean" and not value.strip()


def masked(text: str) -> str:
    """A few characters of it, enough to tell one key from another."""
    if len(text) >= 16:
        return f"{text[:4]}{_DOTS}{text[-4:]}"
    return f"{text[:2]}{_DOTS}" if len(text) >= 8 else _DOTS


def is_mask(text: str) -> bool:
    """Whether this is what was shown instead of a value."""
    return _DOTS in text


def _text(field: SettingField, value: object) -> str:
    if not isinstance(value, str) or "\x00" in value or not _is_unicode(value):
        raise UnfitError("not_text")
    if len(value) > LONGEST_TEXT:
        raise UnfitError("too_long")
    if field.secret or field.masked or field.format or field.pattern or field.path:
        value = value.strip()  # pasted with a line end, as a rule
    if field.required and not value.strip():
        raise UnfitError("required")
    if (field.secret or field.masked) and not value.isprintable():
        raise UnfitError("not_printable")
    if field.choices and value not in field.choices:
        raise UnfitError("not_a_choice")
    if field.pattern and value and not re.fullmatch(field.pattern, value):
        raise UnfitError(field.pattern_help or "bad_pattern")
    return value


def _is_unicode(text: str) -> bool:
    return not any("\ud800" <= character <= "\udfff" for character in text)


def _integer(field: SettingField, value: object) -> int:
    if isinstance(value, str) and _INTEGER.fullmatch(value.strip()):
        value = int(value)
    if not isinstance(value, int) or isinstance(value, bool):
        raise UnfitError("not_a_number")
    if (field.minimum is not None and value < field.minimum) or (field.maximum is not None and value > field.maximum):
        raise UnfitError(_bounds(field))
    if not -(2**63) <= value < 2**63:  # what is kept as JSON holds no more
        raise UnfitError("not_a_number")
    return value


def _bounds(field: SettingField) -> Problem:
    if field.maximum is None:
        return "too_small", {"least": field.minimum}
    if field.minimum is None:
        return "too_big", {"most": field.maximum}
    return "out_of_bounds", {"least": field.minimum, "most": field.maximum}


def _boolean(value: object) -> bool:
    if isinstance(value, str) and value.casefold() in ("true", "false"):
        return value.casefold() == "true"
    if not isinstance(value, bool):
        raise UnfitError("not_a_boolean")
    return value


def _list(field: SettingField, value: object) -> list[str] | None:
    # Typed, what stands between two commas may be nothing; in JSON every item has to fit, as the schema says.
    items = [item.strip() for item in re.split("[,\n]", value) if item.strip()] if isinstance(value, str) else value
    if not isinstance(items, list | tuple) or not all(isinstance(i, str) and _is_unicode(i) for i in items):
        raise UnfitError("not_a_list")
    if len(items) > MOST_ITEMS or any(len(item) > LONGEST_TEXT or "\x00" in item for item in items):
        raise UnfitError("not_a_list")
    if field.pattern and not all(re.fullmatch(field.pattern, item) for item in items):
        raise UnfitError(field.pattern_help or "bad_pattern")
    if field.format == "media_types":
        items = [item.partition(";")[0].strip() or item for item in items]  # compared without parameters
    found = list(dict.fromkeys(item.strip() for item in items if item.strip()))
    for item in found:
        if field.format == "media_types" and not _MEDIA_TYPE.fullmatch(item):
            raise UnfitError(("bad_media_type", {"item": item[:80]}))
    if field.required and not found:
        raise UnfitError("required")
    # Nothing is the default, unless the default is something: then it is said.
    return found if found or field.default is not None else None
