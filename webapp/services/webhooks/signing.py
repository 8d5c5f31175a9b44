"""Secrets and signatures by Standard Webhooks, so that receivers can use the libraries there are for it.

https://github.com/standard-webhooks/standard-webhooks: HMAC-SHA256 over id, time and
body. A message carries one signature for each secret that counts, so that a secret
can be changed without losing a message.
"""

import base64
import binascii
import hashlib
import hmac
import secrets
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta

import orjson

from webapp.services.settings.sealing import Sealer

PREFIX = "whsec_"
SHORTEST, LONGEST = 24, 64
"""Bytes of a secret."""
BOTH_COUNT = timedelta(days=1)
"""So long after a change messages are signed with the secret before too."""


@dataclass(frozen=True, kw_only=True, slots=True)
class Secrets:
    """The secret of a webhook, and the one before while that counts too."""

    current: str
    previous: str | None = None
    until: datetime | None = None

    def that_count(self, now: datetime) -> list[str]:
        """The secrets to sign with, the newest first."""
        counts = self.previous is not None and self.until is not None and now < self.until
        return [self.current, *([self.previous] if counts and self.previous else [])]

    def replaced(self, secret: str, now: datetime) -> "Secrets":
        """The same with a new secret."""
        return Secrets(current=secret, previous=self.current, until=now + BOTH_COUNT)


def new_secret() -> str:
    """A secret of 32 random bytes."""
    return PREFIX + base64.b64encode(secrets.token_bytes(32)).decode("ascii")


def is_secret(text: str) -> bool:
    """Whether a text can be one."""
    try:
        return SHORTEST <= len(_key(text)) <= LONGEST and text.startswith(PREFIX)
    except ValueError:
        return False


def headers(keys: Secrets, message_id: str, now: datetime, body: bytes) -> Mapping[str, str]:
    """What a message says about itself."""
    stamp = str(int(now.timestamp()))
    signatures = [signature(secret, message_id, stamp, body) for secret in keys.that_count(now)]
    return {"webhook-id": message_id, "webhook-timestamp": stamp, "webhook-signature": " ".join(signatures)}


def signature(secret: str, message_id: str, stamp: str, body: bytes) -> str:
    """One signature, of version 1."""
    signed = f"{message_id}.{stamp}.".encode("ascii") + body
    return "v1," + base64.b64encode(hmac.new(_key(secret), signed, hashlib.sha256).digest()).decode("ascii")


def sealed(sealer: Sealer, webhook_id: object, keys: Secrets) -> str:
    """The secrets as they are kept."""
    until = keys.until.isoformat() if keys.until else None
    return sealer.seal(_place(webhook_id), orjson.dumps([keys.current, keys.previous, until]).decode())


def opened(sealer: Sealer, webhook_id: object, text: str) -> Secrets:
    """The secrets again.

    Raises:
        UnreadableSecretError: none of the keys of this installation opens them.
    """
    current, previous, until = orjson.loads(sealer.open(_place(webhook_id), text))
    moment = datetime.fromisoformat(until).astimezone(UTC) if until else None
    return Secrets(current=current, previous=previous, until=moment)


def _place(webhook_id: object) -> str:
    return f"webhook {webhook_id}"


def _key(secret: str) -> bytes:
    try:
        return base64.b64decode(secret.removeprefix(PREFIX).encode("ascii"), validate=True)
    except (UnicodeEncodeError, binascii.Error) as exc:
        raise ValueError("no base64") from exc
