"""What is searched for is text: no wildcard, no SQL, no format."""

import base64
import json
import uuid

import pytest

from tests.support.client import FILES, Client
from tests.support.problems import problem, refused
from tests.support.raw import exchange, head
from tests.support.server import Server

NAMES = [
    "100%.txt",
    "100 .txt",
    "a_b.txt",
    "axb.txt",
    "back\u29f5slash.txt",
    "q'uote.txt",
    'd"ouble.txt',
    "star*.txt",
    "ques?tion.txt",
    "[abc].txt",
]
SQL = [
    "'",
    '"',
    "' OR '1'='1",
    "' OR 1=1 --",
    "'; DROP TABLE file_storage_stored_file; --",
    "1; SELECT pg_sleep(5)",
    "' UNION SELECT password_hash FROM user --",
    "') OR ('1'='1",
    "\\'; --",
    "%' AND 1=0 UNION ALL SELECT 1 --",
    "${7*7}{{7*7}}<%= 7*7 %>",
    "*",
    '" OR "" = "',
    'a" OR b',
    "NEAR(a b)",
    "filename_folded:a",
    "^a",
    "a AND b",
    "-",
    "(",
    "\u2019 OR 1=1",
]


@pytest.fixture(scope="module")
def mark(uploader: Client) -> str:
    """Part of the names of this module's own files."""
    mark = uuid.uuid4().hex
    for name in NAMES:
        uploader.upload(b"data", f"{mark} {name}", "text/plain")
    return mark


def found(client: Client, mark: str, q: str) -> set[str]:
    rows = client.every(q=q)
    return {row["filename"].removeprefix(f"{mark} ") for row in rows if row["filename"].startswith(mark)}


@pytest.mark.parametrize(
    "q", ["%", "_", "*", "?", "'", '"', "[", "[abc]", "%.txt", "a_b", "0%", "__", "%%", "a%b", "\\", "\\%", "\\_", ".*"]
)
def test_wildcards_are_letters(uploader: Client, mark: str, q: str) -> None:
    assert found(uploader, mark, q) == {name for name in NAMES if q in name}
    assert uploader.total(q=f"{mark} {q}") == len([name for name in NAMES if name.startswith(q)])


@pytest.mark.parametrize("q", SQL)
def test_sql_in_a_search_is_text(uploader: Client, mark: str, q: str) -> None:
    everything = uploader.total()
    assert found(uploader, mark, q) == {name for name in NAMES if q in name}
    assert found(uploader, mark, f"{mark} {q}") == {name for name in NAMES if name.startswith(q)}
    assert uploader.total() == everything


@pytest.mark.parametrize("value", SQL)
@pytest.mark.parametrize("name", ["uploaded_by", "content_type", "backend"])
def test_sql_in_a_filter_matches_nothing(uploader: Client, mark: str, name: str, value: str) -> None:
    answer = uploader.get(f"{FILES}/files", params={name: value})
    if answer.status_code == 200:
        assert answer.json()["total"] == 0
        assert answer.json()["items"] == []
    else:
        problem(answer, "validation_error")


@pytest.mark.parametrize("value", ["%", "image/%", "%/", "text_plain", "text/%", "_ext/plain"])
def test_wildcards_in_a_content_type_match_nothing(uploader: Client, mark: str, value: str) -> None:
    answer = uploader.get(f"{FILES}/files", params={"content_type": value})
    if answer.status_code == 200:
        assert answer.json()["items"] == []
    else:
        problem(answer, "validation_error")


@pytest.mark.parametrize(
    "value",
    [*SQL, "nonsense", "password_hash", "created_at desc", "name,size", "--name", "+name", "NAME", "id", " name"],
)
def test_an_unknown_sort_is_refused(uploader: Client, value: str) -> None:
    for where in ("files", "trash"):
        document = problem(uploader.get(f"{FILES}/{where}", params={"sort": value}), "validation_error")
        assert "sort" in {error["field"] for error in document["errors"]}


@pytest.mark.parametrize("name", ["page", "per_page"])
@pytest.mark.parametrize(
    "value",
    ["0", "-1", "201x", "1.5", "", "abc", "1e3", "0x10", "\u0661", " ", "1;2", "NaN", "true", "null", "9" * 500],
)
def test_a_page_that_is_no_number_is_refused(uploader: Client, name: str, value: str) -> None:
    answer = uploader.get(f"{FILES}/files", params={name: value})
    assert name in {error["field"] for error in problem(answer, "validation_error")["errors"]}


def test_the_bounds_of_a_page(uploader: Client) -> None:
    for per_page, status in ((1, 200), (200, 200), (0, 422), (201, 422), (-5, 422), (10**9, 422)):
        assert uploader.get(f"{FILES}/files", params={"per_page": per_page}).status_code == status, per_page
    default = uploader.page()
    assert (default["page"], default["per_page"]) == (1, 20)
    beyond = uploader.page(page=10**6)
    assert (beyond["items"], beyond["page"]) == ([], 10**6)
    for page in (2**31, 2**63 - 1, 2**63, 10**30):
        assert uploader.get(f"{FILES}/files", params={"page": page}).status_code in {200, 422}, page


@pytest.mark.parametrize("name", ["min_size", "max_size", "created_after", "created_before"])
@pytest.mark.parametrize(
    "value", ["abc", "-", "1.5x", "0x1", "2024-13-45", "'", "NaN", "2024-01-01T25:00:00Z", "9999999-01-01"]
)
def test_a_filter_of_the_wrong_kind_is_refused(uploader: Client, name: str, value: str) -> None:
    answer = uploader.get(f"{FILES}/files", params={name: value})
    assert name in {error["field"] for error in problem(answer, "validation_error")["errors"]}


@pytest.mark.parametrize(
    "value",
    [
        "0001-01-01T00:00:00Z",
        "9999-12-31T23:59:59Z",
        "9999-12-31T23:59:59-23:59",
        "0001-01-01T00:00:00+23:59",
        "2024-02-29",
    ],
)
def test_the_edges_of_time_are_answered(uploader: Client, value: str) -> None:
    for name in ("created_after", "created_before"):
        assert uploader.get(f"{FILES}/files", params={name: value}).status_code in {200, 422}


def test_numbers_beyond_64_bits_are_answered(uploader: Client) -> None:
    for name in ("min_size", "max_size"):
        for value in (2**63 - 1, 2**63, 2**64, 10**40, -1):
            assert uploader.get(f"{FILES}/files", params={name: value}).status_code in {200, 422}, (name, value)


def bent_cursors(cursor: str) -> list[str]:
    """What somebody might try who has seen that a cursor is base64."""
    made = [
        "x",
        "%",
        "AAAA",
        "=",
        cursor[:-3],
        cursor + "AA",
        cursor[::-1],
        cursor.swapcase(),
        "A" * 5000,
        "\u00e4",
        SQL[4],
    ]
    documents: list[object] = [
        None,
        [],
        {},
        1,
        "x",
        ["name"],
        ["name", None, None],
        ["name", {}, []],
        ["size", "1", 1],
        ["size", 10**40, 1],
        ["size", 1.5, 1],
        ["size", True, 1],
        ["name", "a", -1],
        ["name", "a", 2**63],
        ["name", "a", "1"],
        ["name", "a", True],
        ["-created_at", "yesterday", 1],
        ["-created_at", "2024-01-01", 1],
        ["-created_at", "0001-01-01T00:00:00+23:59", 1],
        ["-created_at", 5, 1],
        ["-created_at", None, 1],
        ["name", "\ud800", 1],
        ["name", "\0", 1],
        ["name", "a", 1, 1],
        ["-size", 5, 1],
        ["size", -(2**63) - 1, 5],
    ]
    texts = [json.dumps(document).encode() for document in documents]
    return made + [base64.urlsafe_b64encode(text).decode().rstrip("=") for text in texts]


@pytest.mark.parametrize("sort", ["-created_at", "name", "size"])
def test_a_bent_cursor_is_refused_or_shows_an_ordinary_page(uploader: Client, mark: str, sort: str) -> None:
    cursor = uploader.page(per_page=1, sort=sort)["next_cursor"]
    for bent in bent_cursors(cursor):
        answer = uploader.get(f"{FILES}/files", params={"cursor": bent, "sort": sort})
        assert answer.status_code < 500, bent
        if answer.status_code != 200:
            problem(answer, {"validation_error", "bad_request"})


def test_a_cursor_of_another_order_is_refused_or_starts_anew(uploader: Client, mark: str) -> None:
    cursor = uploader.page(per_page=1, sort="name")["next_cursor"]
    for sort in ("-name", "size", "created_at", "-created_at"):
        answer = uploader.get(f"{FILES}/files", params={"cursor": cursor, "sort": sort})
        assert answer.status_code in {200, 422}


@pytest.mark.parametrize("key", [*SQL, "x" * 5000, "a\tb", "a b", "\u00e4", "", "\u2603"])
def test_an_idempotency_key_is_text(server: Server, uploader: Client, key: str) -> None:
    headers = [*uploader.auth, ("Content-Length", "4"), ("Idempotency-Key", key)]
    answer = exchange(server.url, head("PUT", f"{FILES}/upload/key.txt", headers) + b"data")
    assert answer.status_code == 201 or refused(answer)


def test_names_of_accounts_are_text(admin: Client) -> None:
    for name in SQL:
        answer = admin.post("/api/users", json={"username": name, "password": "a long enough password", "role": "user"})
        if answer.status_code == 201:
            assert answer.json()["username"] == name
            assert admin.delete(f"/api/users/{answer.json()['id']}").status_code == 204
        else:
            problem(answer, {"validation_error", "conflict"})
    assert admin.get("/api/me").json()["username"] == "admin"
