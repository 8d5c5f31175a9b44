# ruff: noqa: RUF001
"""The list of files."""

from datetime import UTC, datetime, timedelta
from urllib.parse import quote

import pytest

from tests.support.app import House
from tests.support.browser import Page
from tests.ui.conftest import (
    BROWSE,
    HTMX,
    TRASH,
    Visitor,
    assert_no_more_tags,
    assert_ours,
    bulk_fields,
    names_in,
    page_of,
    read,
)

NAMES = [
    "<script>alert(1)</script>".replace("/", "|"),
    '"><img src=x onerror=alert(1)>',
    "it's \"quoted\" & 'more' `x`",
    "</title></textarea>.txt".replace("/", "|"),
    "{{ 7 * 7 }}{% raw %}${7*7}.txt",
    "invoice\u202efdp.exe",
    "\u2067rtl isolate\u2069 \u200f.txt",
    "مستند طويل جدا جدا جدا جدا جدا جدا جدا.pdf",
    "תמונה של המשפחה בחופשה האחרונה בים.png",
    "new\nline\r\nand\ttab.txt",
    "😀" * 255,
    "👩‍👩‍👧‍👦" * 36,
    "e\u0301" * 100,
    "A" * 255,
    "  two  spaces  .txt",
    "javascript:alert(1)",
    "..%2f..%2fetc%2fpasswd",
]


@pytest.mark.parametrize("name", NAMES)
def test_a_name_is_text_wherever_it_stands(house: House, admin: Visitor, name: str) -> None:
    file = house.upload(data=b"data", name=name)
    here = f"{BROWSE}?sort=name&file={file.id}"
    parts = [page_of(admin.get(here, headers={**HTMX, "HX-Target": target})) for target in ("list", "inspector")]
    pages = [admin.open(), admin.open(here), parts[0]]
    ask = page_of(admin.send_bulk(pages[0], "/file-storage/files/ask", id=[str(file.id)]))
    admin.press(pages[0], "/file-storage/files/delete", id=[str(file.id)])
    pages.append(admin.open(TRASH))
    purge = page_of(admin.press(pages[-1], f"/file-storage/trash/{file.id}/ask"))
    dialog = page_of(admin.send_bulk(pages[-1], f"/file-storage/trash/{file.id}/ask", headers=HTMX))
    for page in (*pages, *parts, ask, purge, dialog):
        assert_ours(page)
        assert file.filename in page.text, "without a gap between the parts of a name"
        assert file.filename in {values.get("title") for _, values in page.tags}
    for page in pages:
        assert names_in(page) == [file.filename]


@pytest.mark.parametrize("name", [name for name in NAMES if "<" in name or '"' in name])
def test_a_name_adds_no_tag_and_no_attribute(house: House, admin: Visitor, name: str) -> None:
    plain = "".join(c if c.isalnum() or c == "." else "x" for c in name)
    seen = []
    for each in (name, plain):
        file = house.upload(data=b"data", name=each)
        seen.append([admin.open(f"{BROWSE}?q={quote(each)}&file={file.id}"), admin.open(f"{BROWSE}?q={quote(each)}x")])
    for page, other in zip(*seen, strict=True):
        assert_no_more_tags(page, other)


@pytest.mark.parametrize("q", [*NAMES, "\x00", "%", "_", "\\", "' OR 1=1 --", "\u202e", "🙂", "x" * 5000])
def test_a_search_is_text_and_literal(house: House, admin: Visitor, q: str) -> None:
    house.upload(name="something else.txt")
    for headers in ({"Accept": "text/html"}, HTMX):
        answer = admin.get(BROWSE, query_string={"q": q}, headers=headers)
        assert answer.status_code == 200
        page = page_of(answer)
        assert_ours(page)
        assert "img" not in {tag for tag, _ in page.tags}
        if q != "\x00":
            assert not names_in(page)
        assert all(value.isascii() for _, value in answer.headers)


def test_search_finds_any_part_in_any_case_and_says_when_there_is_nothing(house: House, admin: Visitor) -> None:
    for name in ("Straße.txt", "STRASSE.pdf", "other.bin"):
        house.upload(name=name)
    assert set(names_in(admin.open(f"{BROWSE}?q=strasse"))) == {"Straße.txt", "STRASSE.pdf"}
    nothing = admin.open(f"{BROWSE}?q=xyz&sort=name")
    assert "No matching files" in nothing.text
    assert any(v.get("href") == f"{BROWSE}?sort=name" for tag, v in nothing.tags if tag == "a"), "a way to clear it"
    search = next(v for tag, v in nothing.tags if v.get("type") == "search")
    assert search["value"] == "xyz"


def test_first_run_says_so_and_offers_the_upload(uploader: Visitor) -> None:
    page = uploader.open()
    assert "No files yet" in page.text
    assert page.form(file=True).file_fields == ["file"]
    assert "multiple" in next(v for _, v in page.tags if v.get("type") == "file")


def test_total_used_space_kinds_and_sizes_are_told(house: House, admin: Visitor) -> None:
    house.upload(data=b"x" * 1500, name="a.csv", content_type="text/csv")
    house.upload(data=b"x" * 1_234_567, name="b.txt", content_type="text/plain")
    text = admin.open().text
    assert "1.2 MB used" in text
    for words in ("1.5 KB", "CSV", "Plain text", "just now", "Filesystem", "uploader", "1–2 of 2"):
        assert words in text, words


def test_times_are_relative_with_the_moment_beside_them(house: House, admin: Visitor) -> None:
    file = house.upload(name="old.txt")
    house.age(file, created_at=datetime.now(UTC) - timedelta(hours=3, minutes=1))
    page = admin.open()
    assert "3 hours ago" in page.text
    times = [v for tag, v in page.tags if tag == "time"]
    assert times[0]["title"].endswith("UTC")
    assert datetime.fromisoformat(times[0]["datetime"]).tzinfo is not None


def test_headings_sort_and_turn_round(house: House, admin: Visitor) -> None:
    for name, size in (("b", 3), ("a", 1), ("c", 2)):
        house.upload(data=b"x" * size, name=name)
    assert names_in(admin.open()) == ["c", "a", "b"]
    for heading, orders in (("Name", ["abc", "cba"]), ("Size", ["bca", "acb"]), ("Uploaded", ["bac", "cab"])):
        page = admin.open()
        for order in orders:
            page = admin.open(link(page, heading))
            assert names_in(page) == list(order), heading
            sorted_by = [v["aria-sort"] for tag, v in page.tags if tag == "th" and "aria-sort" in v]
            assert len(sorted_by) == 1


def link(page: Page, heading: str) -> str:
    column = {"Name": "name", "Size": "size", "Uploaded": "created_at"}[heading]
    links = [v["href"] for tag, v in page.tags if tag == "a" and v.get("class") == "sort"]
    defaults = [href for href in links if "sort=" not in href]
    wanted = [href for href in links if f"sort={column}" in href or f"sort=-{column}" in href]
    return str((wanted or defaults)[0])


def fill(house: House, count: int) -> None:
    for n in range(count):
        house.upload(name=f"file{n:03}.txt")


def test_pages_are_numbered_and_together_show_everything_once(house: House, admin: Visitor) -> None:
    fill(house, 60)
    address: str | None = f"{BROWSE}?per_page=25&sort=name"
    seen: list[str] = []
    for _ in range(3):
        assert address is not None
        page = admin.open(address)
        seen += names_in(page)
        address = next((v["href"] for tag, v in page.tags if tag == "a" and v.get("rel") == "next"), None)
        assert ("51–60 of 60" in page.text) == (address is None)
    assert seen == [f"file{n:03}.txt" for n in range(60)]
    second = admin.open(f"{BROWSE}?per_page=25&sort=name&page=2")
    assert "26–50 of 60" in second.text
    assert [v["aria-label"] for _, v in second.tags if v.get("aria-current") == "page" and "aria-label" in v] == [
        "Page 2"
    ]


@pytest.mark.parametrize(
    ("query", "first", "rows"),
    [
        ("page=0", "file059.txt", 50), ("page=-7", "file059.txt", 50), ("page=abc", "file059.txt", 50),
        ("page=", "file059.txt", 50), ("page=2", "file009.txt", 10), ("page=3", "file009.txt", 10),
        ("page=2.9", "file009.txt", 10), ("page=99999999999999999999999999999999", "file009.txt", 10),
        ("page=2&page=1", "file009.txt", 10), ("page=%F0%9F%98%80", "file059.txt", 50), ("page=٣", "file059.txt", 50),
        ("per_page=0", "file059.txt", 25), ("per_page=-1", "file059.txt", 25), ("per_page=26", "file059.txt", 25),
        ("per_page=10000", "file059.txt", 60), ("per_page=1e9", "file059.txt", 25), ("per_page=x", "file059.txt", 50),
        ("sort=nonsense", "file059.txt", 50), ("sort=NAME", "file000.txt", 50), ("sort=-name;drop", "file059.txt", 50),
        ("sort=deleted_at", "file059.txt", 50), ("q=%00", "file059.txt", 50), ("q=%ff%fe", None, 0),
        ("q", "file059.txt", 50), ("&&=&;;%", "file059.txt", 50), ("page[]=2&q[a]=b", "file059.txt", 50),
        ("select=everything", "file059.txt", 50), ("cursor=garbage&created_after=x", "file059.txt", 50),
    ],
)  # fmt: skip
def test_a_garbage_query_shows_the_nearest_sensible_page(
    house: House, admin: Visitor, query: str, first: str | None, rows: int
) -> None:
    fill(house, 60)
    names = names_in(admin.open(f"{BROWSE}?{query}"))
    assert len(names) == rows
    assert (names[0] if names else None) == first
    admin.open(f"{TRASH}?{query}")


def test_every_row_can_be_ticked_by_a_link_and_nothing_comes_back_ticked(house: House, admin: Visitor) -> None:
    fill(house, 3)
    page = admin.open(f"{BROWSE}?select=page&sort=name")
    boxes = row_boxes(page)
    assert len(boxes) == 3
    assert all("checked" in v and v["form"] == "bulk" for v in boxes)
    assert {v["name"]: v["value"] for v in bulk_fields(page)}["back"] == f"{BROWSE}?sort=name"
    assert not any("checked" in v for v in row_boxes(admin.open()))


def row_boxes(page: Page) -> list[dict[str, str]]:
    return [v for _, v in page.tags if v.get("type") == "checkbox" and v.get("name") == "id"]


def test_names_lead_to_the_details_where_one_is(house: House, admin: Visitor) -> None:
    file = house.upload(name="report.txt")
    page = admin.open(f"{BROWSE}?q=rep&sort=name")
    href = next(v["href"] for _, v in page.tags if "mid" in v.get("class", "").split())
    assert href == f"{BROWSE}?q=rep&sort=name&file={file.id}"
    assert file.checksum_sha256 in admin.open(href).text


def test_each_row_leads_to_its_bytes(house: House, admin: Visitor) -> None:
    file = house.upload(data=b"the bytes", name="résumé.txt", content_type="text/plain")
    link = next(v for _, v in admin.open().tags if "data-download" in v)
    assert link["hx-boost"] == "false"
    href = link["href"]
    answer = admin.get(href)
    assert answer.data == b"the bytes"
    assert answer.headers["Content-Disposition"].startswith("attachment")
    assert "sandbox" in answer.headers["Content-Security-Policy"]
    part = admin.get(href, headers={"Range": "bytes=4-"})
    assert (part.status_code, part.data) == (206, b"bytes")
    assert admin.get(href, headers={"If-None-Match": f'"{file.checksum_sha256}"'}).status_code == 304


def test_of_others_files_there_is_no_trace_where_everyone_sees_their_own(
    house: House, uploader: Visitor, admin: Visitor
) -> None:
    house.configure(file_visibility="own")
    secret = house.upload(house.stranger, data=b"x" * 5000, name="secret.txt")
    house.upload(house.uploader, data=b"x" * 2000, name="mine.txt")
    page = uploader.open()
    assert names_in(page) == ["mine.txt"]
    assert "2 KB used" in page.text
    assert "1–1 of 1" in page.text
    assert uploader.get(f"{BROWSE}files/{secret.id}/download").status_code == 404
    answer = uploader.press(page, "/file-storage/files/delete", id=[str(secret.id)])
    assert "already gone" in uploader.open(answer.headers["Location"]).text
    assert names_in(admin.open(f"{BROWSE}?q=secret")) == ["secret.txt"]


def test_a_program_with_few_scopes_sees_no_buttons_it_may_not_use(house: House) -> None:
    house.upload(name="a.txt")
    token = house.token("uploader", "file_storage.download")
    answer = house.api().get(BROWSE, headers={"Authorization": f"Bearer {token}", "Accept": "text/html"})
    page = read(BROWSE, answer.content.decode())
    assert names_in(page) == ["a.txt"]
    assert not row_boxes(page)
    for tag, values in page.tags:
        assert values.get("type") != "file", (tag, values)
        assert not values.keys() & {"data-trash", "data-pick", "formaction"}, (tag, values)
        assert not values.get("href", "").startswith(TRASH) or values["class"] == "nav-item", (tag, values)
        assert not values.get("action", "").endswith(("/upload", "/delete", "/rename")), (tag, values)
