"""Files are read from where they are, with what opens that place, in any order of switches."""

from collections.abc import Iterator
from typing import Any

import pytest
import sqlalchemy as sa

from tests.backends.fakes import VaultBackend
from tests.support.app import House
from webapp.contracts.errors import ConfigurationError
from webapp.contracts.files import StoredFileOut
from webapp.db import table
from webapp.models import StoragePlace
from webapp.services.errors import ValidationError

A = {"vault_url": "https://8.8.8.8", "vault_key_id": "KEY-OF-A-12345678", "vault_secret": "secret-a"}
B = {"vault_url": "https://9.9.9.9", "vault_key_id": "KEY-OF-B-12345678", "vault_secret": "secret-b"}
places = table(StoragePlace)


@pytest.fixture
def vault(inside: House) -> Iterator[House]:
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
    assert vault.count(StoragePlace) == 0


def test_without_files_they_are(vault: House) -> None:
    vault.configure(vault_secret=None, vault_key_id=None)
    assert vault.count(StoragePlace) == 0


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
