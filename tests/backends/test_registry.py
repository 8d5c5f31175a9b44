"""Backends come in by one door and are made once per set of values."""

import threading
import time
from collections.abc import Mapping
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import pytest

from tests.backends.fakes import DirectBackend, LinkBackend, MemoryBackend, smallest
from webapp.backends import registry as registry_module
from webapp.backends.filesystem import FilesystemBackend
from webapp.backends.registry import BackendRegistry
from webapp.contracts.errors import ConfigurationError
from webapp.contracts.settings import SettingField

METHODS = ("put", "get", "delete", "exists", "presigned_get_url")
TAKING_PARTS = [name for name in vars(DirectBackend) if name.endswith(("_parts", "_bytes", "_url")) and name[0] != "_"]
ATTRIBUTES = ("backend_id", "supports_presigned_url")
OPTIONAL = {"fields": (), "supports_local_files": False, "supports_recovery": False}


@pytest.fixture
def registry() -> BackendRegistry:
    made = BackendRegistry()
    made.register(FilesystemBackend)
    made.register(MemoryBackend)
    return made


def without(name: str) -> Any:
    """A backend class that lacks one thing."""
    own = {key: value for key, value in vars(MemoryBackend).items() if key not in (name, "__dict__", "__weakref__")}
    return type("Partial", (), own)


def test_the_same_values_give_the_same_instance(registry: BackendRegistry) -> None:
    assert registry.get("memory", {"memory_room": "a"}) is registry.get("memory", {"memory_room": "a"})


def test_the_order_of_the_values_does_not_matter(registry: BackendRegistry) -> None:
    assert registry.get("memory", {"a": 1, "b": 2}) is registry.get("memory", {"b": 2, "a": 1})


def test_other_values_give_another_instance(registry: BackendRegistry) -> None:
    assert registry.get("memory", {"memory_room": "a"}) is not registry.get("memory", {"memory_room": "b"})


def test_the_values_of_an_instance_cannot_be_changed_behind_its_back(registry: BackendRegistry) -> None:
    seen: list[Mapping[str, object]] = []

    class Curious(MemoryBackend):
        backend_id = "curious"
        fields = ()

        def __init__(self, options: Mapping[str, object]) -> None:
            super().__init__(options)
            seen.append(options)

    registry.register(Curious)
    options = {"memory_room": "a"}
    registry.get("curious", options)
    options["memory_room"] = "b"
    assert seen == [{"memory_room": "a"}]


def test_an_unknown_id_is_a_configuration_error(registry: BackendRegistry) -> None:
    with pytest.raises(ConfigurationError):
        registry.get("tape", {})
    with pytest.raises(ConfigurationError):
        registry.fields_of("tape")


def test_two_backends_cannot_share_an_id(registry: BackendRegistry) -> None:
    class Other(MemoryBackend):
        backend_id = "memory"

    with pytest.raises(ConfigurationError):
        registry.register(Other)
    assert isinstance(registry.get("memory", {}), MemoryBackend)
    assert not isinstance(registry.get("memory", {}), Other)


def test_registering_the_same_class_again_is_fine(registry: BackendRegistry) -> None:
    registry.register(MemoryBackend)
    assert registry.ids() == ("filesystem", "memory")


def test_a_setting_belongs_to_one_backend(registry: BackendRegistry) -> None:
    class Taking(MemoryBackend):
        backend_id = "taking"

    with pytest.raises(ConfigurationError, match="memory_room"):
        registry.register(Taking)


@pytest.mark.parametrize("kind", ["url", "public_url"])
def test_beside_a_secret_an_address_is_a_location(registry: BackendRegistry, kind: str) -> None:
    fields = (
        SettingField(name="door_url", help="The host.", format=kind),
        SettingField(name="door_key", help="Its key.", secret=True),
    )
    with pytest.raises(ConfigurationError, match="door_url"):
        registry.register(type("Leaky", (MemoryBackend,), {"backend_id": "leaky", "fields": fields}))


def test_a_backend_takes_no_setting_of_the_core(registry: BackendRegistry) -> None:
    class Taking(MemoryBackend):
        backend_id = "taking"
        fields = (SettingField(name="trash_retention_days", help="Not yours."),)

    registry.reserve(["trash_retention_days"])
    with pytest.raises(ConfigurationError, match="trash_retention_days"):
        registry.register(Taking)


@pytest.mark.parametrize(
    "fields",
    [
        [],
        ("memory_door",),
        (SettingField(name="Door", help="Big."),),
        (SettingField(name="door", help="A door."), SettingField(name="door", help="Another.")),
        (SettingField(name="door", help="A door.", secret=True, location=True),),
        (SettingField(name="door", help="A door.", masked=True, location=True),),
        (SettingField(name="door", help="A door.", format="colour"),),
    ],
)
def test_settings_that_cannot_be_used_are_refused(registry: BackendRegistry, fields: Any) -> None:
    faulty = type("Faulty", (MemoryBackend,), {"backend_id": "faulty", "fields": fields})
    with pytest.raises(ConfigurationError, match="Faulty"):
        registry.register(faulty)


@pytest.mark.parametrize("name", METHODS + ATTRIBUTES)
def test_a_class_that_lacks_part_of_the_protocol_is_refused(registry: BackendRegistry, name: str) -> None:
    with pytest.raises(ConfigurationError, match=name):
        registry.register(without(name))


def test_the_smallest_backend_is_an_id_a_flag_and_five_methods(registry: BackendRegistry) -> None:
    small = smallest()
    registry.register(small)
    assert registry.fields_of("smallest") == ()
    assert [field.name for field in registry.fields()] == ["fs_root_path", "memory_room"]
    made = registry.get("smallest", {})
    assert {name: getattr(made, name) for name in OPTIONAL} == OPTIONAL
    made.put("k", [b"bytes"], content_type="text/plain")
    assert b"".join(made.get("k")) == b"bytes"


def test_what_it_may_leave_out_counts_where_it_is_there(registry: BackendRegistry) -> None:
    small = smallest()
    more = {"backend_id": "larger", "supports_local_files": True, "open_local": lambda self, key: None}
    larger: Any = type("Larger", (small,), more)
    registry.register(larger)
    registry.register(small)
    assert (small.supports_local_files, larger.supports_local_files) == (False, True)


@pytest.mark.parametrize(
    "flag", ["supports_local_files", "supports_recovery", "supports_listing", "supports_direct_upload"]
)
def test_a_class_has_to_have_what_its_flags_promise(registry: BackendRegistry, flag: str) -> None:
    promising = type("Promising", (MemoryBackend,), {"backend_id": "promising", flag: True})
    with pytest.raises(ConfigurationError):
        registry.register(promising)


@pytest.mark.parametrize("name", TAKING_PARTS)
def test_a_class_that_takes_parts_has_all_that_belongs_to_it(registry: BackendRegistry, name: str) -> None:
    registry.register(DirectBackend)
    own = {key: value for key, value in vars(DirectBackend).items() if key not in (name, "__dict__", "__weakref__")}
    partial = type("Partial", (MemoryBackend,), own | {"backend_id": "partial", "fields": ()})
    with pytest.raises(ConfigurationError, match=name):
        registry.register(partial)


@pytest.mark.parametrize("backend_id", ["", "x" * 33])
def test_an_id_has_1_to_32_characters(registry: BackendRegistry, backend_id: str) -> None:
    with pytest.raises(ConfigurationError):
        registry.register(type("Odd", (MemoryBackend,), {"backend_id": backend_id}))


@pytest.mark.parametrize("thing", [lambda: None, object(), "filesystem", None])
def test_what_is_no_backend_class_is_refused(registry: BackendRegistry, thing: Any) -> None:
    with pytest.raises(ConfigurationError):
        registry.register(thing)


def test_the_fields_of_all_backends_are_known(registry: BackendRegistry) -> None:
    assert [field.name for field in registry.fields()] == ["fs_root_path", "memory_room"]
    assert [field.name for field in registry.fields_of("memory")] == ["memory_room"]


def test_a_backend_that_refuses_its_values_is_not_kept(registry: BackendRegistry) -> None:
    with pytest.raises(ConfigurationError):
        registry.get("filesystem", {"fs_root_path": "relative"})
    with pytest.raises(ConfigurationError):
        registry.get("filesystem", {"fs_root_path": "relative"})


def test_threads_that_ask_at_once_get_one_instance(registry: BackendRegistry) -> None:
    made: list[object] = []

    class Slow(LinkBackend):
        backend_id = "slow"

        def __init__(self, options: Mapping[str, object]) -> None:
            time.sleep(0.02)
            super().__init__(options)
            made.append(self)

    registry.register(Slow)
    barrier = threading.Barrier(16)

    def ask(_: int) -> object:
        barrier.wait(10)
        return registry.get("slow", {"memory_room": "a"})

    with ThreadPoolExecutor(16) as pool:
        found = set(map(id, pool.map(ask, range(16))))
    assert found == {id(made[0])}
    assert len(made) == 1


def test_instances_of_former_values_do_not_pile_up(registry: BackendRegistry, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(registry_module, "_MOST_INSTANCES", 4)
    for number in range(20):
        registry.get("memory", {"memory_room": str(number)})
    assert len(registry._instances) == 4
    last = registry.get("memory", {"memory_room": "19"})
    assert registry.get("memory", {"memory_room": "19"}) is last
