"""Secrets at rest: sealed with Fernet, under a key made from the secret key of the installation.

Old secret keys go on opening what they sealed, so a key can be changed without
losing what is stored; ``stowage settings reseal`` then seals it with the new one.
"""

import base64
from collections.abc import Iterable
from functools import cached_property, lru_cache
from typing import TYPE_CHECKING

import orjson

# cryptography is imported at the first secret: an installation without any does not hold it in memory, 8 MB a worker.
# ruff: noqa: PLC0415
if TYPE_CHECKING:
    from cryptography.fernet import MultiFernet

_PURPOSE = b"stowage settings 1"


class UnreadableSecretError(Exception):
    """It was sealed with a key that is not there; or (``elsewhere``) it can be read, but is for another place."""

    def __init__(self, *, elsewhere: bool = False) -> None:
        super().__init__("the secret is for another place" if elsewhere else "the secret cannot be opened")
        self.elsewhere = elsewhere


class Sealer:
    """Seals with the first key and opens with any of them."""

    def __init__(self, keys: Iterable[str]) -> None:
        """Derive the keys (HKDF, RFC 5869) from these secret keys, the newest first."""
        self._keys = tuple(keys)
        # The ciphertext is the key of the cache: other rows, other entry. It spares each upload 0.1 ms.
        self._opened = lru_cache(maxsize=256)(self._open)

    @cached_property
    def _fernet(self) -> "MultiFernet":
        from cryptography.fernet import Fernet, MultiFernet

        return MultiFernet([Fernet(_derived(key)) for key in self._keys])

    def seal(self, place: str, text: str) -> str:
        """Seal ``text``, for this place only."""
        return self._fernet.encrypt(orjson.dumps([place, text])).decode("ascii")

    def reseal(self, sealed: str) -> str | None:
        """Seal the same, for the same place, with the newest key; None where no key opens it."""
        from cryptography.fernet import InvalidToken

        try:
            return self._fernet.rotate(sealed.encode("utf-8")).decode("ascii")
        except (InvalidToken, ValueError):
            return None

    def open(self, place: str, sealed: str) -> str:
        """Return what was sealed for this place.

        Raises:
            UnreadableSecretError: none of the keys opens it, or it belongs elsewhere.
        """
        found, text = self._opened(sealed)
        if found != place:
            raise UnreadableSecretError(elsewhere=True)
        return text

    def _open(self, sealed: str) -> tuple[str, str]:
        from cryptography.fernet import InvalidToken

        try:
            found, text = orjson.loads(self._fernet.decrypt(sealed.encode("ascii")))
        except (InvalidToken, ValueError, TypeError) as exc:
            raise UnreadableSecretError from exc
        return str(found), str(text)


def _derived(key: str) -> bytes:
    from cryptography.hazmat.primitives.hashes import SHA256
    from cryptography.hazmat.primitives.kdf.hkdf import HKDF

    derived = HKDF(algorithm=SHA256(), length=32, salt=None, info=_PURPOSE).derive(key.encode("utf-8"))
    return base64.urlsafe_b64encode(derived)
