"""Numbers, times and names as people read them."""

import unicodedata
from datetime import UTC, datetime, time, timedelta

from flask import has_request_context, request

from webapp.http import i18n
from webapp.http.i18n import has, t

WHOLE = 20
"""Names up to this length are shown in one piece."""
TAIL = 9
UNITS_COOKIE = "fs_units"
BINARY = "binary"
_TURNING = frozenset("\u061c\u200f\u202a\u202b\u202d\u202e\u2066\u2067\u2068")
_UNITS = ("kb", "mb", "gb", "tb", "pb", "eb")
_BINARY_UNITS = ("kib", "mib", "gib", "tib", "pib", "eib")


def size(count: int) -> str:
    """1.2 MB, or 1.1 MiB for readers who want powers of two; one decimal where it says something."""
    binary = has_request_context() and request.cookies.get(UNITS_COOKIE) == BINARY
    base, units = (1024, _BINARY_UNITS) if binary else (1000, _UNITS)
    if count < base:
        return t("size.bytes", count=count)
    power = 1
    # 999,950 bytes are not 1000.0 KB.
    while power < len(units) and round(count / base**power, 1) >= base:
        power += 1
    return t(f"size.{units[power - 1]}", value=i18n.number(count / base**power, 1))


def exact_size(count: int) -> str:
    """1,234,567 bytes."""
    return t("size.bytes", count=count)


def number(value: int) -> str:
    """1,234."""
    return i18n.number(value)


def ago(moment: datetime, now: datetime | None = None) -> str:
    """5 min ago, yesterday, 14 Nov 2026. Clocks differ a little: the near future is now."""
    now = now or datetime.now(UTC)
    seconds = (now - moment).total_seconds()
    days = (now.date() - moment.astimezone(UTC).date()).days
    if -300 < seconds < 60:
        return t("time.now")
    if 0 < seconds < 3600:
        return t("time.minutes_ago", count=int(seconds // 60))
    if 0 < seconds < 86_400:
        return t("time.hours_ago", count=int(seconds // 3600))
    if days == 1:
        return t("time.yesterday")
    if 0 < days < 7:
        return t("time.days_ago", count=days)
    return day(moment)


def days_left(moment: datetime, days: int, now: datetime | None = None) -> int:
    """Whole days until ``days`` after ``moment``, at least 0."""
    left = moment + timedelta(days=days) - (now or datetime.now(UTC))
    return max(0, -(-int(left.total_seconds()) // 86_400))


def in_days(days: int) -> str:
    """Today, tomorrow, in 12 days."""
    if days <= 1:
        return t("time.tomorrow" if days else "time.today")
    return t("time.in_days", count=days)


def day(moment: datetime) -> str:
    """14 Nov 2026, in UTC."""
    moment = moment.astimezone(UTC)
    return t("time.date", day=moment.day, month=t(f"time.months.{moment.month}"), year=moment.year)


def days(since: str, until: str) -> str:
    """1 Nov 2026 to 14 Nov 2026, from days as an address names them; one of them may be open."""
    return t("filters.days", since=_named(since), until=_named(until))


def _named(iso_day: str) -> str:
    return day(datetime.combine(datetime.fromisoformat(iso_day), time(), UTC)) if iso_day else "…"


def utc(moment: datetime) -> str:
    """14 Nov 2026, 09:05:07 UTC."""
    return t("time.full", date=day(moment), clock=f"{moment.astimezone(UTC):%H:%M:%S}")


def iso(moment: datetime) -> str:
    """2026-11-14T09:05:07Z."""
    return f"{moment.astimezone(UTC):%Y-%m-%dT%H:%M:%SZ}"


def halves(name: str) -> tuple[str, str]:
    """A name in two parts: the first may be cut short, the second, with the extension, is always shown."""
    if len(name) <= WHOLE:
        return name, ""
    cut = len(name) - TAIL
    while cut > 0 and _belongs_to_the_left(name, cut):
        cut -= 1
    return name[:cut], name[cut:]


def is_disguised(name: str) -> bool:
    """Whether characters in a name change the direction of its text (UAX #9): it may read as another name."""
    return not name.isascii() and any(character in _TURNING for character in name)


def ending(name: str) -> str:
    """The extension of a name, to the letter and in the order of its letters."""
    plain = "".join(character for character in name if character not in _TURNING)
    dot, extension = plain.rpartition(".")[1:]
    return f"{dot}{extension}"[:12]


def _belongs_to_the_left(name: str, at: int) -> bool:
    """Whether a cut here would split what is read as one character."""
    joined = name[at - 1] == "\u200d" or "\U0001f3fb" <= name[at] <= "\U0001f3ff"
    return joined or unicodedata.category(name[at]) in ("Mn", "Mc", "Me", "Cf")


def initials(name: str) -> str:
    """One or two letters that stand for a person."""
    words = "".join(c if c.isalnum() else " " for c in name).split()
    return "".join(word[0] for word in (words[:1] + words[-1:] if len(words) > 1 else words)).upper() or "?"


def backend_label(backend_id: str) -> str:
    """How a storage backend is called; those of third parties by their id."""
    return t(f"backends.{backend_id}") if has(f"backends.{backend_id}") else backend_id


ALL = {
    "size": size,
    "exact_size": exact_size,
    "number": number,
    "ago": ago,
    "days_left": days_left,
    "in_days": in_days,
    "day": day,
    "utc": utc,
    "iso": iso,
    "halves": halves,
    "is_disguised": is_disguised,
    "ending": ending,
    "initials": initials,
    "backend_label": backend_label,
}
