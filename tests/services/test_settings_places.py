"""Files are read from where they are, with what opens that place, in any order of switches."""

from collections.abc import Iterator
from typing import Any

import pytest
import sqlalchemy as sa

from tests.backends.fakes import VaultBackend
from tests.support.app import House, make_house
from webapp import db
from webapp.contracts.errors import ConfigurationError
from webapp.contracts.files import StoredFileOut
from webapp.contracts.settings import SettingField
from webapp.db import table
from webapp.models import StoragePlace
from webapp.services.errors import ValidationError

A = {"vault_url": "https://8.8.8.8", "vault_key_id": "KEY-OF-A-12345678", "vault_secret": "secret-a"}
B = {"vault_url": "https://9.9.9.9", "vault_key_id": "KEY-OF-B-12345678", "vault_secret": "secret-b"}
places = table(StoragePlace)


@pytest.fixture
def vault(inside: House) -> Iterator[House]:
    VaultBackend.forget()
    inside.registry.register(VaultBackend)
    VaultBackend.right.update({"https://8.8.8.8": "secret-a", "https://9.9.9.9": "secret-b"})
    inside.configure(backend="vault", **A)
    yield inside
    VaultBackend.forget()


def content(house: House, file: StoredFileOut) -> bytes:
    service = house.services.settings
    location: dict[str, Any] = house.query(
        sa.text("SELECT extra_metadata FROM file_storage_stored_file WHERE key = :key")
        .bindparams(key=file.key)
        .columns(extra_metadata=sa.JSON)
    )[0][0]["location"]
    return b"".join(service.place_of(file.backend, location, service.current()).backend.get(file.key))


def known_to_places(house: House) -> dict[str, object]:
    """Everything that is noted about how places are opened."""
    found: dict[str, object] = {}
    places = house.services.settings._places
    with db.read() as connection:
        for each in places.all(connection):
            found.update(places.credentials(connection, each.backend, each.location) or {})
    return found


def test_files_of_all_places_are_read_in_any_order_of_switches(vault: House) -> None:
    first = vault.upload(data=b"at a")
    vault.configure(**B)
    second = vault.upload(data=b"at b")
    vault.configure(backend="filesystem")
    third = vault.upload(data=b"on disk")
    for switch in (A, B, {"vault_room": "two"}, {"backend": "vault"}, A, {"backend": "filesystem"}):
        vault.configure(**switch)
        assert content(vault, first) == b"at a"
        assert content(vault, second) == b"at b"
        assert content(vault, third) == b"on disk"
    assert set(VaultBackend.sent) == {("https://8.8.8.8", "secret-a"), ("https://9.9.9.9", "secret-b")}


def test_a_key_that_is_changed_is_changed_for_other_rooms_of_the_host(vault: House) -> None:
    first = vault.upload(data=b"in room one")
    vault.configure(vault_room="two")
    VaultBackend.right["https://8.8.8.8"] = "renewed"
    vault.configure(vault_secret="renewed")
    assert content(vault, first) == b"in room one"


def test_a_key_that_is_changed_stays_at_its_host(vault: House) -> None:
    first = vault.upload(data=b"at a")
    vault.configure(**{**B, "vault_secret": "secret-a"})  # the same secret for both
    vault.configure(vault_secret="secret-b")
    assert content(vault, first) == b"at a"
    assert ("https://8.8.8.8", "secret-b") not in VaultBackend.sent


def test_what_is_no_credential_counts_as_it_is_now(vault: House) -> None:
    first = vault.upload(data=b"at a")
    vault.configure(**B)
    vault.configure(vault_speed=9)
    assert content(vault, first) == b"at a"


def test_credentials_of_places_are_sealed(vault: House) -> None:
    [row] = vault.query(sa.select(places))
    assert "secret-a" not in str(row)
    assert "KEY-OF-A" not in str(row)


def test_credentials_that_files_need_are_not_taken_away_in_passing(vault: House) -> None:
    file = vault.upload(data=b"at a")
    for taken in ({"vault_secret": None}, {"vault_secret": None, "vault_key_id": None}):
        with pytest.raises(ValidationError) as refused:
            vault.configure(**taken)
        assert refused.value.errors["vault_secret"] == ("in_use", {"files": 1})
    assert content(vault, file) == b"at a"
    vault.services.settings.update("file_storage", {"vault_secret": None, "vault_key_id": None}, confirm_in_use=True)
    assert known_to_places(vault) == {}


def test_without_files_they_are(vault: House) -> None:
    vault.configure(vault_secret=None, vault_key_id=None)
    assert known_to_places(vault) == {}


def test_nothing_is_stored_by_guess_while_a_deciding_row_is_garbage(vault: House) -> None:
    for name in ("backend", "allowed_content_types", "vault_room", "vault_secret"):
        before = vault.query(sa.text("SELECT value FROM setting WHERE name = :name").bindparams(name=name))
        vault.write(sa.text("DELETE FROM setting WHERE name = :name").bindparams(name=name))
        vault.write(
            sa.text(
                "INSERT INTO setting (module, name, value, updated_at)"
                " VALUES ('file_storage', :name, 'garbage', '2026-01-01 00:00:00')"
            ).bindparams(name=name)
        )
        service = vault.services.settings
        if name == "backend":
            # What counts for the garbage is the default; its own settings are fine, and yet nothing goes there.
            assert service.current().backend == "filesystem"
        with pytest.raises(ConfigurationError):
            service.active_place(service.current())
        vault.write(sa.text("DELETE FROM setting WHERE name = :name").bindparams(name=name))
        for row in before:
            vault.write(
                sa.text(
                    "INSERT INTO setting (module, name, value, updated_at)"
                    " VALUES ('file_storage', :name, :value, '2026-01-01 00:00:00')"
                ).bindparams(name=name, value=row.value)
            )
        service.active_place(service.current())


def test_who_may_see_what_is_closed_rather_than_opened_by_garbage(inside: House) -> None:
    inside.write(
        sa.text(
            "INSERT INTO setting (module, name, value, updated_at)"
            " VALUES ('file_storage', 'file_visibility', '\"everybody\"', '2026-01-01 00:00:00')"
        )
    )
    assert inside.services.settings.current().file_visibility == "own"


def test_a_backend_that_is_not_installed_is_told_of_with_its_files(inside: House) -> None:
    inside.registry.register(VaultBackend)
    inside.configure(backend="vault")
    inside.upload()
    del inside.registry._classes["vault"]
    found = {each.id: (each.files, each.installed) for each in inside.services.settings.backends()}
    assert found["vault"] == (1, False)
    assert inside.services.settings.view("file_storage")["backend"].problem == "unknown_backend"
    inside.configure(trash_retention_days=3)  # other things can still be saved
    inside.configure(backend="filesystem")
    VaultBackend.forget()


def test_a_key_can_be_renewed_by_going_back_to_its_place(vault: House) -> None:
    """In one save or in two, and for every room of the host."""
    first = vault.upload(data=b"in room one")
    vault.configure(vault_room="two")
    second = vault.upload(data=b"in room two")
    vault.configure(**B)
    VaultBackend.right["https://8.8.8.8"] = "renewed"
    vault.configure(**{**A, "vault_room": "one", "vault_secret": "renewed"})
    vault.configure(**B)
    assert content(vault, first) == b"in room one"
    assert content(vault, second) == b"in room two"


def test_a_place_that_needed_no_credentials_gets_none(inside: House) -> None:
    inside.registry.register(VaultBackend)
    inside.configure(backend="vault", vault_room="open")
    first = inside.upload(data=b"open to all")
    inside.configure(vault_room="closed", vault_key_id="KEY-OF-A-12345678", vault_secret="secret-a")
    VaultBackend.sent.clear()
    assert content(inside, first) == b"open to all"
    assert VaultBackend.sent == [("None", None)]
    VaultBackend.forget()


def test_a_secret_of_the_environment_opens_former_rooms_of_its_host_only(sqlite_house: House) -> None:
    pinned = make_house(
        sqlite_house.config.data_dir,
        FILE_STORAGE_VAULT_SECRET="secret-a",
        FILE_STORAGE_VAULT_URL="https://8.8.8.8",
    )
    pinned.registry.register(VaultBackend)
    with pinned.app.app_context():
        pinned.configure(backend="vault", vault_key_id="KEY-OF-A-12345678")
        first = pinned.upload(data=b"in room one")
        pinned.configure(vault_room="two")
        assert content(pinned, first) == b"in room one"
    moved = make_house(
        sqlite_house.config.data_dir,
        FILE_STORAGE_VAULT_SECRET="secret-b",
        FILE_STORAGE_VAULT_URL="https://9.9.9.9",
    )
    moved.registry.register(VaultBackend)
    VaultBackend.sent.clear()
    with moved.app.app_context():
        content(moved, first)
    assert VaultBackend.sent == [("https://8.8.8.8", None)]
    pinned.close()
    moved.close()
    VaultBackend.forget()


def test_a_field_that_is_added_later_changes_nothing_about_older_files(vault: House) -> None:
    first = vault.upload(data=b"of an older version")

    class Newer(VaultBackend):
        fields = (*VaultBackend.fields, SettingField(name="vault_shelf", help="New.", default="", location=True))

    # As after an upgrade and a restart.
    del vault.registry._classes["vault"]
    vault.registry.register(Newer)
    vault.services.settings._catalogue._declared.clear()
    vault.configure(**B, vault_shelf="top")
    VaultBackend.sent.clear()
    assert content(vault, first) == b"of an older version"
    assert VaultBackend.sent == [("https://8.8.8.8", "secret-a")]


def test_places_that_no_key_opens_are_counted_and_mended(sqlite_house: House) -> None:
    sqlite_house.registry.register(VaultBackend)
    with sqlite_house.app.app_context():
        sqlite_house.configure(backend="vault", **A)
        first = sqlite_house.upload(data=b"at a")
        sqlite_house.configure(**B)
    lost = make_house(sqlite_house.config.data_dir, STOWAGE_SECRET_KEY="another")
    lost.registry.register(VaultBackend)
    with lost.app.app_context():
        lost.configure(vault_secret="secret-b")
        assert len(lost.services.settings.unreadable_places()) == 1
        lost.configure(**A)
        lost.configure(**B)
        assert lost.services.settings.unreadable_places() == []
        assert content(lost, first) == b"at a"
    lost.close()
    VaultBackend.forget()


def test_sealing_anew_keeps_what_is_stored_under_what_the_environment_sets(sqlite_house: House) -> None:
    sqlite_house.registry.register(VaultBackend)
    sqlite_house.configure(**A)
    data_dir = sqlite_house.config.data_dir
    pinned = make_house(data_dir, FILE_STORAGE_VAULT_SECRET="of the environment")
    pinned.registry.register(VaultBackend)
    with pinned.app.app_context():
        assert pinned.services.settings.reseal() == 2
    after = make_house(data_dir)
    after.registry.register(VaultBackend)
    with after.app.app_context():
        assert after.services.settings.values("file_storage")["vault_secret"] == "secret-a"
    pinned.close()
    after.close()
    VaultBackend.forget()
