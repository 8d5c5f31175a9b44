"""No file name ends its header or loses itself in it."""

import re
from urllib.parse import unquote

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from webapp.contracts.headers import content_disposition
from webapp.services.filenames import clean

SHAPE = re.compile(r"""attachment; filename="([ !#-\[\]-~]*)"(?:; filename\*=UTF-8''([A-Za-z0-9!#$&+.^_`|~%-]*))?""")


@settings(max_examples=500, deadline=None)
@given(st.text(st.characters(exclude_categories=["Cs"]), max_size=255))
def test_any_name_makes_one_header_that_gives_it_back(name: str) -> None:
    """RFC 6266 with RFC 8187: ASCII without quotes, backslashes or control characters, and attr-chars."""
    match = SHAPE.fullmatch(content_disposition(name))
    assert match
    plain, extended = match.groups()
    assert (plain if extended is None else unquote(extended)) == name


@settings(max_examples=300, deadline=None)
@given(st.text(max_size=300))
def test_every_stored_name_can_be_sent(sent: str) -> None:
    assert SHAPE.fullmatch(content_disposition(clean(sent)))


@pytest.mark.parametrize(
    ("name", "header"),
    [
        ("a.txt", 'attachment; filename="a.txt"'),
        ("a b.txt", 'attachment; filename="a b.txt"'),
        ("ä.txt", "attachment; filename=\"_.txt\"; filename*=UTF-8''%C3%A4.txt"),
        ('"', "attachment; filename=\"_\"; filename*=UTF-8''%22"),
        ("%41.txt", "attachment; filename=\"_41.txt\"; filename*=UTF-8''%2541.txt"),
        ("a\r\nX: y", "attachment; filename=\"a__X: y\"; filename*=UTF-8''a%0D%0AX%3A%20y"),
        ("it's", 'attachment; filename="it\'s"'),
        ("ä'*.txt", "attachment; filename=\"_'*.txt\"; filename*=UTF-8''%C3%A4%27%2A.txt"),
    ],
)
def test_headers(name: str, header: str) -> None:
    assert content_disposition(name) == header


def test_the_disposition_can_be_another_one() -> None:
    assert content_disposition("a.png", "inline") == 'inline; filename="a.png"'
