"""Large files pass through; they are never held."""

import hashlib
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from tests.support.client import Client
from tests.support.corpora import MEGABYTE, disc_image, file_sha256
from tests.support.missing import missing
from tests.support.processes import peak_memory
from tests.support.raw import Wire, file_part, form_headers, head, multipart
from tests.support.server import Server

SIZE = 300 * MEGABYTE + 7
PEAK = 100 * MEGABYTE
GROWTH = 24 * MEGABYTE


@pytest.fixture
def image(tmp_path: Path) -> Path:
    return disc_image(tmp_path / "disc.iso", SIZE)


@pytest.mark.slow
def test_a_disc_image_goes_in_and_out_and_memory_stays_flat(image: Path, fresh_server: Callable[..., Server]) -> None:
    if not Path("/proc/self/status").exists():
        missing("Memory is read from /proc: run this on Linux.")
    server = fresh_server(workers=2)
    server.set_value("max_file_size_bytes", str(SIZE))
    client = server.admin
    for _ in range(20):  # every worker has seen uploads and downloads
        with client.fork() as another:
            another.content(another.upload(b"warm" * 500_000))
    before = {pid: peak_memory(pid) for pid in server.workers()}
    assert len(before) >= 2, "no workers found"

    digest = file_sha256(image)
    with image.open("rb") as body:
        raw = client.upload(body, "raw.iso")
    with image.open("rb") as body:
        streamed = client.upload(_read(body), "streamed.iso")
    form = _send_form(client, server, image)
    for file in (raw, streamed, form):
        assert (file["size_bytes"], file["checksum_sha256"]) == (SIZE, digest)
        assert _digest(client.download_stream(file)) == digest
    part = client.download(raw, Range=f"bytes={0x8001}-{0x8005}")
    assert (part.status_code, part.content) == (206, b"CD001")
    assert client.download(raw, Range="bytes=-7").content == b"the end"
    assert _digest(client.download_stream(raw, Range="bytes=0-")) == digest

    for pid, peak in before.items():
        now = peak_memory(pid)
        assert now - peak < GROWTH, f"{now / MEGABYTE:.0f} MB after {peak / MEGABYTE:.0f} MB"
        assert now < PEAK, f"{now / MEGABYTE:.0f} MB"


def _read(body) -> Iterator[bytes]:
    return iter(lambda: body.read(MEGABYTE), b"")


def _digest(chunks: Iterator[bytes]) -> str:
    digest = hashlib.sha256()
    for chunk in chunks:
        digest.update(chunk)
    return digest.hexdigest()


def _send_form(client: Client, server: Server, image: Path) -> dict:
    """requests would hold the whole form in memory; here it goes out in pieces."""
    mark = b"@@@the file@@@"
    start, end = multipart([file_part(mark, "form.iso")]).split(mark)
    length = len(start) + SIZE + len(end)
    with Wire(server.url, timeout=60) as wire, image.open("rb") as body:
        headers = [*client.auth, *form_headers(), ("Content-Length", str(length))]
        wire.send(head("POST", "/api/file-storage/upload", headers) + start)
        for piece in _read(body):
            wire.send(piece)
        wire.send(end)
        answer = wire.answer()
    assert answer.status_code == 201, answer.text
    return answer.json()
