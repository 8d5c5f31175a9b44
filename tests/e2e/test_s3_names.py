# ruff: noqa: RUF001
"""Whatever people call their files: the name that was stored is the one a download brings, from either backend."""

import re
from collections.abc import Iterator
from urllib.parse import unquote_to_bytes

import pytest
from werkzeug.http import parse_options_header

from tests.support.client import FILES, Client
from tests.support.corpora import NAMES
from tests.support.raw import Wire, file_part, form_headers, head, multipart
from tests.support.s3 import S3Server
from tests.support.shelf import Shelf, configured, fetched

KEPT = (
    *NAMES,
    *("a+b.txt", "100%.txt", "50%25.txt", "%2e%2e%2f.txt", "a#b.txt", "a?b=c&d.txt", "a&b.txt", "a;b.txt", "a,b.txt"),
    *('quote"inside".txt', "it's.txt", "' OR 1=1 --.txt", "(1) [2] {3}.txt", "a=b:c@d!e$f.txt", "~^`|.txt", "*.txt"),
    *("<script>alert(1)<script>.html", "&lt;b&gt;.html", "${jndi:ldap}.txt", "{{7*7}}.txt", "=cmd|'x'!A0.csv"),
    *("😀🏳️‍🌈👩🏽‍🚀.png", "e\u0301\u0323.txt", "ﬁ ligature ſ.txt", "\u202egnp.exe", "a\u200bb\u200d.txt"),
    *("\ufeffbom.txt", "'; drop table.txt"),
    *("שלום עולם.pdf", "مرحبا (نسخة).docx", "mixed עברית and english.txt", "𝕬𝖇𝖈 𠜎.txt", "\U0010ffff.bin"),
    *("trailing dot.", "trailing space ", " leading space", "...", "..hidden", "NUL", "COM1.txt", "utf-8''x.txt"),
    *('filename="x".txt', "a; filename*=UTF-8''evil.exe", "=?utf-8?q?x?=.txt", "x" * 251 + ".txt", "ä" * 251 + ".txt"),
    *("😀" * 251 + ".png", "%" * 255, '"' * 255, "+" * 255, " " * 100 + "x", "response-content-type=text"),
)
"""Stored to the letter."""
CHANGED = {
    "dir/part.txt": "part.txt",
    "../../etc/passwd": "passwd",
    "C:\\Users\\me\\file.txt": "file.txt",
    "/absolute": "absolute",
    "tab\there.txt": "tab_here.txt",
    "line\r\nX-Evil: yes.txt": "line__X-Evil: yes.txt",
    "nul\0byte.txt": "nul_byte.txt",
    "\x1b[31mred.txt": "_[31mred.txt",
    "del\x7f\x85nel.txt": "del__nel.txt",
    "line\u2028separator.txt": "line_separator.txt",
    "a/..": "unnamed",
    "..": "unnamed",
    " ": "unnamed",
    "y" * 300 + ".txt": "y" * 251 + ".txt",
}
"""No path, no control characters, no more than 255 characters."""
ALL = (*KEPT, *CHANGED)

# RFC 6266 and 9110: a token, then parameters that are tokens, quoted strings or, with a star, of RFC 8187.
_TOKEN = r"[!#$%&'*+.^_`|~0-9A-Za-z-]+"
_PARAMETER = re.compile(rf'\s*;\s*({_TOKEN})=(?:({_TOKEN})|"((?:[\t !#-\[\]-~]|\\[\t -~])*)")')
_EXTENDED = re.compile(r"([A-Za-z0-9!#$%&+^_`{}~-]+)'([A-Za-z0-9-]*)'((?:[A-Za-z0-9!#$&+.^_`|~-]|%[0-9A-Fa-f]{2})*)")


def disposition(header: str) -> tuple[str, dict[str, str]]:
    """Type and parameters; a header that is not exactly of the grammar fails."""
    assert header.isascii(), header
    kind = re.match(_TOKEN, header)
    assert kind, header
    found: dict[str, str] = {}
    at = kind.end()
    while at < len(header):
        parameter = _PARAMETER.match(header, at)
        assert parameter, f"{header!r} at {at}"
        name, token, quoted = parameter.groups()
        assert name.lower() not in found, f"{name} twice: {header!r}"
        found[name.lower()] = token if quoted is None else re.sub(r"\\(.)", r"\1", quoted)
        at = parameter.end()
    return kind[0].lower(), found


def name_of(header: str) -> str:
    """What a browser calls the file: ``filename*`` wins."""
    kind, found = disposition(header)
    assert kind == "attachment"
    assert found.keys() <= {"filename", "filename*"}
    if "filename*" not in found:
        return found["filename"]
    extended = _EXTENDED.fullmatch(found["filename*"])
    assert extended, header
    assert extended[1].upper() == "UTF-8"
    return unquote_to_bytes(extended[3]).decode("utf-8")


@pytest.fixture(scope="module")
def shelf(s3_server: S3Server, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Shelf]:
    with Shelf(tmp_path_factory.mktemp("names"), s3_server.bucket()) as running:
        yield running


@pytest.fixture(scope="module", params=["s3", "s3 through stowage", "filesystem"])
def uploader(shelf: Shelf, request: pytest.FixtureRequest) -> Client:
    configured(
        shelf.admin,
        backend=request.param.split()[0],
        s3_presigned_downloads=request.param == "s3",
    )
    return shelf.server.client("uploader")


# A URL cannot end in "..": whoever sends it resolves it first.
@pytest.mark.parametrize("name", [name for name in ALL if name != ".."], ids=lambda name: str(ALL.index(name)))
def test_the_name_that_was_stored_is_the_name_of_the_download(uploader: Client, name: str) -> None:
    file = uploader.upload(b"content", name, "text/plain")
    stored = CHANGED.get(name, name)
    assert file["filename"] == stored
    assert uploader.info(file).json()["filename"] == stored
    answer = fetched(uploader, file)
    assert answer.content == b"content"
    assert "X-Evil" not in answer.headers
    assert name_of(answer.headers["Content-Disposition"]) == stored
    # A second opinion: what is in the header as other programs read it.
    assert parse_options_header(answer.headers["Content-Disposition"])[1]["filename"] == stored
    head = uploader.head(f"{FILES}/files/{file['id']}/download")
    assert name_of(head.headers["Content-Disposition"]) == stored


@pytest.mark.parametrize("name", [name for name in ALL if "\0" not in name], ids=lambda name: str(ALL.index(name)))
def test_a_name_in_a_form_is_the_name_of_the_download(shelf: Shelf, uploader: Client, name: str) -> None:
    """As browsers write it (HTML, multipart/form-data encoding algorithm)."""
    written = name.replace("\r", "%0D").replace("\n", "%0A").replace('"', "%22")
    body = multipart([file_part(b"content", written)])
    with Wire(shelf.server.url) as wire:
        headers = [*uploader.auth, *form_headers(), ("Content-Length", str(len(body)))]
        wire.send(head("POST", f"{FILES}/upload", headers) + body)
        answer = wire.answer()
    assert answer.status_code == 201, answer.text
    file = answer.json()
    assert file["filename"] == CHANGED.get(name, name)
    assert name_of(fetched(uploader, file).headers["Content-Disposition"]) == file["filename"]


def test_a_new_name_counts_for_the_next_link(uploader: Client) -> None:
    file = uploader.upload(b"content", "before.txt", "text/plain")
    answer = uploader.patch(f"{FILES}/files/{file['id']}", json={"filename": "nach“her”; ✓.txt"})
    assert answer.status_code == 200, answer.text
    assert name_of(fetched(uploader, file).headers["Content-Disposition"]) == "nach“her”; ✓.txt"
