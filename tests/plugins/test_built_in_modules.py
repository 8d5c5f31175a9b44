"""What Stowage consists of comes in by the door of plugins, and says of itself what it was always meant to."""

import tomllib

from tests.architecture.sources import ROOT
from tests.support.app import House
from webapp import __version__, builtin
from webapp.builtin import file_storage
from webapp.services.access import Permission
from webapp.services.plugins import BUILT_IN
from webapp.services.settings import FILE_STORAGE


def test_file_storage_is_the_module_of_the_seed() -> None:
    meta = file_storage.META
    assert (meta.name, meta.route_prefix, meta.view_prefix) == ("FileStorage", "/api/file-storage", "/file-storage")
    assert meta.depends_on == ("Settings",)
    assert [permission.code for permission in meta.permissions] == [
        "file_storage.upload",
        "file_storage.download",
        "file_storage.delete",
        "file_storage.manage",
    ]


def test_its_menu_entry_is_that_of_the_seed(house: House) -> None:
    [record] = [each for each in house.services.plugins.records() if each.name == FILE_STORAGE]
    assert record.brought["menu"] == ["/file-storage", "/file-storage/trash"]
    assert record.brought["settings"] == [FILE_STORAGE]
    files = file_storage.ENTRIES[0]
    assert (files.href, files.icon, files.order) == ("/file-storage", "files", 40)
    assert (files.section, files.group, files.roles) == ("SIDEBAR", "Content", ("admin",))


def test_the_version_of_a_module_is_that_of_stowage(house: House) -> None:
    records = [each for each in house.services.plugins.records() if each.kind == BUILT_IN]
    assert {(each.package, each.version) for each in records} == {("stowage", __version__)}
    assert __version__ == tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))["project"]["version"]


def test_every_permission_comes_from_a_module(house: House) -> None:
    brought = [code for each in house.services.plugins.records() for code in each.brought.get("permissions", [])]
    assert sorted(brought) == sorted(permission.value for permission in Permission)
    assert house.services.permissions.codes() == tuple(permission.value for permission in Permission)


def test_what_the_roles_may(house: House) -> None:
    permissions = house.services.permissions
    assert permissions.of("admin") == set(Permission)
    assert permissions.of("user") == {Permission.UPLOAD, Permission.DOWNLOAD, Permission.DELETE, Permission.TOKENS}
    assert permissions.of("owner") == set()
    assert permissions.of("user", ["file_storage.upload", "admin.users", "unheard.of"]) == {Permission.UPLOAD}


def test_all_modules_are_loaded_before_anybody_else_s(house: House) -> None:
    records = house.services.plugins.records()
    assert [each.name for each in records[: len(builtin.MODULES)]] == [name for name, _ in builtin.MODULES]
    assert {each.kind for each in records[: len(builtin.MODULES)]} == {BUILT_IN}
    ready: set[str] = set()
    for each in records[: len(builtin.MODULES)]:
        assert ready.issuperset(each.depends_on), each.name
        ready.add(each.title)
