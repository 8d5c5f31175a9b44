"""Which hosts a secret is for: those that the addresses beside it name."""

from collections.abc import Iterable, Mapping
from typing import Any

from webapp.services import outbound
from webapp.services.settings.catalogue import Declared


def origins(owner: str, declared: Iterable[Declared], values: Mapping[str, Any]) -> str:
    """The hosts that settings of this owner lead to, as one text that is equal only for equal hosts."""
    urls = [values.get(each.field.name) for each in declared if each.owner == owner and each.field.format == "url"]
    return " ".join(_origin(url) for url in urls if isinstance(url, str) and url)


def _origin(url: str) -> str:
    try:
        scheme, host, port = outbound.origin(url)
    except ValueError:
        return url
    return f"{scheme}://{host}:{port}"
