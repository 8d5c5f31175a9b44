"""What the OpenAPI document says about a view, beside what its route and its policy say."""

from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any, TypeVar

View = TypeVar("View", bound=Callable[..., Any])


@dataclass(frozen=True, kw_only=True)
class Description:
    """One operation. Errors every operation can have are added by themselves."""

    summary: str
    details: str = ""
    """What the summary cannot say, in Markdown."""
    answers: dict[int, Any]
    """Status to dataclass, to a media type for bytes, or to None for an empty answer."""
    errors: tuple[str, ...] = ()
    query: type[Any] | None = None
    body: type[Any] | None = None
    upload: str | None = None
    """``multipart`` or ``raw``: the body is a file."""
    headers: dict[str, str] = field(default_factory=dict)
    """Request header to its description."""


def describe(**kwargs: Any) -> Callable[[View], View]:
    """State the :class:`Description` of a view."""

    def decorate(view: View) -> View:
        view.__description__ = Description(**kwargs)  # type: ignore[attr-defined]
        return view

    return decorate
