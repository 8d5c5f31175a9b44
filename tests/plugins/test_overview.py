"""The page *Plugins* and its twin in the API: what was loaded, what is broken, and how far each is."""

import threading
from collections.abc import Callable
from typing import Any

import orjson
import pytest

from tests.support.app import House
from tests.support.german import assert_german
from tests.support.problems import problem
from tests.ui.conftest import Visitor, assert_ours, page_of
from webapp.contracts import EVENT_TYPES, Event, FileUploaded, ModuleMeta, PluginHost, UserCreated
from webapp.contracts.checks import UploadInfo, UploadRefusedError

PAGE = "/admin/plugins"
API = "/api/plugins"
UPLOAD = "/api/file-storage/upload"
release = threading.Event()


def good(host: PluginHost) -> None:
    host.describe(ModuleMeta(name="Good <b>&</b> kind", version="2.1", description="Does <i>much</i>."))
    host.subscribe(FileUploaded, receive)


def receive(event: FileUploaded) -> None:
    """What ``good`` does with an upload."""


def broken(host: PluginHost) -> None:
    raise RuntimeError("no <script>alert(1)</script>\nand a second line")


def raising(host: PluginHost) -> None:
    host.subscribe(FileUploaded, fail)
    host.subscribe(UserCreated, receive)


def fail(event: FileUploaded) -> None:
    raise ValueError("the receiver's own trouble")


def everything(host: PluginHost) -> None:
    host.subscribe(Event, receive)


class NoBackend:
    """Lacks everything."""


def listed(house: House) -> dict[str, dict[str, Any]]:
    """What the API says. Nothing happens for it: a new token would be an event."""
    with house.app.app_context():
        items = house.services.plugins.overview(house.admin)
    return {each["name"]: each for each in orjson.loads(orjson.dumps(items))}


def shown(house: House, language: str = "en") -> Any:
    visitor = Visitor(house)
    visitor.sign_in("admin")
    answer = visitor.get(PAGE, headers={"Accept": "text/html", "Accept-Language": language})
    assert answer.status_code == 200
    return answer


def test_it_is_for_those_who_look_after_the_system(house: House) -> None:
    problem(house.api().get(API), "unauthenticated")
    assert problem(house.api("uploader").get(API), "forbidden")["permission"] == "admin.system"
    problem(house.api("admin", "admin.settings").get(API), "forbidden")
    assert house.api("admin", "admin.system").get(API).status_code == 200


def test_the_modules_of_stowage_are_there_as_its_authors_meant_them(house: House) -> None:
    found = listed(house)
    files = found["file_storage"]
    assert (files["title"], files["kind"], files["state"], files["depends_on"]) == (
        "FileStorage",
        "built_in",
        "active",
        ["Settings"],
    )
    assert files["brings"]["backends"] == ["filesystem", "s3"]
    assert files["brings"]["settings"] == ["file_storage"]
    assert files["brings"]["menu"] == ["/file-storage", "/file-storage/trash"]
    assert files["brings"]["permissions"] == [
        f"file_storage.{what}" for what in ("upload", "download", "delete", "manage")
    ]
    prefixes = {rule.split("/file-storage")[0] for rule in files["brings"]["pages"]}
    assert prefixes == {"", "/api"}


def test_without_plugins_the_page_says_so(house: House) -> None:
    page = page_of(shown(house))
    assert_ours(page)
    assert "No plugins are installed" in page.text
    assert "Takes files in" in page.text


def test_what_is_told_of_a_plugin(installed: Callable[..., House]) -> None:
    house = installed(plugins=["good"])
    house.upload()
    house.upload()
    before = listed(house)["good"]["delivery"]
    assert (before["behind"] >= 2, before["delivered"]) == (True, 0)
    assert before["oldest_at"] is not None
    house.deliver()
    found = listed(house)["good"]
    assert (found["title"], found["version"], found["state"], found["kind"]) == (
        "Good <b>&</b> kind",
        "2.1",
        "active",
        "plugin",
    )
    about = found["delivery"]
    assert (about["behind"], about["delivered"], about["failed"], about["oldest_at"]) == (0, 2, 0, None)
    [receiver] = found["receivers"]
    assert receiver == {"name": f"{__name__}.receive", "events": ["FileUploaded"], "waiting": 0, "parked": 0}


def test_words_of_a_plugin_are_no_markup(installed: Callable[..., House]) -> None:
    page = page_of(shown(installed(plugins=["good", "broken"])))
    assert_ours(page)
    assert "Good <b>&</b> kind" in page.text
    assert "Does <i>much</i>." in page.text
    assert "RuntimeError: no <script>alert(1)</script>" in page.text
    assert "second line" not in page.text


def test_what_is_broken_comes_first_and_says_why(installed: Callable[..., House]) -> None:
    house = installed(plugins=["good", "broken"], backends=["NoBackend"])
    items = house.api("admin").get(API).json()["items"]
    assert {items[0]["name"], items[1]["name"]} == {"broken", "nobackend"}
    assert [each["kind"] for each in items][-1] == "built_in"
    assert "lacks backend_id" in listed(house)["nobackend"]["error"]
    assert shown(house).text.count("Not loaded") >= 2


def test_a_receiver_that_fails_is_named_with_its_error(installed: Callable[..., House]) -> None:
    house = installed(plugins=["raising"])
    house.upload()
    house.deliver()
    found = listed(house)["raising"]
    assert (found["state"], found["delivery"]["failed"]) == ("active", 1)
    assert found["delivery"]["last_error"] == "ValueError: the receiver's own trouble"
    stuck = {each["name"]: each["waiting"] for each in found["receivers"]}
    assert stuck == {f"{__name__}.fail": 1, f"{__name__}.receive": 0}
    page = page_of(shown(house))
    assert "Calls fail" in page.text
    assert "ValueError: the receiver's own trouble" in page.text


def checking(host: PluginHost) -> None:
    def check(info: UploadInfo) -> None:
        if info.filename == "refused":
            raise UploadRefusedError("no", "No.")
        if info.filename == "broken":
            raise LookupError("the scanner is away")

    host.check_uploads(check, required=False)


def test_how_its_checks_did_is_told(installed: Callable[..., House]) -> None:
    house = installed(plugins=["checking"])
    api = house.api("uploader")
    assert api.put(f"{UPLOAD}/fine", data=b"x").status_code == 201
    assert api.put(f"{UPLOAD}/refused", data=b"x").status_code == 422
    assert (listed(house)["checking"]["checks"][0]["failed"], "Works" in shown(house).text) == (0, True)
    assert api.put(f"{UPLOAD}/broken", data=b"x").status_code == 201
    [check] = listed(house)["checking"]["checks"]
    counts = {name: check[name] for name in ("passed", "refused", "failed", "hung", "required")}
    assert counts == {"passed": 1, "refused": 1, "failed": 1, "hung": 0, "required": False}
    page = page_of(shown(house))
    assert "LookupError: the scanner is away" in page.text
    assert "Calls fail" in page.text


def test_who_was_told_once_and_is_not_loaded_is_still_seen(installed: Callable[..., House]) -> None:
    house = installed(plugins=["good"])
    house.upload()
    house.deliver()
    after = installed()
    found = listed(after)["good"]
    assert (found["kind"], found["state"], found["delivery"]["delivered"]) == ("stranger", "gone", 1)
    assert "Not loaded here" in page_of(shown(after)).text


def test_the_page_speaks_german(installed: Callable[..., House]) -> None:
    house = installed(plugins=["everything", "raising"])
    house.upload()
    house.deliver()
    answer = shown(house, "de")
    assert "Aufrufe scheitern" in answer.text
    assert_german(answer)


def test_a_plugin_can_say_nothing_about_itself(installed: Callable[..., House]) -> None:
    found = listed(installed(plugins=["everything"]))["everything"]
    assert (found["title"], found["version"], found["package"], found["description"]) == ("everything", "", "", "")
    assert found["brings"]["events"] == [event.__name__ for event in EVENT_TYPES]


@pytest.fixture
def house(installed: Callable[..., House]) -> House:
    return installed()
