"""Secrets, signatures and waits of webhooks, by numbers."""

import base64
from datetime import UTC, datetime, timedelta
from email.utils import format_datetime

import pytest
from hypothesis import given
from hypothesis import strategies as st

from webapp.services.delivery.targets import Outcome
from webapp.services.settings.sealing import Sealer, UnreadableSecretError
from webapp.services.webhooks import schedule, signing
from webapp.services.webhooks.signing import Secrets

NOW = datetime(2026, 11, 25, 12, tzinfo=UTC)
DAY = timedelta(days=1)


def secret_of(size: int) -> str:
    return "whsec_" + base64.b64encode(b"k" * size).decode()


def test_a_message_is_signed_as_the_specification_has_it() -> None:
    # The example that the libraries of Standard Webhooks test themselves with.
    found = signing.signature(
        "whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw",
        "msg_p5jXN8AQM9LWM0D4loKWxJek",
        "1614265330",
        b'{"test": 2432232314}',
    )
    assert found == "v1,g0hM9SsE+OTPJTGt/tmIKtSyZlE3uFJELVlNIOLJ1OE="


@pytest.mark.parametrize("size", [24, 32, 64])
def test_secrets_of_24_to_64_bytes_are_fine(size: int) -> None:
    assert signing.is_secret(secret_of(size))
    assert signing.is_secret(signing.new_secret())


@pytest.mark.parametrize(
    "text",
    ["", "whsec_", "secret", secret_of(23), secret_of(65), secret_of(32)[6:], secret_of(32) + "=", "whsec_" + "ä" * 40,
     "WHSEC_" + "A" * 44, "whsec_" + "A" * 43, "whsec_" + "-_" * 22, "whsec_ " + "A" * 44, secret_of(32) + "\n"],
)  # fmt: skip
def test_anything_else_is_none(text: str) -> None:
    assert not signing.is_secret(text)


def test_two_secrets_count_for_a_day() -> None:
    keys = Secrets(current="old").replaced("new", NOW)
    assert keys.that_count(NOW + DAY - timedelta(seconds=1)) == ["new", "old"]
    assert keys.that_count(NOW + DAY) == ["new"]
    assert keys.replaced("newest", NOW).that_count(NOW) == ["newest", "new"]
    assert Secrets(current="only").that_count(NOW) == ["only"]


def test_both_signatures_are_in_the_header() -> None:
    keys = Secrets(current=secret_of(24)).replaced(secret_of(32), NOW)
    found = signing.headers(keys, "id", NOW, b"body")
    wanted = [signing.signature(secret_of(size), "id", str(int(NOW.timestamp())), b"body") for size in (32, 24)]
    assert found["webhook-signature"].split(" ") == wanted


def test_what_is_sealed_opens_for_its_webhook_only() -> None:
    sealer = Sealer(["key"])
    keys = Secrets(current="old").replaced("new", NOW)
    text = signing.sealed(sealer, "one", keys)
    assert "new" not in text
    assert signing.opened(sealer, "one", text) == keys
    with pytest.raises(UnreadableSecretError):
        signing.opened(sealer, "two", text)
    with pytest.raises(UnreadableSecretError):
        signing.opened(Sealer(["other"]), "one", text)


# --- waits ------------------------------------------------------------------------


def failed(passed: float = 0.0, retry_after: float | None = None) -> tuple[Outcome, datetime]:
    return Outcome(ok=False, at=NOW, ms=1, retry_after=retry_after), NOW - timedelta(seconds=passed)


def test_the_waits_of_a_message_that_never_gets_through_fill_about_a_day() -> None:
    passed = 0.0
    waits = []
    for attempt in range(1, 50):
        wait = schedule.delay(attempt, *failed(passed))
        if wait is None:
            break
        waits.append(wait)
        passed += wait
    assert len(waits) == len(schedule.WAITS)
    assert waits == sorted(waits)
    assert timedelta(hours=24) < timedelta(seconds=passed) < timedelta(hours=31)


@given(st.integers(1, 10), st.floats(0, 2e5))
def test_waits_are_spread_and_never_shorter_than_they_should_be(attempts: int, passed: float) -> None:
    wait = schedule.delay(attempts, *failed(passed))
    assert wait is not None
    assert schedule.WAITS[0] <= wait <= schedule.WAITS[attempts - 1] * 1.25


def test_waits_differ() -> None:
    assert len({schedule.delay(5, *failed(1e6)) for _ in range(20)}) > 10


def test_a_replayed_message_has_its_day_again() -> None:
    first = schedule.delay(12, *failed(0))
    assert first is not None
    assert first < 10
    assert schedule.delay(12, *failed(2e5)) is None


def test_a_message_that_was_paused_for_days_goes_on_where_it_was() -> None:
    wait = schedule.delay(2, *failed(1e6))
    assert wait is not None
    assert 30 <= wait <= 40


def test_an_address_rests_longer_and_longer_but_not_for_long() -> None:
    assert [schedule.rest(failures) for failures in range(schedule.RESTS_AFTER)] == [0.0] * schedule.RESTS_AFTER
    rests = [schedule.rest(failures) for failures in range(schedule.RESTS_AFTER, 40)]
    assert 4 <= rests[0] <= 5
    assert max(rests) <= schedule.LONGEST_REST
    assert rests[-1] >= schedule.LONGEST_REST / 1.25


@pytest.mark.parametrize(
    ("text", "seconds"),
    [
        ("120", 120), (" 7 ", 7), ("0", 0), ("999999999999999999", 3600), ("3601", 3600), (None, None), ("", None),
        ("-5", None), ("1.5", None), ("soon", None), ("٣", None), ("\x00", None),
        (format_datetime(NOW + timedelta(seconds=90), usegmt=True), 90), (format_datetime(NOW - DAY, usegmt=True), 0),
        (format_datetime(NOW + 9 * DAY, usegmt=True), 3600), ("Wed, 25 Nov 2026 12:00:30", 30),
        ("Wed, 99 Nov 2026 12:00:30 GMT", None), ("Wed, 25 Nov 999999999 12:00:30 GMT", None),
    ],
)  # fmt: skip
def test_a_pause_that_is_asked_for_is_read_and_bounded(text: str | None, seconds: float | None) -> None:
    assert schedule.asked_pause(text, NOW) == seconds


@pytest.mark.parametrize(
    ("failures", "hours", "dead"), [(10, 24, True), (9, 48, False), (1000, 23.9, False), (1000, 24.1, True)]
)
def test_an_address_is_dead_after_a_day_of_failures(failures: int, hours: float, dead: bool) -> None:
    assert schedule.is_dead(failures, NOW - timedelta(hours=hours), NOW) is dead
    assert not schedule.is_dead(failures, None, NOW)
