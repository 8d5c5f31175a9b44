"""Plugins over JSON, for admins: what they failed at too often is tried again."""

import pytest

from tests.support.app import Api, House
from tests.support.parked import park, prune, states
from tests.support.problems import problem

PLUGINS = "/api/plugins"
RETRY = f"{PLUGINS}/mailer/retry"


def test_it_is_tried_again_and_the_answer_is_the_plugin(house: House, admin: Api) -> None:
    rows = park(house, count=3)
    prune(house, rows[0])
    answer = admin.post(RETRY)
    assert answer.status_code == 202
    assert states(house) == ["parked", "waiting", "waiting"]
    [shown] = [each for each in admin.get(PLUGINS).json()["items"] if each["name"] == "mailer"]
    assert answer.json() == shown
    assert (shown["delivery"]["parked"], shown["delivery"]["waiting"]) == (1, 2)
    assert admin.post(RETRY).status_code == 202


def test_an_unknown_plugin_is_not_found(house: House, admin: Api) -> None:
    park(house)
    for name in ("nobody", "file_storage", "plugin:mailer"):
        problem(admin.post(f"{PLUGINS}/{name}/retry"), "not_found")
    problem(admin.get(RETRY), "method_not_allowed")


def test_others_have_nothing_tried_again(house: House, uploader: Api, nobody: Api) -> None:
    park(house)
    problem(nobody.post(RETRY), "unauthenticated")
    assert problem(uploader.post(RETRY), "forbidden")["permission"] == "admin.system"
    problem(house.api("admin", "admin.webhooks").post(RETRY), "forbidden")
    assert states(house) == ["parked"]
    assert house.api("admin", "admin.system").post(RETRY).status_code == 202


def test_the_log_says_who_wanted_it(house: House, admin: Api, caplog: pytest.LogCaptureFixture) -> None:
    park(house)
    with caplog.at_level("INFO", "webapp.access"):
        admin.post(RETRY)
    [record] = [each for each in caplog.records if each.name == "webapp.access"]
    assert vars(record).items() >= {"path": RETRY, "status": 202, "user": "admin"}.items()
