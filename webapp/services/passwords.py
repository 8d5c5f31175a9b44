"""Password hashes: argon2id, a few at a time.

One verification takes memory and time by design, so a crowd of sign-ins must
queue here rather than take the machine down. The parameters are the first choice
of the OWASP Password Storage Cheat Sheet (19 MiB, two passes, one lane).
"""

import threading

from argon2 import PasswordHasher
from argon2.exceptions import InvalidHashError, VerificationError

MIN_LENGTH = 8
MAX_LENGTH = 1024

_hasher = PasswordHasher(time_cost=2, memory_cost=19 * 1024, parallelism=1)
_few = threading.BoundedSemaphore(2)
# For names nobody has: checking them takes as long as checking real ones. The hash of a
# random text that nobody kept, made with the parameters above.
_nobody = "$argon2id$v=19$m=19456,t=2,p=1$ga+l+DO2wbWLT60fgswk0w$j5YTT9hEb2yDyZyv/XzRy/lAMUVsiO6rsxamAXf7orQ"


def hashed(password: str) -> str:
    """Return the hash to store."""
    with _few:
        return _hasher.hash(_encoded(password))


def matches(password_hash: str | None, password: str) -> bool:
    """Whether the password is right; None stands for an account that does not exist."""
    try:
        with _few:
            _hasher.verify(password_hash or _nobody, _encoded(password))
    except (VerificationError, InvalidHashError):
        return False
    return password_hash is not None


def _encoded(password: str) -> bytes:
    """UTF-8, also for what is no text; a little more than the longest password is never read."""
    return password[: MAX_LENGTH + 1].encode("utf-8", "surrogatepass")


def outdated(password_hash: str) -> bool:
    """Whether the hash was made with other parameters than today's."""
    return _hasher.check_needs_rehash(password_hash)


def problem(password: object) -> str | None:
    """What is wrong with a new password: a key of the namespace ``validation``, or None."""
    if not isinstance(password, str) or not password:
        return "required"
    if len(password) < MIN_LENGTH:
        return "password_too_short"
    return "password_too_long" if len(password) > MAX_LENGTH else None
