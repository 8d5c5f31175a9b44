"""What the rules say no with. Codes are part of the HTTP contract."""

from typing import ClassVar

from webapp.contracts.errors import StowageError


class BadRequestError(StowageError):
    """The request is malformed."""

    code: ClassVar[str] = "bad_request"


class CutUploadError(BadRequestError):
    """The body ended before its announced end: the client went away."""


class ChecksumMismatchError(StowageError):
    """A digest sent by the client does not match the bytes."""

    code: ClassVar[str] = "checksum_mismatch"


class UnauthenticatedError(StowageError):
    """Nobody knows who is asking."""

    code: ClassVar[str] = "unauthenticated"


class CsrfError(StowageError):
    """A cookie alone does not prove that the user wants this."""

    code: ClassVar[str] = "csrf_failed"


class ForbiddenError(StowageError):
    """Whoever is asking may not do this."""

    code: ClassVar[str] = "forbidden"


class NotFoundError(StowageError):
    """Unknown, deleted or not yours: all alike."""

    code: ClassVar[str] = "not_found"


class ConflictError(StowageError):
    """The thing is not in a state that allows it."""

    code: ClassVar[str] = "conflict"


class VersionConflictError(ConflictError):
    """Somebody else saved meanwhile; ``version`` is the one that counts now."""


class PartsMissingError(ConflictError):
    """The store does not have all parts of an upload; ``missing`` names some."""


class DirectUploadUnsupportedError(StowageError):
    """The backend in use takes no uploads from clients directly."""

    code: ClassVar[str] = "direct_upload_unsupported"


class TooLargeError(StowageError):
    """More bytes than allowed; ``max_bytes`` says how many are."""

    code: ClassVar[str] = "too_large"


class BadTypeError(StowageError):
    """A content type outside ``allowed_content_types``."""

    code: ClassVar[str] = "bad_type"


class CheckFailedError(StowageError):
    """A check of uploads that has to be made could not be; nothing is stored."""

    code: ClassVar[str] = "check_failed"


class RangeError(StowageError):
    """The range asked for lies outside the file."""

    code: ClassVar[str] = "range_not_satisfiable"


class CursorExpiredError(StowageError):
    """What a cursor leads to is not kept any more."""

    code: ClassVar[str] = "cursor_expired"


class RateLimitedError(StowageError):
    """Too many attempts; ``retry_after`` is in seconds."""

    code: ClassVar[str] = "rate_limited"


class ValidationError(StowageError):
    """Some fields are wrong. ``errors`` maps each to a message key of the namespace ``validation``.

    A message with values is a pair of the key and its values.
    """

    code: ClassVar[str] = "validation_error"

    def __init__(self, errors: dict[str, str | tuple[str, dict[str, object]]]) -> None:
        """Take the wrong fields."""
        super().__init__(f"wrong: {', '.join(errors)}")
        self.errors = errors
