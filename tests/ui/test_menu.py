"""The navigation: who is shown what, and where one is."""

import pytest
from flask import g

from tests.support.app import House
from webapp.ui import menu
from webapp.ui.menu import Item


def shown(house: House, name: str, path: str = "/account/", **options: object) -> list[Item]:
    with house.app.test_request_context(path, **options):
        g.caller = house.caller(name)
        return [item for group in menu.groups() for item in group.items]


def current(house: House, path: str, name: str = "admin") -> list[str]:
    return [item.id for item in shown(house, name, path) if item.current]


def test_an_admin_is_shown_everything_under_three_labels(sqlite_house: House) -> None:
    with sqlite_house.app.test_request_context("/account/"):
        g.caller = sqlite_house.admin
        found = menu.groups()
    assert [(group.label, [item.id for item in group.items]) for group in found] == [
        ("Content", ["files", "trash"]),
        ("Admin", ["activity", "settings", "webhooks", "plugins", "tasks", "users"]),
        ("Account", ["tokens"]),
    ]
    files = found[0].items[0]
    assert (files.label, files.icon) == ("Files", "files")


def test_a_user_is_shown_what_is_for_users(sqlite_house: House) -> None:
    assert [item.id for item in shown(sqlite_house, "uploader")] == ["trash", "tokens"]


def test_where_nobody_is_signed_in_there_is_no_menu(sqlite_house: House) -> None:
    with sqlite_house.app.test_request_context("/account/login"):
        assert menu.groups() == []


def test_links_go_where_the_page_is_and_not_to_a_redirect(sqlite_house: House) -> None:
    addresses = {item.id: item.href for item in shown(sqlite_house, "admin")}
    assert addresses["files"] == "/file-storage/"
    assert addresses["trash"] == "/file-storage/trash"


def test_links_stay_below_the_path_the_program_is_served_under(sqlite_house: House) -> None:
    items = shown(sqlite_house, "admin", environ_overrides={"SCRIPT_NAME": "/store"})
    assert {item.href.split("/")[1] for item in items} == {"store"}


@pytest.mark.parametrize(
    ("path", "here"),
    [
        ("/file-storage/", ["files"]),
        ("/file-storage", ["files"]),
        ("/file-storage/?q=trash", ["files"]),
        ("/file-storage/files/7/panel", ["files"]),
        ("/file-storage/trash", ["trash"]),
        ("/file-storage/trash/purge", ["trash"]),
        ("/file-storage/trashed", ["files"]),
        ("/file-storage-2", []),
        ("/admin/users", ["users"]),
        ("/admin/webhooks/new", ["webhooks"]),
        ("/settings/modules/file_storage", ["settings"]),
        ("/settings/modules/bells", ["settings"]),
        ("/account/", []),
    ],
)
def test_the_most_exact_entry_is_the_current_one(sqlite_house: House, path: str, here: list[str]) -> None:
    assert current(sqlite_house, path) == here


def test_a_page_below_an_entry_one_is_not_shown_makes_no_other_current(sqlite_house: House) -> None:
    assert current(sqlite_house, "/file-storage/", "uploader") == []
    assert current(sqlite_house, "/file-storage/trash", "uploader") == ["trash"]
