"""Plugins put links into the navigation; what cannot be shown is refused and breaks no page."""

from collections.abc import Callable
from typing import Any

import pytest
from flask import g

from tests.support.app import PASSWORD, House
from tests.support.browser import Page
from tests.ui.conftest import Visitor
from webapp.contracts import ConfigurationError, MenuEntry, PluginHost
from webapp.ui import menu

OURS = ["Activity", "Settings", "Webhooks", "Plugins", "Background work", "Users"]
NAME = "R&D <b>reports</b>"
refusals: list[str] = []


def reporting(host: PluginHost) -> None:
    """A plugin with two pages that something else serves."""
    host.add_menu_entry(MenuEntry(NAME, "/reports/2026", "chart-pie", order=45, roles=("admin", "user")))
    host.add_menu_entry(MenuEntry("Reports", "/reports", "chart-pie", group="House & garden", order=200))


def colliding(host: PluginHost) -> None:
    host.add_menu_entry(MenuEntry("Files", "/file-storage/", "files"))


def careful(host: PluginHost) -> None:
    """One that goes on where an entry is refused."""
    try:
        host.add_menu_entry(MenuEntry("Elsewhere", "https://example.org/", "globe"))
    except ConfigurationError as exc:
        refusals.append(str(exc))
    host.add_menu_entry(MenuEntry("Here", "/here?from=menu", "globe"))


def links(house: House, role: str, path: str = "/file-storage/") -> list[tuple[str, list[menu.Item]]]:
    with house.app.test_request_context(path):
        g.caller = house.caller(role)
        return [(group.label, group.items) for group in menu.groups()]


def labels(house: House, role: str) -> list[tuple[str, list[str]]]:
    return [(group, [item.label for item in items]) for group, items in links(house, role)]


def page(house: House, name: str) -> Page:
    visitor = Visitor(house)
    visitor.sign_in(name, PASSWORD)
    return visitor.open("/account/")


def test_entries_of_a_plugin_stand_among_ours_in_order(installed: Callable[..., House]) -> None:
    house = installed(plugins=["reporting"])
    assert labels(house, "admin") == [
        ("Content", ["Files", NAME, "Trash"]),
        ("Admin", OURS),
        ("Account", ["API tokens"]),
        ("House & garden", ["Reports"]),
    ]
    assert labels(house, "uploader") == [("Content", [NAME, "Trash"]), ("Account", ["API tokens"])]


def test_a_label_is_shown_as_given_and_is_no_markup(installed: Callable[..., House]) -> None:
    house = installed(plugins=["reporting"])
    shown = page(house, "admin")
    assert NAME in shown.text
    assert ("b", {}) not in shown.tags
    assert "House & garden" in shown.text
    [link] = [values for tag, values in shown.tags if tag == "a" and values.get("href") == "/reports/2026"]
    assert "aria-current" not in link


def test_each_entry_has_a_name_for_scripts(installed: Callable[..., House]) -> None:
    house = installed(plugins=["reporting"])
    names = [item.id for _, items in links(house, "admin") for item in items]
    assert names[:3] == ["files", "plugin-1", "trash"]
    assert names[-2:] == ["tokens", "plugin-2"]


def test_an_address_that_is_taken_is_refused_and_reported(
    installed: Callable[..., House], capsys: pytest.CaptureFixture[str]
) -> None:
    house = installed(plugins=["colliding", "reporting"])
    told = capsys.readouterr().err
    assert "plugin=colliding" in told
    assert "plugin=reporting" not in told
    assert len(labels(house, "admin")) == 4, "the plugin after it works"


def test_a_plugin_can_catch_the_refusal_and_go_on(installed: Callable[..., House]) -> None:
    refusals.clear()
    house = installed(plugins=["careful"])
    assert ("Content", ["Files", "Trash", "Here"]) in labels(house, "admin")
    assert "no path of this server" in refusals[0]


@pytest.mark.parametrize(
    "wrong",
    [
        {"href": "https://example.org/"},
        {"href": "//example.org"},
        {"href": "/\\example.org"},
        {"href": "javascript:alert(1)"},
        {"href": "reports"},
        {"href": ""},
        {"href": "/a/../b"},
        {"href": "/file-storage"},
        {"href": "/file-storage/trash/"},
        {"href": None},
        {"icon": "unheard-of"},
        {"icon": ""},
        {"icon": 'files"><script>'},
        {"icon": 3},
        {"label": ""},
        {"label": "  "},
        {"label": "x" * 41},
        {"label": "two\nlines"},
        {"label": "\u202eright to left"},
        {"label": b"bytes"},
        {"group": ""},
        {"group": None},
        {"section": "TOP"},
        {"section": None},
        {"order": "10"},
        {"order": None},
        {"order": True},
        {"order": float("nan")},
        {"roles": ["admin"]},
        {"roles": "admin"},
        {"roles": ("owner",)},
        {"roles": (["admin"],)},
    ],
    ids=str,
)
def test_what_cannot_be_shown_is_refused(sqlite_house: House, wrong: dict[str, Any]) -> None:
    fine: dict[str, Any] = {"label": "Reports", "href": "/reports", "icon": "chart-pie"}
    made = menu.of(sqlite_house.app)
    with pytest.raises(ConfigurationError):
        made.add(MenuEntry(**{**fine, **wrong}))
    made.add(MenuEntry(**fine))


@pytest.mark.parametrize("entry", [None, "Reports", {"label": "Reports"}, object()])
def test_what_is_no_entry_is_refused(sqlite_house: House, entry: Any) -> None:
    with pytest.raises(ConfigurationError):
        menu.of(sqlite_house.app).add(entry)
