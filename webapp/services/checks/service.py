"""All checks there are."""

from contextlib import nullcontext
from functools import partial

from webapp.contracts.checks import Check, UploadInfo
from webapp.services.access import Caller
from webapp.services.checks.checking import Checking
from webapp.services.checks.entries import Call, CheckOut, Entry, Outcome, Tell
from webapp.services.checks.runs import Context

_UNCHECKED = Checking((), nullcontext)
"""Where there are no checks: it has no state, so one does for all uploads."""


class UploadChecks:
    """Keeps the checks of the plugins, and leads uploads through them."""

    def __init__(self) -> None:
        """Without any checks."""
        self._entries: tuple[Entry, ...] = ()
        self.context: Context = nullcontext
        """What the code of plugins runs in: it may ask for its settings."""
        self.observers: list[Tell] = []
        """Told whenever a check has ended."""

    def add(self, plugin: str, check: Check, *, required: bool = True) -> None:
        """Have uploads looked at by ``check``, after those that are entered already.

        Without ``required``, an upload goes on when the check fails or hangs; with it, the upload fails too.

        Raises:
            ConfigurationError: it is no check.
        """
        self._entries = (*self._entries, Entry(plugin, check, required=required, tell=self._tell))

    def remove(self, plugin: str) -> None:
        """Forget the checks of a plugin."""
        self._entries = tuple(entry for entry in self._entries if entry.plugin != plugin)

    def overview(self) -> list[CheckOut]:
        """The checks, in their order."""
        return [entry.shown() for entry in self._entries]

    @property
    def allow_direct(self) -> bool:
        """Whether files may go straight to the store: all checks know of that way."""
        return all(entry.announce for entry in self._entries)

    def announced(self, caller: Caller, filename: str, content_type: str, size: int) -> Checking:
        """Check what is said of a file that is going to be sent straight to the store."""
        if not self._entries:
            return _UNCHECKED
        info = _info(caller, filename, content_type, size, b"")
        calls = [(entry, partial(_ask, entry.announce, info)) for entry in self._entries if entry.announce]
        return Checking(calls, self.context)

    def of(self, caller: Caller, filename: str, content_type: str, size: int | None, head: bytes) -> Checking:
        """Check a file of which the first bytes are there."""
        if not self._entries:
            return _UNCHECKED
        info = _info(caller, filename, content_type, size, head)
        return Checking([(entry, partial(entry.begin, info)) for entry in self._entries], self.context)

    def _tell(self, plugin: str, outcome: Outcome) -> None:
        for observer in self.observers:
            observer(plugin, outcome)


def _ask(announce: Call, info: UploadInfo) -> None:
    """Whatever it answers, there is nothing yet to annotate or to inspect."""
    announce(info)


def _info(caller: Caller, filename: str, content_type: str, size: int | None, head: bytes) -> UploadInfo:
    return UploadInfo(
        filename=filename,
        content_type=content_type,
        size=size,
        user_id=str(caller.user_id),
        username=caller.username,
        head=head,
    )
