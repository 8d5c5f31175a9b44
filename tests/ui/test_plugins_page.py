"""What plugins failed at too often, on the page about them: a button has it tried again."""

import re
from typing import Any

import pytest
from werkzeug.test import TestResponse

from tests.support.app import House
from tests.support.german import assert_german
from tests.support.parked import park, prune, states
from tests.ui.conftest import HTMX, Visitor, focused, page_of
from tests.ui.webhooks import said
from webapp.services.plugins import PLUGIN, Record

PLUGINS = "/admin/plugins"
RETRY = f"{PLUGINS}/mailer/retry"


def load(house: House, name: str = "mailer", title: str = "Mailer") -> None:
    house.services.plugins.add(Record(name=name, kind=PLUGIN, title=title))


def work(house: House) -> None:
    """There is a background worker."""
    with house.app.app_context():
        house.services.tasks.join("a", "a.example", 4711, "1.2.3", [])


def press(who: Visitor, address: str = RETRY, **headers: str) -> TestResponse:
    return who.post(address, {"csrf_token": who.token()}, headers={"Accept": "text/html", **headers})


def look(answer: TestResponse) -> str:
    return next((v["hx-get"] for _, v in page_of(answer).tags if "load" in v.get("hx-trigger", "")), "")


def test_the_button_is_there_where_something_was_given_up(house: House, admin: Visitor) -> None:
    load(house)
    park(house, state="delivered")
    assert RETRY not in admin.get(PLUGINS).text
    park(house, count=2)
    assert "Given up 2 calls Try again" in said(admin.get(PLUGINS))


def test_without_a_script_the_page_comes_anew_and_says_what_happens(house: House, admin: Visitor) -> None:
    load(house)
    work(house)
    park(house, count=2)
    answer = admin.send(admin.open(PLUGINS).form(action="/mailer/retry"))
    assert (answer.status_code, answer.headers["Location"]) == (303, PLUGINS)
    assert states(house) == ["waiting", "waiting"]
    after = admin.get(PLUGINS)
    assert "2 calls of Mailer are tried again." in said(after)
    assert RETRY not in after.text


def test_with_a_script_the_part_comes_anew_and_looks_a_few_times(house: House, admin: Visitor) -> None:
    load(house)
    work(house)
    park(house)
    answer = press(admin, **HTMX)
    assert "<html" not in answer.text
    assert "1 call of Mailer is tried again." in said(answer)
    assert focused(answer) == ["plugin-mailer"]
    looks = 0
    while address := look(answer):
        answer = admin.get(address, headers={"Accept": "text/html", **HTMX})
        assert answer.text.count('id="plugins"') == 1
        assert focused(answer) == []
        looks += 1
        assert looks < 10
    assert looks == 5


@pytest.mark.parametrize("looks", ["99", "-1", "", "x", "٣"])
def test_nobody_has_it_look_for_ever(house: House, admin: Visitor, looks: str) -> None:
    assert not look(admin.get(f"{PLUGINS}?looks={looks}", headers={"Accept": "text/html", **HTMX}))


def test_what_is_of_one_plugin_keeps_its_id_when_the_order_changes(house: House, admin: Visitor) -> None:
    load(house, "a b", "Zoo")
    load(house)
    park(house, "plugin:a b")
    park(house)
    ids = r'id="(retry-[^"]+)"'
    before = re.findall(ids, admin.get(PLUGINS).text)
    assert before == ["retry-plugin-mailer", "retry-plugin-a%20b"]
    answer = press(admin, **HTMX)
    assert re.findall(ids, answer.text) == ["retry-plugin-a%20b"]
    named = {v.get("aria-labelledby") for tag, v in page_of(answer).tags if tag == "section"}
    assert {"plugin-mailer", "plugin-a%20b"} <= named
    assert press(admin, f"{PLUGINS}/a%20b/retry").status_code == 303
    assert states(house, "plugin:a b") == ["waiting"]


def test_what_is_not_kept_any_more_stays_and_the_page_says_so(house: House, admin: Visitor) -> None:
    load(house)
    prune(house, *park(house))
    answer = press(admin, **HTMX)
    assert "There is nothing of Mailer to try again." in said(answer)
    assert not look(answer)
    assert "Given up 1 call Try again" in said(answer)


def test_one_that_nobody_can_tell_now_is_not_said_to_be_told(house: House, admin: Visitor) -> None:
    later = "as soon as a background worker has loaded it"
    work(house)
    park(house)
    answer = press(admin, **HTMX)
    assert f"1 call of mailer is tried again {later}" in said(answer), "it is not loaded here"
    load(house)
    park(house)
    assert later not in said(press(admin, **HTMX))


def test_without_a_worker_it_is_not_said_either(house: House, admin: Visitor) -> None:
    load(house)
    park(house)
    assert "as soon as a background worker" in said(press(admin, **HTMX))
    assert states(house) == ["waiting"]


def test_only_admins_press_it_and_only_on_our_page(house: House, uploader: Visitor, admin: Visitor) -> None:
    park(house)
    assert press(uploader).status_code == 403
    assert admin.post(RETRY, {}).status_code == 403
    assert states(house) == ["parked"]
    for name in ("nobody", "file_storage"):
        assert press(admin, f"{PLUGINS}/{name}/retry").status_code == 404


@pytest.mark.parametrize("headers", [{}, HTMX])
def test_it_speaks_german(house: House, admin: Visitor, headers: Any) -> None:
    load(house)
    work(house)
    park(house, count=2)
    admin.http.set_cookie("fs_lang", "de")
    assert "2 Aufrufe" in assert_german(admin.get(PLUGINS))
    answer = press(admin, **headers)
    text = assert_german(answer if headers else admin.get(PLUGINS))
    assert "2 Aufrufe von Mailer werden wiederholt." in text
