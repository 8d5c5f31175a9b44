"""Secrets are sealed, for one setting and the hosts beside it, under keys that can be changed."""

from collections.abc import Iterator

import orjson
import pytest
import sqlalchemy as sa

from tests.backends.fakes import MemoryBackend, VaultBackend
from tests.support.app import House, make_house
from webapp.db import table
from webapp.models import Setting
from webapp.services.errors import ValidationError
from webapp.services.settings import FILE_STORAGE, masked
from webapp.services.settings.sealing import Sealer, UnreadableSecretError

rows = table(Setting)
SECRET = "correct-horse-battery"
HOST = {"vault_url": "https://8.8.8.8"}


@pytest.fixture
def vault(inside: House) -> Iterator[House]:
    inside.registry.register(VaultBackend)
    yield inside
    VaultBackend.forget()


def known(house: House) -> object:
    return house.services.settings.values(FILE_STORAGE).get("vault_secret")


def problem(house: House) -> object:
    return house.services.settings.view(FILE_STORAGE)["vault_secret"].problem


def stored(house: House) -> str:
    [row] = house.query(sa.select(rows.c.value).where(rows.c.name == "vault_secret"))
    return str(row.value)


def test_what_is_sealed_can_be_opened_for_its_place_only() -> None:
    sealer = Sealer(["one"])
    sealed = sealer.seal("here", SECRET)
    assert SECRET not in sealed
    assert sealer.open("here", sealed) == SECRET
    with pytest.raises(UnreadableSecretError) as elsewhere:
        sealer.open("there", sealed)
    assert elsewhere.value.elsewhere


@pytest.mark.parametrize("sealed", ["", "x", "gAAAAA", "ä", "\x00"])
def test_what_was_never_sealed_is_not_opened(sealed: str) -> None:
    with pytest.raises(UnreadableSecretError):
        Sealer(["one"]).open("here", sealed)


def test_old_keys_open_and_the_newest_seals() -> None:
    old = Sealer(["old"]).seal("here", SECRET)
    both = Sealer(["new", "old"])
    assert both.open("here", old) == SECRET
    assert Sealer(["new"]).open("here", both.seal("here", SECRET)) == SECRET
    with pytest.raises(UnreadableSecretError):
        Sealer(["new"]).open("here", old)


def test_a_secret_is_sealed_in_the_table_and_known_to_who_needs_it(vault: House) -> None:
    vault.configure(vault_secret=SECRET, **HOST)
    assert known(vault) == SECRET
    assert SECRET not in stored(vault)
    assert list(orjson.loads(stored(vault))) == ["sealed"]


def test_a_secret_is_in_no_view_event_or_representation(vault: House, heard: list[object]) -> None:
    vault.configure(vault_secret=SECRET, vault_key_id="AKIAZ5XN2QTL7HDP4WCE", **HOST)
    service = vault.services.settings
    shown = f"{service.view(FILE_STORAGE)} {service.current()} {service.current().values} {heard}"
    assert SECRET not in shown
    assert "AKIAZ5XN2QTL7HDP4WCE" not in f"{service.view(FILE_STORAGE)} {heard}"
    assert service.view(FILE_STORAGE)["vault_key_id"].value == "AKIA••••••••4WCE"


@pytest.mark.parametrize(
    ("text", "expected"), [("A" * 16, "AAAA••••••••AAAA"), ("AKIAABCD", "AK••••••••"), ("short", "•" * 8)]
)
def test_a_mask_leaves_little(text: str, expected: str) -> None:
    assert masked(text) == expected


def test_an_empty_secret_or_the_mask_itself_changes_nothing(vault: House) -> None:
    vault.configure(vault_secret=SECRET, vault_key_id="AKIAZ5XN2QTL7HDP4WCE", **HOST)
    vault.configure(vault_secret="", vault_key_id="AKIA••••••••4WCE")
    vault.configure(vault_secret="  ", vault_key_id="")
    assert vault.services.settings.view(FILE_STORAGE).version == 1
    assert vault.services.settings.current().values["vault_key_id"] == "AKIAZ5XN2QTL7HDP4WCE"


def test_a_secret_is_cleared_by_nothing_only(vault: House) -> None:
    vault.configure(vault_secret=SECRET, **HOST)
    vault.configure(vault_secret=None)
    assert known(vault) is None
    assert vault.services.settings.view(FILE_STORAGE)["vault_secret"].is_set is False


def test_a_line_end_that_was_pasted_along_is_no_part_of_a_secret(vault: House) -> None:
    vault.configure(vault_secret=f" {SECRET}\r\n")
    assert known(vault) == SECRET


def test_another_host_asks_for_the_secret_again(vault: House) -> None:
    vault.configure(vault_secret=SECRET, **HOST)
    with pytest.raises(ValidationError) as refused:
        vault.configure(vault_url="https://9.9.9.9")
    assert refused.value.errors == {"vault_secret": "secret_again"}
    with pytest.raises(ValidationError):
        vault.services.settings.candidate(FILE_STORAGE, {"vault_url": "https://9.9.9.9"}, "vault")
    vault.configure(vault_url="https://9.9.9.9", vault_secret="another")
    assert known(vault) == "another"


@pytest.mark.parametrize("same", ["https://8.8.8.8/", "https://8.8.8.8:443", "HTTPS://8.8.8.8/path"])
def test_the_same_host_written_otherwise_does_not(vault: House, same: str) -> None:
    vault.configure(vault_secret=SECRET, **HOST)
    vault.configure(vault_url=same)
    assert known(vault) == SECRET


@pytest.mark.parametrize("other", ["http://8.8.8.8", "https://8.8.8.8:444", "https://8.8.4.4", None])
def test_another_scheme_or_port_is_another_host(vault: House, other: str | None) -> None:
    vault.configure(vault_secret=SECRET, **HOST)
    with pytest.raises(ValidationError):
        vault.configure(vault_url=other)


def test_an_address_that_was_changed_in_the_table_does_not_get_the_secret(vault: House) -> None:
    vault.configure(vault_secret=SECRET, **HOST)
    vault.write(sa.update(rows).where(rows.c.name == "vault_url").values(value='"https://9.9.9.9"'))
    assert known(vault) is None
    assert problem(vault) == "secret_elsewhere"


def test_a_sealed_value_in_another_row_is_not_opened(vault: House) -> None:
    vault.configure(vault_secret=SECRET, **HOST)
    moved = stored(vault)
    vault.write(sa.update(rows).where(rows.c.name == "vault_secret").values(name="vault_key_id"))
    assert SECRET not in str(vault.services.settings.view(FILE_STORAGE))
    assert vault.services.settings.current().values["vault_key_id"] is None
    assert orjson.loads(moved)["sealed"]


def test_a_secret_in_clear_is_not_used(vault: House) -> None:
    vault.configure(vault_secret=SECRET, **HOST)
    vault.write(sa.update(rows).where(rows.c.name == "vault_secret").values(value=f'"{SECRET}"'))
    assert known(vault) is None
    assert problem(vault) == "not_sealed"


def test_a_lost_key_is_a_problem_that_can_be_mended_and_nothing_else_suffers(sqlite_house: House) -> None:
    sqlite_house.registry.register(VaultBackend)
    sqlite_house.configure(vault_secret=SECRET, backend="vault", **HOST)
    lost = make_house(sqlite_house.config.data_dir, STOWAGE_SECRET_KEY="another key")
    lost.registry.register(VaultBackend)
    with lost.app.app_context():
        view = lost.services.settings.view(FILE_STORAGE)
        assert (view["vault_secret"].problem, view["vault_secret"].is_set) == ("unreadable_secret", True)
        assert lost.api("uploader").put("/api/file-storage/upload/a", data=b"x").status_code == 500
        lost.configure(vault_secret=SECRET)
        assert problem(lost) is None
        assert lost.upload()
    lost.close()
    MemoryBackend.forget()


def test_keys_are_changed_without_losing_anything(sqlite_house: House) -> None:
    sqlite_house.registry.register(VaultBackend)
    sqlite_house.configure(vault_secret=SECRET, **HOST)
    data_dir = sqlite_house.config.data_dir
    between = make_house(data_dir, STOWAGE_SECRET_KEY="new", STOWAGE_SECRET_KEY_FALLBACKS="x, secret of the tests")
    between.registry.register(VaultBackend)
    with between.app.app_context():
        before = between.services.settings.view(FILE_STORAGE)["vault_secret"]
        assert known(between) == SECRET
        assert between.services.settings.reseal() == 2  # the setting and its place
        after = between.services.settings.view(FILE_STORAGE)["vault_secret"]
        assert (before.updated_at, before.updated_by) == (after.updated_at, after.updated_by)
    between.close()
    after_all = make_house(data_dir, STOWAGE_SECRET_KEY="new")
    after_all.registry.register(VaultBackend)
    with after_all.app.app_context():
        assert known(after_all) == SECRET
    after_all.close()


def test_a_secret_that_the_environment_sets_is_not_taken_to_another_host(sqlite_house: House) -> None:
    pinned = make_house(sqlite_house.config.data_dir, FILE_STORAGE_VAULT_SECRET=SECRET)
    pinned.registry.register(VaultBackend)
    with pytest.raises(ValidationError) as refused:
        pinned.configure(vault_url="https://9.9.9.9")
    assert refused.value.errors == {"vault_secret": ("secret_pinned", {"variable": "FILE_STORAGE_VAULT_SECRET"})}
    pinned.close()


def test_a_secret_of_the_environment_is_not_used_for_an_address_in_the_table(sqlite_house: House) -> None:
    sqlite_house.registry.register(VaultBackend)
    sqlite_house.configure(vault_url="https://9.9.9.9")
    pinned = make_house(sqlite_house.config.data_dir, FILE_STORAGE_VAULT_SECRET=SECRET)
    pinned.registry.register(VaultBackend)
    with pinned.app.app_context():
        assert known(pinned) is None
        assert problem(pinned) == "pinned_elsewhere"
    both = make_house(
        sqlite_house.config.data_dir,
        FILE_STORAGE_VAULT_SECRET=SECRET,
        FILE_STORAGE_VAULT_URL="https://9.9.9.9",
    )
    both.registry.register(VaultBackend)
    with both.app.app_context():
        assert known(both) == SECRET
    pinned.close()
    both.close()
