"""No name from outside is ever a path."""

import pytest

from tests.support.client import FILES, Client
from tests.support.problems import problem, refused
from tests.support.raw import Answer, Wire, exchange, file_part, form_headers, head, multipart
from tests.support.server import Server

NAMES = [
    b"../../../../etc/passwd",
    b"..",
    b".",
    b"../",
    b"/etc/cron.d/stowage",
    b"//etc/passwd",
    b"C:\\Windows\\win.ini",
    b"..\\..\\..\\boot.ini",
    b"\\\\host\\share\\x",
    b"%2e%2e%2fetc%2fpasswd",
    b"..%2f..%2fx",
    b"..%c0%af..%c0%afx",
    b"....//....//x",
    b"x/../../y",
    b"dir/file.txt",
    b"evil\x00.png",
    b"line\nbreak.txt",
    b"carriage\rreturn.txt",
    b"tab\there.txt",
    b"\x1b[2Jescape.txt",
    b"\x7f.txt",
    b" ",
    b"...",
    b"~root/.ssh/authorized_keys",
    b"file:///etc/passwd",
    b".incoming",
    b"a" * 300,
    b"a" * 5000 + b".txt",
    "ä".encode() * 300,
    b"\xff\xfe\xfd",
    b"\xed\xa0\x80surrogate",
    b"\xc0\xaf",
]


def percent(name: bytes) -> str:
    return "".join(f"%{byte:02X}" for byte in name)


def put(server: Server, uploader: Client, target: str | bytes) -> Answer:
    headers = [*uploader.auth, ("Content-Length", "4")]
    return exchange(server.url, head("PUT", target, headers) + b"data")


def assert_tamed(server: Server, uploader: Client, answer: Answer) -> None:
    """Either refused, or stored in its own place under a name that is harmless."""
    if answer.status_code != 201:
        refused(answer)
        return
    file = answer.json()
    assert 0 < len(file["filename"]) <= 255
    assert not set(file["filename"]) & set("/\\\0\n\r\t\x1b\x7f")
    assert file["filename"] not in {".", ".."}
    assert file["key"] not in file["filename"]
    assert uploader.content(file) == b"data"
    assert f"{file['key'][:2]}/{file['key']}" in server.stored()


def outside(server: Server) -> set[str]:
    """Everything in the data directory and beside it, but for the store and the database."""
    base = server.data_dir.parent
    return {
        str(path.relative_to(base))
        for path in base.rglob("*")
        if not path.is_relative_to(server.uploads) and "instance" not in path.parts
    }


@pytest.mark.parametrize("name", NAMES)
def test_a_path_in_the_url_of_a_raw_upload_stays_a_name(server: Server, uploader: Client, name: bytes) -> None:
    before = outside(server)
    answer = put(server, uploader, f"{FILES}/upload/{percent(name)}")
    if answer.status_code == 414:  # the address does not even get to the application
        assert len(percent(name)) > 8000
    else:
        assert_tamed(server, uploader, answer)
    assert outside(server) == before
    server.wait_until_clean()


@pytest.mark.parametrize("name", NAMES)
def test_a_path_in_a_form_stays_a_name(server: Server, uploader: Client, name: bytes) -> None:
    before = outside(server)
    body = multipart([file_part(b"data", name)])
    headers = [*uploader.auth, *form_headers(), ("Content-Length", str(len(body)))]
    assert_tamed(server, uploader, exchange(server.url, head("POST", f"{FILES}/upload", headers) + body))
    assert outside(server) == before
    server.wait_until_clean()


@pytest.mark.parametrize(
    "target",
    [
        "/upload/../../../etc/passwd",
        "/upload/..",
        "/upload//etc/passwd",
        "/upload/%2e%2e/%2e%2e/x",
        "/upload/a/b/c.txt",
        "/upload/",
        "/upload/.%00./x",
        "/upload/%",
        "/upload/%zz",
        "/upload/%2",
        "/upload/;x",
        "/upload/?x",
    ],
)
def test_a_path_written_plainly_in_the_url_reaches_no_path(server: Server, uploader: Client, target: str) -> None:
    before = outside(server)
    answer = put(server, uploader, FILES + target)
    assert answer.status_code in {201, 301, 308, 400, 404, 405, 415, 422}, answer.text
    if answer.status_code == 201:
        assert_tamed(server, uploader, answer)
    assert outside(server) == before
    server.wait_until_clean()


def test_a_newline_in_the_url_is_stored_and_not_404(server: Server, uploader: Client) -> None:
    answer = put(server, uploader, f"{FILES}/upload/two%0Alines.txt")
    assert answer.status_code == 201
    assert "\n" not in answer.json()["filename"]


def test_path_parts_are_cut_off_and_the_last_one_is_kept(server: Server, uploader: Client) -> None:
    for name in ("../../report.txt", "C:\\Users\\me\\report.txt", "/abs/report.txt"):
        answer = put(server, uploader, f"{FILES}/upload/{percent(name.encode())}")
        assert answer.json()["filename"].endswith("report.txt"), name


@pytest.mark.parametrize(
    "identity",
    [
        "../../../../etc/passwd",
        "%2e%2e%2f%2e%2e%2finstance%2fstowage.db",
        "..%5c..%5cx",
        "%00",
        "%0A",
        "00000000-0000-0000-0000-000000000000%00",
        "00000000-0000-0000-0000-00000000000g",
        "{00000000-0000-0000-0000-000000000000}",
        "a" * 3000,
        "%ED%A0%80",
        "-1",
        "1e9",
        "null",
    ],
)
@pytest.mark.parametrize("tail", ["", "/download", "/restore"])
def test_an_id_that_is_none_finds_nothing(server: Server, uploader: Client, identity: str, tail: str) -> None:
    method = "POST" if tail == "/restore" else "GET"
    headers = [*uploader.auth, ("Content-Length", "0")]
    answer = exchange(server.url, head(method, f"{FILES}/files/{identity}{tail}", headers))
    assert answer.status_code in {400, 404, 405, 422}, answer.text
    refused(answer) if answer.status_code != 405 else None


def test_the_key_of_a_file_is_not_its_address(uploader: Client) -> None:
    file = uploader.upload(b"data")
    for address in (file["key"], f"{file['key'][:2]}/{file['key']}"):
        problem(uploader.get(f"{FILES}/files/{address}"), "not_found")


@pytest.mark.parametrize(
    "target",
    [
        "/static/../../webapp/config.py",
        "/static/%2e%2e/config.py",
        "/static/..%2fconfig.py",
        "/static//etc/passwd",
        "/static/%2e%2e%5cconfig.py",
        "/static/.",
        "/static/%00",
    ],
)
def test_static_files_are_those_of_the_static_folder(server: Server, target: str) -> None:
    with Wire(server.url) as wire:
        wire.send(head("GET", target))
        answer = wire.answer()
    assert answer.status_code in {301, 302, 308, 400, 401, 404}, answer.text
    assert b"STOWAGE" not in answer.content
    assert b"root:" not in answer.content


def test_a_link_under_the_root_is_not_followed_out(server: Server, uploader: Client) -> None:
    file = uploader.upload(b"data")
    place = server.uploads / file["key"][:2] / file["key"]
    kept = place.with_name("kept")
    place.rename(kept)
    try:
        place.symlink_to("/etc/passwd")
        answer = uploader.download(file)
        assert answer.status_code in {404, 500}
        assert b"root:" not in answer.content
        place.unlink()
    finally:
        kept.rename(place)
    assert uploader.content(file) == b"data"
