"""What looks at an upload before it is stored: it can refuse it, or add facts to the file.

A plugin enters a check with ``host.check_uploads(check)``. A check is a function of one
:class:`UploadInfo`, or an object with ``begin(info)`` (:class:`UploadCheck`). Its answer is

* None: nothing to say about this file;
* a mapping: annotations, facts that are kept with the file and shown in its details;
* an :class:`Inspector`, which is given all bytes as they pass and answers at their end.

A call that does not return within 30 seconds counts as failed. A check that takes longer says so in an attribute
``patience``: seconds, at most 300.

Wherever it raises :class:`UploadRefusedError`, nothing of the file is kept, and the client gets its code and sentence.
"""

import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import ClassVar, Protocol, TypeAlias, runtime_checkable

from webapp.contracts.errors import StowageError

Annotations: TypeAlias = Mapping[str, str | int | float | bool]
"""Facts by name. Names have 1 to 64 characters; all annotations of a file together may have 4 KiB as JSON."""

LONGEST_SENTENCE = 500
_CODE = re.compile(r"[a-z0-9_]+(?:\.[a-z0-9_]+)*")


class UploadRefusedError(StowageError):
    """This file is not wanted: ``UploadRefusedError("infected", "This file contains Eicar-Test-Signature.")``.

    Of all exceptions it is the only one whose text people read, so say nothing in it
    that they should not. Client programs go by the code.
    """

    code: ClassVar[str] = "upload_refused"

    def __init__(self, code: str, message: str) -> None:
        """Refuse.

        Args:
            code: names the reason for programs, in at most 64 lower-case letters, digits, underscores and dots.
                One that Stowage uses itself (``too_large``) reaches clients with the plugin's name and a dot before it.
            message: one sentence for people, at most 500 characters.

        Raises:
            ValueError: the code cannot be used, or there is no sentence. As any other error it makes the check fail.
        """
        if len(code) > 64 or not _CODE.fullmatch(code):
            raise ValueError(f"not a code: {code!r:.100}")
        if not message.strip():
            raise ValueError("a refusal needs a sentence for people")
        super().__init__(f"{code}: {message}")
        self.reason = code
        # On one line, and in characters that can be sent: it may quote what a scanner says of a file.
        self.sentence = " ".join(message.split())[:LONGEST_SENTENCE].encode("utf-8", "replace").decode()
        self.plugin = ""
        """The plugin that refused; Stowage fills it in."""


@dataclass(frozen=True, kw_only=True, slots=True)
class UploadInfo:
    """What is known of a file before its bytes are stored."""

    filename: str
    """The name it will have."""
    content_type: str
    """The type it will have: judged by name and first bytes, or as it is announced where none have come."""
    size: int | None
    """Its size where the client announced it; forms do not. A file that turns out to have another is refused."""
    user_id: str
    """Id of the account that uploads."""
    username: str
    head: bytes
    """The first bytes, 2 KiB of them or all there are; none for :meth:`DirectUploadCheck.announce`."""


@runtime_checkable
class Inspector(Protocol):
    """Looks at the bytes of one file. Its methods are called one after the other, by one thread.

    An optional method ``close()`` is called at the end, whatever that was, also
    when the client went away: there a connection or a temporary file goes.
    """

    def feed(self, chunk: bytes) -> object:
        """Look at the next piece, of a few bytes to a few MiB.

        Raises:
            UploadRefusedError: enough was seen; no further bytes are taken.
        """

    def finish(self, size: int, sha256: str) -> Annotations | None:
        """Judge the file: all bytes were seen, and it becomes a file when this returns.

        Raises:
            UploadRefusedError: nothing of it is kept.
        """


@runtime_checkable
class UploadCheck(Protocol):
    """A check that is an object. A function of the same shape as :meth:`begin` is one too."""

    def begin(self, info: UploadInfo) -> "Inspector | Annotations | None":
        """Look at a file of which the first bytes have come. Called by many threads at once.

        Raises:
            UploadRefusedError: it is refused, and the rest of its bytes are not taken.
        """


@runtime_checkable
class DirectUploadCheck(UploadCheck, Protocol):
    """A check that has something to say before there are bytes.

    Large files can go straight to the store, past Stowage. Unless all checks have
    this method, that is not offered: the files come through Stowage, as all others do.
    With it, :meth:`begin` is called when the file is in the store and before it is a
    file of Stowage; an inspector gets the bytes read from there, which for a large file takes its time.
    """

    def announce(self, info: UploadInfo) -> None:
        """Look at what the client says about a file it is going to send; ``info.head`` is empty.

        Raises:
            UploadRefusedError: it need not send it.
        """


Check: TypeAlias = UploadCheck | Callable[[UploadInfo], "Inspector | Annotations | None"]
"""What ``host.check_uploads`` takes."""
