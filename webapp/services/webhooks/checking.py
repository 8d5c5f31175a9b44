"""What a webhook can be made of: every wrong field is named."""

from collections.abc import Callable, Mapping
from functools import partial
from typing import Any

from webapp.services import outbound
from webapp.services.delivery import message
from webapp.services.errors import ValidationError
from webapp.services.webhooks import signing
from webapp.services.webhooks.views import MOST_CHARACTERS, MOST_TYPES

LONGEST_DESCRIPTION = 200
_Problem = str | tuple[str, dict[str, object]]
_Check = Callable[[object], Any]


def checked(values: Mapping[str, object], *, allow_private: bool) -> dict[str, Any]:
    """These values of ``url``, ``description``, ``types`` and ``secret`` as they are kept.

    Raises:
        ValidationError: some cannot be used.
    """
    errors: dict[str, _Problem] = {}
    found: dict[str, Any] = {}
    checks: dict[str, _Check] = {**_CHECKS, "url": partial(_url, allow_private=allow_private)}
    for name, value in values.items():
        check = checks.get(name)
        if check is None:
            errors[name] = "unknown_field"
            continue
        try:
            found[name] = check(value)
        except _UnusableError as exc:
            errors[name] = exc.problem
    if errors:
        raise ValidationError(errors)
    return found


class _UnusableError(Exception):
    def __init__(self, problem: _Problem) -> None:
        super().__init__()
        self.problem = problem


def _url(value: object, *, allow_private: bool) -> str:
    text = value.strip() if isinstance(value, str) else ""
    if not text:
        raise _UnusableError("required")
    if len(text) > MOST_CHARACTERS:
        raise _UnusableError("too_long")
    problem = outbound.problem(text, allow_private=allow_private, query=True)
    if problem is not None:
        raise _UnusableError("url_malformed_query" if problem == outbound.MALFORMED else problem)
    return text


def _description(value: object) -> str:
    text = value.strip() if isinstance(value, str) else None
    if text is None:
        raise _UnusableError("not_text")
    if len(text) > LONGEST_DESCRIPTION:
        raise _UnusableError("too_long")
    if not text.isprintable():
        raise _UnusableError("not_printable")
    return text


def _types(value: object) -> list[str]:
    if not isinstance(value, list | tuple) or not all(isinstance(each, str) for each in value):
        raise _UnusableError("not_a_list")
    if len(value) > MOST_TYPES:
        raise _UnusableError(("too_many", {"most": MOST_TYPES}))
    try:
        return message.canonical(value)
    except ValueError as exc:
        raise _UnusableError(("unknown_event_type", {"type": str(exc)[:100]})) from None


def _secret(value: object) -> str:
    text = value.strip() if isinstance(value, str) else ""
    if not signing.is_secret(text):
        raise _UnusableError("not_a_webhook_secret")
    return text


_CHECKS: dict[str, _Check] = {"description": _description, "types": _types, "secret": _secret}
