"""Nothing happens by guess, and what third parties bring harms only themselves."""

from collections.abc import Iterator, Mapping
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
import sqlalchemy as sa

from tests.backends.fakes import MemoryBackend, VaultBackend
from tests.support.app import House, make_house
from webapp.contracts.errors import ConfigurationError
from webapp.contracts.settings import SettingField, SettingsModule
from webapp.services.errors import ValidationError
from webapp.services.settings import FILE_STORAGE


@pytest.fixture(autouse=True)
def _empty() -> Iterator[None]:
    yield
    VaultBackend.forget()


def garbage(house: House, name: str, value: str = "garbage") -> None:
    house.write(
        sa.text(
            "INSERT INTO setting (module, name, value, updated_at)"
            " VALUES ('file_storage', :name, :value, '2026-01-01 00:00:00')"
        ).bindparams(name=name, value=value)
    )


def refused(house: House, module: str = FILE_STORAGE, **values: object) -> dict[str, object]:
    with pytest.raises(ValidationError) as error:
        house.services.settings.update(module, values)
    return dict(error.value.errors)


def test_the_trash_is_kept_while_nobody_knows_for_how_long(inside: House) -> None:
    file = inside.upload()
    inside.services.files.trash(inside.admin, file.id)
    inside.age(file, deleted_at=datetime.now(UTC) - timedelta(days=40))
    garbage(inside, "trash_retention_days")
    assert inside.services.removals.purge_expired() == 0
    inside.configure(trash_retention_days=30)
    assert inside.services.removals.purge_expired() == 1


def test_nothing_is_stored_while_nobody_knows_how_large_it_may_be(inside: House) -> None:
    garbage(inside, "max_file_size_bytes")
    with pytest.raises(ConfigurationError):
        inside.upload()


def test_a_mask_is_never_stored(inside: House) -> None:
    inside.registry.register(VaultBackend)
    inside.configure(vault_key_id="AKIAZ5XN2QTL7HDP4WCE")
    mask = inside.services.settings.view(FILE_STORAGE)["vault_key_id"].value
    inside.configure(vault_key_id="AKIAAAAAAAAAAAAAAAAA")
    assert refused(inside, vault_key_id=mask) == {"vault_key_id": "is_a_mask"}


@pytest.mark.parametrize("given", ["filesystem", None])
def test_the_root_is_looked_at_however_its_backend_is_chosen(inside: House, given: str | None) -> None:
    inside.registry.register(VaultBackend)
    inside.configure(backend="vault")
    garbage(inside, "fs_root_path", '"/etc"')
    assert refused(inside, backend=given) == {"fs_root_path": "path_reserved"}


def test_a_root_that_the_environment_sets_is_judged_when_it_is_tried(sqlite_house: House) -> None:
    pinned = make_house(sqlite_house.config.data_dir, FILE_STORAGE_FS_ROOT_PATH="/etc")
    with pinned.app.app_context(), pytest.raises(ValidationError) as error:
        pinned.services.settings.candidate(FILE_STORAGE, {}, "filesystem")
    assert error.value.errors == {"fs_root_path": "path_reserved"}
    pinned.close()


def test_a_module_may_have_a_field_that_is_called_backend(inside: House) -> None:
    service = inside.services.settings
    service.add(
        SettingsModule(name="mailing", title="Mailing", fields=(SettingField(name="backend", help="How mail goes."),))
    )
    service.update("mailing", {"backend": "smtp"})
    assert service.view("mailing")["backend"].problem is None
    assert "enum" not in service.schema("mailing")["properties"]["backend"]


def test_what_a_module_needs_cannot_be_emptied(inside: House) -> None:
    fields = (
        SettingField(name="to", help="Who.", required=True),
        SettingField(name="days", help="When.", type="list", default=("monday",), required=True),
    )
    inside.services.settings.add(SettingsModule(name="mailing", title="Mailing", fields=fields))
    assert refused(inside, "mailing", days=["friday"]) == {"to": "required"}
    assert refused(inside, "mailing", to="me", days=[]) == {"days": "required"}


def test_no_value_of_the_settings_can_be_changed_in_passing(inside: House) -> None:
    inside.configure(allowed_content_types=["image/*"])
    values = inside.services.settings.values(FILE_STORAGE)
    assert isinstance(values["allowed_content_types"], tuple)
    assert inside.services.settings.view(FILE_STORAGE)["allowed_content_types"].value == ["image/*"]


def test_the_variable_that_is_set_is_the_one_that_is_named(sqlite_house: House) -> None:
    file = sqlite_house.config.data_dir / "days"
    file.write_text("9\n", encoding="utf-8")
    pinned = make_house(sqlite_house.config.data_dir, FILE_STORAGE_TRASH_RETENTION_DAYS_FILE=str(file))
    with pinned.app.app_context():
        found = pinned.services.settings.view(FILE_STORAGE)["trash_retention_days"]
    assert (found.value, found.pinned) == (9, "FILE_STORAGE_TRASH_RETENTION_DAYS_FILE")
    pinned.close()


class Raising(MemoryBackend):
    backend_id = "raising"
    fields = (SettingField(name="raising_room", help="Which dictionary."),)

    def __init__(self, options: Mapping[str, object]) -> None:
        raise KeyError("of somebody else")


class Doubtful(MemoryBackend):
    backend_id = "doubtful"
    fields = (SettingField(name="doubtful_room", help="Which dictionary."),)

    @classmethod
    def check(cls, options: Mapping[str, object]) -> Mapping[str, str]:
        raise KeyError("of somebody else")


def test_a_backend_that_cannot_be_made_is_a_configuration_error(inside: House) -> None:
    inside.registry.register(Raising)
    inside.configure(backend="raising")
    with pytest.raises(ConfigurationError):
        inside.services.settings.active_place(inside.services.settings.current())
    assert inside.api().get("/readyz").json() == {"status": "degraded"}


def test_a_check_that_fails_is_a_configuration_error_and_nothing_is_saved(inside: House) -> None:
    def fail(_values: Mapping[str, Any]) -> Mapping[str, str]:
        raise KeyError("of somebody else")

    inside.registry.register(Doubtful)
    field = SettingField(name="a", help="A.")
    inside.services.settings.add(SettingsModule(name="failing", title="Failing", fields=(field,), check=fail))
    with pytest.raises(ConfigurationError):
        inside.configure(backend="doubtful")
    with pytest.raises(ConfigurationError):
        inside.services.settings.update("failing", {"a": "x"})
    assert inside.services.settings.current().backend == "filesystem"


@pytest.mark.parametrize("name", ["state_dir", "allow_private_addresses"])
def test_what_every_backend_is_told_is_no_setting(inside: House, name: str) -> None:
    greedy = type("Greedy", (MemoryBackend,), {"backend_id": "greedy", "fields": (SettingField(name=name, help="X."),)})
    with pytest.raises(ConfigurationError):
        inside.registry.register(greedy)


@pytest.mark.parametrize(
    "field",
    [
        SettingField(name="a", help="A.", type="integer", default="abc"),
        SettingField(name="a", help="A.", type="integer", default=True),
        SettingField(name="a", help="A.", type="boolean", default=0),
        SettingField(name="a", help="A.", default="z", choices=("x", "y")),
    ],
)
def test_a_default_that_does_not_fit_is_refused(inside: House, field: SettingField) -> None:
    with pytest.raises(ConfigurationError):
        inside.services.settings.add(SettingsModule(name="odd", title="Odd", fields=(field,)))


def test_no_module_reads_variables_of_the_program(inside: House) -> None:
    with pytest.raises(ConfigurationError):
        inside.services.settings.add(SettingsModule(name="stowage", title="Stowage", fields=()))
