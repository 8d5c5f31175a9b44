"""One message to one address, and what became of it."""

import logging
import time
from datetime import UTC, datetime
from uuid import UUID

import orjson

from webapp.config import Config
from webapp.contracts.errors import StorageBackendError
from webapp.services import outbound
from webapp.services.delivery import message
from webapp.services.delivery.targets import Logged, Outcome
from webapp.services.settings.sealing import Sealer, UnreadableSecretError
from webapp.services.webhooks import schedule, signing

log = logging.getLogger(__name__)

SECONDS = 15.0
"""For all of it: finding the address, connecting, sending, and the head of the answer."""
MEDIA_TYPE = "application/cloudevents+json"
_GONE = 410
_BUSY = (429, 503)


class Sender:
    """Signs messages and sends them."""

    def __init__(self, sealer: Sealer, config: Config) -> None:
        """Secrets are opened with ``sealer``; private addresses only where the configuration allows them."""
        self.sealer = sealer
        self._config = config

    @property
    def allow_private(self) -> bool:
        """Whether messages go to private addresses."""
        return self._config.allow_private_endpoints

    def send(self, webhook_id: UUID, url: str, sealed: str, logged: Logged) -> Outcome:
        """Send it and tell how that went; never raises."""
        at, started = datetime.now(UTC), time.monotonic()
        code = cause = pause = None
        try:
            answer = self._post(webhook_id, url, sealed, logged, at)
            code, cause = answer.status, _cause(answer.status)
            pause = schedule.asked_pause(answer.retry_after, at) if code in _BUSY else None
        except UnreadableSecretError:
            cause = "secret"
        except StorageBackendError as exc:
            cause = str(exc.data.get("cause", "error"))
        except Exception:
            # Its text may name the address, the traceback does not.
            log.exception("a message could not be sent", extra={"webhook": str(webhook_id)})
            cause = "error"
        return Outcome(
            ok=cause is None,
            at=at,
            ms=round((time.monotonic() - started) * 1000),
            code=code,
            cause=cause,
            error=f"HTTP {code}" if code and cause else None,
            retry_after=pause,
        )

    def _post(self, webhook_id: UUID, url: str, sealed: str, logged: Logged, at: datetime) -> outbound.Posted:
        keys = signing.opened(self.sealer, webhook_id, sealed)
        body = orjson.dumps(message.as_json(logged), option=orjson.OPT_UTC_Z)
        headers = {"Content-Type": MEDIA_TYPE, **signing.headers(keys, str(logged.event_id), at, body)}
        return outbound.post(url, body, headers, allow_private=self.allow_private, timeout=SECONDS)


def _cause(status: int) -> str | None:
    if 200 <= status < 300:
        return None
    if status == _GONE:
        return "gone"
    return "redirect" if 300 <= status < 400 else "status"
