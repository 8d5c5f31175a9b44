"""Search finds what is literally in the name, in any case, in every script."""

import unicodedata

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from tests.support.app import House
from webapp.services import filenames, listing, search
from webapp.services.listing import Listing

NAMES = [
    "100%.txt",
    "1000.txt",
    "a_b.txt",
    "axb.txt",
    "back\N{FULLWIDTH REVERSE SOLIDUS}slash.txt",
    "it's.txt",
    'say "hello".txt',
    "Straße.pdf",
    "STRASSE.pdf",
    "İstanbul.jpg",
    "ISTANBUL.jpg",
    "ΟΔΟΣ.doc",
    "Ёлка.png",
    "漢字かな.md",
    unicodedata.normalize("NFD", "Café Zoë.txt"),
    "café noir.txt",
    "🎉 party 🎉.gif",
    "ﬁnal.txt",
    "(a AND b) OR NOT c*.txt",
    "NEAR(x y, 2).txt",
    "-minus.txt",
    "tab-separated^.txt",
]


@pytest.fixture(params=["by index", "by list"])
def way(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> str:
    """On SQLite, rare matches are looked up in the index, and frequent ones by walking the list."""
    # The index is asked in stores of more than RARE files, and believed where it finds no more than that.
    monkeypatch.setattr(search, "RARE", 3 if request.param == "by index" else 1_000_000)
    search._samples.clear()
    way: str = request.param
    return way


def found(house: House, q: str) -> list[str]:
    return sorted(item.filename for item in house.services.listing.list(house.admin, Listing(q=q, per_page=200)).items)


FOUND = [
    ("%", ["100%.txt"]),
    ("100%", ["100%.txt"]),
    ("00%.", ["100%.txt"]),
    ("a_b", ["a_b.txt"]),
    ("_b.t", ["a_b.txt"]),
    ("it's", ["it's.txt"]),
    ("'s.", ["it's.txt"]),
    ('"hello"', ['say "hello".txt']),
    ('"', ['say "hello".txt']),
    ("straße", ["STRASSE.pdf", "Straße.pdf"]),
    ("STRASSE", ["STRASSE.pdf", "Straße.pdf"]),
    ("İSTANBUL", ["İstanbul.jpg"]),
    ("stanbul", ["ISTANBUL.jpg", "İstanbul.jpg"]),
    ("istanbul", ["ISTANBUL.jpg"]),
    ("οδος", ["ΟΔΟΣ.doc"]),
    ("οδοσ", ["ΟΔΟΣ.doc"]),
    ("ёЛК", ["Ёлка.png"]),
    ("字か", ["漢字かな.md"]),
    ("漢字か", ["漢字かな.md"]),
    ("CAFÉ", ["café noir.txt", unicodedata.normalize("NFD", "Café Zoë.txt")]),
    (unicodedata.normalize("NFD", "café"), ["café noir.txt", unicodedata.normalize("NFD", "Café Zoë.txt")]),
    ("🎉", ["🎉 party 🎉.gif"]),
    ("🎉 p", ["🎉 party 🎉.gif"]),
    ("final", ["ﬁnal.txt"]),
    ("AND b", ["(a AND b) OR NOT c*.txt"]),
    ("c*.", ["(a AND b) OR NOT c*.txt"]),
    ("near(", ["NEAR(x y, 2).txt"]),
    ("-minus", ["-minus.txt"]),
    ("ed^.", ["tab-separated^.txt"]),
    ("\\", []),
    ("\\\\\\", []),
    ("xyzzy", []),
    ("a%b", []),
    ("a__b", []),
    (" ' OR 1=1 --", []),
]


def test_the_literal_text_is_found_and_nothing_else(way: str, inside: House) -> None:
    for name in NAMES:
        inside.upload(name=name, data=b"")
    assert {q: found(inside, q) for q, _ in FOUND} == {q: sorted(expected) for q, expected in FOUND}


def test_a_backslash_in_a_name_cannot_be_told_from_a_path(inside: House) -> None:
    inside.upload(name="a\\b.txt")
    assert found(inside, "b.txt") == ["b.txt"]


def test_a_search_sees_names_come_and_go(way: str, inside: House) -> None:
    for number in range(5):
        inside.upload(name=f"hay {number}")
    kept, gone = inside.upload(name="needle one"), inside.upload(name="needle two")
    assert found(inside, "needle") == ["needle one", "needle two"]
    inside.services.files.trash(inside.admin, gone.id)
    assert found(inside, "NEEDLE") == ["needle one"]
    inside.services.files.purge(inside.admin, kept.id)
    assert found(inside, "needle") == []
    inside.services.files.restore(inside.admin, gone.id)
    assert found(inside, "needle") == ["needle two"]


@pytest.mark.parametrize("length", [1, 2, 3, 255, 300, 1024])
def test_a_search_of_any_length_is_answered(way: str, inside: House, length: int) -> None:
    alphabet = "".join(chr(0x4E00 + n) for n in range(1024))
    inside.upload(name=alphabet[:255])
    for number in range(5):
        inside.upload(name=f"hay {number}")
    assert len(found(inside, alphabet[:length])) == (1 if length <= 255 else 0)


def test_frequent_matches_are_found_like_rare_ones(inside: House, monkeypatch: pytest.MonkeyPatch) -> None:
    for number in range(6):
        inside.upload(name=f"common {number}")
    inside.upload(name="seldom")
    expected = found(inside, "common")
    for rare in (0, 1, 5, 6, 7):
        monkeypatch.setattr(search, "RARE", rare)
        search._samples.clear()
        assert found(inside, "common") == expected
        assert found(inside, "seldom") == ["seldom"]


@settings(max_examples=40, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(data=st.data())
def test_every_part_of_every_name_is_found(way: str, inside: House, data: st.DataObject) -> None:
    text = st.text(st.characters(exclude_categories=["Cs", "Cc"]), min_size=1, max_size=30)
    name = filenames.clean(data.draw(text))
    folded = filenames.fold(name)
    start = data.draw(st.integers(0, len(folded) - 1))
    part = folded[start : data.draw(st.integers(start + 1, len(folded)))]
    if filenames.fold(part) != part:
        return  # it begins with a combining character: no such text can be typed alone
    out = inside.upload(name=name, data=b"")
    items = inside.services.listing.list(inside.admin, Listing(q=part, per_page=200)).items
    assert out.id in {item.id for item in items}
    assert all(part in filenames.fold(item.filename) for item in items)


# --- totals ------------------------------------------------------------------------


def total(house: House, **wanted: object) -> tuple[int, bool]:
    answer = house.services.listing.list(house.admin, Listing(per_page=1, **wanted))  # type: ignore[arg-type]
    return answer.total, answer.total_is_exact


def test_totals_are_exact_up_to_the_limit(inside: House, monkeypatch: pytest.MonkeyPatch) -> None:
    for number in range(5):
        inside.upload(name=f"f{number}", data=b"x" * number)
    monkeypatch.setattr(listing, "COUNT_LIMIT", 5)
    assert total(inside, q="f") == (5, True)
    monkeypatch.setattr(listing, "COUNT_LIMIT", 4)
    assert total(inside, q="f") == (4, False)
    assert total(inside, min_size=1) == (4, True)
    assert total(inside, q="nothing") == (0, True)


def test_totals_without_a_search_are_always_exact(inside: House, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(listing, "COUNT_LIMIT", 1)
    for _ in range(3):
        inside.upload()
    assert total(inside) == (3, True)
    assert total(inside, backend="filesystem") == (3, True)
    assert total(inside, backend="memory") == (0, True)
    assert total(inside, trash=True, sort="-deleted_at") == (0, True)


def test_in_large_stores_the_total_of_a_frequent_search_is_about_right(
    inside: House, monkeypatch: pytest.MonkeyPatch
) -> None:
    """And it says that it is not exact."""
    monkeypatch.setattr(search, "ESTIMATE_FROM", 1)
    monkeypatch.setattr(search, "EXAMINED", 10)
    monkeypatch.setattr(search, "RARE", 1_000_000)
    for number in range(12):
        inside.upload(name=f"f{number}", data=b"")
    answer = inside.services.listing.list(inside.admin, Listing(q="f", per_page=5))
    assert len(answer.items) == 5
    assert answer.total_is_exact is False or answer.total == 12
    assert answer.total >= len(answer.items)
