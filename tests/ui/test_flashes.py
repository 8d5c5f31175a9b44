"""What a form did is told once, and fits into a cookie."""

from datetime import UTC, datetime

import pytest
from flask import g

from tests.support.app import House
from tests.support.raw import field_part, file_part
from tests.ui.conftest import BROWSE, Visitor
from webapp.ui import flashes, selections
from webapp.ui.flashes import MOST_DETAILS, MOST_NAME

LONGEST = "😀" * 300
COOKIE = 4093
"""Bytes that every browser keeps, of name, value and attributes together (RFC 6265, section 6.1)."""


def session_cookie(headers: list[str]) -> str:
    return next(value for value in headers if value.startswith("stowage_session="))


def test_the_longest_message_leaves_the_cookie_small_enough(house: House, uploader: Visitor) -> None:
    house.configure(max_file_size_bytes=1)
    page = uploader.open()
    names = [f"{chr(0x1F300 + n) * 250}.{chr(0x1F400 + n) * 30}" for n in range(40)]
    form = page.form(file=True)
    fields = [field_part(name, value) for name, value in form.fields.items()]
    answer = uploader.upload_parts([*fields, *(file_part(b"xx", name, content_type="") for name in names)])
    cookie = session_cookie(answer.headers.getlist("Set-Cookie"))
    assert len(cookie.encode()) <= COOKIE
    assert uploader.is_in()


def test_so_does_the_way_to_undo(house: House, uploader: Visitor) -> None:
    ids = [str(house.upload(name=f"{n}").id) for n in range(50)]
    answer = uploader.press(uploader.open(), "/file-storage/files/delete", id=ids)
    assert len(session_cookie(answer.headers.getlist("Set-Cookie")).encode()) <= COOKIE / 2


def test_details_are_cut_to_a_few_short_ones(house: House) -> None:
    with house.app.test_request_context():
        message = flashes.made("bad", "text", details=[(LONGEST, "reason")] * (MOST_DETAILS + 2))
        assert len(message.details) == MOST_DETAILS
        assert message.more == "And 2 more."
        for name, _ in message.details:
            assert len(name) == MOST_NAME
            assert "…" in name


@pytest.mark.parametrize("times", [1, 2])
def test_a_message_is_told_once_and_the_next_takes_its_place(house: House, uploader: Visitor, times: int) -> None:
    for n in range(times):
        file = house.upload(name=f"{n}")
        uploader.press(uploader.open(BROWSE), f"/file-storage/files/{file.id}/delete")
    assert uploader.open().text.count("1 file moved to the trash.") == 1
    assert "moved to the trash." not in uploader.open().text


def test_whoever_undoes_does_not_need_the_names(house: House) -> None:
    with house.app.test_request_context():
        g.caller = house.uploader
        assert len(selections.batch(datetime.now(UTC))) < 250
