"""Which hosts a secret is for: those that the addresses beside it name."""

from collections.abc import Iterable, Mapping
from typing import Any

from webapp.services import outbound
from webapp.services.settings.catalogue import Declared

ADDRESSES = ("url", "public_url")
"""Formats of fields whose host is sent something: the secret's proof, or a link that is signed with it."""


def origins(owner: str, declared: Iterable[Declared], values: Mapping[str, Any]) -> str:
    """The hosts that settings of this owner lead to, field by field, as one text."""
    found = []
    for each in declared:
        url = values.get(each.field.name)
        if each.owner == owner and each.field.format in ADDRESSES and isinstance(url, str) and url:
            found.append(f"{each.field.name}={_origin(url)}")
    return " ".join(found)


def _origin(url: str) -> str:
    try:
        scheme, host, port = outbound.origin(url)
    except ValueError:
        return url
    return f"{scheme}://{host}:{port}"
