"""Uploads: large ones for their speed and memory, small ones for their cost."""

import os
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace
from functools import partial

from benchmarks import servers, stream
from benchmarks.clients import Load, Request, run_load
from benchmarks.servers import Server
from benchmarks.shapes import KB, MB, Row, Sample, Subjects, Target, clients_text, sample_of, size_text, watched
from benchmarks.stage import Stage
from benchmarks.stowage import Stowage

MOST_UPLOADS = {KB: 5_000, MB: 600}
WARM_UP = Load(clients=4, seconds=0.3, most=100)


def rows() -> list[Row]:
    """1 GiB once, and many small files by one client and by 16."""
    large = Row(
        name="upload-1GiB",
        title="upload 1 GiB",
        group="Uploads",
        unit="MB/s",
        open=_large_uploads,
        targets=(
            Target(subject="Stowage PUT", reference="limit", factor=0.75),
            Target(subject="Stowage form", reference="limit", factor=0.75),
            Target(subject="Stowage PUT", detail="peak MB", factor=100, at_least=False),
            Target(subject="Stowage form", detail="peak MB", factor=100, at_least=False),
        ),
    )
    return [large, *(_small_upload(size, clients) for size in (MB, KB) for clients in (1, 16))]


def _small_upload(size: int, clients: int) -> Row:
    factor = 1.0 if size == MB else 0.8
    held = (
        Target(subject="Stowage PUT", reference="copyparty", factor=factor),
        Target(subject="Stowage form", reference="copyparty", factor=factor),
    )
    return Row(
        name=f"upload-{size_text(size)}-{clients}",
        title=f"upload {size_text(size)}, {clients_text(clients)}",
        group="Uploads",
        unit="requests/s",
        open=partial(_small_uploads, size=size, clients=clients),
        targets=held if clients > 1 else (),
    )


@contextmanager
def _large_uploads(stage: Stage) -> Iterator[Subjects]:
    size = stage.plan.large
    with stage.stowage() as stowage:
        # Memory that a virtual machine touches for the first time is slow: let nobody be the first.
        _send(stage.limit(), size)
        subjects: Subjects = {}
        if stowage:
            stowage.allow_large_files()
            subjects["Stowage PUT"] = watched(stowage, partial(_send, stowage, size))
            subjects["Stowage form"] = watched(stowage, partial(_send_form, stowage, size))
        for peer in (*stage.peers(), stage.limit()):
            subjects[peer.name] = watched(peer, partial(_send, peer, size))
        yield subjects


def _send(server: Server, size: int) -> Sample:
    os.sync()
    try:
        return Sample(stream.send(server.process.port, server.put_head(size), size).rate)
    finally:
        servers.empty(server)


def _send_form(server: Stowage, size: int) -> Sample:
    os.sync()
    try:
        return Sample(stream.send(server.process.port, *_framed(server, size)).rate)
    finally:
        servers.empty(server)


def _framed(server: Stowage, size: int) -> tuple[bytes, int, bytes, bytes]:
    head, before, after = server.form(size)
    return head, size, before, after


@contextmanager
def _small_uploads(stage: Stage, size: int, clients: int) -> Iterator[Subjects]:
    load = Load(clients=clients, seconds=stage.plan.seconds, most=MOST_UPLOADS[size])
    with stage.stowage() as stowage:
        sources: list[tuple[str, Server, Iterator[Request]]] = []
        if stowage:
            sources += [("Stowage PUT", stowage, stowage.puts(size)), ("Stowage form", stowage, stowage.forms(size))]
        sources += [(peer.name, peer, peer.puts(size)) for peer in stage.peers()]
        if clients == 1:  # it serves one connection after the other
            sources.append(("limit", stage.limit(), stage.limit().puts(size)))
        for _, server, requests in sources:
            run_load(server.process.port, requests, replace(WARM_UP, clients=min(clients, WARM_UP.clients)))
        yield {name: watched(server, partial(_upload, server, requests, load)) for name, server, requests in sources}


def _upload(server: Server, requests: Iterator[Request], load: Load) -> Sample:
    os.sync()
    try:
        return sample_of(run_load(server.process.port, requests, load))
    finally:
        if load.most <= MOST_UPLOADS[MB]:
            servers.empty(server)
