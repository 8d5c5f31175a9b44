"""Names as people send them: kept, but never a path, a line break or too long."""

import unicodedata

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from webapp.services.filenames import MAX_LENGTH, NAMELESS, clean, fold

anything = st.text(st.characters(), max_size=300)


@pytest.mark.parametrize(
    ("sent", "kept"),
    [
        ("report.pdf", "report.pdf"),
        ("Grüße an Zoë.txt", "Grüße an Zoë.txt"),
        ("漢字.md", "漢字.md"),
        ("🎉.gif", "🎉.gif"),
        ("cafe\u0301.txt", "cafe\u0301.txt"),
        (".gitignore", ".gitignore"),
        ("a%2Fb.txt", "a%2Fb.txt"),
        ("/etc/passwd", "passwd"),
        ("../../etc/passwd", "passwd"),
        ("C:\\Users\\me\\x.doc", "x.doc"),
        ("folder/", "folder"),
        ("a/b\\c", "c"),
        ("..", NAMELESS),
        (".", NAMELESS),
        ("", NAMELESS),
        ("/", NAMELESS),
        ("a/..", NAMELESS),
        ("   ", NAMELESS),
        (" a ", " a "),
        ("a\x00b", "a_b"),
        ("a\r\nb", "a__b"),
        ("a\x7fb\x85c\u2028d\u2029e", "a_b_c_d_e"),
        ("a\ud800b", "a?b"),
        ("x" * 300, "x" * 255),
        ("x" * 300 + ".tar.gz", "x" * 252 + ".gz"),
        ("." + "x" * 300, "." + "x" * 254),
        ("漢" * 300 + ".pdf", "漢" * 251 + ".pdf"),
    ],
)
def test_names(sent: str, kept: str) -> None:
    assert clean(sent) == kept


@settings(max_examples=500, deadline=None)
@given(anything)
def test_a_name_is_never_a_path_nor_a_control_character_nor_too_long(sent: str) -> None:
    name = clean(sent)
    assert 1 <= len(name) <= MAX_LENGTH
    assert "/" not in name
    assert "\\" not in name
    assert name not in (".", "..")
    assert not any(unicodedata.category(character) in ("Cc", "Cs", "Zl", "Zp") for character in name)
    assert name.encode("utf-8")


@settings(max_examples=500, deadline=None)
@given(anything)
def test_cleaning_a_clean_name_changes_nothing(sent: str) -> None:
    assert clean(clean(sent)) == clean(sent)


@settings(max_examples=300, deadline=None)
@given(st.text("ab.é \t/", max_size=600))
def test_cleaning_a_long_name_twice_changes_nothing(sent: str) -> None:
    assert clean(clean(sent)) == clean(sent)


@settings(max_examples=300, deadline=None)
@given(
    st.text(
        st.characters(exclude_categories=["Cc", "Cs", "Zs", "Zl", "Zp"], exclude_characters="/\\."),
        min_size=1,
        max_size=200,
    )
)
def test_an_ordinary_name_stays_as_it_is(sent: str) -> None:
    assert clean(sent) == sent


@settings(max_examples=500, deadline=None)
@given(st.text(st.characters(exclude_categories=["Cs"]), max_size=50))
def test_folding_is_blind_to_case_and_composition(text: str) -> None:
    assert fold(text) == fold(unicodedata.normalize("NFD", text)) == fold(unicodedata.normalize("NFC", text))
    assert fold(fold(text)) == fold(text)
    assert fold(text.casefold()) == fold(text)


@pytest.mark.parametrize(
    ("one", "other"),
    [("STRASSE", "straße"), ("ΣΊΣΥΦΟΣ", "σίσυφος"), ("Å", "å"), ("ﬀ", "FF"), ("Ǆ", "ǆ"), ("é", "E\u0301")],
)
def test_what_reads_alike_folds_alike(one: str, other: str) -> None:
    assert fold(one) == fold(other)
