"""Accounts, and the admin who is always left."""

from uuid import uuid4

import pytest
import sqlalchemy as sa

from tests.support.app import PASSWORD, House
from webapp.contracts.events import Event, UserChanged, UserCreated, UserDeleted
from webapp.db import table
from webapp.models import ApiToken, StoredFile, User, UserSession
from webapp.services.errors import ConflictError, NotFoundError, UnauthenticatedError, ValidationError
from webapp.services.sessions import Client

HERE = Client("192.0.2.1")


def test_a_new_account_can_be_found_in_any_case(inside: House, heard: list[Event]) -> None:
    made = inside.services.users.create("Zoë Straße", PASSWORD, "user", inside.admin.actor)
    for name in ("Zoë Straße", "ZOË STRASSE", "zoe\u0308 straße"):
        assert inside.services.users.find(name) == made
    assert inside.services.users.get(made.id) == made
    assert made in inside.services.users.list()
    [event] = heard
    assert isinstance(event, UserCreated)
    assert (event.user_id, event.username, event.role, event.actor_name) == (
        str(made.id),
        "Zoë Straße",
        "user",
        "admin",
    )


def test_passwords_are_stored_as_argon2id_only(inside: House) -> None:
    rows = inside.query(sa.select(table(User).c.password_hash))
    assert len(rows) == 3
    assert all(row.password_hash.startswith("$argon2id$") for row in rows)


def test_a_name_is_taken_in_any_case(inside: House) -> None:
    for name in ("uploader", "UPLOADER"):
        with pytest.raises(ConflictError):
            inside.services.users.create(name, PASSWORD, "user")


@pytest.mark.parametrize(
    ("name", "password", "role", "wrong"),
    [
        ("", PASSWORD, "user", {"username": "required"}),
        ("   ", PASSWORD, "user", {"username": "required"}),
        (None, PASSWORD, "user", {"username": "required"}),
        ("x" * 65, PASSWORD, "user", {"username": "too_long"}),
        (" x", PASSWORD, "user", {"username": "bad_username"}),
        ("a/b", PASSWORD, "user", {"username": "bad_username"}),
        ("a\x00b", PASSWORD, "user", {"username": "bad_username"}),
        ("a\nb", PASSWORD, "user", {"username": "bad_username"}),
        ("a\ud800b", PASSWORD, "user", {"username": "bad_username"}),
        ("ok", "1234567", "user", {"password": "password_too_short"}),
        ("ok", "x" * 1025, "user", {"password": "password_too_long"}),
        ("ok", None, "user", {"password": "required"}),
        ("ok", PASSWORD, "root", {"role": "not_a_choice"}),
        ("ok", PASSWORD, None, {"role": "not_a_choice"}),
        ("", "", "", {"username": "required", "password": "required", "role": "not_a_choice"}),
    ],
)
def test_wrong_fields_are_all_named(
    sqlite_house: House, name: object, password: object, role: object, wrong: dict[str, str]
) -> None:
    with sqlite_house.app.app_context(), pytest.raises(ValidationError) as refused:
        sqlite_house.services.users.create(name, password, role)
    assert refused.value.errors == wrong


@pytest.mark.parametrize("name", ["x" * 64, "ﬃ" * 64, "a b", "o'hara", "用户", "user@example.org"])
def test_names_people_have_are_fine(inside: House, name: str) -> None:
    assert inside.services.users.find(inside.services.users.create(name, PASSWORD, "user").username).username == name


def test_an_unknown_account_is_not_found(inside: House) -> None:
    users = inside.services.users
    for call in (
        lambda: users.get(uuid4()),
        lambda: users.find("nobody"),
        lambda: users.change(uuid4(), {"role": "user"}),
        lambda: users.delete(uuid4()),
    ):
        with pytest.raises(NotFoundError):
            call()


def test_changes_are_told(inside: House, heard: list[Event]) -> None:
    changed = inside.services.users.change(inside.uploader.user_id, {"role": "admin", "active": True})
    assert (changed.role, changed.active) == ("admin", True)
    [event] = heard
    assert isinstance(event, UserChanged)
    assert event.names == ("active", "role")


def test_no_change_is_no_event(inside: House, heard: list[Event]) -> None:
    assert inside.services.users.change(inside.uploader.user_id, {}).username == "uploader"
    assert heard == []


@pytest.mark.parametrize(
    ("changes", "wrong"),
    [
        ({"role": "root"}, {"role": "not_a_choice"}),
        ({"active": "no"}, {"active": "not_a_boolean"}),
        ({"active": 0}, {"active": "not_a_boolean"}),
        ({"password": "short"}, {"password": "password_too_short"}),
        ({"username": "other"}, {"username": "unknown_field"}),
        ({"role": "root", "password": ""}, {"role": "not_a_choice", "password": "required"}),
    ],
)
def test_wrong_changes_change_nothing(sqlite_house: House, changes: dict[str, object], wrong: dict[str, str]) -> None:
    with sqlite_house.app.app_context():
        user_id = sqlite_house.uploader.user_id
        with pytest.raises(ValidationError) as refused:
            sqlite_house.services.users.change(user_id, {"active": False, **changes})
        assert refused.value.errors == wrong
        assert sqlite_house.services.users.get(user_id).active


@pytest.mark.parametrize("changes", [{"role": "user"}, {"active": False}, {"role": "user", "active": False}])
def test_the_last_admin_stays_an_admin(inside: House, heard: list[Event], changes: dict[str, object]) -> None:
    with pytest.raises(ConflictError):
        inside.services.users.change(inside.admin.user_id, changes)
    with pytest.raises(ConflictError):
        inside.services.users.delete(inside.admin.user_id)
    assert inside.services.users.find("admin").role == "admin"
    assert heard == []


def test_a_disabled_admin_does_not_count(inside: House) -> None:
    second = inside.services.users.create("second", PASSWORD, "admin")
    inside.services.users.change(second.id, {"active": False})
    with pytest.raises(ConflictError):
        inside.services.users.delete(inside.admin.user_id)


def test_with_a_second_admin_the_first_may_go(inside: House) -> None:
    second = inside.services.users.create("second", PASSWORD, "admin")
    inside.services.users.delete(inside.admin.user_id)
    with pytest.raises(ConflictError):
        inside.services.users.delete(second.id)


def test_the_last_admin_may_get_a_new_password(inside: House) -> None:
    inside.services.users.change(inside.admin.user_id, {"password": "a new long password"})
    assert inside.services.sessions.sign_in("admin", "a new long password", HERE)


def test_a_deleted_account_takes_its_tokens_and_sessions_but_not_its_files(inside: House, heard: list[Event]) -> None:
    out = inside.upload(inside.uploader)
    token = inside.token("uploader")
    secret = inside.services.sessions.sign_in("uploader", PASSWORD, HERE)
    heard.clear()
    inside.services.users.delete(inside.uploader.user_id, inside.admin.actor)
    assert inside.count(ApiToken) == inside.count(UserSession) == 0
    assert inside.count(StoredFile) == 1
    assert inside.services.files.get(inside.admin, out.id).uploaded_by_name == "uploader"
    for call in (
        lambda: inside.services.tokens.authenticate(token),
        lambda: inside.services.sessions.authenticate(secret),
        lambda: inside.services.sessions.sign_in("uploader", PASSWORD, HERE),
    ):
        with pytest.raises(UnauthenticatedError):
            call()
    with pytest.raises(NotFoundError):
        inside.services.users.find("uploader")
    assert "uploader" not in {user.username for user in inside.services.users.list()}
    [event] = heard
    assert isinstance(event, UserDeleted)


def test_an_empty_password_hash_opens_nothing(inside: House) -> None:
    inside.write(sa.update(table(User)).where(table(User).c.username == "uploader").values(password_hash=""))
    for password in ("", "x", PASSWORD):
        with pytest.raises(UnauthenticatedError):
            inside.services.sessions.sign_in("uploader", password, HERE)
