"""Secrets on the page: set, replaced, cleared, and never in it."""

from collections.abc import Iterator
from typing import Any

import pytest
import sqlalchemy as sa
from werkzeug.test import TestResponse

from tests.support import cloud
from tests.support.app import House
from tests.ui.conftest import HTMX, Visitor, focused, page_of
from tests.ui.settings_forms import (
    KEY_ID,
    MASKED_KEY_ID,
    SECRET,
    SETTINGS,
    alert,
    block,
    control,
    fields_of,
    ids,
    saved,
    send,
    version,
)
from webapp.db import table
from webapp.models import Setting

NEW = "an0ther-5ecret-of-the-same-kind"
HOST = "https://8.8.8.8"


class Listening(Visitor):
    """A browser whose every answer is searched for what must not be in one."""

    def get(self, address: str, **options: Any) -> TestResponse:
        return self._clean(super().get(address, **options))

    def post(self, address: str, data: Any = None, **options: Any) -> TestResponse:
        return self._clean(super().post(address, data, **options))

    @staticmethod
    def _clean(answer: TestResponse) -> TestResponse:
        everything = answer.text + str(answer.headers)
        for text in (SECRET, NEW, KEY_ID):
            assert text not in everything
        return answer


@pytest.fixture
def cloudy(house: House) -> Iterator[House]:
    cloud.install(house)
    with house.app.app_context():
        house.services.settings.update(
            "file_storage", {"cloud_token": SECRET, "cloud_key_id": KEY_ID, "cloud_host": HOST}, house.admin.actor
        )
    yield house
    cloud.KEPT.clear()


@pytest.fixture
def mara(cloudy: House) -> Listening:
    visitor = Listening(cloudy)
    visitor.sign_in("admin")
    return visitor


def test_a_secret_is_not_in_the_page_but_who_set_it_is(mara: Visitor) -> None:
    text = block(mara.get(SETTINGS).text, "cloud_token")
    assert "A secret is saved" in text
    assert "<bdi>admin</bdi>" in text
    assert "<time" in text
    assert MASKED_KEY_ID in block(mara.get(SETTINGS).text, "cloud_key_id")


def test_nothing_is_sent_of_a_secret_that_is_not_replaced(mara: Visitor) -> None:
    sent = fields_of(mara.open(SETTINGS))
    assert not {"cloud_token", "cloud_key_id", "replace.cloud_token"} & set(sent)


@pytest.mark.parametrize("headers", [{}, HTMX], ids=["page", "htmx"])
@pytest.mark.parametrize("name", ["cloud_token", "cloud_key_id"])
def test_replacing_opens_an_empty_field_and_keeping_shuts_it(
    cloudy: House, mara: Visitor, headers: dict[str, str], name: str
) -> None:
    answer = send(mara, headers=headers, replace=name, trash_retention_days="9")
    assert answer.status_code == 200
    page = page_of(answer)
    assert focused(answer) == [name]
    assert (control(page, name)["value"], "disabled" in control(page, name)) == ("", False)
    assert control(page, "trash_retention_days")["value"] == "9"
    assert f"clear-{name}" not in ids(page)
    answer = send(mara, page, headers=headers, shut=name)
    page = page_of(answer)
    assert "disabled" in control(page, name)
    assert focused(answer) == ["replace"]
    assert version(cloudy) == 1


def test_a_new_secret_is_saved(cloudy: House, mara: Visitor) -> None:
    page = page_of(send(mara, replace="cloud_token"))
    assert send(mara, page, cloud_token=NEW).status_code == 303
    assert saved(cloudy)["cloud_token"] == NEW


def test_an_empty_field_never_overwrites(cloudy: House, mara: Visitor) -> None:
    page = page_of(send(mara, page_of(send(mara, replace="cloud_token")), replace="cloud_key_id"))
    assert send(mara, page, cloud_token="", cloud_key_id="", trash_retention_days="9").status_code == 303
    assert (saved(cloudy)["cloud_token"], saved(cloudy)["cloud_key_id"]) == (SECRET, KEY_ID)


def test_a_mask_that_comes_back_is_no_change(cloudy: House, mara: Visitor) -> None:
    assert send(mara, cloud_key_id=MASKED_KEY_ID).status_code == 303
    assert saved(cloudy)["cloud_key_id"] == KEY_ID


@pytest.mark.parametrize("name", ["cloud_token", "cloud_key_id"])
def test_clearing_takes_a_box_and_saving(cloudy: House, mara: Visitor, name: str) -> None:
    assert send(mara, **{f"clear__{name}": "1"}).status_code == 303
    assert not saved(cloudy).get(name)
    assert "disabled" not in control(mara.open(SETTINGS), name)


def test_clearing_what_files_need_is_confirmed(cloudy: House, mara: Visitor) -> None:
    cloudy.configure(backend="cloud")
    cloudy.upload()
    answer = send(mara, clear__cloud_token="1")
    assert answer.status_code == 422
    assert "Remove it all the same." in alert(answer)
    page = page_of(answer)
    assert "checked" in next(v for _, v in page.tags if v.get("id") == "clear-cloud_token")
    assert saved(cloudy)["cloud_token"] == SECRET
    assert send(mara, page).status_code == 422
    assert send(mara, page, confirm_in_use="1").status_code == 303
    assert not saved(cloudy).get("cloud_token")


@pytest.mark.parametrize("headers", [{}, HTMX], ids=["page", "htmx"])
def test_after_a_mistake_elsewhere_it_is_typed_again_and_the_page_says_so(
    cloudy: House, mara: Visitor, headers: dict[str, str]
) -> None:
    answer = send(mara, headers=headers, cloud_token=NEW, replace__cloud_token="1", trash_retention_days="soon")
    assert answer.status_code == 422
    text = block(answer.text, "cloud_token")
    assert "Enter this again" in text
    assert control(page_of(answer), "cloud_token")["aria-describedby"].split()[0] == "f-cloud_token-a"
    assert "disabled" not in control(page_of(answer), "cloud_token")
    assert saved(cloudy)["cloud_token"] == SECRET


def test_another_host_wants_the_secret_again(cloudy: House, mara: Visitor) -> None:
    answer = send(mara, cloud_host="https://8.8.4.4")
    assert answer.status_code == 422
    assert "the saved one is never sent to another host" in block(answer.text, "cloud_token")
    assert "disabled" not in control(page_of(answer), "cloud_token")
    assert send(mara, page_of(answer), cloud_token=NEW).status_code == 303
    assert saved(cloudy)["cloud_host"] == "https://8.8.4.4"


@pytest.mark.parametrize("headers", [{}, HTMX], ids=["page", "htmx"])
@pytest.mark.parametrize("token", ["wrong", NEW])
def test_a_test_with_a_new_secret_does_not_send_it_back(
    cloudy: House, mara: Visitor, headers: dict[str, str], token: str
) -> None:
    answer = send(mara, path="/test", headers=headers, probe="cloud", cloud_token=token, replace__cloud_token="1")
    assert answer.status_code == 200
    assert saved(cloudy)["cloud_token"] == SECRET
    assert version(cloudy) == 1
    if not headers:
        assert "Enter this again" in block(answer.text, "cloud_token")


def test_an_unreadable_secret_is_entered_anew(house: House, cloudy: House, mara: Visitor) -> None:
    row = table(Setting)
    house.write(sa.update(row).where(row.c.name == "cloud_token").values(value='{"sealed": "gAAAA"}'))
    page = mara.open(SETTINGS)
    assert "#replace-cloud_token" in {v.get("href") for _, v in page.tags}
    assert send(mara, page, cloud_token=NEW).status_code == 303
    assert saved(cloudy)["cloud_token"] == NEW
    assert "cannot be used" not in mara.get(SETTINGS).text
