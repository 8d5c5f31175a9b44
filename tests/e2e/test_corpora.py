"""Real files, many of them, by many clients at once."""

import threading
import uuid
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest

from tests.support.client import Client, created
from tests.support.corpora import NAMES, film, sha256, standard_library
from tests.support.raw import Wire, file_part, form_headers, head, multipart
from tests.support.server import Server


class Crowd:
    """Several threads, each with a connection of its own."""

    def __init__(self, caller: Client, size: int) -> None:
        self.caller = caller
        self.local = threading.local()
        self.pool = ThreadPoolExecutor(size)
        self.made: list[Client] = []

    def __enter__(self) -> "Crowd":
        return self

    def __exit__(self, *_: object) -> None:
        self.pool.shutdown()
        for client in self.made:
            client.close()

    @property
    def client(self) -> Client:
        if not hasattr(self.local, "client"):
            self.local.client = self.caller.fork()
            self.made.append(self.local.client)
        return self.local.client

    def each(self, work, things):
        return list(self.pool.map(work, things))


@pytest.mark.slow
def test_the_python_standard_library_goes_in_by_many_clients_and_comes_out_whole(
    uploader: Client, server: Server
) -> None:
    prefix = f"stdlib-{uuid.uuid4().hex}"
    paths = standard_library(700)
    root = Path(paths[0]).parents[1]

    def name(path: Path) -> str:
        return f"{prefix}-{path.relative_to(root)}".replace("/", "_")[-200:]

    with Crowd(uploader, 12) as crowd:

        def put(path: Path):
            data = path.read_bytes()
            if len(data) % 2:
                return path, crowd.client.upload(data, prefix + name(path))
            return path, created(crowd.client.post_file(data, prefix + name(path), "text/x-python"))

        stored = dict(crowd.each(put, paths))
        rows = {row["id"]: row for row in uploader.every(q=prefix)}
        assert uploader.total(q=prefix) == len(paths) == len(rows)
        for path, file in stored.items():
            data = path.read_bytes()
            assert rows[file["id"]]["filename"] == prefix + name(path)
            assert rows[file["id"]]["size_bytes"] == len(data)
            assert rows[file["id"]]["checksum_sha256"] == sha256(data)

        def is_whole(path: Path) -> bool:
            return crowd.client.content(stored[path]) == path.read_bytes()

        assert all(crowd.each(is_whole, paths))
    server.wait_until_clean()


@pytest.mark.parametrize("name", NAMES)
def test_a_name_in_any_script_is_kept_to_the_letter(uploader: Client, name: str) -> None:
    raw = uploader.upload(b"x", name, "text/plain")
    assert raw["filename"] == name
    assert name in {row["filename"] for row in uploader.every(q=name)}


@pytest.mark.parametrize("name", NAMES)
def test_a_form_keeps_a_name_in_any_script_as_browsers_send_it(uploader: Client, server: Server, name: str) -> None:
    body = multipart([file_part(b"x", name.replace('"', "%22"))])
    headers = [*uploader.auth, *form_headers(), ("Content-Length", str(len(body)))]
    with Wire(server.url) as wire:
        wire.send(head("POST", "/api/file-storage/upload", headers) + body)
        answer = wire.answer()
    assert answer.status_code == 201, answer.text
    assert answer.json()["filename"] == name


def test_a_film_can_be_fetched_as_a_player_does(uploader: Client) -> None:
    data = film()
    file = created(uploader.post_file(data, "holiday.mp4", "video/mp4"))
    assert (file["content_type"], file["size_bytes"]) == ("video/mp4", len(data))
    for span in ("0-1048575", f"{len(data) - 65536}-", "-65536", "12000000-12000000", "7000001-15000003"):
        answer = uploader.download(file, Range=f"bytes={span}")
        first, _, last = span.partition("-")
        start = int(first) if first else len(data) - int(last)
        stop = int(last) + 1 if first and last else len(data)
        assert answer.status_code == 206
        assert answer.content == data[start:stop], span
        assert answer.headers["Content-Type"] == "video/mp4"
    assert uploader.content(file) == data
