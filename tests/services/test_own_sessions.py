"""People see where they are signed in, and sign out elsewhere."""

from dataclasses import replace
from datetime import UTC, datetime, timedelta
from uuid import uuid4

import pytest
import sqlalchemy as sa

from tests.support.app import PASSWORD, House
from webapp.db import table
from webapp.models import UserSession
from webapp.services.access import Caller
from webapp.services.errors import ForbiddenError, NotFoundError, UnauthenticatedError
from webapp.services.sessions import MOST_LISTED, Client

rows = table(UserSession)


def sign_in(house: House, name: str = "uploader", agent: str = "a browser") -> Caller:
    sessions = house.services.sessions
    return sessions.authenticate(sessions.sign_in(name, PASSWORD, Client("192.0.2.1", agent)))


def ids(house: House) -> set[object]:
    return {row.id for row in house.query(sa.select(rows.c.id))}


def age(house: House, caller: Caller, **values: object) -> None:
    house.write(sa.update(rows).where(rows.c.id == caller.session_id).values(values))


def test_the_session_that_asks_comes_first_then_the_one_seen_last(inside: House) -> None:
    here, tablet, phone = (sign_in(inside, agent=agent) for agent in ("here", "tablet", "phone"))
    sign_in(inside, "stranger")
    now = datetime.now(UTC)
    age(inside, here, last_seen_at=now - timedelta(days=1))
    age(inside, tablet, last_seen_at=now - timedelta(hours=1))
    age(inside, phone, last_seen_at=now)
    found = inside.services.sessions.list(here)
    assert [(each.user_agent, each.current) for each in found] == [("here", True), ("phone", False), ("tablet", False)]
    assert found[0].id == here.session_id
    assert found[0].address == "192.0.2.1"
    assert found[1].last_seen_at == now
    assert now - timedelta(minutes=1) < found[0].created_at <= now


def test_an_expired_session_is_not_listed(inside: House) -> None:
    here, old = sign_in(inside), sign_in(inside)
    age(inside, old, expires_at=datetime.now(UTC) - timedelta(seconds=1))
    assert [each.id for each in inside.services.sessions.list(here)] == [here.session_id]


def test_a_list_has_an_end(inside: House) -> None:
    here = sign_in(inside)
    [row] = inside.query(sa.select(rows))
    more = [{**row._mapping, "id": uuid4(), "secret_hash": str(number)} for number in range(MOST_LISTED + 5)]
    inside.write(sa.insert(rows).values(more))
    assert len(inside.services.sessions.list(here)) == MOST_LISTED


def test_one_session_is_ended_and_no_other(inside: House) -> None:
    here, there = sign_in(inside), sign_in(inside)
    assert there.session_id is not None
    inside.services.sessions.end_one(here, there.session_id)
    assert ids(inside) == {here.session_id}
    with pytest.raises(NotFoundError):
        inside.services.sessions.end_one(here, there.session_id)


def test_a_session_can_end_itself(inside: House) -> None:
    sessions = inside.services.sessions
    secret = sessions.sign_in("uploader", PASSWORD, Client("192.0.2.1"))
    here = sessions.authenticate(secret)
    assert here.session_id is not None
    sessions.end_one(here, here.session_id)
    with pytest.raises(UnauthenticatedError):
        sessions.authenticate(secret)


def test_nobody_ends_the_sessions_of_others(inside: House) -> None:
    here, victim = sign_in(inside, "admin"), sign_in(inside, "uploader")
    assert victim.session_id is not None
    with pytest.raises(NotFoundError):
        inside.services.sessions.end_one(here, victim.session_id)
    assert inside.services.sessions.end_others(here) == 0
    assert ids(inside) == {here.session_id, victim.session_id}


def test_all_others_end_at_once(inside: House) -> None:
    here, *_ = [sign_in(inside) for _ in range(3)]
    other_person = sign_in(inside, "stranger")
    assert inside.services.sessions.end_others(here) == 2
    assert ids(inside) == {here.session_id, other_person.session_id}
    assert inside.services.sessions.end_others(here) == 0


def test_a_token_neither_sees_nor_ends_sessions(inside: House) -> None:
    person = sign_in(inside)
    assert person.session_id is not None
    program, sessions = replace(person, session_id=None, token_id=uuid4()), inside.services.sessions
    for attempt in (
        lambda: sessions.list(program),
        lambda: sessions.end_others(program),
        lambda: sessions.end_one(program, person.session_id),
    ):
        with pytest.raises(ForbiddenError):
            attempt()
    assert ids(inside) == {person.session_id}
