"""With a session's cookie, the API wants proof that the person means it."""

import re

import pytest

from tests.support.app import FILES, PASSWORD, Api, House
from tests.support.problems import problem
from webapp.models import StoredFile


@pytest.fixture
def browser(house: House) -> tuple[Api, str]:
    """Somebody signed in with a cookie, and the token of their pages."""
    api = house.api()
    page = api.get("/account/login").content.decode()
    token = _token(page)
    form = {"username": "uploader", "password": PASSWORD, "csrf_token": token}
    assert api.post("/account/login", data=form).status_code == 303
    return api, _token(api.get("/account/login").content.decode())


def _token(page: str) -> str:
    found = re.search(r'name="csrf_token"[^>]*value="([^"]+)"|value="([^"]+)"[^>]*name="csrf_token"', page)
    assert found, page[:500]
    return found[1] or found[2]


def test_reading_needs_no_proof(browser: tuple[Api, str]) -> None:
    assert browser[0].get("/api/me").json()["username"] == "uploader"


def test_writing_without_proof_is_refused(house: House, browser: tuple[Api, str]) -> None:
    api, _ = browser
    for headers in ({}, {"X-CSRFToken": ""}, {"X-CSRFToken": "nonsense"}):
        problem(api.put(f"{FILES}/upload/a", data=b"x", headers=headers), "csrf_failed")
    problem(api.post("/api/tokens", json={"name": "x", "scopes": []}), "csrf_failed")
    assert house.count(StoredFile) == 0


def test_writing_with_the_header_works(house: House, browser: tuple[Api, str]) -> None:
    api, token = browser
    assert api.put(f"{FILES}/upload/a", data=b"x", headers={"X-CSRFToken": token}).status_code == 201
    assert house.count(StoredFile) == 1


def test_the_token_of_another_browser_is_none(house: House, browser: tuple[Api, str]) -> None:
    other = _token(house.api().get("/account/login").content.decode())
    problem(browser[0].put(f"{FILES}/upload/a", data=b"x", headers={"X-CSRFToken": other}), "csrf_failed")


def test_a_bearer_token_counts_before_the_cookie(house: House, browser: tuple[Api, str]) -> None:
    api, _ = browser
    headers = {"Authorization": f"Bearer {house.token('stranger')}"}
    assert api.get("/api/me", headers=headers).json()["username"] == "stranger"
    assert api.put(f"{FILES}/upload/a", data=b"x", headers=headers).status_code == 201
    problem(api.get("/api/me", headers={"Authorization": "Bearer nonsense"}), "unauthenticated")


def test_without_credentials_writing_is_unauthenticated_and_not_a_matter_of_proof(house: House) -> None:
    problem(house.api().put(f"{FILES}/upload/a", data=b"x"), "unauthenticated")
