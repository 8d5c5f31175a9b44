"""File names of any Unicode."""

import re
import unicodedata
from urllib.parse import unquote

from hypothesis import assume, example, given, settings
from hypothesis import strategies as st

from tests.support.client import FILES, Client
from tests.support.raw import Answer, exchange, file_part, form_headers, head, multipart
from tests.support.server import Server

HANDLED = {"Cc", "Zl", "Zp", "Cs"}
"""Characters that the server may replace: controls, and what is taken for a line end."""

any_text = st.text(st.characters(exclude_categories=["Cs"]), min_size=1, max_size=80)
plain_text = st.text(
    st.characters(exclude_categories=list(HANDLED), exclude_characters="/\\"), min_size=1, max_size=80
).filter(lambda name: name == name.strip() and name not in {".", ".."})


def percent(name: str) -> str:
    return "".join(f"%{byte:02X}" for byte in name.encode("utf-8", "surrogatepass"))


def put(server: Server, client: Client, name: str) -> Answer:
    request = head("PUT", f"{FILES}/upload/{percent(name)}", [*client.auth, ("Content-Length", "4")])
    return exchange(server.url, request + b"data")


def post(server: Server, client: Client, name: str) -> Answer:
    body = multipart([file_part(b"data", name)])
    headers = [*client.auth, *form_headers(), ("Content-Length", str(len(body)))]
    return exchange(server.url, head("POST", f"{FILES}/upload", headers) + body)


def names_in_disposition(server: Server, client: Client, identity: str) -> tuple[str | None, str | None]:
    """``filename`` and ``filename*`` as RFC 6266 tells clients to read them."""
    answer = exchange(server.url, head("HEAD", f"{FILES}/files/{identity}/download", client.auth), "HEAD")
    value = answer.headers["Content-Disposition"]
    assert value.isascii()
    assert value.isprintable()
    assert re.match(r"(attachment|inline)(;|$)", value), value
    quoted = re.search(r'filename="((?:[^"\\]|\\.)*)"', value) or re.search(r"filename=([^\s\";]+)", value)
    extended = re.search(r"filename\*=UTF-8''([A-Za-z0-9!#$&+.^_`|~%-]*)(;|$)", value)
    assert ("filename*" in value) == (extended is not None), value
    return (
        re.sub(r"\\(.)", r"\1", quoted.group(1)) if quoted else None,
        unquote(extended.group(1), errors="strict") if extended else None,
    )


def assert_tame(name: str) -> None:
    assert 1 <= len(name) <= 255
    assert name not in {".", ".."}
    assert not set(name) & set("/\\")
    assert not {unicodedata.category(character) for character in name} & HANDLED


@given(name=any_text)
@example("\u2028")
@example("\x85")
@example("/")
@example("\\")
@example("..")
@example("a" * 80 + "/")
def test_any_text_becomes_a_name_that_comes_back(server: Server, uploader: Client, name: str) -> None:
    answer = put(server, uploader, name)
    assert answer.status_code == 201, answer.text
    file = answer.json()
    assert_tame(file["filename"])
    assert uploader.info(file).json() == file
    plain, extended = names_in_disposition(server, uploader, file["id"])
    assert file["filename"] == (extended if extended is not None else plain)


@given(name=plain_text)
@example("%22.txt")
@example("%.txt")
@example("a+b c.txt")
@example('"')
@example("\U000e0041\u200d\ufeff")
@example("\ufffe\U0010ffff")
@example("e\u0301 \u00e9 \u212b")
def test_a_name_without_anything_special_is_stored_as_sent(server: Server, uploader: Client, name: str) -> None:
    answer = put(server, uploader, name)
    assert answer.status_code == 201, answer.text
    assert answer.json()["filename"] == name


@given(name=plain_text.filter(lambda name: not set(name) & set('"%')))
def test_a_form_carries_the_same_names(server: Server, uploader: Client, name: str) -> None:
    answer = post(server, uploader, name)
    assert answer.status_code == 201, answer.text
    assert answer.json()["filename"] == name


@given(name=st.text(st.sampled_from('a"\\ \u00e4'), min_size=1, max_size=10).filter(lambda name: name == name.strip()))
def test_quotes_are_understood_as_browsers_and_curl_send_them(server: Server, uploader: Client, name: str) -> None:
    browser = post(server, uploader, name.replace('"', "%22"))
    assert browser.status_code == 201, browser.text
    assert_tame(browser.json()["filename"])
    curl = post(server, uploader, name.replace("\\", "\\\\").replace('"', '\\"'))
    assert curl.status_code == 201, curl.text
    assert_tame(curl.json()["filename"])
    if "\\" not in name:
        assert browser.json()["filename"] == curl.json()["filename"] == name


@settings(max_examples=30)
@given(
    stem=st.text(st.characters(exclude_categories=list(HANDLED), exclude_characters='/\\.% "'), min_size=1),
    size=st.integers(250, 700),
)
def test_a_name_that_is_too_long_keeps_its_ending(server: Server, uploader: Client, stem: str, size: int) -> None:
    assume(not any(character.isspace() for character in stem))
    name = (stem * size)[:size] + ".txt"
    assume(len(percent(name)) < 6000)
    for answer in (put(server, uploader, name), post(server, uploader, name)):
        assert answer.status_code == 201, answer.text
        assert_tame(answer.json()["filename"])
        assert answer.json()["filename"].endswith(".txt")
        assert name.startswith(answer.json()["filename"][:200])


@given(name=any_text)
def test_a_name_can_be_searched_for(server: Server, uploader: Client, name: str) -> None:
    answer = put(server, uploader, name)
    stored = answer.json()["filename"]
    for q in (stored, stored.upper(), stored.lower(), stored[len(stored) // 2 :]):
        assume("\0" not in q)
        if unicodedata.is_normalized("NFC", stored) and q.casefold() in stored.casefold():
            found = uploader.page(q=q, per_page=200)
            assert found["total"] >= 1, q
            if found["total"] <= 200:
                assert answer.json()["id"] in {row["id"] for row in found["items"]}, q
