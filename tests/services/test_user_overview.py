"""Accounts with what they store and when they were last seen, a page at a time."""

from dataclasses import fields
from datetime import UTC, datetime, timedelta
from uuid import uuid4

import sqlalchemy as sa

from tests.support.app import PASSWORD, House
from webapp.db import EventRow, table
from webapp.models import ApiToken, User, UserSession
from webapp.services.sessions import Client
from webapp.services.users import UserOut, UserRow

HERE = Client("192.0.2.1", "a browser")
DAY = timedelta(days=1)


def row_of(house: House, name: str) -> UserRow:
    [found] = [row for row in house.services.users.overview() if row.username == name]
    return found


def names(rows: list[UserRow]) -> list[str]:
    return [row.username for row in rows]


def set_back(house: House, model: type, column: str, moment: datetime) -> None:
    house.write(sa.update(table(model)).values({column: moment}))


def test_accounts_come_by_name_with_all_an_account_has(inside: House) -> None:
    inside.services.users.create("Ärger", PASSWORD, "user")
    rows = inside.services.users.overview()
    assert names(rows) == ["admin", "stranger", "uploader", "Ärger"]
    plain = [UserOut(**{f.name: getattr(row, f.name) for f in fields(UserOut)}) for row in rows]
    assert plain == inside.services.users.list()


def test_files_and_bytes_are_those_that_are_live(inside: House) -> None:
    inside.upload(data=b"12345")
    trashed = inside.upload(data=b"123")
    inside.upload(inside.admin, data=b"1")
    inside.services.files.trash(inside.uploader, trashed.id)
    assert (row_of(inside, "uploader").files, row_of(inside, "uploader").size_bytes) == (1, 5)
    assert (row_of(inside, "admin").files, row_of(inside, "admin").size_bytes) == (1, 1)
    assert (row_of(inside, "stranger").files, row_of(inside, "stranger").size_bytes) == (0, 0)


def test_somebody_who_never_came_was_never_seen(inside: House) -> None:
    assert [row.last_seen_at for row in inside.services.users.overview()] == [None, None, None]


def test_a_visit_counts_as_seen(inside: House) -> None:
    inside.services.sessions.sign_in("uploader", PASSWORD, HERE)
    visit = datetime.now(UTC) + DAY
    set_back(inside, UserSession, "last_seen_at", visit)
    assert row_of(inside, "uploader").last_seen_at == visit
    assert row_of(inside, "stranger").last_seen_at is None


def test_the_use_of_a_token_counts_as_seen(inside: House) -> None:
    inside.token("uploader")
    assert row_of(inside, "uploader").last_seen_at is None
    use = datetime.now(UTC) - DAY
    set_back(inside, ApiToken, "last_used_at", use)
    assert row_of(inside, "uploader").last_seen_at == use


def test_whoever_has_signed_out_was_seen_when_signing_in(inside: House) -> None:
    """Also when an older token is still there."""
    inside.token("uploader")
    set_back(inside, ApiToken, "last_used_at", datetime.now(UTC) - 9 * DAY)
    secret = inside.services.sessions.sign_in("uploader", PASSWORD, HERE)
    inside.services.sessions.end(secret)
    signed_in = datetime.now(UTC) - DAY
    set_back(inside, EventRow, "occurred_at", signed_in)
    assert row_of(inside, "uploader").last_seen_at == signed_in


def test_the_next_page_follows_the_last_name(inside: House) -> None:
    users = inside.services.users
    assert names(users.overview(limit=2)) == ["admin", "stranger"]
    assert names(users.overview(after="STRANGER", limit=2)) == ["uploader"]
    assert users.overview(after="uploader") == []


def test_part_of_a_name_finds_it_in_any_case_and_literally(inside: House) -> None:
    users = inside.services.users
    users.create("100% Straße", PASSWORD, "user")
    assert names(users.overview("STRASSE")) == ["100% Straße"]
    assert names(users.overview("0%")) == ["100% Straße"]
    assert names(users.overview("load")) == ["uploader"]
    assert users.overview("up_oader") == []
    assert (users.count(), users.count("STRASSE"), users.count("%%")) == (4, 1, 0)


def test_removed_accounts_are_gone_from_it(inside: House) -> None:
    inside.services.users.delete(row_of(inside, "stranger").id)
    assert names(inside.services.users.overview()) == ["admin", "uploader"]
    assert inside.services.users.count() == 2


def test_thousands_of_accounts_come_two_hundred_at_a_time(inside: House) -> None:
    [like] = inside.query(sa.select(table(User)).where(table(User).c.username == "stranger"))
    rows = [{**like._mapping, "id": uuid4(), "username": f"u{n:04}", "username_folded": f"u{n:04}"} for n in range(500)]
    inside.write(sa.insert(table(User)).values(rows))
    assert len(inside.services.users.overview()) == 200
    assert len(inside.services.users.overview(after="u0400")) == 100
