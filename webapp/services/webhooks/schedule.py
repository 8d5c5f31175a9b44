"""When a message that failed is sent again, and when an address is left alone for a while.

A message has about a day. Waits grow, and each gets up to a quarter on top by
chance, so that what failed together does not come back together.
"""

import random
from collections.abc import Sequence
from datetime import UTC, datetime, timedelta
from email.utils import parsedate_to_datetime
from itertools import accumulate

from webapp.services.delivery.targets import Outcome

_MINUTE, _HOUR = 60.0, 3600.0
WAITS: Sequence[float] = (
    *(5.0, 30.0, 2 * _MINUTE, 10 * _MINUTE, 30 * _MINUTE),
    *(_HOUR, 2 * _HOUR, 4 * _HOUR, 7 * _HOUR, 10 * _HOUR),
)
MOST_ASKED = _HOUR
"""An address may ask for a pause; this is the longest it gets."""
RESTS_AFTER = 5
"""So many failures in a row, whatever the messages, and the address is left alone between attempts."""
LONGEST_REST = 5 * _MINUTE
DEAD_AFTER = timedelta(days=1)
DEAD_FAILURES = 10
"""Nothing but failures for that long, and at least so many: the webhook is paused. The last attempt of a message comes
later than that, so one message is enough."""

_since_first = tuple(accumulate(WAITS))


def delay(attempts: int, outcome: Outcome, first_tried_at: datetime) -> float | None:
    """Seconds until the next attempt, None if there is none.

    A message that is replayed has its day again: its attempts count on, but its time
    begins anew. One whose webhook was paused for days goes on where it was. So what
    counts is the smaller of what attempts and time say.
    """
    passed = max(0.0, (outcome.at - first_tried_at).total_seconds())
    step = min(attempts - 1, sum(each <= passed for each in _since_first))
    if step >= len(WAITS):
        return None
    return max(_spread(WAITS[step]), outcome.retry_after or 0.0)


def rest(failures: int) -> float:
    """Seconds for which an address is left alone after so many failures in a row."""
    if failures < RESTS_AFTER:
        return 0.0
    return _spread(min(LONGEST_REST, 5.0 * 2 ** min(failures - RESTS_AFTER, 10)) / 1.25)


def is_dead(failures: int, failing_since: datetime | None, now: datetime) -> bool:
    """Whether to give up an address."""
    return failing_since is not None and failures >= DEAD_FAILURES and now - failing_since >= DEAD_AFTER


def asked_pause(retry_after: str | None, now: datetime) -> float | None:
    """Seconds that a ``Retry-After`` asks for (RFC 9110, section 10.2.3), within bounds."""
    if not retry_after:
        return None
    text = retry_after.strip()
    if text.isascii() and text.isdigit():
        return min(float(text[:9]), MOST_ASKED)
    try:
        moment = parsedate_to_datetime(text)
    except (ValueError, TypeError, OverflowError):
        return None
    moment = moment if moment.tzinfo else moment.replace(tzinfo=UTC)
    return min(max((moment - now).total_seconds(), 0.0), MOST_ASKED)


def _spread(seconds: float) -> float:
    return seconds * random.uniform(1.0, 1.25)  # noqa: S311 (nobody gains by guessing it)
