"""What happened: told in words, filtered by the address, walked back in time, taken away as a table."""

import csv
import io
from collections.abc import Callable
from datetime import UTC, datetime, timedelta

import pytest
import sqlalchemy as sa
from werkzeug.test import TestResponse

from tests.support.app import House
from tests.support.browser import Page
from tests.ui.conftest import HTMX, Sheet, Visitor, page_of
from webapp.contracts.events import EVENT_TYPES
from webapp.db import EventRow, table
from webapp.http.i18n import has

ACTIVITY = "/admin/activity"
APPEND = {**HTMX, "HX-Target": "feed-table"}
_events = table(EventRow)


def rows(answer: TestResponse) -> list[str]:
    """What the rows of the feed say, each in one line."""
    found: list[str] = []
    for part in answer.text.split("<tr role=")[1:]:
        text = Page(Sheet("", f"<tr {part.partition('</tr>')[0]}")).text  # type: ignore[arg-type]
        if 'class="day"' not in part and "columnheader" not in part:
            found.append(" ".join(text.split()))
    return found


def table_of(answer: TestResponse) -> list[list[str]]:
    assert answer.text.startswith("\ufeff")
    return list(csv.reader(io.StringIO(answer.text[1:])))


def many(house: House, count: int) -> None:
    with house.app.app_context():
        for n in range(count):
            house.services.files.trash(house.uploader, house.upload(name=f"file {n}.txt").id)


def test_it_says_who_did_what_to_what(house: House, admin: Visitor) -> None:
    file = house.upload(data=b"x" * 1500, name="report.pdf")
    with house.app.app_context():
        house.services.files.rename(house.uploader, file.id, "final.pdf")
    told = rows(admin.get(ACTIVITY))
    assert any("uploader Uploaded report.pdf 1.5 KB test" in row for row in told)
    assert any("uploader Renamed final.pdf report.pdf" in row for row in told)
    assert any("admin Signed in admin 127.0.0.1" in row for row in told)
    assert any("Stowage Created account stranger User" in row for row in told)


@pytest.mark.parametrize("path", ["", "/export"])
def test_only_admins_see_it(visitor: Visitor, uploader: Visitor, path: str) -> None:
    assert visitor.get(ACTIVITY + path).status_code == 303
    assert uploader.get(ACTIVITY + path).status_code == 403


def test_every_event_has_words() -> None:
    for event_type in EVENT_TYPES:
        assert has(f"events.{event_type.__name__}.action")
        assert has(f"events.{event_type.__name__}.sentence")


def test_an_event_nobody_has_words_for_is_told_by_its_name(house: House, admin: Visitor) -> None:
    house.write(sa.update(_events).where(_events.c.seq == 1).values(name="Plugged", payload={"x": [1]}))
    assert any("Stowage Plugged" in row for row in rows(admin.get(ACTIVITY)))


@pytest.mark.parametrize(
    ("query", "shown"),
    [
        ("kind=FileUploaded", ["Uploaded"]),
        ("kind=FileUploaded&kind=FileDeleted", ["Moved to trash", "Uploaded"]),
        ("kind=FileUploaded&q=report", ["Uploaded"]),
        ("kind=FileUploaded&q=nothing+like+it", []),
        ("kind=FileUploaded&date=today", ["Uploaded"]),
        ("kind=FileUploaded&until=2001-01-01", []),
        ("kind=FileUploaded&since=2999-01-01", []),
    ],
)
def test_it_is_narrowed_by_the_address(house: House, admin: Visitor, query: str, shown: list[str]) -> None:
    with house.app.app_context():
        house.services.files.trash(house.uploader, house.upload(name="report.pdf").id)
    told = rows(admin.get(f"{ACTIVITY}?{query}"))
    assert len(told) == len(shown)
    assert all(action in row for action, row in zip(shown, told, strict=True))


def test_it_is_narrowed_to_one_person(house: House, admin: Visitor) -> None:
    house.upload()
    told = rows(admin.get(f"{ACTIVITY}?by={house.uploader.user_id}"))
    assert len(told) == 1
    assert "uploader Uploaded" in told[0]
    assert "Person:" in admin.open(f"{ACTIVITY}?by={house.uploader.user_id}").text


def test_it_is_narrowed_to_what_nobody_did(house: House, admin: Visitor) -> None:
    told = rows(admin.get(f"{ACTIVITY}?by=/"))
    assert len(told) == 3
    assert all("Stowage Created account" in row for row in told)
    assert "Person: Stowage" in " ".join(admin.open(f"{ACTIVITY}?by=/").text.split())


def test_a_search_that_looked_at_enough_says_how_far_it_came(
    house: House, admin: Visitor, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("webapp.services.activity.EXAMINED", 2)
    answer = admin.get(f"{ACTIVITY}?q=stranger")
    assert "Searched back to" in answer.text
    assert "Search further" in answer.text
    part = admin.get(f"{ACTIVITY}?q=stranger", headers=HTMX)
    older = next(v for _, v in page_of(part).tags if v.get("id") == "older")
    assert older["hx-target"] == ("#feed-table" if rows(part) else "#feed")


def test_a_filter_is_taken_away_by_its_chip(admin: Visitor) -> None:
    page = admin.open(f"{ACTIVITY}?kind=SignedIn&date=7d&q=a")
    hrefs = [v["href"] for _, v in page.tags if v.get("aria-label", "").startswith("Remove filter")]
    assert hrefs == [f"{ACTIVITY}?q=a&date=7d", f"{ACTIVITY}?q=a&kind=SignedIn"]


def test_days_have_heads(house: House, admin: Visitor) -> None:
    yesterday = datetime.now(UTC) - timedelta(days=1)
    house.write(sa.update(_events).where(_events.c.seq == 1).values(occurred_at=yesterday))
    text = admin.open(ACTIVITY).text
    assert text.index("Today, ") < text.index("Yesterday, ")


def test_older_ones_are_a_link_away(house: House, admin: Visitor) -> None:
    many(house, 40)
    seen: list[str] = []
    address = ACTIVITY
    while address:
        answer = admin.get(address)
        seen += rows(answer)
        page = page_of(answer)
        address = next((v["href"] for tag, v in page.tags if tag == "a" and v.get("id") == "older"), "")
    assert len(seen) == house.count(EventRow)
    assert len(seen) > 80
    assert sum("Uploaded" in row for row in seen) == 40
    assert "Nothing older" in answer.text
    assert any(v.get("href") == ACTIVITY for tag, v in page.tags if tag == "a" and "nojs" in v.get("class", ""))


def test_with_htmx_older_ones_are_appended_below_the_head_of_their_day(house: House, admin: Visitor) -> None:
    many(house, 60)
    page = admin.open(ACTIVITY)
    older = next(v for _, v in page.tags if v.get("id") == "older")
    assert (older["hx-target"], older["hx-swap"]) == ("#feed-table", "beforeend")
    part = admin.get(older["hx-get"], headers=APPEND)
    assert part.text.lstrip().startswith("<tbody")
    assert len(rows(part)) == 50
    assert "Today, " not in part.text, "its head is there already"
    assert "HX-Push-Url" not in part.headers
    more = next(v for _, v in page_of(part).tags if v.get("id") == "feed-more")
    assert more["hx-swap-oob"] == "true"
    last = admin.get(next(v for _, v in page_of(part).tags if v.get("id") == "older")["hx-get"], headers=APPEND)
    end = next(v for _, v in page_of(last).tags if v.get("id") == "older")
    assert end["tabindex"] == "-1", "the focus stays where the button was"


def test_with_htmx_filters_bring_the_feed_alone_and_the_address_follows(admin: Visitor) -> None:
    part = admin.get(f"{ACTIVITY}?q=&kind=SignedIn", headers=HTMX)
    assert "<html" not in part.text
    assert part.headers["HX-Push-Url"] == f"{ACTIVITY}?kind=SignedIn"
    for name in ("chips", "menu-kind", "menu-by", "menu-date", "export"):
        assert next(v for _, v in page_of(part).tags if v.get("id") == name)["hx-swap-oob"] == "true"
    export = next(v["href"] for _, v in page_of(part).tags if v.get("id") == "export")
    assert export == f"{ACTIVITY}/export?kind=SignedIn"


def test_the_export_is_a_table_of_all_that_matches(house: House, admin: Visitor) -> None:
    many(house, 60)
    answer = admin.get(f"{ACTIVITY}/export?kind=FileUploaded&before=3")
    assert answer.mimetype == "text/csv"
    today = datetime.now(UTC).date()
    assert answer.headers["Content-Disposition"] == f'attachment; filename="activity-{today}.csv"'
    head, *lines = table_of(answer)
    assert head[0] == "Time (UTC)"
    assert len(lines) == 60
    assert {line[2] for line in lines} == {"uploader"}


def test_a_long_export_is_read_in_batches(house: House, admin: Visitor, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("webapp.ui.exports.BATCH", 7)
    many(house, 10)
    answer = admin.get(f"{ACTIVITY}/export")
    assert len(table_of(answer)) == 1 + house.count(EventRow)


@pytest.mark.parametrize(
    "name", ["=1+1", "+1", "-1", "@SUM(A1)", "  =1+1", "\uff1d1+1", '=HYPERLINK("https://evil.example")']
)
def test_no_cell_of_the_export_is_a_formula(house: House, admin: Visitor, name: str) -> None:
    house.upload(name=name)
    house.write(sa.update(_events).values(actor_name=name))
    for line in table_of(admin.get(f"{ACTIVITY}/export"))[1:]:
        assert not [cell for cell in line if cell.lstrip(" ").startswith(("=", "+", "-", "@", "\uff1d"))]
    assert f"'{name}".replace('"', '""') in admin.get(f"{ACTIVITY}/export").text


@pytest.mark.parametrize("name", ["<img src=x onerror=alert(1)>", "\"'&<b>", "\u202egpj.exe", "\U0001f600" * 60])
def test_names_are_text(house: House, admin: Visitor, name: str) -> None:
    file = house.upload(name=name)
    answer = admin.get(ACTIVITY)
    assert "<img src=x" not in answer.text
    assert file.filename in page_of(answer).text


@pytest.mark.parametrize(
    "query",
    [
        "before=0", "before=-1", "before=x", "before=" + "9" * 40, "by=x", "by=00000000-0000-0000-0000-000000000000",
        "kind=%00", "kind=<b>", "date=x", "since=x&until=y", "since=0001-01-01&until=9999-12-31", "q=%00",
        "q=" + "x" * 5000, "q=%25", "day=<b>",
    ],
)  # fmt: skip
def test_a_garbage_address_shows_the_nearest_sensible_page(admin: Visitor, query: str) -> None:
    for address in (f"{ACTIVITY}?{query}", f"{ACTIVITY}/export?{query}"):
        assert admin.get(address).status_code == 200
    assert admin.get(f"{ACTIVITY}?{query}", headers=APPEND).status_code == 200


def test_what_a_deleted_account_did_is_still_told_by_its_name(house: House, person: Callable[[str], Visitor]) -> None:
    account = house.uploader.user_id
    house.upload()
    with house.app.app_context():
        house.services.users.delete(account, house.admin.actor)
    page = person("admin").open(f"{ACTIVITY}?by={account}")
    assert "Person: uploader" in " ".join(page.text.split())
