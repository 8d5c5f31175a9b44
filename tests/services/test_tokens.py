"""Tokens: random, shown once, never more powerful than their owner."""

from datetime import UTC, datetime, timedelta
from uuid import uuid4

import pytest
import sqlalchemy as sa

from tests.support.app import House
from webapp import db
from webapp.contracts.errors import StorageFullError
from webapp.contracts.events import Event, TokenCreated, TokenRevoked
from webapp.db import table
from webapp.models import ApiToken
from webapp.services.access import Permission
from webapp.services.errors import ForbiddenError, NotFoundError, UnauthenticatedError, ValidationError

tokens = table(ApiToken)
DOWNLOAD = Permission.DOWNLOAD.value


def test_a_token_tells_who_is_asking(inside: House, heard: list[Event]) -> None:
    made = inside.services.tokens.create(inside.uploader, "  laptop ", [DOWNLOAD, DOWNLOAD])
    caller = inside.services.tokens.authenticate(made.token, "r1")
    assert (caller.username, caller.role, caller.request_id, caller.token_id) == ("uploader", "user", "r1", made.id)
    assert caller.permissions == {Permission.DOWNLOAD}
    assert caller.session_id is None
    assert (made.name, made.scopes) == ("laptop", [DOWNLOAD])
    [event] = heard
    assert isinstance(event, TokenCreated)
    assert made.token not in str(event)


def test_only_a_hash_is_kept(inside: House) -> None:
    made = inside.services.tokens.create(inside.uploader, "laptop", [DOWNLOAD])
    [row] = inside.query(sa.select(tokens))
    assert made.token not in str(tuple(row))
    assert row.prefix == made.prefix == made.token[:12]
    assert len(made.token) > 40


def test_tokens_differ(inside: House) -> None:
    assert len({inside.token("uploader") for _ in range(10)}) == 10


@pytest.mark.parametrize("change", [lambda t: t[:-1], lambda t: t + "x", str.upper, lambda t: "", lambda t: "stw_"])
def test_a_token_that_is_not_exactly_right_is_nobodys(inside: House, change: object) -> None:
    token = inside.token("uploader")
    with pytest.raises(UnauthenticatedError):
        inside.services.tokens.authenticate(change(token))  # type: ignore[operator]


@pytest.mark.parametrize("token", ["\x00", "\ud800", "stw_\x00", "x" * 10_000, "' OR 1=1 --"])
def test_nonsense_is_nobodys(inside: House, token: str) -> None:
    with pytest.raises(UnauthenticatedError):
        inside.services.tokens.authenticate(token)


def test_scopes_are_a_subset_of_what_the_owner_may(inside: House) -> None:
    for scopes in ([Permission.MANAGE.value], ["nonsense"], [DOWNLOAD, Permission.USERS.value]):
        with pytest.raises(ValidationError) as refused:
            inside.services.tokens.create(inside.uploader, "x", scopes)
        assert refused.value.errors == {"scopes": "not_your_scope"}


def test_a_token_cannot_make_a_more_powerful_token(inside: House) -> None:
    narrow = inside.caller("admin", Permission.TOKENS, Permission.DOWNLOAD)
    with pytest.raises(ValidationError):
        inside.services.tokens.create(narrow, "x", [Permission.MANAGE.value])
    assert inside.services.tokens.create(narrow, "x", [DOWNLOAD])


def test_a_token_without_that_scope_makes_none(inside: House) -> None:
    caller = inside.caller("admin", Permission.DOWNLOAD)
    for call in (
        lambda: inside.services.tokens.create(caller, "x", [DOWNLOAD]),
        lambda: inside.services.tokens.list(caller),
        lambda: inside.services.tokens.revoke(caller, uuid4()),
    ):
        with pytest.raises(ForbiddenError):
            call()


@pytest.mark.parametrize(
    ("name", "scopes", "wrong"),
    [
        ("", [DOWNLOAD], {"name": "required"}),
        ("  ", [DOWNLOAD], {"name": "required"}),
        (None, [DOWNLOAD], {"name": "required"}),
        ("x" * 101, [DOWNLOAD], {"name": "too_long"}),
        ("a\nb", [DOWNLOAD], {"name": "not_text"}),
        ("x", [], {"scopes": "required"}),
        ("x", DOWNLOAD, {"scopes": "required"}),
        ("x", None, {"scopes": "required"}),
        ("", [], {"name": "required", "scopes": "required"}),
    ],
)
def test_wrong_fields_are_all_named(sqlite_house: House, name: object, scopes: object, wrong: dict[str, str]) -> None:
    with sqlite_house.app.app_context(), pytest.raises(ValidationError) as refused:
        sqlite_house.services.tokens.create(sqlite_house.uploader, name, scopes)
    assert refused.value.errors == wrong


def test_a_token_expires_at_its_moment(inside: House) -> None:
    made = inside.services.tokens.create(
        inside.uploader, "x", [DOWNLOAD], expires_at=datetime.now(UTC) + timedelta(hours=1)
    )
    assert inside.services.tokens.authenticate(made.token)
    inside.write(sa.update(tokens).values(expires_at=datetime.now(UTC) - timedelta(seconds=1)))
    with pytest.raises(UnauthenticatedError):
        inside.services.tokens.authenticate(made.token)


def test_a_token_cannot_be_made_expired(inside: House) -> None:
    with pytest.raises(ValidationError) as refused:
        inside.services.tokens.create(inside.uploader, "x", [DOWNLOAD], expires_at=datetime.now(UTC))
    assert refused.value.errors == {"expires_at": "in_the_past"}


def test_the_last_use_is_known_to_the_minute_and_costs_no_more(inside: House) -> None:
    token = inside.token("uploader")

    def last_use() -> datetime | None:
        [row] = inside.query(sa.select(tokens.c.last_used_at))
        return row.last_used_at  # type: ignore[no-any-return]

    assert last_use() is None
    inside.services.tokens.authenticate(token)
    first = last_use()
    assert first
    inside.services.tokens.authenticate(token)
    assert last_use() == first
    inside.write(sa.update(tokens).values(last_used_at=first - timedelta(seconds=61)))
    inside.services.tokens.authenticate(token)
    assert (last_use() or first) >= first


def test_a_full_disk_keeps_nobody_from_reading(inside: House, monkeypatch: pytest.MonkeyPatch) -> None:
    """The moment of the last use is not worth a refused download."""
    token = inside.token("uploader")

    def full() -> None:
        raise StorageFullError("the disk of the database is full")

    monkeypatch.setattr(db, "transaction", full)
    assert inside.services.tokens.authenticate(token).username == "uploader"


def test_the_token_of_a_disabled_owner_sleeps(inside: House) -> None:
    token = inside.token("uploader")
    inside.services.users.change(inside.uploader.user_id, {"active": False})
    with pytest.raises(UnauthenticatedError):
        inside.services.tokens.authenticate(token)
    inside.services.users.change(inside.services.users.find("uploader").id, {"active": True})
    assert inside.services.tokens.authenticate(token)


def test_a_token_loses_what_its_owner_loses(inside: House) -> None:
    second = inside.services.users.create("second", "a long password", "admin")
    token = inside.token("second")
    assert Permission.MANAGE in inside.services.tokens.authenticate(token).permissions
    inside.services.users.change(second.id, {"role": "user"})
    caller = inside.services.tokens.authenticate(token)
    assert Permission.MANAGE not in caller.permissions
    assert caller.role == "user"


def test_people_see_and_revoke_their_own_tokens_only(inside: House, heard: list[Event]) -> None:
    service = inside.services.tokens
    made = service.create(inside.uploader, "one", [DOWNLOAD])
    newer = service.create(inside.uploader, "two", [DOWNLOAD])
    assert [token.id for token in service.list(inside.uploader)] == [newer.id, made.id]
    assert not hasattr(service.list(inside.uploader)[0], "token")
    assert service.list(inside.stranger) == []
    for caller in (inside.stranger, inside.admin):
        with pytest.raises(NotFoundError):
            service.revoke(caller, made.id)
    service.revoke(inside.uploader, made.id)
    assert isinstance(heard[-1], TokenRevoked)
    with pytest.raises(UnauthenticatedError):
        service.authenticate(made.token)
    with pytest.raises(NotFoundError):
        service.revoke(inside.uploader, made.id)
    assert service.authenticate(newer.token)
