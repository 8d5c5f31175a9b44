"""A look at uploads before they are stored: one check refuses, the other annotates."""

from collections.abc import Callable, Mapping
from fnmatch import fnmatch
from typing import Any

from webapp.contracts.checks import UploadInfo, UploadRefusedError

Settings = Callable[[str], Mapping[str, Any]]
"""``host.settings``: asked each time, so that a change counts at once."""


class NameCheck:
    """Refuses files by their names."""

    def __init__(self, settings: Settings) -> None:
        """The patterns are a setting."""
        self._settings = settings

    def begin(self, info: UploadInfo) -> None:
        """Refuse a file whose name is on the list."""
        for pattern in self._settings("ledger")["refused_names"] or ():
            if fnmatch(info.filename.casefold(), pattern.casefold()):
                raise UploadRefusedError("ledger.name", f"Files called {pattern} are not taken here.")

    # For large files that would go straight to the store: the name is known before there are bytes.
    announce = begin


class LineCounter:
    """Tells of text files how many lines they have."""

    def __init__(self, settings: Settings) -> None:
        """Whether to count is a setting."""
        self._settings = settings

    def begin(self, info: UploadInfo) -> "Counting | None":
        """Count the lines of text; there is nothing to say of other files."""
        wanted = info.content_type.startswith("text/") and self._settings("ledger")["count_lines"]
        return Counting() if wanted else None

    def announce(self, info: UploadInfo) -> None:
        """Whatever is announced is fine."""


class Counting:
    """One file on its way in."""

    def __init__(self) -> None:
        """Begin with nothing."""
        self._lines = 0

    def feed(self, chunk: bytes) -> None:
        """Count in the next piece."""
        self._lines += bytes(chunk).count(b"\n")

    def finish(self, size: int, sha256: str) -> dict[str, int]:
        """Annotate the file."""
        return {"lines": self._lines}
