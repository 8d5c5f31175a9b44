"""A plugin that fails, hangs or hurts itself is left out with all it brought, and Stowage starts without it."""

import sys
import threading
from collections.abc import Callable, Iterator
from typing import Any

import click
import pytest
from flask import Blueprint, g

from tests.backends.fakes import MemoryBackend
from tests.support.app import House
from tests.ui.conftest import Visitor
from webapp import plugins
from webapp.contracts import (
    ConfigurationError,
    FileUploaded,
    MenuEntry,
    ModuleMeta,
    PluginHost,
    PluginPermission,
    SettingField,
    SettingsModule,
    signal_for,
)
from webapp.contracts.pages import signed_in
from webapp.plugins import loader
from webapp.services.delivery.receivers import plugin_targets
from webapp.services.errors import CheckFailedError
from webapp.services.plugins import PluginOut
from webapp.ui import menu

release = threading.Event()
late: list[str] = []


def bring_everything(host: PluginHost, name: str) -> None:
    pages = Blueprint(f"{name}_pages", __name__)
    pages.add_url_rule("/", view_func=signed_in(lambda: "here"))
    host.describe(ModuleMeta(name=f"All of {name}", view_prefix=f"/{name}"))
    host.subscribe(FileUploaded, print)
    host.add_backend(MemoryBackend)
    host.add_settings(SettingsModule(name=name, title="Title", fields=(SettingField(name="x", help="An x."),)))
    host.add_menu_entry(MenuEntry("Page", f"/{name}", "globe"))
    host.add_permission(PluginPermission(f"{name}.see", "See it"))
    host.add_pages(pages)
    host.add_command(click.Command(f"{name}-command"))
    host.check_uploads(lambda info: None)


def whole(host: PluginHost) -> None:
    bring_everything(host, "whole")


def failing(host: PluginHost) -> None:
    bring_everything(host, "failing")
    raise RuntimeError("a reason\nwith a second line")


def past_the_host(host: PluginHost) -> None:
    def receiver(sender: object, event: object, **_: object) -> None:
        """A closure that is held by the signal alone."""

    signal_for(FileUploaded).connect(receiver, weak=False)
    signal_for(FileUploaded).connect(weakly_held)
    if not fine:
        raise RuntimeError("after it has connected")


def weakly_held(sender: object, event: object, **_: object) -> None:
    """A receiver."""


fine: list[str] = []


def changing_its_mind(host: PluginHost) -> None:
    good, bad = PluginPermission("changing_its_mind.see", "See it"), PluginPermission("somebody.else", "Not mine")
    with pytest.raises(ConfigurationError):
        host.describe(ModuleMeta(name="First", view_prefix="/first", permissions=(good, bad)))
    host.describe(ModuleMeta(name="Second", view_prefix="/second", permissions=(good,)))


def leaving(host: PluginHost) -> None:
    host.subscribe(FileUploaded, print)
    sys.exit("a plugin that ends programs")


def interrupting(host: PluginHost) -> None:
    raise KeyboardInterrupt


class UnspeakableError(Exception):
    def __str__(self) -> str:
        raise RuntimeError("not even this")


def unspeakable(host: PluginHost) -> None:
    raise UnspeakableError


def hanging(host: PluginHost) -> None:
    bring_everything(host, "hanging")
    release.wait(30)
    try:
        host.add_menu_entry(MenuEntry("Late", "/late", "globe"))
    except ConfigurationError as exc:
        late.append(str(exc))


def late_reader(host: PluginHost) -> None:
    late_hosts.append(host)


late_hosts: list[PluginHost] = []
no_function = 7


def named(name: str, *depends_on: str) -> Callable[[PluginHost], None]:
    def setup(host: PluginHost) -> None:
        host.describe(ModuleMeta(name=name, version="1.5", description=f"This is {name}.", depends_on=depends_on))
        host.subscribe(FileUploaded, print)

    return setup


needs_files = named("Needs files", "FileStorage", "Settings")
a_before_b = named("A", "B")
b_last = named("B")
egg = named("Egg", "Hen")
hen = named("Hen", "Egg")
on_nothing = named("Lonely", "Nothing")
on_failing = named("Follower", "All of failing")
on_follower = named("Second", "Follower")
same_a = named("Same")
same_b = named("same")
taking_a_name = named("FileStorage")


@pytest.fixture(autouse=True)
def _quick(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    monkeypatch.setattr(loader, "SECONDS", 1.0)
    release.clear()
    late.clear()
    late_hosts.clear()
    fine.clear()
    MemoryBackend.forget()
    yield
    release.set()


def found(house: House) -> dict[str, PluginOut]:
    with house.app.app_context():
        return {each.name: each for each in house.services.plugins.overview(house.admin)}


def addresses(house: House) -> set[str]:
    with house.app.test_request_context("/account/"):
        g.caller = house.admin
        return {item.href for group in menu.groups() for item in group.items}


def traces(house: House, name: str) -> list[str]:
    """What there is of a plugin that brought everything."""
    with house.app.app_context():
        modules = [module.name for module in house.services.settings.modules()]
    there = {
        "receiver": f"plugin:{name}" in {target.name for target in plugin_targets(house.app)},
        "backend": "memory" in house.registry.ids(),
        "settings": name in modules,
        "menu": bool({f"/{name}", f"/{name}/"} & addresses(house)),
        "permission": f"{name}.see" in house.services.permissions.codes(),
        "granted": f"{name}.see" in house.services.permissions.of("admin"),
        "page": house.api("admin").get(f"/{name}/").status_code == 200,
        "command": f"{name}-command" in plugins.of(house.app).commands,
        "check": name in {each.plugin for each in house.services.checks.overview()},
    }
    return [kind for kind, is_there in there.items() if is_there]


def test_a_plugin_that_works_brings_all_it_has(installed: Any) -> None:
    house = installed(plugins=["whole"])
    assert len(traces(house, "whole")) == 9
    out = found(house)["whole"]
    assert (out.title, out.state, out.error) == ("All of whole", "active", None)
    assert out.brings == {
        "events": ["FileUploaded"],
        "checks": ["tests.plugins.test_isolation.bring_everything.<locals>.<lambda>"],
        "pages": ["/whole/"],
        "menu": ["/whole"],
        "settings": ["whole"],
        "permissions": ["whole.see"],
        "backends": ["memory"],
        "commands": ["whole-command"],
    }
    assert [(each.name, each.events) for each in out.receivers] == [("builtins.print", ["FileUploaded"])]


def test_of_a_plugin_that_fails_nothing_stays(installed: Any) -> None:
    house = installed(plugins=["failing"])
    assert traces(house, "failing") == []
    out = found(house)["failing"]
    assert (out.state, out.error, out.brings) == ("failed", "RuntimeError: a reason", {})


def test_receivers_that_a_failed_plugin_connected_by_itself_are_gone(installed: Any) -> None:
    def told(house: House) -> set[str]:
        return {target.name for target in plugin_targets(house.app)}

    assert not told(installed(plugins=["past_the_host"]))
    fine.append("yes")
    assert told(installed(plugins=["past_the_host"])) == {"plugin:past_the_host"}


def test_receivers_that_a_plugin_connected_by_itself_are_shown_as_its_own(installed: Any) -> None:
    fine.append("yes")
    out = found(installed(plugins=["past_the_host"]))["past_the_host"]
    assert (out.state, out.brings) == ("active", {"events": ["FileUploaded"]})
    assert {each.name.rpartition(".")[2] for each in out.receivers} == {"receiver", "weakly_held"}


def test_a_description_that_is_refused_leaves_nothing_and_may_be_given_again(installed: Any) -> None:
    house = installed(plugins=["changing_its_mind"])
    out = found(house)["changing_its_mind"]
    assert (out.title, out.state, out.error) == ("Second", "active", None)
    assert out.brings == {"permissions": ["changing_its_mind.see"]}
    assert "changing_its_mind.see" in house.services.permissions.codes()
    assert "first" not in {each.casefold() for each in found(house)}


def checking(host: PluginHost) -> None:
    """Like one that is upgraded: it checks uploads, unless it cannot be loaded."""
    if "broken" in fine:
        raise RuntimeError("the library of the scanner is missing")
    host.check_uploads(lambda info: None, required="optional" not in fine)


def test_a_plugin_that_has_to_check_uploads_and_cannot_be_loaded_leaves_no_door_open(installed: Any) -> None:
    assert installed(plugins=["checking"]).upload()
    fine.append("broken")
    house = installed(plugins=["checking", "whole"])
    answer = house.api("uploader").put("/api/file-storage/upload/a.txt", data=b"a")
    assert (answer.status_code, answer.json()["code"]) == (503, "check_failed")
    assert found(house)["checking"].checks
    admin = Visitor(house)
    admin.sign_in("admin")
    assert "so they are refused until it can be loaded" in admin.get("/admin/plugins").text
    with pytest.raises(CheckFailedError):
        house.upload()
    again = installed(plugins=["checking"])
    with pytest.raises(CheckFailedError):
        again.upload()
    fine.clear()
    assert installed(plugins=["checking"]).upload()


def test_who_is_uninstalled_or_never_had_to_check_stops_no_uploads(installed: Any) -> None:
    assert installed(plugins=["checking"]).upload()
    assert installed(plugins=[]).upload()
    fine.append("broken")
    assert installed(plugins=["checking"]).upload(), "it was installed anew, and has never worked"
    fine.clear()
    fine.append("optional")
    assert installed(plugins=["checking"]).upload()
    fine.append("broken")
    assert installed(plugins=["checking"]).upload()


def test_what_a_failed_plugin_had_taken_is_free_for_the_next(installed: Any) -> None:
    house = installed(plugins=["failing", "whole"])
    assert len(traces(house, "whole")) == 9, "the backend was the other one's"


@pytest.mark.parametrize(
    ("name", "error"),
    [
        ("leaving", "SystemExit: a plugin that ends programs"),
        ("interrupting", "KeyboardInterrupt"),
        ("unspeakable", "UnspeakableError"),
        ("no_function", "TypeError: 'int' object is not callable"),
        ("not_there", "AttributeError: module 'tests.plugins.test_isolation' has no attribute 'not_there'"),
    ],
)
def test_whatever_it_raises_stowage_starts(installed: Any, name: str, error: str) -> None:
    house = installed(plugins=[name, "whole"])
    assert found(house)[name].error == error
    assert found(house)["whole"].state == "active"
    assert house.upload()


def test_one_that_hangs_is_left_behind_and_its_door_is_closed(installed: Any) -> None:
    house = installed(plugins=["hanging", "whole"])
    assert found(house)["hanging"].error == "TimeoutError: it took longer than 1 seconds"
    assert traces(house, "hanging") == ["backend"], "the backend is the one of the other plugin"
    assert len(traces(house, "whole")) == 9
    release.set()
    [thread] = [each for each in threading.enumerate() if each.name == "stowage-plugin"]
    thread.join(10)
    assert late == ["what a plugin brings it brings in setup, which is over"]
    assert "/late" not in addresses(house)


def test_after_setup_a_plugin_can_ask_but_not_add(installed: Any) -> None:
    house = installed(plugins=["late_reader"])
    [host] = late_hosts
    assert host.settings("file_storage")["trash_retention_days"] == 30, "in a thread without a context, too"
    assert host.caller() is None
    assert host.data_dir() == house.config.instance_dir / "plugins" / "late_reader"
    assert host.data_dir().is_dir()
    for late_call in (
        lambda: host.subscribe(FileUploaded, print),
        lambda: host.describe(ModuleMeta(name="Late")),
        lambda: host.add_permission(PluginPermission("late_reader.see", "See")),
        lambda: host.add_command(click.Command("late")),
        lambda: host.check_uploads(lambda info: None),
    ):
        with pytest.raises(ConfigurationError):
            late_call()
    assert "late_reader.see" not in house.services.permissions.codes()


# --- dependencies ----------------------------------------------------------------------


def test_what_stowage_consists_of_can_be_depended_on(installed: Any) -> None:
    out = found(installed(plugins=["needs_files"]))["needs_files"]
    assert (out.state, out.version, out.description) == ("active", "1.5", "This is Needs files.")
    assert out.depends_on == ["FileStorage", "Settings"]


def test_the_order_of_names_does_not_matter(installed: Any) -> None:
    states = found(installed(plugins=["a_before_b", "b_last"]))
    assert (states["a_before_b"].state, states["b_last"].state) == ("active", "active")


def test_who_depends_on_nothing_that_is_there_is_left_out(installed: Any) -> None:
    house = installed(plugins=["on_nothing"])
    out = found(house)["on_nothing"]
    assert out.error == "ConfigurationError: depends on Nothing, which is not there (Lonely → Nothing)"
    assert "plugin:on_nothing" not in {target.name for target in plugin_targets(house.app)}


def test_who_depends_on_one_that_failed_fails_with_it(installed: Any) -> None:
    out = found(installed(plugins=["failing", "on_failing", "on_follower"]))
    why = "depends on All of failing, which failed"
    assert out["on_failing"].error == f"ConfigurationError: {why} (Follower → All of failing)"
    assert out["on_follower"].error == f"ConfigurationError: {why} (Second → Follower → All of failing)"


def test_those_that_depend_on_each_other_are_left_out_with_the_way_round(installed: Any) -> None:
    out = found(installed(plugins=["egg", "hen", "whole"]))
    assert out["egg"].error == "ConfigurationError: depends on itself (Egg → Hen → Egg)"
    assert out["hen"].error == "ConfigurationError: depends on itself (Hen → Egg → Hen)"
    assert out["whole"].state == "active"


@pytest.mark.parametrize(("names", "failed"), [(["same_a", "same_b"], "same_b"), (["taking_a_name"], "taking_a_name")])
def test_a_name_belongs_to_one_module(installed: Any, names: list[str], failed: str) -> None:
    out = found(installed(plugins=names))
    assert "belongs to" in str(out[failed].error)
    assert [each.name for each in out.values() if each.state == "failed"] == [failed]
