"""Through Stowage into a bucket and out of it, beside boto3 by itself with the same store."""

import os
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace
from functools import partial

from benchmarks import stream, wrk
from benchmarks.clients import Load, Request, run_load
from benchmarks.s3 import Job, Store, alone
from benchmarks.shapes import KB, MB, Measure, Row, Sample, Subjects, Target, clients_text, sample_of, watched
from benchmarks.stage import Plan, Stage
from benchmarks.stowage import Stowage
from benchmarks.wrk import get_head

LEAST = 0.8
MOST_HELD = 64 * MB / 1e6
"""MB that one upload may add to a process, whatever its size."""
CLIENTS = 16
MOST_UPLOADS = 600
WARM_UP = Load(clients=4, seconds=0.3, most=8)
Requests = Iterator[Request]


def rows(plan: Plan) -> list[Row]:
    """1 GiB once, 1 MiB many times, in both directions; and links, which cost the store nothing."""
    held = Target(subject="Stowage", detail="grown MB", factor=MOST_HELD, at_least=False)
    size = "1 GiB" if plan.large >= 1 << 30 else f"{plan.large >> 20} MiB"
    return [
        _row("upload-large", f"upload {size}", "MB/s", _large_uploads, held),
        _row("download-large", f"download {size} through Stowage", "MB/s", _large_downloads, held),
        *(
            _row(f"{what}-1MB-{clients}", f"{title}, {clients_text(clients)}", "requests/s", partial(way, clients))
            for what, title, way in (
                ("upload", "upload 1 MiB", _small_uploads),
                ("download", "download 1 MiB through Stowage", _small_downloads),
            )
            for clients in (1, CLIENTS)
        ),
        Row(name="s3-links", title="links signed, 16 clients", group="S3", unit="per second", open=_links),
    ]


def _row(name: str, title: str, unit: str, way: object, *more: Target) -> Row:
    near_boto3 = Target(subject="Stowage", reference="boto3", factor=LEAST)
    return Row(
        name=f"s3-{name}",
        title=title,
        group="S3",
        unit=unit,
        open=way,  # type: ignore[arg-type]
        targets=(near_boto3, *more),
        slow=name.endswith("large"),
    )


@contextmanager
def _both(stage: Stage, *, links: bool = False) -> Iterator[tuple[Store, Stowage | None]]:
    store = stage.store()
    with stage.stowage(store.settings(links=links)) as stowage:
        if stowage:
            stowage.allow_large_files()
        yield store, stowage


def _grown(measure: Measure) -> Measure:
    def measured() -> Sample:
        sample = measure()
        grown = sample.details["peak MB"] - sample.details["before MB"]
        return replace(sample, details=sample.details | {"grown MB": grown})

    return measured


def _alone(job: Job, unit: float = 1.0) -> Sample:
    os.sync()
    found = alone(job)
    return Sample(found.pop("rate") * unit, found)


@contextmanager
def _large_uploads(stage: Stage) -> Iterator[Subjects]:
    size = stage.plan.large
    with _both(stage) as (store, stowage):
        subjects: Subjects = {}
        if stowage:
            run_load(stowage.process.port, stowage.puts(KB), WARM_UP)
            subjects["Stowage"] = _grown(watched(stowage, partial(_send, stowage, size)))
        job = Job(do="upload", url=store.url, source=str(store.file(size)))
        subjects["boto3"] = partial(_alone, job, size / 1e6)
        yield subjects


def _send(server: Stowage, size: int) -> Sample:
    os.sync()
    return Sample(stream.send(server.process.port, server.put_head(size), size).rate)


@contextmanager
def _large_downloads(stage: Stage) -> Iterator[Subjects]:
    size = stage.plan.large
    with _both(stage) as (store, stowage):
        subjects: Subjects = {}
        if stowage:
            path = stowage.place(size)
            fetch = partial(_fetch, stowage, get_head(path, stowage.headers), size)
            subjects["Stowage"] = _grown(watched(stowage, fetch))
        job = Job(do="download", url=store.url, source=store.put(size))
        subjects["boto3"] = partial(_alone, job, size / 1e6)
        yield subjects


def _fetch(server: Stowage, head: bytes, size: int) -> Sample:
    return Sample(stream.fetch(server.process.port, head, size).rate)


@contextmanager
def _small_uploads(clients: int, stage: Stage) -> Iterator[Subjects]:
    load = Load(clients=clients, seconds=stage.plan.seconds, most=MOST_UPLOADS)
    with _both(stage) as (store, stowage):
        subjects: Subjects = {}
        if stowage:
            requests = stowage.puts(MB)
            run_load(stowage.process.port, requests, WARM_UP)
            subjects["Stowage"] = watched(stowage, partial(_load, stowage, requests, load))
        job = Job(do="upload", url=store.url, source=str(store.file(MB)), **_bounds(load))
        subjects["boto3"] = partial(_alone, job)
        yield subjects


@contextmanager
def _small_downloads(clients: int, stage: Stage) -> Iterator[Subjects]:
    load = Load(clients=clients, seconds=stage.plan.seconds, most=10**9)
    with _both(stage) as (store, stowage):
        subjects: Subjects = {}
        if stowage:
            requests = wrk.get_requests([stowage.place(MB)], stowage.headers)
            run_load(stowage.process.port, requests, WARM_UP)
            subjects["Stowage"] = watched(stowage, partial(_load, stowage, requests, load))
        job = Job(do="download", url=store.url, source=store.put(MB), **_bounds(load))
        subjects["boto3"] = partial(_alone, job)
        yield subjects


def _load(server: Stowage, requests: Requests, load: Load) -> Sample:
    os.sync()
    return sample_of(run_load(server.process.port, requests, load))


def _bounds(load: Load) -> dict[str, int]:
    return {"clients": load.clients, "seconds": load.seconds, "most": load.most}  # type: ignore[dict-item]


@contextmanager
def _links(stage: Stage) -> Iterator[Subjects]:
    """Whole redirects, authenticated and looked up, beside the mere signing in a loop."""
    load = Load(clients=CLIENTS, seconds=stage.plan.seconds, most=10**9, good=range(302, 303))
    with _both(stage, links=True) as (store, stowage):
        subjects: Subjects = {}
        if stowage:
            path = stowage.place(KB)
            subjects["Stowage"] = watched(stowage, partial(_redirects, stowage, path, load))
        job = Job(do="presign", url=store.url, source="any", seconds=load.seconds, most=load.most)
        subjects["boto3"] = partial(_alone, job)
        yield subjects


def _redirects(server: Stowage, path: str, load: Load) -> Sample:
    status, _ = stream.read(server.process.port, get_head(path, server.headers))
    if status != 302:
        raise OSError(f"no redirect but {status}")
    gets = wrk.run_gets(server.process.port, [path], server.headers, load)
    return Sample(gets.rate, {"p50 ms": gets.p50, "p95 ms": gets.p95})
