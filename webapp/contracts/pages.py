"""Who may call a view. Each view says so itself, with one of these decorators below its routes.

They set an attribute and nothing else, so this module needs no Flask. Stowage checks
the policy, the size of the body and, for browsers, the CSRF token before it calls the view.
"""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, TypeVar

View = TypeVar("View", bound=Callable[..., Any])


@dataclass(frozen=True, slots=True)
class Policy:
    """What a view asks of a request."""

    public: bool = False
    permissions: tuple[str, ...] = ()
    """One of these is needed; the view may ask for a certain one."""
    upload: bool = False
    """The view reads the body itself, and it may be as large as a file. Only views of Stowage do."""


@dataclass(frozen=True, kw_only=True, slots=True)
class PageCaller:
    """Who is asking, as :meth:`webapp.contracts.PluginHost.caller` tells it."""

    user_id: str
    username: str
    role: str
    """``admin`` or ``user``."""
    permissions: frozenset[str]
    """Those of the role, or the fewer ones that the token was made for."""


def public(view: View) -> View:
    """Anyone may call this."""
    return with_policy(view, Policy(public=True))


def signed_in(view: View) -> View:
    """Anyone with an account may call this."""
    return with_policy(view, Policy())


def permission(*needed: str) -> Callable[[View], View]:
    """Only those with one of these permissions may call this."""
    return lambda view: with_policy(view, Policy(permissions=needed))


def with_policy(view: View, policy: Policy) -> View:
    """Give a view its policy."""
    view.__policy__ = policy  # type: ignore[attr-defined]
    return view


def policy_of(view: object) -> Policy | None:
    """The policy of a view; None where it states none."""
    found = getattr(view, "__policy__", None)
    return found if isinstance(found, Policy) else None
