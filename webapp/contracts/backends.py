"""What a storage backend is.

A backend is a class with the methods of :class:`StorageBackend`. It is entered
through the entry-point group ``stowage.backends`` and tested with
:mod:`webapp.contracts.conformance`. Calls come from many threads at once.
"""

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import BinaryIO, ClassVar, Protocol, runtime_checkable

from webapp.contracts.settings import SettingField

Bytes = bytes | bytearray | memoryview
"""One piece of a file on its way; a piece is only valid until the next one is asked for."""


@runtime_checkable
class StorageBackend(Protocol):
    """Keeps bytes under keys. Keys are 32 lower-case hexadecimal digits, made by Stowage.

    Every method raises :class:`~webapp.contracts.errors.StorageError` or one of
    its subclasses and lets no vendor error through, with one exception: errors
    raised by the ``chunks`` that :meth:`put` consumes pass unchanged.

    A class has to have ``backend_id``, ``supports_presigned_url`` and the methods below; of
    what else it can do it says nothing, or more (:func:`complete`).

    Optional class attributes: ``label`` and ``help``, the name and a sentence for the
    settings page; ``fields``, empty where it is missing; and, False where they are missing,
    ``supports_local_files`` (:class:`LocalFiles`), ``supports_recovery`` (:class:`Recoverable`),
    ``supports_listing`` (:class:`Listed`) and ``supports_direct_upload``
    (:class:`DirectUploads`). An optional class method
    ``check`` makes it :class:`Checked`. An optional method ``tidier(key)`` returns a function
    that takes away again what a connection test made beside the bytes of ``key``.
    """

    backend_id: ClassVar[str]
    """Stable id, at most 32 characters: it is stored with every row."""
    supports_presigned_url: ClassVar[bool]
    """Whether :meth:`presigned_get_url` works; then downloads are redirects."""
    fields: ClassVar[tuple[SettingField, ...]] = ()
    """The backend's own settings. May be left out."""
    supports_local_files: ClassVar[bool] = False
    """Whether the backend also is a :class:`LocalFiles`. May be left out."""
    supports_recovery: ClassVar[bool] = False
    """Whether the backend also is a :class:`Recoverable`. May be left out."""

    def __init__(self, options: Mapping[str, object]) -> None:
        """Make an instance from the values of :attr:`fields`. Cheap: no connection is opened here.

        ``options`` has a value for each of the fields, by name; lists come as tuples.
        ``options["allow_private_addresses"]`` (bool) is there too: whether the operator
        lets Stowage connect to loopback and private addresses. A backend that opens
        connections to a setting's host passes it to
        :func:`webapp.contracts.addresses.refusal` for the address it got, before it sends anything.
        ``options["state_dir"]`` is a directory of this machine for what the backend notes about
        itself; it may have to be made.
        ``options["trial_seconds"]`` is a number where the instance is only tried, by a connection
        test: after so many seconds nobody waits any more, and the next test waits for this one.
        Then every call should raise soon (cause ``timeout``); :meth:`delete` may take a few more.

        Raises:
            ConfigurationError: a value is missing or cannot work.
        """

    def put(self, key: str, chunks: Iterable[Bytes], *, content_type: str, size: int | None = None) -> None:
        """Store the bytes durably under ``key``: all of them, or nothing at all.

        ``size`` is the exact number of bytes where the client announced it. When
        ``chunks`` raises, nothing stays behind and that error is raised again.

        Raises:
            StorageFullError: no space left.
            StorageBackendError: the bytes could not be stored.
        """

    def get(self, key: str, *, start: int = 0, length: int | None = None) -> Iterator[bytes]:
        """Return the bytes from ``start`` on, at most ``length`` of them, in pieces.

        The first piece is ready when this returns, so a missing file raises here.

        Raises:
            StorageNotFoundError: nothing is stored under ``key``.
            StorageBackendError: the bytes could not be read.
        """

    def delete(self, key: str) -> None:
        """Remove the bytes. Removing what is not there is fine.

        Raises:
            StorageBackendError: the bytes could not be removed.
        """

    def exists(self, key: str) -> bool:
        """Tell whether something is stored under ``key``.

        Raises:
            StorageBackendError: the backend does not answer.
        """

    def presigned_get_url(self, key: str, *, filename: str, content_type: str, expires_in: int | None = None) -> str:
        """Return a URL that serves the bytes to anyone for ``expires_in`` seconds.

        None stands for the backend's own setting.

        The answer of that URL carries ``Content-Disposition: attachment`` with
        ``filename``, and ``content_type``.

        Raises:
            NotSupportedError: this backend has no such URLs.
        """


def complete(backend_class: type[StorageBackend]) -> None:
    """Give a class what it may leave out: no settings, no further capabilities. Stowage does so with every class."""
    for name in ("fields", "supports_local_files", "supports_recovery"):
        if not hasattr(backend_class, name):
            setattr(backend_class, name, getattr(StorageBackend, name))


@runtime_checkable
class Checked(Protocol):
    """A backend that knows whether its settings can work together, before they are saved."""

    @classmethod
    def check(cls, options: Mapping[str, object]) -> Mapping[str, str]:
        """Return what is wrong: name of the field to a sentence (or a key of the namespace ``validation``).

        Asked before the backend is put to use or tested, and whenever one of its fields is
        about to be saved while it is in use. Each value alone has been checked already, and
        a missing one is reported elsewhere. Quick: no connection, no disk.
        """


@runtime_checkable
class HealthChecked(Protocol):
    """A backend that can tell whether it would take a file now. Any other one is asked for a file that is not there."""

    def check_health(self) -> None:
        """Return if all is well. Asked every ten seconds: nothing is stored, and it ends within a second or two.

        Raises:
            StorageError: files cannot be stored or read now.
        """


@runtime_checkable
class Listed(Protocol):
    """A backend that can tell what it holds; its class says ``supports_listing = True``."""

    def list_keys(self, prefix: str = "") -> Iterator[str]:
        """Yield the keys that begin with ``prefix``, in order, without holding all of them in memory.

        Raises:
            StorageBackendError: the backend does not answer.
        """


@dataclass(frozen=True, kw_only=True, slots=True)
class Part:
    """A part of an upload that the store has."""

    number: int
    """From 1."""
    size: int
    tag: str
    """What the store calls it; for :meth:`DirectUploads.complete_parts`."""


@runtime_checkable
class DirectUploads(Protocol):
    """A backend whose clients can send bytes straight to the store, in parts.

    Its class says ``supports_direct_upload = True``; an instance whose settings keep
    clients from the store says False, begins nothing, and still ends what was begun
    before. Nothing can be read under the key before :meth:`complete_parts`. What is
    begun is completed or aborted; Stowage aborts what has expired.
    """

    least_part_bytes: ClassVar[int]
    """No part but the last may be smaller."""
    most_part_bytes: ClassVar[int]
    most_parts: ClassVar[int]

    def begin_parts(self, key: str, *, content_type: str) -> str:
        """Begin an upload and return what the store calls it, at most 2,000 characters.

        Raises:
            NotSupportedError: not with these settings.
            StorageBackendError: the store does not answer.
        """

    def part_url(self, key: str, upload: str, number: int, *, size: int, expires_in: int) -> str:
        """Return a URL that takes part ``number``, of exactly ``size`` bytes, by PUT, for ``expires_in`` seconds."""

    def list_parts(self, key: str, upload: str) -> list[Part]:
        """The parts that have arrived, by number.

        Raises:
            StorageNotFoundError: there is no such upload. Of one that was completed, a store may
                still tell the parts or know nothing any more.
            StorageBackendError: the store does not answer.
        """

    def complete_parts(self, key: str, upload: str, parts: Sequence[Part]) -> None:
        """Make the parts one file. Doing it again is fine.

        Raises:
            StorageNotFoundError: there is no such upload, and nothing under the key either.
            StorageBackendError: the store refuses or does not answer.
        """

    def abort_parts(self, key: str, upload: str) -> None:
        """Throw the parts away. Aborting what is not there is fine; what was completed stays.

        Raises:
            StorageBackendError: the store does not answer.
        """


@runtime_checkable
class BrowserUploads(DirectUploads, Protocol):
    """A :class:`DirectUploads` whose parts pages may send too: they have to be told beforehand where to."""

    def client_origin(self) -> str | None:
        """Return scheme, host and port of every URL of :meth:`DirectUploads.part_url`: ``https://files.example.org``.

        None keeps pages from sending parts. Asked with every page: no connection, no disk.
        """


@runtime_checkable
class LocalFiles(Protocol):
    """A backend whose bytes are files of this machine: they are sent by ``sendfile(2)``."""

    def open_local(self, key: str) -> BinaryIO:
        """Open the file for reading; the caller closes it.

        Raises:
            StorageNotFoundError: nothing is stored under ``key``.
            StorageBackendError: the file could not be opened.
        """


@runtime_checkable
class Recoverable(Protocol):
    """A backend that knows which of its puts were cut short by a crash."""

    def settle(self, key: str) -> None:
        """The database row that names ``key`` is committed: the put is over."""

    def recover(self, is_known: Callable[[str], bool]) -> int:
        """Remove what dead processes left behind and return how many pieces that were.

        ``is_known(key)`` tells whether a row names the key. Puts of living
        processes are not touched.
        """
