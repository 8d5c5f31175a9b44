"""Guessing is slowed down, in all threads and workers alike, and people who know their password are not."""

from collections.abc import Iterator
from datetime import UTC, datetime, timedelta

import pytest
import sqlalchemy as sa

from tests.support.app import PASSWORD, House
from webapp.db import table
from webapp.models import SignInFailure
from webapp.services import throttle
from webapp.services.errors import RateLimitedError, UnauthenticatedError
from webapp.services.sessions import Client
from webapp.services.throttle import MOST_PER_PAIR
from webapp.services.upkeep import forget_expired

rows = table(SignInFailure)
HERE, THERE = "192.0.2.1", "198.51.100.7"


def guess(house: House, name: str = "uploader", address: str = HERE, password: str = "wrong") -> str:
    """How a sign-in ends."""
    try:
        house.services.sessions.sign_in(name, password, Client(address))
    except UnauthenticatedError:
        return "wrong"
    except RateLimitedError as exc:
        return "limited" if 1 <= int(str(exc.data["retry_after"])) <= 15 * 60 + 1 else "for ever"
    return "in"


def guesses(house: House, number: int, **who: str) -> list[str]:
    return [guess(house, **who) for _ in range(number)]


def test_after_some_wrong_passwords_even_the_right_one_is_refused(inside: House) -> None:
    assert guesses(inside, MOST_PER_PAIR) == ["wrong"] * MOST_PER_PAIR
    assert guess(inside) == "limited"
    assert guess(inside, password=PASSWORD) == "limited"


def test_the_right_password_starts_afresh(inside: House) -> None:
    guesses(inside, MOST_PER_PAIR - 1)
    assert guess(inside, password=PASSWORD) == "in"
    assert guesses(inside, MOST_PER_PAIR) == ["wrong"] * MOST_PER_PAIR
    assert guess(inside) == "limited"


def test_signing_in_often_is_not_guessing(inside: House) -> None:
    assert [guess(inside, password=PASSWORD) for _ in range(MOST_PER_PAIR * 3)] == ["in"] * MOST_PER_PAIR * 3


def test_the_account_stays_open_from_elsewhere_and_for_others_from_here(inside: House) -> None:
    guesses(inside, MOST_PER_PAIR + 1)
    assert guess(inside, address=THERE, password=PASSWORD) == "in"
    assert guess(inside, name="stranger", password=PASSWORD) == "in"


def test_the_case_of_the_name_does_not_matter(inside: House) -> None:
    for name in ("uploader", "UPLOADER", "Uploader", "uPloader", "upLoader"):
        assert guess(inside, name=name) == "wrong"
    assert guess(inside, name="uploadeR") == "limited"


def test_one_account_from_everywhere_is_limited_too(inside: House, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(throttle, "MOST_PER_ACCOUNT", 8)
    outcomes = [guess(inside, address=f"192.0.2.{n}") for n in range(12)]
    assert outcomes == ["wrong"] * 8 + ["limited"] * 4


def test_one_address_for_all_accounts_is_limited_too(inside: House, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(throttle, "MOST_PER_ADDRESS", 8)
    outcomes = [guess(inside, name=f"name{n}") for n in range(12)]
    assert outcomes == ["wrong"] * 8 + ["limited"] * 4


@pytest.mark.parametrize(
    ("addresses", "limited"),
    [
        (["2001:db8::1", "2001:db8::2", "2001:db8::ffff", "2001:db8::4:5", "2001:db8::5", "2001:db8::6"], True),
        ([f"2001:db8:0:{n}::1" for n in range(6)], False),
        (["::ffff:192.0.2.1", HERE, "::ffff:192.0.2.1", HERE, HERE, HERE], True),
    ],
)
def test_a_network_of_one_customer_is_one_address(inside: House, addresses: list[str], limited: bool) -> None:
    outcomes = [guess(inside, address=address) for address in addresses]
    assert outcomes == ["wrong"] * 5 + ["limited" if limited else "wrong"]


@pytest.mark.parametrize("address", ["", "unix:", "not an address"])
def test_an_address_that_is_none_counts_as_itself(inside: House, address: str) -> None:
    assert guesses(inside, 6, address=address) == ["wrong"] * 5 + ["limited"]


def test_after_the_window_one_may_try_again(inside: House) -> None:
    guesses(inside, MOST_PER_PAIR + 1)
    inside.write(sa.update(rows).values(expires_at=datetime.now(UTC) - timedelta(seconds=1)))
    assert guess(inside) == "wrong"
    assert guess(inside, password=PASSWORD) == "in"


def test_trying_on_does_not_make_the_window_longer(inside: House) -> None:
    guesses(inside, 1)
    before = {row.bucket: row.expires_at for row in inside.query(sa.select(rows))}
    guesses(inside, 9)
    assert {row.bucket: row.expires_at for row in inside.query(sa.select(rows))} == before


def test_parallel_guesses_do_not_slip_through(inside: House) -> None:
    outcomes = inside.together(*[lambda: guess(inside)] * 20)
    assert sorted(outcomes) == ["limited"] * 15 + ["wrong"] * 5


def test_a_parallel_right_password_among_guesses_breaks_nothing(inside: House) -> None:
    calls = [lambda n=n: guess(inside, password=PASSWORD if n % 4 == 0 else "wrong") for n in range(16)]
    outcomes = inside.together(*calls)
    assert {str(outcome) for outcome in outcomes} <= {"in", "wrong", "limited"}
    assert outcomes.count("wrong") <= 12


def test_names_are_not_kept(inside: House) -> None:
    """People type their password into the name field."""
    guess(inside, name="my secret password")
    assert "secret" not in str(inside.query(sa.select(rows)))


def test_counters_are_forgotten_after_their_time(inside: House) -> None:
    guesses(inside, 1)
    assert forget_expired() == 0
    inside.write(sa.update(rows).values(expires_at=datetime.now(UTC) - timedelta(seconds=1)))
    assert forget_expired() == 3


@pytest.fixture(autouse=True)
def _no_leftovers(inside: House) -> Iterator[None]:
    yield
    assert all(row.failures >= 0 for row in inside.query(sa.select(rows)))
