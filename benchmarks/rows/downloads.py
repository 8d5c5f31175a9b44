"""Downloads: large ones whole and ranged, small ones on kept-alive connections."""

import os
from collections.abc import Iterator
from contextlib import contextmanager
from functools import partial

from benchmarks import stream, wrk
from benchmarks.clients import Load, run_load
from benchmarks.servers import Server
from benchmarks.shapes import (
    KB,
    MB,
    Measure,
    Row,
    Sample,
    Subjects,
    Target,
    clients_text,
    prepared,
    sample_of,
    size_text,
    watched,
)
from benchmarks.stage import Stage
from benchmarks.stowage import Stowage
from benchmarks.wrk import get_head

WARM_UP = Load(clients=4, seconds=0.3, most=500)


def rows() -> list[Row]:
    """1 GiB, 1 MB and 1 KB."""
    near_nginx = (Target(subject="Stowage", reference="nginx", factor=0.9),)
    large = [
        Row(
            name=f"download-1GiB-{how}",
            title=f"download 1 GiB, {how}",
            group="Downloads",
            unit="MB/s",
            open=partial(_large_downloads, skip=skip),
            targets=near_nginx,
        )
        for how, skip in (("whole", 0), ("ranged", MB))
    ]
    return [*large, *(_small_download(size, clients) for size in (MB, KB) for clients in (1, 16))]


def _small_download(size: int, clients: int) -> Row:
    held = (Target(subject="Stowage", reference="copyparty", factor=0.5),)
    return Row(
        name=f"download-{size_text(size)}-{clients}",
        title=f"download {size_text(size)}, {clients_text(clients)}",
        group="Downloads",
        unit="requests/s",
        open=partial(_small_downloads, size=size, clients=clients),
        targets=held if clients > 1 else (),
    )


@contextmanager
def _large_downloads(stage: Stage, skip: int) -> Iterator[Subjects]:
    with stage.all() as everyone:
        subjects = {one.name: prepared(partial(_large_file, one, stage.plan.large, skip)) for one in everyone}
        os.sync()
        yield subjects


def _large_file(server: Server, size: int, skip: int) -> Measure:
    if isinstance(server, Stowage):
        server.allow_large_files()
    headers = server.headers | ({"Range": f"bytes={skip}-"} if skip else {})
    fetch = partial(_fetch, server, get_head(server.place(size), headers), size - skip)
    fetch()
    return watched(server, fetch)


def _fetch(server: Server, head: bytes, size: int) -> Sample:
    return Sample(stream.fetch(server.process.port, head, size).rate)


@contextmanager
def _small_downloads(stage: Stage, size: int, clients: int) -> Iterator[Subjects]:
    load = Load(clients=clients, seconds=stage.plan.seconds, most=10**9)
    with stage.all() as everyone:
        subjects = {one.name: prepared(partial(_small_file, one, size, load)) for one in everyone}
        os.sync()
        yield subjects


def _small_file(server: Server, size: int, load: Load) -> Measure:
    path = server.place(size)
    run_load(server.process.port, wrk.get_requests([path], server.headers), WARM_UP)
    return watched(server, partial(_get, server, path, load, size))


def _get(server: Server, path: str, load: Load, size: int) -> Sample:
    """Small bodies by wrk; it reads 8 KB at a time, which makes it the bottleneck of larger ones."""
    if size > KB:
        return sample_of(run_load(server.process.port, wrk.get_requests([path], server.headers), load))
    gets = wrk.run_gets(server.process.port, [path], server.headers, load)
    return Sample(gets.rate, {"p50 ms": gets.p50, "p95 ms": gets.p95})
