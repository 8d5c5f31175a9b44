"""Guessing passwords gets slow, whichever worker is asked."""

from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor

import pytest

from tests.support.browser import LOGIN, Browser
from tests.support.server import ADMIN_PASSWORD, USER_PASSWORD, Server

PATIENCE = 40


@pytest.fixture
def guarded(fresh_server: Callable[..., Server]) -> Server:
    server = fresh_server(workers=3)
    server.add_user("uploader")
    return server


def guess(server: Server, name: str, password: str, headers: dict | None = None):
    """One attempt in a new browser, that is, on any worker."""
    with Browser(server.url) as person:
        person.session.headers.update(headers or {})
        return person.try_sign_in(name, password)


@pytest.mark.slow
def test_guessing_is_slowed_down_on_all_workers_alike(guarded: Server) -> None:
    statuses = []
    while 429 not in statuses:
        statuses.append(guess(guarded, "uploader", "wrong").status_code)
        assert len(statuses) < PATIENCE, "guessing is never slowed down"
    assert len(statuses) > 3, "a few slips have to be possible"

    for password in ("wrong",) * 6 + (USER_PASSWORD,) * 6:
        answer = guess(guarded, "uploader", password)
        assert answer.status_code == 429
        assert int(answer.headers["Retry-After"]) >= 1

    for forged in ("X-Forwarded-For", "X-Real-IP", "Forwarded", "Client-IP"):
        assert guess(guarded, "uploader", "wrong", {forged: "203.0.113.7"}).status_code == 429
    for spelling in ("UPLOADER", "uploader ", "Uploader"):
        answer = guess(guarded, spelling, USER_PASSWORD)
        assert answer.status_code not in {302, 303}, f"{spelling!r} gets around the throttle"

    assert guess(guarded, "admin", ADMIN_PASSWORD).status_code in {302, 303}, "one account locks out another"
    with guarded.client("uploader") as program:
        assert program.get("/api/me").status_code == 200, "programs with tokens are not concerned"


@pytest.mark.slow
def test_parallel_guesses_do_not_slip_through(guarded: Server) -> None:
    with ThreadPoolExecutor(12) as pool:
        answers = list(pool.map(lambda n: guess(guarded, "uploader", f"wrong{n}").status_code, range(60)))
    assert all(status in {200, 400, 401, 403, 422, 429} for status in answers), answers
    assert sum(status != 429 for status in answers) <= 12, "parallel guesses slip through"


@pytest.mark.slow
def test_names_that_do_not_exist_are_slowed_down_too(guarded: Server) -> None:
    statuses = [guess(guarded, "nobody-of-that-name", "wrong").status_code for _ in range(PATIENCE)]
    assert 429 in statuses


@pytest.mark.slow
def test_many_accounts_from_one_address_are_slowed_down(guarded: Server) -> None:
    with ThreadPoolExecutor(4) as pool:
        statuses = list(pool.map(lambda n: guess(guarded, f"name{n}", "wrong").status_code, range(120)))
    assert 429 in statuses
    with Browser(guarded.url) as person:
        assert person.get(LOGIN).status_code == 200
