"""Filters, search and sorting against a plain model in Python."""

import itertools
import unicodedata
import uuid
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tests.support.client import Client
from tests.support.corpora import NAMES
from tests.support.server import Server

TYPES = [
    "text/plain",
    "image/png",
    "image/jpeg",
    "application/pdf",
    "video/mp4",
    "application/x-custom+zip",
    "IMAGE/GIF; q=1",
]
ODD = [
    "STRASSE.txt",
    "straße.txt",
    "ΣΊΣΥΦΟΣ",
    "σίσυφος",
    "İ.txt",
    "i.txt",
    "ﬁ ligature",
    "Ä",
    "ä",
    "100%",
    "a_b",
    "A_B",
    "Ǆ",
    "ǆ",
]


@pytest.fixture(scope="module")
def client(server: Server) -> Client:
    """A user of this module's own, so that nobody else's files get in."""
    name = f"lister{uuid.uuid4().hex[:8]}"
    server.add_user(name)
    return server.client(name)


@pytest.fixture(scope="module")
def rows(client: Client) -> list[dict[str, Any]]:
    names = [*NAMES, *ODD, *ODD]
    return [client.upload(b"\x01" * (n * 7 % 50), name, TYPES[n % len(TYPES)]) for n, name in enumerate(names)]


def fold(text: str) -> str:
    """Caseless and canonical (Unicode 3.13, D145)."""
    return unicodedata.normalize("NFC", unicodedata.normalize("NFD", text).casefold())


def kept(row: dict[str, Any], wanted: dict[str, Any]) -> bool:
    media_type = wanted.get("content_type", row["content_type"])
    return (
        fold(wanted.get("q", "")) in fold(row["filename"])
        and (
            row["content_type"].startswith(media_type)
            if media_type.endswith("/")
            else row["content_type"] == media_type
        )
        and wanted.get("min_size", 0) <= row["size_bytes"] <= wanted.get("max_size", 10**9)
        and wanted.get("backend", row["backend"]) == row["backend"]
    )


KEYS = {
    "created_at": lambda row: datetime.fromisoformat(row["created_at"]),
    "name": lambda row: fold(row["filename"]),
    "size": lambda row: row["size_bytes"],
}
fragments = st.sampled_from([*NAMES, *ODD]).flatmap(
    lambda name: st.tuples(st.integers(0, len(name)), st.integers(0, 6)).map(lambda cut: name[cut[0] : cut[0] + cut[1]])
)
cases = st.sampled_from([str, str.upper, str.lower, str.swapcase])
searches = st.one_of(
    st.builds(lambda text, case: case(text), fragments, cases),
    st.text(st.characters(exclude_categories=["Cs", "Cc"]), max_size=3),
)
filters = st.fixed_dictionaries(
    {},
    optional={
        "q": searches.filter(lambda q: q == q.strip()),
        "content_type": st.sampled_from(
            [*TYPES[:6], "image/gif", "image/", "video/", "application/", "text/html", "audio/"]
        ),
        "min_size": st.integers(0, 55),
        "max_size": st.integers(0, 55),
        "backend": st.sampled_from(["filesystem", "s3", "none"]),
    },
)


@settings(max_examples=150)
@given(
    wanted=filters,
    sort=st.sampled_from([*KEYS, *(f"-{key}" for key in KEYS)]),
    per_page=st.integers(1, 70),
    page=st.integers(1, 4),
)
def test_a_page_is_what_the_model_says(
    client: Client, rows: list[dict[str, Any]], wanted: dict[str, Any], sort: str, per_page: int, page: int
) -> None:
    key = KEYS[sort.removeprefix("-")]
    right = [row for row in rows if kept(row, wanted)]
    values = sorted((key(row) for row in right), reverse=sort.startswith("-"))
    got = client.page(**wanted, uploaded_by=rows[0]["uploaded_by"], sort=sort, per_page=per_page, page=page)
    assert got["total"] == len(right), wanted
    assert (got["page"], got["per_page"]) == (page, per_page)
    start = (page - 1) * per_page
    assert [key(row) for row in got["items"]] == values[start : start + per_page]
    by_id = {row["id"]: row for row in right}
    assert all(by_id.get(row["id"]) == row for row in got["items"])


@settings(max_examples=25)
@given(first=st.integers(0, 60), last=st.integers(0, 60))
def test_a_span_of_time_is_what_the_model_says(
    client: Client, rows: list[dict[str, Any]], first: int, last: int
) -> None:
    times = sorted(datetime.fromisoformat(row["created_at"]) for row in rows)
    # Between two uploads, so that it does not matter whether the edges belong to it.
    middle = [low + (high - low) / 2 for low, high in itertools.pairwise(times)]
    after, before = middle[first % len(middle)], middle[last % len(middle)]
    got = client.every(
        uploaded_by=rows[0]["uploaded_by"], created_after=after.isoformat(), created_before=before.isoformat()
    )
    right = {row["id"] for row in rows if after < datetime.fromisoformat(row["created_at"]) < before}
    if all(moment not in times for moment in (after, before)):
        assert {row["id"] for row in got} == right


def test_times_may_be_written_in_any_zone(client: Client, rows: list[dict[str, Any]]) -> None:
    edge = datetime.now(UTC) - timedelta(hours=1)
    for written in (edge.isoformat(), edge.isoformat().replace("+00:00", "Z"), edge.astimezone().isoformat()):
        assert client.total(uploaded_by=rows[0]["uploaded_by"], created_after=written) == len(rows), written
        assert client.total(uploaded_by=rows[0]["uploaded_by"], created_before=written) == 0, written


def test_search_knows_no_case_in_any_script(client: Client, rows: list[dict[str, Any]]) -> None:
    for q, name in (
        ("ОТЧЁТ", "Отчёт за 2024 год.docx"),
        ("ÜBERGRÖSSEN", "Übergrößenträger.txt"),
        ("ΕΛΛΗΝΙΚΆ", "Ελληνικά.txt"),
        ("ΣΊΣΥΦΟΣ", "σίσυφος"),
        ("Ä", "ä"),
        ("STRASSE", "straße.txt"),
        ("RÉSUMÉ", "résumé.pdf"),
    ):
        found = {row["filename"] for row in client.every(q=q)}
        assert name in found, q
