"""Saving settings: only what changes, by version, together with what it goes with; and what the environment pins."""

import pytest
import sqlalchemy as sa

from tests.backends.fakes import VaultBackend
from tests.support.app import House, make_house
from webapp.contracts.errors import ConfigurationError
from webapp.contracts.events import Event, SettingsChanged
from webapp.contracts.settings import SettingField, SettingsModule
from webapp.db import table
from webapp.models import Setting
from webapp.services.errors import NotFoundError, ValidationError, VersionConflictError
from webapp.services.settings import FILE_STORAGE

rows = table(Setting)


def names(house: House) -> set[str]:
    return {row.name for row in house.query(sa.select(rows.c.name))}


def refused(house: House, **values: object) -> dict[str, object]:
    with pytest.raises(ValidationError) as error:
        house.configure(**values)
    return dict(error.value.errors)


def test_each_save_makes_the_next_version(inside: House) -> None:
    service = inside.services.settings
    assert service.view(FILE_STORAGE).version == 0
    assert service.update(FILE_STORAGE, {"trash_retention_days": 7}, version=0) == 1
    assert service.update(FILE_STORAGE, {"trash_retention_days": 8}) == 2
    assert service.view(FILE_STORAGE).version == 2


def test_who_looked_at_an_older_version_is_told_and_nothing_is_saved(inside: House, heard: list[Event]) -> None:
    service = inside.services.settings
    service.update(FILE_STORAGE, {"trash_retention_days": 7}, version=0)
    with pytest.raises(VersionConflictError) as conflict:
        service.update(FILE_STORAGE, {"max_file_size_bytes": 5}, version=0)
    assert conflict.value.data == {"version": 1}
    assert service.current().max_file_size_bytes == 104_857_600
    assert service.view(FILE_STORAGE).version == 1
    assert len(heard) == 1


def test_of_saves_at_once_one_wins_and_the_others_are_told(house: House) -> None:
    with house.app.app_context():
        version = house.services.settings.view(FILE_STORAGE).version

    def save(days: int) -> object:
        return house.services.settings.update(FILE_STORAGE, {"trash_retention_days": days}, version=version)

    outcomes = house.together(*(lambda days=days: save(days) for days in (11, 12, 13, 14)))
    assert [type(each) for each in outcomes if isinstance(each, int)] == [int]
    assert sum(isinstance(each, VersionConflictError) for each in outcomes) == 3


def test_of_equal_saves_at_once_one_is_told_of(house: House, heard: list[Event]) -> None:
    def save() -> object:
        return house.services.settings.update(FILE_STORAGE, {"trash_retention_days": 7})

    assert house.together(save, save, save, save) == [1, 1, 1, 1]
    assert [event.names for event in heard if isinstance(event, SettingsChanged)] == [("trash_retention_days",)]


def test_what_stays_as_it_is_is_not_written_and_nobody_is_told(inside: House, heard: list[Event]) -> None:
    inside.configure(trash_retention_days=30, backend="filesystem", allowed_content_types=[], fs_root_path="./uploads")
    assert names(inside) == set()
    assert heard == []
    assert inside.services.settings.view(FILE_STORAGE).version == 0


def test_the_event_names_what_changed_and_the_version(inside: House, heard: list[Event]) -> None:
    inside.configure(trash_retention_days=7, file_visibility="all")
    [event] = heard
    assert isinstance(event, SettingsChanged)
    assert (event.names, event.version) == (("trash_retention_days",), 1)


def test_a_value_given_back_that_is_broken_in_the_table_mends_it(inside: House) -> None:
    inside.write(
        sa.text(
            "INSERT INTO setting (module, name, value, updated_at)"
            " VALUES ('file_storage', 'trash_retention_days', 'garbage', '2026-01-01 00:00:00')"
        )
    )
    assert inside.services.settings.view(FILE_STORAGE)["trash_retention_days"].problem == "garbage"
    inside.configure(trash_retention_days=30)
    assert inside.services.settings.view(FILE_STORAGE)["trash_retention_days"].problem is None


@pytest.mark.parametrize("given", [None, "", "  "])
def test_a_field_left_empty_goes_back_to_its_default(inside: House, given: object) -> None:
    inside.configure(allowed_content_types="image/*")
    inside.configure(allowed_content_types=given)
    assert names(inside) == set()


def test_the_view_says_who_saved_a_value_and_when(inside: House) -> None:
    inside.services.settings.update(FILE_STORAGE, {"trash_retention_days": 7}, inside.admin.actor)
    inside.configure(max_file_size_bytes=7)
    view = inside.services.settings.view(FILE_STORAGE)
    saved, shell, untouched = (
        view[name] for name in ("trash_retention_days", "max_file_size_bytes", "file_visibility")
    )
    assert (saved.stored, saved.updated_by, saved.updated_at is not None) == (True, "admin", True)
    assert (shell.stored, shell.updated_by, shell.updated_at is not None) == (True, None, True)
    assert (untouched.stored, untouched.updated_by, untouched.updated_at) == (False, None, None)


@pytest.mark.parametrize("wrong", ["image", "image/", "/png", "*/*", "image/p ng", "ima*/png"])
def test_what_is_no_media_type_is_refused(inside: House, wrong: str) -> None:
    assert refused(inside, allowed_content_types=["image/*", wrong]) == {
        "allowed_content_types": ("bad_media_type", {"item": wrong})
    }


@pytest.mark.parametrize("path", ["/", "/etc", "./instance", "."])
def test_a_root_that_is_not_ours_to_use_is_refused(inside: House, path: str) -> None:
    assert refused(inside, fs_root_path=path) == {"fs_root_path": "path_reserved"}


def test_the_root_of_a_backend_that_is_only_now_chosen_is_looked_at_too(inside: House) -> None:
    inside.registry.register(VaultBackend)
    inside.configure(backend="vault")
    inside.write(
        sa.text(
            "INSERT INTO setting (module, name, value, updated_at)"
            " VALUES ('file_storage', 'fs_root_path', '\"/etc\"', '2026-01-01 00:00:00')"
        )
    )
    assert refused(inside, backend="filesystem") == {"fs_root_path": "path_reserved"}


def test_what_the_backend_in_use_needs_has_to_be_there(inside: House) -> None:
    class Needy(VaultBackend):
        backend_id = "needy"
        fields = (
            SettingField(name="needy_bucket", help="Needed.", required=True),
            SettingField(name="needy_region", help="Needed.", required=True),
        )

        @classmethod
        def check(cls, options: object) -> dict[str, str]:
            return {}

    inside.registry.register(Needy)
    inside.configure(needy_region="here")  # it is not in use
    assert refused(inside, backend="needy") == {"needy_bucket": "required"}
    inside.configure(backend="needy", needy_bucket="b")
    assert refused(inside, needy_bucket="", needy_region=None) == {
        "needy_bucket": "required",
        "needy_region": "required",
    }


def test_a_backend_refuses_what_cannot_work_together(inside: House) -> None:
    inside.registry.register(VaultBackend)
    assert refused(inside, backend="vault", vault_key_id="AKIA") == {"vault_secret": "A key needs its secret."}
    inside.configure(vault_key_id="AKIA")  # bit by bit, as long as it is not in use
    assert refused(inside, backend="vault") == {"vault_secret": "A key needs its secret."}


def test_all_that_is_wrong_is_said_at_once(inside: House) -> None:
    inside.registry.register(VaultBackend)
    wrong = {"vault_key_id": "AKIA", "trash_retention_days": 0, "allowed_content_types": "x"}
    assert set(refused(inside, backend="vault", **wrong)) == {
        "vault_secret",
        "trash_retention_days",
        "allowed_content_types",
    }


# --- the environment ------------------------------------------------------------------


@pytest.fixture
def pinned(sqlite_house: House) -> House:
    secret = sqlite_house.config.data_dir / "secret"
    secret.write_text("of the environment\n", encoding="utf-8")
    return make_house(
        sqlite_house.config.data_dir,
        FILE_STORAGE_TRASH_RETENTION_DAYS="9",
        FILE_STORAGE_ALLOWED_CONTENT_TYPES="image/*, text/plain",
        FILE_STORAGE_MAX_FILE_SIZE_BYTES="much",
        FILE_STORAGE_VAULT_SECRET_FILE=str(secret),
    )


def test_the_environment_wins_over_the_table(pinned: House) -> None:
    pinned.registry.register(VaultBackend)
    with pinned.app.app_context():
        pinned.write(
            sa.text(
                "INSERT INTO setting (module, name, value, updated_at)"
                " VALUES ('file_storage', 'trash_retention_days', '5', '2026-01-01 00:00:00')"
            )
        )
        service = pinned.services.settings
        assert service.current().trash_retention_days == 9
        assert service.current().allowed_content_types == ("image/*", "text/plain")
        assert service.values(FILE_STORAGE)["vault_secret"] == "of the environment"
        view = service.view(FILE_STORAGE)
        assert view["trash_retention_days"].pinned == "FILE_STORAGE_TRASH_RETENTION_DAYS"
        assert view["vault_secret"].value is None
    pinned.close()


def test_what_the_environment_sets_cannot_be_saved_but_may_be_sent_back(pinned: House) -> None:
    assert refused(pinned, trash_retention_days=5) == {
        "trash_retention_days": ("pinned", {"variable": "FILE_STORAGE_TRASH_RETENTION_DAYS"})
    }
    pinned.configure(trash_retention_days=9)
    pinned.close()


def test_a_wrong_value_in_the_environment_is_shown_as_a_problem(pinned: House) -> None:
    with pinned.app.app_context():
        view = pinned.services.settings.view(FILE_STORAGE)
        assert view["max_file_size_bytes"].problem == "pinned_invalid"
        assert pinned.services.settings.current().max_file_size_bytes == 104_857_600
    pinned.close()


# --- other modules ----------------------------------------------------------------------

REPORTS = SettingsModule(
    name="reports",
    title="Reports",
    fields=(
        SettingField(name="mail_to", help="Who gets them.", required=True, default="nobody"),
        SettingField(name="every_days", help="How often.", type="integer", minimum=1, default=7),
        SettingField(name="password", help="Of the mail server.", secret=True),
    ),
    check=lambda values: (
        {"mail_to": "Daily mails go to nobody."} if (values["every_days"], values["mail_to"]) == (1, "nobody") else {}
    ),
)


def test_another_module_has_settings_of_its_own(inside: House) -> None:
    service = inside.services.settings
    service.add(REPORTS)
    assert [each.name for each in service.modules()] == ["file_storage", "activity", "reports"]
    assert service.update("reports", {"mail_to": "me", "password": "quiet"}) == 1
    assert service.values("reports") == {"mail_to": "me", "every_days": 7, "password": "quiet"}
    assert service.view(FILE_STORAGE).version == 0
    assert [(each.field.name, each.value, each.is_set) for each in service.view("reports").fields] == [
        ("mail_to", "me", True),
        ("every_days", 7, True),
        ("password", None, True),
    ]


def test_a_module_says_what_does_not_go_together(inside: House) -> None:
    inside.services.settings.add(REPORTS)
    with pytest.raises(ValidationError) as error:
        inside.services.settings.update("reports", {"every_days": 1})
    assert error.value.errors == {"mail_to": "Daily mails go to nobody."}


@pytest.mark.parametrize(
    "module",
    [
        REPORTS,
        SettingsModule(name="file_storage", title="Twice", fields=()),
        SettingsModule(name="Bad name", title="Bad", fields=()),
        SettingsModule(name="twice", title="Twice", fields=(REPORTS.fields[0], REPORTS.fields[0])),
        SettingsModule(name="kind", title="Kind", fields=(SettingField(name="a", help="A.", type="colour"),)),
        SettingsModule(
            name="open", title="Open", fields=(SettingField(name="a", help="A.", secret=True, default="x"),)
        ),
        SettingsModule(name="mute", title="Mute", fields=(SettingField(name="a", help=""),)),
        SettingsModule(name="re", title="Re", fields=(SettingField(name="a", help="A.", pattern="("),)),
        "reports",
    ],
)
def test_a_module_that_cannot_be_used_is_refused(inside: House, module: SettingsModule) -> None:
    inside.services.settings.add(REPORTS)
    with pytest.raises(ConfigurationError):
        inside.services.settings.add(module)


def test_a_module_that_is_not_there_is_not_found(inside: House) -> None:
    service = inside.services.settings
    for ask in (service.module, service.view, service.schema, service.values):
        with pytest.raises(NotFoundError):
            ask("nothing")
    with pytest.raises(NotFoundError):
        service.candidate("nothing", {})
