"""A full disk is told as such, and freed space is usable again."""

import os
import shutil
import subprocess
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor

import pytest

from tests.support.client import Client, created
from tests.support.corpora import MEGABYTE, noise, pieces
from tests.support.missing import missing
from tests.support.problems import problem
from tests.support.server import Server

ROOM = 8 * MEGABYTE
# The store gets a mount of its own, seen by this server alone and gone with it.
SMALL_DISK = (
    f'mkdir -p "$STOWAGE_DATA/uploads" && mount -t tmpfs -o size={ROOM} tmpfs "$STOWAGE_DATA/uploads" && exec "$@"'
)


@pytest.fixture
def full_disk(fresh_server: Callable[..., Server]) -> Server:
    rights = ["--mount"] if os.geteuid() == 0 else ["--map-root-user", "--mount"]
    prefix = ["unshare", *rights, "sh", "-c"]
    if not shutil.which("unshare"):
        missing("There is no `unshare`, which gives the store a small disk: install util-linux.")
    trial = subprocess.run([*prefix, "mount -t tmpfs tmpfs /mnt"], check=False, capture_output=True)
    if trial.returncode:
        missing("A small disk cannot be mounted here: run the tests as root, or allow user namespaces.")
    return fresh_server(workers=2, prefix=[*prefix, SMALL_DISK, "sh"])


@pytest.mark.slow
def test_a_full_disk_is_507_leaves_nothing_and_recovers(full_disk: Server) -> None:
    client = full_disk.admin
    three = noise(3 * MEGABYTE)
    kept = client.upload(three, "kept.bin")

    too_much = noise(ROOM + MEGABYTE)
    with full_disk.unchanged():
        problem(_patient(client, lambda one: one.put_file(too_much, "raw.bin")), "storage_full")
        problem(_patient(client, lambda one: one.put_file(pieces(too_much), "stream.bin")), "storage_full")
        problem(_patient(client, lambda one: one.post_file(too_much, "form.bin")), "storage_full")
    assert client.content(kept) == three

    client.purge(kept)
    again = noise(6 * MEGABYTE, 6)
    assert client.content(client.upload(again, "raw.bin")) == again
    client.purge(client.every()[0])
    assert client.content(created(client.post_file(again, "form.bin"))) == again


@pytest.mark.slow
def test_a_race_for_the_last_space_has_winners_that_are_whole(full_disk: Server) -> None:
    data = noise(3 * MEGABYTE)

    def send(number: int):
        with full_disk.admin.fork() as client:
            return client.put_file(data, f"{number}.bin")

    with ThreadPoolExecutor(6) as pool:
        answers = list(pool.map(send, range(6)))
    winners = [answer.json() for answer in answers if answer.status_code == 201]
    for answer in answers:
        if answer.status_code != 201:
            problem(answer, "storage_full")
    assert len(winners) <= 2
    assert {row["id"] for row in full_disk.admin.every()} == {file["id"] for file in winners}
    for file in winners:
        assert full_disk.admin.content(file) == data
    full_disk.wait_until_clean()
    for file in winners:
        full_disk.admin.purge(file)
    assert full_disk.admin.content(full_disk.admin.upload(data)) == data


def _patient(client: Client, send):
    """The answer arrives although the server did not want the whole body."""
    with client.fork() as another:
        return send(another)
