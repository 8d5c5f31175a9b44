"""Counters of several processes are added up, and stay when one of them dies."""

import os
import signal
from collections.abc import Callable

import pytest

from tests.support.client import FILES
from tests.support.raw import Wire, head
from tests.support.server import Server, eventually


def number(server: Server, sample: str) -> float:
    lines = server.admin.get("/metrics").text.splitlines()
    return sum(float(line.rpartition(" ")[2]) for line in lines if line.startswith(sample))


@pytest.mark.slow
def test_all_processes_are_added_up_also_those_that_died(fresh_server: Callable[..., Server]) -> None:
    server = fresh_server(workers=3)
    for name in range(30):
        with server.admin.fork() as client:  # another connection, perhaps another process
            client.upload(b"x" * 100, f"{name}.bin")
    uploads = 'stowage_uploads_total{backend="filesystem",way="through"}'
    volume = 'stowage_upload_bytes_total{backend="filesystem",way="through"}'
    events = 'stowage_events_total{event="FileUploaded"}'
    assert (number(server, uploads), number(server, volume), number(server, events)) == (30, 3000, 30)
    for pid in server.workers():
        if pid != server.process.pid:
            os.kill(pid, signal.SIGKILL)
    server.wait_until_ready()
    assert eventually(lambda: number(server, uploads) == 30, 20)
    server.admin.upload(b"x" * 100, "another.bin")
    assert (number(server, uploads), number(server, volume), number(server, events)) == (31, 3100, 31)
    assert eventually(lambda: number(server, "stowage_workers_alive") == 1, 40)
    assert number(server, 'stowage_task_runs_total{task="recover"}') >= 1


@pytest.mark.slow
def test_counters_are_no_files_of_the_data_directory_and_begin_at_zero(fresh_server: Callable[..., Server]) -> None:
    server = fresh_server(workers=2)
    server.admin.upload(b"x", "a.bin")
    assert not list((server.data_dir / "instance").rglob("*.db-metrics"))
    assert not (server.data_dir / "instance" / "metrics").exists()
    server.stop()
    server.start()
    assert number(server, "stowage_uploads_total") == 0


@pytest.mark.slow
def test_a_download_that_is_cut_counts_as_cut_with_the_bytes_that_went_out(fresh_server: Callable[..., Server]) -> None:
    server = fresh_server(workers=2)
    size = 32_000_000  # more than the buffers of both sockets hold
    file = server.admin.upload(b"x" * size, "large.bin")
    with Wire(server.url) as wire:
        wire.send(head("GET", f"{FILES}/files/{file['id']}/download", server.admin.auth))
        wire.file.read(3_000_000)
        wire.reset()
    cut = 'stowage_downloads_total{backend="filesystem",outcome="cut"}'
    assert eventually(lambda: number(server, cut) == 1, 10)
    assert 2_900_000 < number(server, "stowage_download_bytes_total") < size
    before = number(server, "stowage_download_bytes_total")
    server.admin.download(file, Range="bytes=1000-999999")
    assert eventually(lambda: number(server, "stowage_download_bytes_total") == before + 999_000, 10)
    assert number(server, 'stowage_downloads_total{backend="filesystem",outcome="sent"}') == 1
    assert number(server, "stowage_download_duration_seconds_count") == 1
