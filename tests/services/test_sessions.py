"""Signed-in browsers, and how they are signed out."""

from datetime import UTC, datetime, timedelta

import pytest
import sqlalchemy as sa
from argon2 import PasswordHasher

from tests.support.app import PASSWORD, House
from webapp import db
from webapp.contracts.errors import StorageFullError
from webapp.contracts.events import Event, SignedIn
from webapp.db import table
from webapp.models import User, UserSession
from webapp.services import passwords
from webapp.services.errors import ForbiddenError, RateLimitedError, UnauthenticatedError, ValidationError
from webapp.services.sessions import LASTS, Client
from webapp.services.upkeep import forget_expired

HERE = Client("192.0.2.1", "a browser")
NEW = "a new long password"
rows = table(UserSession)


def sign_in(house: House, name: str = "uploader", password: str = PASSWORD) -> str:
    return house.services.sessions.sign_in(name, password, HERE)


def signed_in(house: House, secret: str) -> bool:
    try:
        return bool(house.services.sessions.authenticate(secret))
    except UnauthenticatedError:
        return False


def test_a_session_tells_who_is_asking(inside: House, heard: list[Event]) -> None:
    caller = inside.services.sessions.authenticate(sign_in(inside, "UPLOADER"), "r1")
    assert (caller.username, caller.role, caller.request_id) == ("uploader", "user", "r1")
    assert caller.permissions == inside.uploader.permissions
    assert caller.session_id is not None
    [event] = heard
    assert isinstance(event, SignedIn)
    assert (event.username, event.address) == ("uploader", "192.0.2.1")


def test_only_a_hash_is_kept(inside: House) -> None:
    secret = sign_in(inside)
    [row] = inside.query(sa.select(rows))
    assert secret not in str(tuple(row))
    assert (row.address, row.user_agent) == ("192.0.2.1", "a browser")


@pytest.mark.parametrize(
    ("name", "password"),
    [
        ("uploader", PASSWORD + "x"),
        ("uploader", ""),
        ("nobody", PASSWORD),
        ("", ""),
        ("up%", PASSWORD),
        ("uploader\x00", PASSWORD),
        ("\ud800", PASSWORD),
        ("uploader", "\ud800" * 10),
        ("uploader", "x" * 100_000),
        ("x" * 100_000, PASSWORD),
    ],
)
def test_wrong_names_and_passwords_are_refused_alike(inside: House, name: str, password: str) -> None:
    with pytest.raises(UnauthenticatedError) as refused:
        sign_in(inside, name, password)
    assert refused.value.data == {}


def test_unknown_names_take_as_long_as_known_ones(inside: House, monkeypatch: pytest.MonkeyPatch) -> None:
    checked: list[str] = []

    class Watched:
        def verify(self, kept: str, password: str) -> None:
            checked.append(kept)
            real.verify(kept, password)

    real = passwords._hasher
    monkeypatch.setattr(passwords, "_hasher", Watched())
    inside.write(sa.update(table(User)).where(table(User).c.username == "stranger").values(active=False))
    for name in ("uploader", "nobody", "stranger"):
        with pytest.raises(UnauthenticatedError):
            sign_in(inside, name, "wrong")
    assert len(checked) == 3


def test_a_disabled_account_cannot_sign_in(inside: House) -> None:
    inside.services.users.change(inside.uploader.user_id, {"active": False})
    with pytest.raises(UnauthenticatedError):
        sign_in(inside)


def test_disabling_ends_all_sessions_for_good(inside: House) -> None:
    user_id, secret = inside.uploader.user_id, sign_in(inside)
    inside.services.users.change(user_id, {"active": False})
    assert not signed_in(inside, secret)
    inside.services.users.change(user_id, {"active": True})
    assert not signed_in(inside, secret)


def test_a_password_set_by_an_admin_ends_all_sessions(inside: House) -> None:
    secrets, other = [sign_in(inside), sign_in(inside)], sign_in(inside, "stranger")
    inside.services.users.change(inside.uploader.user_id, {"password": NEW})
    assert [signed_in(inside, secret) for secret in [*secrets, other]] == [False, False, True]


def test_a_role_changes_what_a_living_session_may(inside: House) -> None:
    secret = sign_in(inside)
    inside.services.users.change(inside.uploader.user_id, {"role": "admin"})
    assert inside.services.sessions.authenticate(secret).role == "admin"


def test_changing_the_own_password_ends_the_other_sessions(inside: House) -> None:
    here, there = sign_in(inside), sign_in(inside)
    sessions = inside.services.sessions
    sessions.change_password(sessions.authenticate(here), PASSWORD, NEW, HERE)
    assert signed_in(inside, here)
    assert not signed_in(inside, there)
    assert sign_in(inside, password=NEW)
    with pytest.raises(UnauthenticatedError):
        sign_in(inside)


def test_a_new_password_needs_the_current_one_and_has_to_do(inside: House) -> None:
    secret, sessions = sign_in(inside), inside.services.sessions
    caller = sessions.authenticate(secret)
    for current, new, wrong in (
        ("wrong", NEW, {"current_password": "wrong_password"}),
        (PASSWORD, "short", {"password": "password_too_short"}),
    ):
        with pytest.raises(ValidationError) as refused:
            sessions.change_password(caller, current, new, HERE)
        assert refused.value.errors == wrong
    assert sign_in(inside)


def test_a_token_cannot_change_the_password(inside: House) -> None:
    with pytest.raises(ForbiddenError):
        inside.services.sessions.change_password(inside.uploader, PASSWORD, NEW, HERE)


def test_guessing_the_current_password_is_slowed_down(inside: House) -> None:
    caller = inside.services.sessions.authenticate(sign_in(inside))
    for _ in range(5):
        with pytest.raises(ValidationError):
            inside.services.sessions.change_password(caller, "guess", NEW, HERE)
    with pytest.raises(RateLimitedError):
        inside.services.sessions.change_password(caller, PASSWORD, NEW, HERE)


def test_a_new_password_that_does_not_do_is_no_guess(inside: House) -> None:
    """Whoever knows the current password is not an attacker, however often the new one is too short."""
    caller = inside.services.sessions.authenticate(sign_in(inside))
    for _ in range(6):
        with pytest.raises(ValidationError):
            inside.services.sessions.change_password(caller, PASSWORD, "short", HERE)
    inside.services.sessions.change_password(caller, PASSWORD, NEW, HERE)


def test_signing_out_ends_this_session_only(inside: House) -> None:
    here, there = sign_in(inside), sign_in(inside)
    session_id = inside.services.sessions.authenticate(here).session_id
    assert session_id
    inside.services.sessions.sign_out(session_id)
    assert [signed_in(inside, here), signed_in(inside, there)] == [False, True]


def test_a_session_expires(inside: House) -> None:
    secret = sign_in(inside)
    [row] = inside.query(sa.select(rows))
    assert row.expires_at - row.created_at == LASTS
    inside.write(sa.update(rows).values(expires_at=datetime.now(UTC) - timedelta(seconds=1)))
    assert not signed_in(inside, secret)
    assert forget_expired() >= 1
    assert inside.count(UserSession) == 0


def test_the_last_seen_moment_is_written_now_and_then(inside: House) -> None:
    secret = sign_in(inside)
    long_ago = datetime.now(UTC) - timedelta(minutes=6)
    inside.write(sa.update(rows).values(last_seen_at=long_ago))
    signed_in(inside, secret)
    [row] = inside.query(sa.select(rows.c.last_seen_at))
    assert row.last_seen_at > long_ago + timedelta(minutes=5)


def test_a_full_disk_signs_nobody_out(inside: House, monkeypatch: pytest.MonkeyPatch) -> None:
    secret = sign_in(inside)
    inside.write(sa.update(rows).values(last_seen_at=datetime.now(UTC) - timedelta(hours=1)))

    def full() -> None:
        raise StorageFullError("the disk of the database is full")

    monkeypatch.setattr(db, "transaction", full)
    assert inside.services.sessions.authenticate(secret).username == "uploader"


def test_an_old_hash_is_renewed_at_the_next_sign_in(inside: House) -> None:
    old = PasswordHasher(time_cost=2, memory_cost=16, parallelism=1).hash(PASSWORD)
    users = table(User)
    inside.write(sa.update(users).where(users.c.username == "uploader").values(password_hash=old))
    assert sign_in(inside)
    [row] = inside.query(sa.select(users.c.password_hash).where(users.c.username == "uploader"))
    assert row.password_hash != old
    assert sign_in(inside)


@pytest.mark.parametrize("secret", ["", "x", "\x00", "\ud800", "' OR 1=1 --"])
def test_nonsense_is_nobodys_session(inside: House, secret: str) -> None:
    sign_in(inside)
    assert not signed_in(inside, secret)
