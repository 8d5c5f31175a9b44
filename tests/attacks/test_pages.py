"""What somebody found who attacked the pages."""

import csv
import io
import re
from typing import Any

import pytest

from tests.support.app import House
from tests.ui.conftest import BROWSE, HTMX, Visitor
from webapp.ui import exports


@pytest.fixture
def house(sqlite_house: House) -> House:
    return sqlite_house


def signed_in(house: House, name: str) -> Visitor:
    visitor = Visitor(house)
    assert visitor.sign_in(name).status_code == 303
    return visitor


@pytest.mark.parametrize(
    "name", ["x;=1+1;y.txt", "=1+1", " =1+1", 'a;"=1+1', "x\t=1+1", "a;@sum", "\uff1d1", "a|-1", "x; ' +1"]
)
@pytest.mark.parametrize("delimiter", [",", ";", "\t"])
def test_no_spreadsheet_finds_a_formula_in_an_export(name: str, delimiter: str) -> None:
    line = io.StringIO()
    csv.writer(line, quoting=csv.QUOTE_ALL).writerow(["before", exports.safe(name), "after"])
    for cell in next(csv.reader([line.getvalue()], delimiter=delimiter)):
        assert not cell.strip(" \"'").startswith(("=", "+", "-", "@", "\uff1d")) or cell.strip(' "').startswith("'"), (
            cell
        )


def test_who_sees_more_by_now_did_not_mean_what_was_hidden_then(house: House) -> None:
    house.configure(file_visibility="own")
    house.upload(house.stranger, name="mine.txt")
    house.upload(house.uploader, name="theirs.txt")
    stranger = signed_in(house, "stranger")
    page = stranger.get(f"{BROWSE}?select=all").text
    token = re.search(r'name="all" value="([^"]+)"', page)
    assert token is not None
    house.configure(file_visibility="all")
    answer = stranger.send_bulk(stranger.open(), "/file-storage/files/delete", all=token[1])
    assert answer.status_code == 422
    assert {file.filename for file in live(house)} == {"mine.txt", "theirs.txt"}


def live(house: House) -> list[Any]:
    from webapp.services.listing import Listing  # noqa: PLC0415

    with house.app.app_context():
        return list(house.services.listing.list(house.admin, Listing()).items)


def test_names_of_others_are_none_of_ones_business_where_everyone_sees_their_own(house: House) -> None:
    house.configure(file_visibility="own")
    stranger = signed_in(house, "stranger")
    page = stranger.get(f"{BROWSE}?by={house.admin.user_id}&by={house.uploader.user_id}").text
    assert "<bdi>admin</bdi>" not in page
    assert "uploader" not in page


@pytest.mark.parametrize("address", ["http://[", "http://a]b/", "//[::1", "\x7f", "javascript:1", "http://x/%zz?%"])
def test_an_address_that_is_none_costs_nothing(house: House, address: str) -> None:
    file = house.upload()
    headers = {**HTMX, "HX-Current-URL": address}
    assert Visitor(house).get(BROWSE, headers=headers).status_code == 401
    admin = signed_in(house, "admin")
    assert admin.get(BROWSE, headers=headers).status_code == 200
    data = {"csrf_token": admin.token()}
    answer = admin.post(f"/file-storage/files/{file.id}/delete", data, headers=headers)
    assert answer.status_code == 200
    assert 'name="undo"' in answer.text


def test_who_may_only_put_files_in_neither_renames_nor_reads_about_them(house: House) -> None:
    file = house.upload(house.uploader, name="payroll.pdf")
    api = house.api("stranger", "file_storage.upload")
    answer = api.patch(f"/api/file-storage/files/{file.id}", json={"filename": "owned.exe"})
    assert answer.status_code == 403
    assert file.checksum_sha256.encode() not in answer.content
    assert live(house)[0].filename == "payroll.pdf"


def test_links_and_forms_follow_the_path_of_the_application(house: House) -> None:
    house.upload(name="a.txt")
    admin = signed_in(house, "admin")
    file = live(house)[0]
    where = {"SCRIPT_NAME": "/pre"}
    page = admin.http.get(f"{BROWSE}?file={file.id}", headers={"Accept": "text/html"}, environ_overrides=where).text
    found = re.findall(r"\b(?:href|action|formaction|hx-get|hx-post|src|data-copy-text|data-url)=\"([^\"#]+)", page)
    wrong = [each for each in found if not each.startswith(("/pre/", "http://localhost/pre/")) or "/pre/pre/" in each]
    assert found
    assert not wrong
    answer = house.app.test_client().get(f"{BROWSE}?q=a", headers={"Accept": "text/html"}, environ_overrides=where)
    assert answer.headers["Location"] == "/pre/account/login?next=/pre/file-storage/?q%3Da"
