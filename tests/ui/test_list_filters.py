# ruff: noqa: RUF001
"""What a list can be narrowed to: several values at once, each with the number of files it would leave."""

from datetime import UTC, datetime, timedelta
from urllib.parse import quote

import pytest

from tests.support.app import House
from tests.support.browser import Page
from tests.ui.conftest import BROWSE, HTMX, TRASH, Visitor, assert_ours, names_in, page_of
from webapp.ui import filters

NAMES = ("q", "type", "by", "backend", "date", "since", "until", "sort", "per_page", "page", "cursor", "file", "select")
GARBAGE = (
    "", " ", "\0", "\n", "-1", "1e9", "9" * 400, "١", "'\"><b>", "../..", "{{7*7}}", "%", "é", "😀" * 300, "null",
    "0001-01-01", "9999-12-31", "2026-13-45", "2026-W01-1", "00000000-0000-0000-0000-000000000000", "{" * 45,
)  # fmt: skip


def choices(page: Page, name: str) -> dict[str, str]:
    """The choices of a facet by what people read, with their numbers."""
    found: dict[str, str] = {}
    values = [v for tag, v in page.tags if tag == "input" and v.get("name") == name and v.get("type") != "hidden"]
    for value in values:
        at = next(i for i, (_, v) in enumerate(page.tags) if v.get("data-count") == f"{name}-{value['value']}")
        found[value["value"]] = "checked" if "checked" in value else ""
        assert page.tags[at][0] == "span"
    return found


def number(text: str, name: str, value: str) -> str:
    mark = f'data-count="{name}-{value}">'
    assert text.count(mark) == 1, mark
    return text.partition(mark)[2].partition("<")[0]


def fill(house: House) -> None:
    for name, content_type in (("a.png", "image/png"), ("b.png", "image/png"), ("c.csv", "text/csv")):
        house.upload(house.uploader, name=name, content_type=content_type)
    house.upload(house.stranger, name="d.mp3", content_type="audio/mpeg")


def test_several_kinds_at_once(house: House, admin: Visitor) -> None:
    fill(house)
    page = admin.open(f"{BROWSE}?sort=name&type=image&type=audio")
    assert names_in(page) == ["a.png", "b.png", "d.mp3"]
    assert "1–3 of 3" in page.text
    assert choices(page, "type") == {"image": "checked", "audio": "checked", "sheet": ""}
    assert "Images, Audio" in page.text
    text = admin.get(f"{BROWSE}?sort=name&type=image&type=audio").text
    assert [number(text, "type", each) for each in ("image", "audio", "sheet")] == ["2", "1", "1"]
    remove = next(v for _, v in page.tags if v.get("aria-label") == "Remove filter Type")
    assert remove["href"] == f"{BROWSE}?sort=name"


def test_people_are_chosen_by_name(house: House, admin: Visitor) -> None:
    fill(house)
    uploader, stranger = (str(house.caller(name).user_id) for name in ("uploader", "stranger"))
    page = admin.open(f"{BROWSE}?by={stranger}")
    assert names_in(page) == ["d.mp3"]
    assert choices(page, "by") == {uploader: "", stranger: "checked"}
    assert "Uploaded by: stranger" in page.text
    text = admin.get(f"{BROWSE}?by={stranger}").text
    assert [number(text, "by", each) for each in (uploader, stranger)] == ["3", "1"]
    assert number(text, "type", "audio") == "1"
    assert "type-image" not in text, "none of theirs is an image"
    assert len(names_in(admin.open(f"{BROWSE}?by={stranger}&by={uploader}"))) == 4
    nobody = admin.open(f"{BROWSE}?by=00000000-0000-0000-0000-000000000000")
    assert "No matching files" in nobody.text


def test_backends_are_chosen_where_there_are_several(house: House, admin: Visitor) -> None:
    fill(house)
    assert not [v for _, v in admin.open().tags if v.get("id") == "chip-backend"]
    page = admin.open(f"{BROWSE}?backend=my_tape")
    assert names_in(page) == []
    assert "my_tape" in page.text
    assert choices(page, "backend") == {"filesystem": "", "my_tape": "checked"}
    assert len(names_in(admin.open(f"{BROWSE}?backend=my_tape&backend=filesystem"))) == 4


def test_days_and_spans(house: House, admin: Visitor) -> None:
    now = datetime.now(UTC)
    midnight = now.replace(hour=0, minute=0, second=0, microsecond=0)
    ages = {"now": now, "midnight": midnight, "before": midnight - timedelta(microseconds=1)}
    ages |= {"week": midnight - timedelta(days=6), "older": midnight - timedelta(days=40)}
    for name, moment in ages.items():
        house.age(house.upload(name=name), created_at=moment)

    def shown(query: str) -> set[str]:
        return set(names_in(admin.open(f"{BROWSE}?{query}")))

    assert shown("date=today") == {"now", "midnight"}
    assert shown("date=7d") == {"now", "midnight", "before", "week"}
    assert shown("date=30d") == {"now", "midnight", "before", "week"}
    today, yesterday = (f"{midnight - timedelta(days=days):%Y-%m-%d}" for days in (0, 1))
    assert shown(f"since={today}") == {"now", "midnight"}
    assert shown(f"until={yesterday}") == {"before", "week", "older"}
    assert shown(f"since={yesterday}&until={yesterday}") == {"before"}
    assert shown(f"since={today}&until={yesterday}") == set()
    text = admin.get(f"{BROWSE}?date=today").text
    assert [number(text, "date", each) for each in ("today", "7d", "30d")] == ["2", "4", "4"]
    page = admin.open(f"{BROWSE}?since={yesterday}&until={today}")
    on = next(v["aria-label"] for _, v in page.tags if "Filter: Date" in v.get("aria-label", ""))
    assert on == f"Filter: Date {filters.days(yesterday, today)}"
    assert {v["id"]: v["value"] for _, v in page.tags if v.get("type") == "date"} == {
        "since": yesterday,
        "until": today,
    }


def test_filters_narrow_one_another_and_can_be_cleared_at_once(house: House, admin: Visitor) -> None:
    fill(house)
    stranger = house.caller("stranger").user_id
    query = f"q=.&type=audio&by={stranger}&backend=filesystem&date=today&sort=size&per_page=25"
    page = admin.open(f"{BROWSE}?{query}")
    assert names_in(page) == ["d.mp3"]
    clear = next(v for _, v in page.tags if v.get("id") == "clear-filters")
    assert clear["href"] == f"{BROWSE}?sort=size&per_page=25"
    nothing = admin.open(f"{BROWSE}?type=image&by={stranger}")
    assert "No file passes these filters" in nothing.text
    assert choices(nothing, "type") == {"image": "checked", "audio": ""}


def test_the_form_of_the_filters_keeps_what_it_does_not_show(house: House, admin: Visitor) -> None:
    fill(house)
    page = admin.open(f"{BROWSE}?sort=size&per_page=25&page=2&type=image")
    hidden = {v["name"]: v["value"] for tag, v in page.tags if tag == "input" and v.get("type") == "hidden"}
    assert {name: hidden.get(name) for name in ("sort", "per_page", "page")} == {
        "sort": "size",
        "per_page": "25",
        "page": None,
    }


def test_the_trash_is_narrowed_too(house: House, admin: Visitor) -> None:
    fill(house)
    admin.send_bulk(admin.open(f"{BROWSE}?select=all"), "/file-storage/files/delete", **everything(admin))
    assert names_in(admin.open(f"{TRASH}?sort=name&type=image&type=sheet")) == ["a.png", "b.png", "c.csv"]
    page = admin.open(f"{TRASH}?by={house.caller('stranger').user_id}")
    assert names_in(page) == ["d.mp3"]
    assert not [v for _, v in page.tags if v.get("id") == "chip-date"]


def everything(who: Visitor) -> dict[str, list[str]]:
    return {"id": [v["value"] for _, v in who.open().tags if v.get("name") == "id"]}


def test_of_others_there_is_no_trace_in_what_can_be_chosen(house: House, uploader: Visitor) -> None:
    fill(house)
    house.configure(file_visibility="own")
    stranger = house.caller("stranger").user_id
    for headers in ({"Accept": "text/html"}, HTMX):
        text = uploader.get(BROWSE, headers=headers).text
        assert "type-audio" not in text
        assert str(stranger) not in text
        assert "stranger" not in text
    page = uploader.open(f"{BROWSE}?by={stranger}")
    assert names_in(page) == []
    assert "type-audio" not in uploader.get(f"{BROWSE}?by={stranger}").text


@pytest.mark.parametrize("address", [BROWSE, TRASH])
def test_garbage_in_all_parameters_shows_some_list(house: House, admin: Visitor, address: str) -> None:
    house.upload()
    for n, garbage in enumerate(GARBAGE):
        turned = GARBAGE[n:] + GARBAGE[:n]
        mixed = "&".join(f"{name}={quote(text)}" for name, text in zip(NAMES, turned, strict=False))
        same = "&".join(f"{name}={quote(garbage)}&{name}={quote(garbage)}x" for name in NAMES)
        assert_ours(admin.open(f"{address}?{mixed}"))
        answer = admin.get(f"{address}?{same}", headers=HTMX)
        assert answer.status_code == 200, garbage
        assert_ours(page_of(answer))
