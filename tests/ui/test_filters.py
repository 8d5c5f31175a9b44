"""Numbers, times and names as people read them."""

from datetime import UTC, datetime, timedelta, timezone

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.support.app import House
from webapp.ui import filters
from webapp.ui.kinds import kind

NOW = datetime(2026, 11, 23, 10, 0, 0, tzinfo=UTC)


@pytest.mark.parametrize(
    ("count", "text"),
    [
        (0, "0 bytes"), (1, "1 byte"), (999, "999 bytes"), (1000, "1 KB"), (1049, "1 KB"), (1500, "1.5 KB"),
        (999_949, "999.9 KB"), (999_950, "1 MB"), (999_999, "1 MB"), (104_857_600, "104.9 MB"),
        (1_240_000_000_000, "1.2 TB"), (999_999_999_999, "1 TB"), (2**63 - 1, "9.2 EB"), (10**22, "10,000 EB"),
    ],
)  # fmt: skip
def test_sizes(count: int, text: str) -> None:
    assert filters.size(count) == text


@given(st.integers(min_value=1000, max_value=2**63))
def test_a_size_is_never_a_thousand_of_its_unit_and_close_to_the_truth(count: int) -> None:
    value, unit = filters.size(count).split()
    assert 1 <= float(value) < 1000
    assert float(value) * 1000 ** (" KMGTPE".index(unit[0])) == pytest.approx(count, rel=0.051)


@pytest.mark.parametrize(
    ("count", "text"),
    [(1023, "1,023 bytes"), (1024, "1 KiB"), (1536, "1.5 KiB"), (2**20 - 1, "1 MiB"), (104_857_600, "100 MiB")],
)
def test_sizes_in_powers_of_two_for_those_who_want_them(sqlite_house: House, count: int, text: str) -> None:
    with sqlite_house.app.test_request_context(headers={"Cookie": "fs_units=binary"}):
        assert filters.size(count) == text


def test_exact_sizes_have_separators() -> None:
    assert filters.exact_size(1_234_567) == "1,234,567 bytes"
    assert filters.number(1_234_567) == "1,234,567"


@pytest.mark.parametrize(
    ("before", "text"),
    [
        (timedelta(0), "just now"), (timedelta(seconds=59), "just now"), (timedelta(seconds=-100), "just now"),
        (timedelta(seconds=60), "1 min ago"), (timedelta(minutes=59, seconds=59), "59 min ago"),
        (timedelta(hours=1), "1 hour ago"), (timedelta(hours=23, minutes=59), "23 hours ago"),
        (timedelta(hours=24), "yesterday"), (timedelta(hours=33), "yesterday"), (timedelta(hours=35), "2 days ago"),
        (timedelta(days=6), "6 days ago"), (timedelta(days=7), "16 Nov 2026"), (timedelta(days=400), "19 Oct 2025"),
        (timedelta(days=-3), "26 Nov 2026"),
    ],
)  # fmt: skip
def test_moments_in_lists(before: timedelta, text: str) -> None:
    assert filters.ago(NOW - before, NOW) == text


def test_a_moment_is_utc_wherever_it_was_noted() -> None:
    moment = datetime(2026, 3, 5, 1, 2, 3, tzinfo=timezone(timedelta(hours=2)))
    assert filters.utc(moment) == "4 Mar 2026, 23:02:03 UTC"
    assert filters.iso(moment) == "2026-03-04T23:02:03Z"
    assert filters.day(moment) == "4 Mar 2026"


@pytest.mark.parametrize(
    ("since", "until", "text"),
    [
        ("2026-11-01", "2026-11-14", "1 Nov 2026 to 14 Nov 2026"),
        ("2026-11-01", "", "1 Nov 2026 to …"),
        ("", "0001-01-01", "… to 1 Jan 1"),
        ("9999-12-31", "", "31 Dec 9999 to …"),
    ],
)
def test_days_from_an_address(since: str, until: str, text: str) -> None:
    assert filters.days(since, until) == text


@pytest.mark.parametrize(
    ("before", "left", "text"),
    [
        (timedelta(0), 30, "in 30 days"), (timedelta(hours=1), 30, "in 30 days"), (timedelta(days=28), 2, "in 2 days"),
        (timedelta(days=29), 1, "tomorrow"), (timedelta(days=30), 0, "today"), (timedelta(days=99), 0, "today"),
    ],
)  # fmt: skip
def test_days_left_in_the_trash(before: timedelta, left: int, text: str) -> None:
    assert filters.days_left(NOW - before, 30, NOW) == left
    assert filters.in_days(left) == text


@given(st.text(max_size=255))
def test_the_halves_of_a_name_are_the_name(name: str) -> None:
    head, tail = filters.halves(name)
    assert head + tail == name
    assert not tail or len(name) > filters.WHOLE


@pytest.mark.parametrize(
    ("name", "tail"),
    [
        ("short.txt", ""),
        ("a-rather-long-name-of-a-report.pdf", "eport.pdf"),
        ("a-rather-long-name-of-a-r" + "e\u0301" * 3 + "p.pdf", "e\u0301e\u0301p.pdf"),
        ("a-rather-long-name-of-a-re👩‍👩‍👧x.pdf", "👩‍👩‍👧x.pdf"),
        ("a-rather-long-name-of-a-ret👍🏽port.pdf", "👍🏽port.pdf"),
    ],
)
def test_a_cut_does_not_split_what_is_read_as_one_character(name: str, tail: str) -> None:
    assert filters.halves(name)[1] == tail


@pytest.mark.parametrize(
    ("name", "text"),
    [
        ("admin", "A"),
        ("mara lindqvist", "ML"),
        ("ci-deploy", "CD"),
        ("a b c", "AC"),
        ("😀", "?"),
        ("محمد علي", "مع"),
        ("", "?"),
    ],
)
def test_initials(name: str, text: str) -> None:
    assert filters.initials(name) == text


@pytest.mark.parametrize(
    ("content_type", "family", "label"),
    [
        ("image/png", "image", "PNG image"), ("image/x-strange", "image", "Image"),
        ("video/mp4", "video", "MPEG-4 video"),
        ("audio/x-new", "audio", "Audio"), ("application/pdf", "doc", "PDF document"), ("text/csv", "sheet", "CSV"),
        ("application/zstd", "archive", "Zstandard archive"), ("application/json", "code", "JSON"),
        ("text/x-rust", "code", "Text"), ("application/octet-stream", "other", "File"), ("", "other", "File"),
        ("nonsense", "other", "File"), ("application/x-ndjson", "data", "NDJSON"),
    ],
)  # fmt: skip
def test_kinds(content_type: str, family: str, label: str) -> None:
    found = kind(content_type)
    assert (found.family, found.label) == (family, label)


def test_a_backend_of_a_third_party_is_called_by_its_id() -> None:
    assert filters.backend_label("filesystem") == "Filesystem"
    assert filters.backend_label("my_tape") == "my_tape"
