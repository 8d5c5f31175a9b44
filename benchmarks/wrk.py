"""Small GETs by wrk, which costs the shared cores less than any Python; the epoll client where it is missing."""

import json
import shutil
import statistics
import subprocess
import tempfile
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from itertools import cycle
from pathlib import Path

from benchmarks.clients import ClientError, Load, Request, run_load

SCRIPT = Path(__file__).with_name("wrk.lua")


@dataclass(frozen=True)
class Gets:
    """The outcome of many GETs: requests per second and milliseconds."""

    rate: float
    p50: float
    p95: float
    body_bytes: int


def available() -> str | None:
    """Where wrk is."""
    return shutil.which("wrk")


def run_gets(port: int, paths: Sequence[str], headers: dict[str, str], load: Load) -> Gets:
    """GET ``paths`` in turn on kept-alive connections; anything but success is an error."""
    program = available()
    if program is None:
        return _run_python(port, paths, headers, load)
    with tempfile.NamedTemporaryFile("w", suffix=".txt") as file:
        file.write("\n".join(paths) + "\n")
        file.flush()
        command = [program, "-t1", f"-c{load.clients}", f"-d{max(1, round(load.seconds))}s", "-s", str(SCRIPT)]
        for name, value in headers.items():
            command += ["-H", f"{name}: {value}"]
        command += [f"http://127.0.0.1:{port}/", "--", file.name]
        done = subprocess.run(command, capture_output=True, text=True, timeout=load.seconds + 60, check=True)
    return _read(done.stdout)


def _read(output: str) -> Gets:
    values = json.loads(next(line for line in output.splitlines() if line.startswith("{")))
    if values["refused"] or values["broken"] or not values["requests"]:
        raise ClientError(f"not every GET succeeded: {values}")
    rate = values["requests"] / values["microseconds"] * 1e6
    return Gets(rate, values["p50"] / 1e3, values["p95"] / 1e3, values["bytes"])


def _run_python(port: int, paths: Sequence[str], headers: dict[str, str], load: Load) -> Gets:
    outcome = run_load(port, get_requests(paths, headers), load)
    if outcome.refused:
        raise ClientError(f"not every GET succeeded: {outcome.refused}")
    latencies = [seconds * 1e3 for seconds in outcome.latencies]
    p95 = statistics.quantiles(latencies, n=20)[-1] if len(latencies) > 1 else latencies[0]
    return Gets(outcome.rate, statistics.median(latencies), p95, outcome.body_bytes)


def get_requests(paths: Sequence[str], headers: dict[str, str]) -> Iterator[Request]:
    """The requests of the paths, over and over."""
    return cycle([[get_head(path, headers)] for path in paths])


def get_head(path: str, headers: dict[str, str]) -> bytes:
    """A GET, ready to be sent."""
    lines = [f"GET {path} HTTP/1.1", "Host: 127.0.0.1", *(f"{name}: {value}" for name, value in headers.items())]
    return "\r\n".join([*lines, "", ""]).encode()
