"""What was sent to a webhook, on its page: each delivery with its attempts, narrowed, walked back, sent again."""

import re
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from typing import Any
from uuid import UUID

import pytest
import sqlalchemy as sa
from werkzeug.test import TestResponse

from tests.support.app import House
from tests.support.hooks import Hook, allow_private, serving
from tests.ui.conftest import Visitor, focused, page_of
from tests.ui.webhooks import PART, WEBHOOKS, make, press, said
from webapp.db import table
from webapp.models import Delivery

_deliveries = table(Delivery)


@pytest.fixture
def house(sqlite_house: House) -> House:
    """Receivers of these tests are on this machine."""
    allow_private(sqlite_house)
    return sqlite_house


@pytest.fixture
def listener() -> Iterator[Hook]:
    with serving() as made:
        yield made


def row_ids(answer: TestResponse) -> list[str]:
    return re.findall(r'id="row-([0-9a-f-]{36})"', answer.text)


def fail(house: House, webhook_id: UUID) -> None:
    """As after a day in which nothing got through."""
    parked = {"state": "parked", "due_at": None, "finished_at": datetime.now(UTC), "code": 503, "cause": "status"}
    house.write(sa.update(_deliveries).where(_deliveries.c.subscriber == f"webhook:{webhook_id}").values(parked))


@pytest.fixture
def sent(house: House, admin: Visitor, listener: Hook) -> UUID:
    """A webhook that was told of three files; nothing was accepted."""
    webhook_id = make(house, listener.url, types=["FileUploaded"])
    listener.answer = 400
    for number in range(3):
        house.upload(name=f"{number}.txt")
    house.deliver()
    return webhook_id


def test_each_delivery_is_there_with_its_attempts(house: House, admin: Visitor, sent: UUID) -> None:
    answer = admin.get(f"{WEBHOOKS}/{sent}")
    assert len(row_ids(answer)) == 3
    for name in ("0.txt", "1.txt", "2.txt"):
        assert re.search(rf"Uploaded {name} Waiting next in [3-6] seconds Answered 400 1 ", said(answer)), name
    delivery_id = row_ids(answer)[0]
    opened = admin.get(f"{WEBHOOKS}/{sent}?open={delivery_id}", headers=PART)
    assert "<html" not in opened.text
    assert re.search(r"Answered 400 · \d+ ms .* UTC", said(opened))
    assert re.search(rf'id="row-{delivery_id}"[^>]*aria-expanded="true"', opened.text)
    assert opened.text.count('aria-expanded="false"') == 2
    closed = re.search(rf'id="row-{delivery_id}" href="([^"]+)"', opened.text)
    assert closed is not None
    assert closed.group(1) == f"{WEBHOOKS}/{sent}"


def test_it_is_narrowed_by_the_address(house: House, admin: Visitor, sent: UUID) -> None:
    assert len(row_ids(admin.get(f"{WEBHOOKS}/{sent}?state=waiting"))) == 3
    empty = admin.get(f"{WEBHOOKS}/{sent}?state=parked")
    assert row_ids(empty) == []
    assert "No such deliveries" in said(empty)
    for nonsense in ("state=x", "before=x", "before=" + "9" * 30, "open=x", "open=" + "0" * 32, "looks=99"):
        assert len(row_ids(admin.get(f"{WEBHOOKS}/{sent}?{nonsense}"))) == 3, nonsense


def test_older_ones_are_on_the_next_page(house: House, admin: Visitor, sent: UUID, monkeypatch: Any) -> None:
    monkeypatch.setattr("webapp.ui.webhooks_page.PER_PAGE", 2)
    first = admin.get(f"{WEBHOOKS}/{sent}?state=waiting")
    older = next(v["href"] for _, v in page_of(first).tags if v.get("id") == "older")
    second = admin.get(older)
    assert len(row_ids(first)) == 2
    assert len(row_ids(second)) == 1
    assert not set(row_ids(first)) & set(row_ids(second))
    newest = next(v["href"] for _, v in page_of(second).tags if v.get("id") == "newest")
    assert row_ids(admin.get(newest)) == row_ids(first)


def test_one_that_was_parked_is_sent_again(house: House, admin: Visitor, sent: UUID, listener: Hook) -> None:
    fail(house, sent)
    page = admin.get(f"{WEBHOOKS}/{sent}?state=parked")
    delivery_id = row_ids(page)[0]
    assert said(page).count("Send again") >= 3
    answer = press(admin, sent, f"deliveries/{delivery_id}/replay", back=f"{WEBHOOKS}/{sent}?state=parked")
    assert answer.headers["Location"] == f"{WEBHOOKS}/{sent}?state=parked"
    after = admin.get(answer.headers["Location"])
    assert "It is sent again." in said(after)
    assert len(row_ids(after)) == 2
    listener.answer = 204
    house.deliver()
    assert len(listener.messages) == 4
    assert row_ids(admin.get(f"{WEBHOOKS}/{sent}?state=delivered")) == [delivery_id]


def test_with_htmx_the_list_looks_again_by_itself_for_a_while(house: House, admin: Visitor, sent: UUID) -> None:
    fail(house, sent)
    delivery_id = row_ids(admin.get(f"{WEBHOOKS}/{sent}"))[0]
    headers = {**PART, "HX-Current-URL": f"http://localhost{WEBHOOKS}/{sent}?open={delivery_id}"}
    answer = press(admin, sent, f"deliveries/{delivery_id}/replay", headers)
    assert focused(answer) == [f"row-{delivery_id}"]
    assert 'hx-swap-oob="beforeend:#toasts"' in answer.text
    looks = 0
    while look := next((v["hx-get"] for _, v in page_of(answer).tags if "load" in v.get("hx-trigger", "")), ""):
        assert f"open={delivery_id}" in look
        answer = admin.get(look, headers=PART)
        assert row_ids(answer)[0] == delivery_id
        looks += 1
        assert looks < 10
    assert looks == 5


def test_one_that_waits_long_can_be_sent_at_once(house: House, admin: Visitor, sent: UUID) -> None:
    house.write(sa.update(_deliveries).values(due_at=datetime.now(UTC) + timedelta(hours=2, seconds=5)))
    answer = admin.get(f"{WEBHOOKS}/{sent}")
    assert "Waiting next in 2 hours Answered 400" in said(answer)
    assert "Send now" in said(answer)
    delivery_id = row_ids(answer)[1]
    again = press(admin, sent, f"deliveries/{delivery_id}/replay", PART)
    assert "Waiting next attempt soon" in said(again)
    assert f'id="replay-{delivery_id}"' not in again.text
    assert focused(again) == [f"row-{delivery_id}"]


def test_one_that_waits_for_seconds_can_be_sent_at_once_too(house: House, admin: Visitor, sent: UUID) -> None:
    first = admin.get(f"{WEBHOOKS}/{sent}")
    assert said(first).count("Send now") == 3
    delivery_id = row_ids(first)[0]
    again = press(admin, sent, f"deliveries/{delivery_id}/replay", PART)
    assert f'id="replay-{delivery_id}"' not in again.text
    assert f'id="replay-{row_ids(first)[1]}"' in again.text


def test_one_that_is_due_while_the_address_is_left_alone_can_be_sent_at_once(
    house: House, admin: Visitor, sent: UUID
) -> None:
    house.write(sa.update(_deliveries).values(due_at=datetime.now(UTC) - timedelta(seconds=9)))
    answer = admin.get(f"{WEBHOOKS}/{sent}")
    assert said(answer).count("next attempt soon") == 3
    assert answer.text.count('id="replay-') == 3


def test_one_behind_another_says_so_and_is_not_sent_at_once(house: House, admin: Visitor, listener: Hook) -> None:
    webhook_id = make(house, listener.url, types=["FileUploaded", "FileDeleted"])
    listener.answer = 400
    file = house.upload(name="minutes.txt")
    with house.app.app_context():
        house.services.files.trash(house.uploader, file.id)
    house.deliver()
    answer = admin.get(f"{WEBHOOKS}/{webhook_id}")
    later, first = row_ids(answer)
    assert "Moved to trash minutes.txt Waiting after an earlier message about it " in said(answer)
    assert f'id="replay-{first}"' in answer.text
    assert f'id="replay-{later}"' not in answer.text


def test_nothing_is_up_to_date_that_waits(house: House, admin: Visitor, sent: UUID) -> None:
    told = said(admin.get(f"{WEBHOOKS}/{sent}"))
    assert "Waiting 3 Sent by itself Parked" in told
    assert "Up to date" not in told
    fail(house, sent)
    assert "Waiting 0 Up to date Parked" in said(admin.get(f"{WEBHOOKS}/{sent}"))


def test_without_its_event_a_row_says_what_kind_it_was(house: House, admin: Visitor, sent: UUID) -> None:
    house.write(sa.update(_deliveries).values(event_seq=987_654_321))
    told = said(admin.get(f"{WEBHOOKS}/{sent}"))
    assert told.count("Uploaded file_storage.file.uploaded Waiting") == 3
    assert ".txt" not in told


def test_while_it_rests_nothing_says_when_the_next_attempt_is(house: House, admin: Visitor, sent: UUID) -> None:
    press(admin, sent, "pause")
    answer = admin.get(f"{WEBHOOKS}/{sent}")
    assert said(answer).count("Waiting Answered 400 1") == 3
    assert "/replay" not in answer.text


def test_an_event_that_is_gone_is_not_sent_again(house: House, admin: Visitor, sent: UUID) -> None:
    fail(house, sent)
    delivery_id = row_ids(admin.get(f"{WEBHOOKS}/{sent}"))[0]
    house.write(sa.update(_deliveries).values(event_seq=987_654_321))
    assert f'id="replay-{delivery_id}"' not in admin.get(f"{WEBHOOKS}/{sent}").text
    answer = press(admin, sent, f"deliveries/{delivery_id}/replay", PART)
    assert answer.status_code == 200
    assert "This cannot be sent again" in said(answer)
