"""A server that is making thumbnails goes on serving everything else."""

import time
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest
from PIL import Image

from tests.support.images import encoded, opened, picture
from tests.support.server import Server, eventually

LARGE = (6000, 5000)
MOST_SECONDS = 1.0


def helpers_of(server: Server) -> set[int]:
    """The processes that decode, anywhere on this machine below this server."""
    found = set()
    for path in Path("/proc").glob("[0-9]*/cmdline"):
        try:
            if b"image_helper.py" in path.read_bytes() and _is_below(int(path.parent.name), server.process.pid):
                found.add(int(path.parent.name))
        except OSError:
            continue
    return found


def _is_below(pid: int, ancestor: int) -> bool:
    while pid > 1:
        if pid == ancestor:
            return True
        pid = int(Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[1])
    return False


@pytest.mark.slow
def test_downloads_go_on_while_many_large_images_are_decoded(fresh_server: Callable[..., Server]) -> None:
    server = fresh_server(workers=2)
    image = encoded(Image.new("RGB", LARGE, (10, 20, 30)), "PNG", compress_level=1)
    admin = server.admin
    large = [admin.upload(image, f"{n}.png") for n in range(6)]
    small = admin.upload(b"x" * 100_000, "small.bin")
    clients = [admin.fork() for _ in large]
    with ThreadPoolExecutor(len(large)) as pool:
        asked = [
            pool.submit(client.get, f"/file-storage/files/{file['id']}/thumbnail/640", timeout=120)
            for client, file in zip(clients, large, strict=True)
        ]
        waits = []
        while not all(each.done() for each in asked):
            started = time.monotonic()
            assert admin.download(small).content == b"x" * 100_000
            waits.append(time.monotonic() - started)
        answers = [each.result() for each in asked]
    for client in clients:
        client.close()
    assert {answer.status_code for answer in answers} <= {200, 429}
    assert {opened(answer.content).size for answer in answers if answer.status_code == 200} == {(640, 533)}
    assert len(waits) > 10
    assert max(waits) < MOST_SECONDS
    assert 1 <= len(helpers_of(server)) <= 4, "two for each of two workers"


def test_the_helpers_end_with_their_server(fresh_server: Callable[..., Server]) -> None:
    """They are in no group of its, so whoever kills it has to rely on the closed door."""
    server = fresh_server(workers=2)
    file = server.admin.upload(picture(), "a.png")
    assert server.admin.get(f"/file-storage/files/{file['id']}/thumbnail/64").status_code == 200
    helpers = helpers_of(server)
    assert helpers
    server.kill()
    assert eventually(lambda: not any(_lives(pid) for pid in helpers), 10)


def _lives(pid: int) -> bool:
    try:
        return Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0] != "Z"
    except OSError:
        return False
