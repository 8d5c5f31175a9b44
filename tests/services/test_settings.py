"""Settings: coerced, checked, saved all or none, and garbage counts as the default."""

import dataclasses

import pytest
import sqlalchemy as sa

from tests.backends.fakes import MemoryBackend
from tests.support.app import House
from webapp.contracts.errors import ConfigurationError
from webapp.contracts.events import Event, SettingsChanged
from webapp.contracts.settings import SettingField
from webapp.db import table
from webapp.http.i18n import has
from webapp.models import Setting
from webapp.services.errors import NotFoundError, ValidationError
from webapp.services.settings import CORE_FIELDS, FILE_STORAGE, coerce

rows = table(Setting)
TEXT = SettingField(name="t", help="A text.")
NUMBER = SettingField(name="n", help="A number.", type="integer", minimum=1, maximum=100)
SWITCH = SettingField(name="b", help="A switch.", type="boolean")
LIST = SettingField(name="l", help="A list.", type="list")
KINDS = SettingField(name="k", help="Media types.", type="list", format="media_types")
WORDS = SettingField(name="words", help="Words.", type="list", pattern="[a-z]{1,10}")
CHOICE = SettingField(name="c", help="A choice.", choices=("a", "b"))
NEEDED = SettingField(name="r", help="Needed.", required=True)


@pytest.mark.parametrize(
    ("field", "value", "expected"),
    [
        (TEXT, "x", "x"),
        (TEXT, "", ""),
        (TEXT, "x" * 4096, "x" * 4096),
        (NUMBER, 5, 5),
        (NUMBER, "5", 5),
        (NUMBER, " 5 ", 5),
        (NUMBER, 1, 1),
        (NUMBER, "100", 100),
        (SWITCH, True, True),
        (SWITCH, "TRUE", True),
        (SWITCH, "false", False),
        (LIST, ["a", " b ", ""], ["a", "b"]),
        (LIST, "a, b\nc", ["a", "b", "c"]),
        (LIST, ("a",), ["a"]),
        (LIST, "", None),
        (LIST, [], None),
        (LIST, ["a; b"], ["a; b"]),
        (KINDS, ["text/plain; charset=utf-8", "text/plain;x", "Image/*"], ["text/plain", "Image/*"]),
        (KINDS, "text/plain ;charset=utf-8, text/css;", ["text/plain", "text/css"]),
        (WORDS, ["a", "b", "a"], ["a", "b"]),
        (WORDS, " a ,, b\n", ["a", "b"]),
        (CHOICE, "a", "a"),
        (NEEDED, "x", "x"),
    ],
)
def test_what_fits_is_coerced(field: SettingField, value: object, expected: object) -> None:
    assert coerce(field, value) == expected


@pytest.mark.parametrize(
    ("field", "value", "key"),
    [
        (TEXT, 5, "not_text"),
        (TEXT, None, "not_text"),
        (TEXT, "a\x00b", "not_text"),
        (TEXT, "a\ud800b", "not_text"),
        (TEXT, "x" * 4097, "too_long"),
        (NUMBER, "x", "not_a_number"),
        (NUMBER, "", "not_a_number"),
        (NUMBER, "1.5", "not_a_number"),
        (NUMBER, 1.5, "not_a_number"),
        (NUMBER, True, "not_a_number"),
        (NUMBER, None, "not_a_number"),
        (NUMBER, [5], "not_a_number"),
        (NUMBER, "1_0", "not_a_number"),
        (NUMBER, "\N{ARABIC-INDIC DIGIT FIVE}", "not_a_number"),
        (NUMBER, "--5", "not_a_number"),
        (NUMBER, "-", "not_a_number"),
        (NUMBER, "9" * 30, "not_a_number"),
        (NUMBER, 0, "out_of_bounds"),
        (NUMBER, "-5", "out_of_bounds"),
        (NUMBER, 101, "out_of_bounds"),
        (NUMBER, 10**30, "out_of_bounds"),
        (SWITCH, "yes", "not_a_boolean"),
        (SWITCH, 1, "not_a_boolean"),
        (SWITCH, None, "not_a_boolean"),
        (LIST, 5, "not_a_list"),
        (LIST, ["a", 5], "not_a_list"),
        (LIST, {"a": 1}, "not_a_list"),
        (KINDS, ["; charset=utf-8"], "bad_media_type"),
        (KINDS, ["text; plain/x"], "bad_media_type"),
        (WORDS, [""], "bad_pattern"),
        (WORDS, ["a", " b "], "bad_pattern"),
        (WORDS, "a, B", "bad_pattern"),
        (WORDS, ["a"] * 1001, "not_a_list"),
        (CHOICE, "c", "not_a_choice"),
        (CHOICE, "A", "not_a_choice"),
        (NEEDED, "", "required"),
        (NEEDED, "  ", "required"),
    ],
)
def test_what_does_not_fit_is_refused_with_a_sentence(field: SettingField, value: object, key: str) -> None:
    with pytest.raises(ValueError, match=key) as refused:
        coerce(field, value)
    assert str(refused.value) == key
    assert has(f"validation.{key}")


def test_without_rows_everything_is_its_default(inside: House) -> None:
    current = inside.services.settings.current()
    assert (current.backend, current.max_file_size_bytes) == ("filesystem", 104_857_600)
    assert (current.allowed_content_types, current.file_visibility, current.trash_retention_days) == ((), "all", 30)
    assert current.values["fs_root_path"] == "./uploads"


def test_every_default_fits_its_own_field() -> None:
    for field in CORE_FIELDS:
        assert field.default is None or coerce(field, field.default) == field.default


def test_a_change_counts_at_the_next_reading(inside: House, heard: list[Event]) -> None:
    inside.services.settings.update(
        FILE_STORAGE, {"trash_retention_days": "7", "allowed_content_types": "image/*"}, inside.admin.actor
    )
    current = inside.services.settings.current()
    assert (current.trash_retention_days, current.allowed_content_types) == (7, ("image/*",))
    [event] = heard
    assert isinstance(event, SettingsChanged)
    assert (event.module, event.names) == (FILE_STORAGE, ("allowed_content_types", "trash_retention_days"))
    assert event.actor_name == "admin"
    [row] = inside.query(sa.select(rows.c.updated_by).where(rows.c.name == "trash_retention_days"))
    assert row.updated_by == str(inside.admin.user_id)


def test_nothing_resets_to_the_default(inside: House) -> None:
    inside.configure(trash_retention_days=7)
    inside.configure(trash_retention_days=None)
    assert inside.services.settings.current().trash_retention_days == 30
    assert inside.count(Setting) == 0


def test_one_wrong_value_saves_none(inside: House, heard: list[Event]) -> None:
    with pytest.raises(ValidationError) as refused:
        inside.configure(
            trash_retention_days=7, max_file_size_bytes=0, file_visibility="some", backend="tape", colour="red"
        )
    assert refused.value.errors == {
        "max_file_size_bytes": ("out_of_bounds", {"least": 1, "most": 2**63 - 1}),
        "file_visibility": "not_a_choice",
        "backend": "unknown_backend",
        "colour": "unknown_field",
    }
    assert inside.count(Setting) == 0
    assert heard == []


def test_an_unknown_module_is_not_found(inside: House) -> None:
    with pytest.raises(NotFoundError):
        inside.services.settings.update("other", {})


@pytest.mark.parametrize(
    "name", ["max_file_size_bytes", "trash_retention_days", "file_visibility", "allowed_content_types"]
)
@pytest.mark.parametrize("garbage", ["null", '"x"', "-1", '{"a": 1}', "[1]", "1e99", "not json", ""])
def test_rows_that_make_no_sense_count_as_the_default(sqlite_house: House, name: str, garbage: str) -> None:
    inside = sqlite_house
    with inside.app.app_context():
        default = getattr(inside.services.settings.current(), name)
        other = "trash_retention_days" if name != "trash_retention_days" else "max_file_size_bytes"
        inside.configure(**{name: None, other: 11})
        inside.write(
            sa.text(
                "INSERT INTO setting (module, name, value, updated_at)"
                " VALUES ('file_storage', :name, :value, '2026-01-01 00:00:00')"
            ).bindparams(name=name, value=garbage)
        )
        current = inside.services.settings.current()
        # Garbage must not open what somebody had closed.
        assert getattr(current, name) == ("own" if name == "file_visibility" else default)
        assert getattr(current, other) == 11


def test_rows_of_other_modules_and_unknown_names_do_not_matter(inside: House) -> None:
    inside.write(
        sa.text(
            "INSERT INTO setting (module, name, value, updated_at) VALUES"
            " ('other', 'trash_retention_days', '5', '2026-01-01 00:00:00'),"
            " ('file_storage', 'unknown', '5', '2026-01-01 00:00:00')"
        )
    )
    assert inside.services.settings.current().trash_retention_days == 30


def test_settings_cannot_be_changed_in_passing(inside: House) -> None:
    with pytest.raises(dataclasses.FrozenInstanceError):
        inside.services.settings.current().trash_retention_days = 5  # type: ignore[misc]


def test_a_backend_brings_its_own_fields(inside: House) -> None:
    inside.registry.register(MemoryBackend)
    inside.configure(backend="memory", memory_room="two")
    place = inside.services.settings.active_place(inside.services.settings.current())
    assert (place.backend_id, place.location) == ("memory", {"memory_room": "two"})


def test_a_stored_file_keeps_its_place(inside: House) -> None:
    inside.registry.register(MemoryBackend)
    service = inside.services.settings
    inside.configure(memory_room="two")
    place = service.place_of("memory", {"memory_room": "one"}, service.current())
    assert place.location == {"memory_room": "one"}
    assert place.backend is service.place_of("memory", {"memory_room": "one"}, service.current()).backend
    assert place.backend is not service.place_of("memory", {}, service.current()).backend


def test_a_relative_root_starts_at_the_data_directory(inside: House) -> None:
    place = inside.services.settings.active_place(inside.services.settings.current())
    assert place.location == {"fs_root_path": "./uploads"}
    out = inside.upload()
    assert (inside.config.data_dir / "uploads" / out.key[:2] / out.key).exists()


def test_a_file_of_a_backend_that_is_not_there_any_more_is_a_configuration_error(inside: House) -> None:
    with pytest.raises(ConfigurationError):
        inside.services.settings.place_of("uninstalled", {}, inside.services.settings.current())
