"""What the installed packages bring, package by package: a broken one hides nobody else's."""

import logging
from collections.abc import Callable
from dataclasses import dataclass
from importlib.metadata import Distribution, EntryPoint, distributions
from typing import TypeVar

log = logging.getLogger(__name__)
_Found = TypeVar("_Found")


@dataclass(frozen=True)
class Unreadable:
    """A package of which nobody can tell whether it brings a plugin."""

    package: str
    """Its name, as far as it can be told."""
    error: Exception


@dataclass(frozen=True)
class Installed:
    """Entry points of some groups."""

    entries: dict[str, list[EntryPoint]]
    """By group, sorted by name."""
    unreadable: list[Unreadable]


def installed(*groups: str) -> Installed:
    """Read the entry points of every package that can be imported here."""
    found: dict[str, dict[tuple[str, str], EntryPoint]] = {group: {} for group in groups}
    unreadable: list[Unreadable] = []
    try:
        for package in distributions():
            try:
                entries = list(package.entry_points)
            except Exception as exc:
                about = {"package": _name(package)}
                log.exception("the entry points of a package cannot be read", extra=about)
                unreadable.append(Unreadable(package=about["package"], error=exc))
                continue
            for entry in entries:
                if entry.group in found:
                    # One package may be found twice, on two entries of the path.
                    found[entry.group].setdefault((entry.name, entry.value), entry)
    except Exception as exc:
        log.exception("the installed packages cannot be listed")
        unreadable.append(Unreadable(package="", error=exc))
    entries_of = {group: sorted(of.values(), key=lambda entry: entry.name) for group, of in found.items()}
    return Installed(entries=entries_of, unreadable=unreadable)


def package_of(entry: EntryPoint) -> tuple[str, str]:
    """Name and version of the package that an entry point is from; empty where they cannot be told."""
    dist = entry.dist
    return (_name(dist), _of(lambda: dist.version) or "") if dist is not None else ("", "")


def _name(package: Distribution) -> str:
    return _of(lambda: package.name) or ""


def _of(read: Callable[[], _Found]) -> _Found | None:
    try:
        return read()
    except Exception:  # noqa: BLE001 (metadata may be anything)
        return None
