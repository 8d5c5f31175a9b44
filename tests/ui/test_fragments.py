"""One address, two shapes: the page, and the parts of it that htmx asks for."""

import json
from collections.abc import Callable
from urllib.parse import parse_qs

import pytest
from werkzeug.test import TestResponse

from tests.support.app import House
from tests.support.browser import Page
from tests.ui.conftest import BROWSE, HTMX, LOGIN, TRASH, Visitor, assert_ours, names_in, page_of

BOOSTED = {**HTMX, "HX-Boosted": "true"}
RESTORED = {**HTMX, "HX-History-Restore-Request": "true"}
BESIDE = ("tally", "used", "chips", "menu-type", "menu-by", "menu-backend", "menu-date", "count-files", "count-trash")


def ask(who: Visitor, address: str, **headers: str) -> TestResponse:
    return who.get(address, headers={**HTMX, **{name.replace("_", "-"): value for name, value in headers.items()}})


def outer(page: Page) -> dict[str, dict[str, str]]:
    return {values["id"]: values for _, values in page.tags if "id" in values}


@pytest.mark.parametrize("address", [BROWSE, TRASH])
def test_htmx_gets_the_list_and_what_changes_with_it(house: House, admin: Visitor, address: str) -> None:
    house.upload()
    answer = ask(admin, address, HX_Target="list")
    assert answer.status_code == 200
    assert answer.text.lstrip().startswith('<div class="list" id="list"')
    assert "<html" not in answer.text
    found = outer(page_of(answer))
    assert not [name for name in BESIDE if "hx-swap-oob" not in found[name]]
    assert "hx-swap-oob" not in found["list"]
    assert "inspector" not in found
    assert "csrf" not in found
    assert "q" not in found, "what is being typed stays"


@pytest.mark.parametrize("address", [BROWSE, TRASH])
@pytest.mark.parametrize("headers", [BOOSTED, RESTORED, {}], ids=["boosted", "restored", "plain"])
def test_whoever_goes_to_a_page_gets_the_page(admin: Visitor, address: str, headers: dict[str, str]) -> None:
    answer = admin.get(address, headers=headers)
    assert answer.text.startswith("<!doctype html>")
    assert answer.text.rstrip().endswith("</html>")
    assert "hx-swap-oob" not in answer.text
    assert "HX-Push-Url" not in answer.headers


@pytest.mark.parametrize("headers", [HTMX, BOOSTED, {}], ids=["part", "boosted", "plain"])
def test_no_cache_keeps_one_for_the_other(admin: Visitor, headers: dict[str, str]) -> None:
    for address in (BROWSE, TRASH, "/file-storage/palette?q=a"):
        answer = admin.get(address, headers=headers)
        assert answer.headers["Cache-Control"] == "no-store"
        assert {"HX-Request", "Cookie"} <= {each.strip() for each in answer.headers["Vary"].split(",")}
        assert "default-src 'none'" in answer.headers["Content-Security-Policy"]


@pytest.mark.parametrize("address", [BROWSE, TRASH])
@pytest.mark.parametrize(
    ("query", "canonical"),
    [
        ("q=&sort=&per_page=50&page=1&cursor=&select=&file=", ""),
        ("type=video&type=image&type=nonsense&q=a+b", "?q=a+b&type=image&type=video"),
        ("sort=NAME&per_page=99", "?sort=name&per_page=100"),
        ("date=7d&since=2026-01-01", "?date=7d"),
        ("since=2026-02-30&until=20261101", "?until=2026-11-01"),
    ],
)
def test_the_browser_is_told_the_one_address_of_what_it_gets(
    admin: Visitor, address: str, query: str, canonical: str
) -> None:
    assert ask(admin, f"{address}?{query}").headers["HX-Push-Url"] == f"{address}{canonical}"


def test_where_the_browser_is_already_it_gets_no_new_step_back(admin: Visitor) -> None:
    here = f"{BROWSE}?q=a&sort=name"
    assert ask(admin, here, HX_Current_URL=f"http://localhost{here}").headers["HX-Push-Url"] == "false"
    assert ask(admin, here, HX_Current_URL=f"http://localhost{BROWSE}?q=a").headers["HX-Push-Url"] == here
    assert ask(admin, BROWSE, HX_Current_URL="http://evil.example//x").headers["HX-Push-Url"] == BROWSE


def test_an_address_cannot_end_the_header_it_stands_in(admin: Visitor) -> None:
    answer = ask(admin, f"{BROWSE}?q=a%0D%0ASet-Cookie:+x%3D1&backend=b%0D%0AX:+y")
    assert answer.headers["HX-Push-Url"] == f"{BROWSE}?q=a%0D%0ASet-Cookie:+x%3D1"
    assert "X" not in answer.headers


def test_a_part_has_the_rows_of_the_page(house: House, admin: Visitor) -> None:
    for n in range(3):
        house.upload(name=f"{n}.txt")
    query = f"{BROWSE}?sort=name&q=t"
    page, part = admin.open(query), page_of(ask(admin, query))
    assert names_in(part) == names_in(page) == ["0.txt", "1.txt", "2.txt"]
    rows = [[v for tag, v in each.tags if tag in ("tr", "td", "th")] for each in (page, part)]
    assert rows[0] == rows[1]


def test_the_details_come_alone(house: House, admin: Visitor) -> None:
    file = house.upload(name="a.txt")
    answer = ask(admin, f"{BROWSE}?file={file.id}", HX_Target="inspector")
    assert answer.text.lstrip().startswith("<!--") or answer.text.lstrip().startswith("<aside")
    found = outer(page_of(answer))
    assert found["inspector"]["data-file"] == str(file.id)
    assert "list" not in found
    assert "hx-swap-oob" not in answer.text
    closed = outer(page_of(ask(admin, BROWSE, HX_Target="inspector")))
    assert "hidden" in closed["inspector"]


# --- signed out ----------------------------------------------------------------------


@pytest.mark.parametrize("method", ["GET", "POST"])
def test_a_part_of_a_page_is_no_place_to_sign_in(visitor: Visitor, method: str) -> None:
    here = f"{BROWSE}?q=a%20b"
    headers = {**HTMX, "HX-Current-URL": f"http://localhost{here}"}
    path = f"{BROWSE}?page=2" if method == "GET" else "/file-storage/files/delete"
    answer = visitor.http.open(path, method=method, headers=headers)
    assert answer.status_code == 401
    assert answer.text == ""
    path, _, query = answer.headers["HX-Redirect"].partition("?")
    assert (path, parse_qs(query)) == (LOGIN, {"next": [here]})
    assert "Location" not in answer.headers
    form = visitor.open(answer.headers["HX-Redirect"]).form(password=True)
    answer = visitor.send(form, username="admin", password="correct horse battery staple")
    assert answer.headers["Location"] == here


@pytest.mark.parametrize(
    "here", ["http://evil.example//evil.example", "//evil.example", "javascript:alert(1)", "\\", ""]
)
def test_the_way_back_after_signing_in_is_ours(visitor: Visitor, here: str) -> None:
    answer = visitor.get(BROWSE, headers={**HTMX, "HX-Current-URL": here})
    assert answer.headers["HX-Redirect"].startswith(LOGIN)
    form = visitor.open(answer.headers["HX-Redirect"]).form(password=True)
    location = visitor.send(form, username="admin", password="correct horse battery staple").headers["Location"]
    assert location == BROWSE


@pytest.mark.parametrize("headers", [BOOSTED, RESTORED], ids=["boosted", "restored"])
def test_a_page_is_a_place_to_sign_in(visitor: Visitor, headers: dict[str, str]) -> None:
    answer = visitor.get(f"{TRASH}?q=a", headers=headers)
    assert answer.status_code == 303
    assert answer.headers["Location"] == f"{LOGIN}?next=/file-storage/trash?q%3Da"


# --- failures ------------------------------------------------------------------------


@pytest.mark.parametrize("headers", [BOOSTED, RESTORED], ids=["boosted", "restored"])
def test_a_link_that_leads_nowhere_shows_a_page(uploader: Visitor, headers: dict[str, str]) -> None:
    for path, status in (("/nowhere", 404), ("/admin/users", 403), ("/file-storage/files/delete", 405)):
        answer = uploader.get(path, headers={**headers, "Accept": "*/*"})
        assert (answer.status_code, answer.mimetype) == (status, "text/html")
        assert answer.text.startswith("<!doctype html>")
        assert answer.headers["X-Request-ID"] in answer.text
        assert_ours(page_of(answer))


def fail(*_: object, **__: object) -> None:
    raise RuntimeError("secret of the inside")


def test_a_part_that_fails_is_told_in_words_and_replaces_nothing(
    house: House, uploader: Visitor, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(house.services.listing, "list", fail)
    answer = uploader.get(BROWSE, headers={**HTMX, "Accept": "*/*"})
    assert (answer.status_code, answer.mimetype) == (500, "application/problem+json")
    told = json.loads(answer.text)
    assert told["code"] == "internal_error"
    assert told["request_id"] == answer.headers["X-Request-ID"]
    assert "secret" not in answer.text


@pytest.mark.parametrize("field", ["all", "work", "undo"])
def test_a_wrong_form_is_no_markup(uploader: Visitor, field: str) -> None:
    data = {"csrf_token": uploader.token(), field: "<img src=x>"}
    answer = uploader.post("/file-storage/files/restore", data, headers={**HTMX, "Accept": "*/*"})
    assert (answer.status_code, answer.mimetype) == (422, "application/problem+json")
    assert "<img" not in answer.text


# --- after forms ---------------------------------------------------------------------


def send(who: Visitor, path: str, **values: object) -> TestResponse:
    return who.post(f"/file-storage/{path}", {"csrf_token": who.token(), **values}, headers=HTMX)


def test_after_a_form_the_list_comes_with_a_message(house: House, uploader: Visitor) -> None:
    file, other = house.upload(name="a.txt"), house.upload(name="b.txt")
    answer = send(uploader, f"files/{file.id}/delete", back=f"{BROWSE}?q=t&file={other.id}")
    assert answer.status_code == 200
    page = page_of(answer)
    assert names_in(page) == ["b.txt"]
    assert "1 file moved to the trash." in page.text
    assert "beforeend:#toasts" in [v.get("hx-swap-oob") for _, v in page.tags]
    assert "HX-Push-Url" not in answer.headers
    assert "inspector" not in outer(page), "the details of another file stay open"
    undo = page.form(action="/file-storage/files/restore").fields
    assert undo["back"] == f"{BROWSE}?q=t&file={other.id}"
    assert "moved to the trash" not in uploader.open().text, "nothing is told twice"


def test_the_details_of_a_file_that_went_are_closed(house: House, uploader: Visitor) -> None:
    file = house.upload(name="a.txt")
    answer = send(uploader, f"files/{file.id}/delete", back=f"{BROWSE}?q=t&file={file.id}")
    panel = outer(page_of(answer))["inspector"]
    assert panel.keys() >= {"hidden", "hx-swap-oob"}
    assert answer.headers["HX-Replace-Url"] == f"{BROWSE}?q=t"
    assert "details" not in panel


def test_asking_about_nothing_changes_nothing(house: House, admin: Visitor) -> None:
    house.upload()
    for path in ("files/ask", "trash/ask"):
        answer = send(admin, path)
        assert answer.headers["HX-Reswap"] == "none"
        assert "No file was selected." in answer.text
        assert 'id="list"' not in answer.text


def test_a_session_that_ended_answers_forms_too(house: House, person: Callable[[str], Visitor]) -> None:
    who = person("uploader")
    token = who.token()
    file = house.upload()
    who.http.delete_cookie("stowage_session")
    answer = who.post(f"/file-storage/files/{file.id}/delete", {"csrf_token": token}, headers=HTMX)
    assert answer.status_code == 401
    assert names_in(person("uploader").open()) == [file.filename]


@pytest.mark.parametrize("elsewhere", ["/account/", "/account/tokens", ""])
def test_undo_works_wherever_one_has_gone_meanwhile(house: House, uploader: Visitor, elsewhere: str) -> None:
    file = house.upload(name="a.txt")
    back = f"{BROWSE}?q=t"
    undo = page_of(send(uploader, f"files/{file.id}/delete", back=back)).form(action="/file-storage/files/restore")
    here = elsewhere or back
    answer = uploader.post(
        "/file-storage/files/restore", undo.fields, headers={**HTMX, "HX-Current-URL": f"http://localhost{here}"}
    )
    assert "1 file restored." in answer.text
    if elsewhere:
        assert answer.headers["HX-Reswap"] == "none"
        assert "list" not in outer(page_of(answer))
        assert "hx-swap-oob" in outer(page_of(answer))["count-trash"]
    else:
        assert (answer.headers["HX-Retarget"], answer.headers["HX-Reswap"]) == ("#list", "outerHTML")
        assert names_in(page_of(answer)) == ["a.txt"]


def test_undo_beside_the_trash_shows_the_trash(house: House, uploader: Visitor) -> None:
    files = [house.upload(name=f"{n}.txt") for n in range(2)]
    send(uploader, f"files/{files[0].id}/delete")
    undo = page_of(send(uploader, f"files/{files[1].id}/delete")).form(action="/file-storage/files/restore")
    headers = {**HTMX, "HX-Current-URL": f"http://localhost{TRASH}?q=txt&select=all"}
    page = page_of(uploader.post("/file-storage/files/restore", undo.fields, headers=headers))
    assert names_in(page) == ["0.txt"]
    assert outer(page)["list"]["data-here"] == f"{TRASH}?q=txt"
    assert not [v for _, v in page.tags if "checked" in v]
