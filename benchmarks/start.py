"""``python -m benchmarks.start [CHECKOUT ...]``: until a server is ready, and what each of its processes takes.

Several checkouts, each with its ``.venv``, are measured in turn.
"""

import argparse
import contextlib
import os
import statistics
import tempfile
import time
import urllib.request
from pathlib import Path
from urllib.error import URLError

from benchmarks.processes import ServerProcess, StartError, command_line, cpu_seconds, free_port, shared_memory
from benchmarks.servers import PROJECT

ROUNDS = 3
WORKERS = 4
REQUESTS = 40
READY_SECONDS = 60
HEAD = """\
| checkout | ready, s | CPU, s: main | a worker | PSS, MB: main | a worker |
|---|---|---|---|---|---|"""


def main() -> None:
    parser = argparse.ArgumentParser(prog="python -m benchmarks.start", description=__doc__)
    parser.add_argument("checkouts", nargs="*", type=Path, default=[PROJECT], help="where .venv/bin/stowage is")
    checkouts = [path.resolve() for path in parser.parse_args().checkouts]
    rounds = [[_measure(checkout) for checkout in checkouts] for _ in range(ROUNDS)]
    print(HEAD)
    for number, checkout in enumerate(checkouts):
        figures = zip(*(each[number] for each in rounds), strict=True)
        print(f"| {checkout.name} | " + " | ".join(f"{statistics.median(each):.2f}" for each in figures) + " |")


def _measure(checkout: Path) -> list[float]:
    """Seconds until it was ready; CPU of the main process and a worker; memory of the two after some requests."""
    port, began = free_port(), time.monotonic()
    with tempfile.TemporaryDirectory() as data:
        environ = {**os.environ, "STOWAGE_DATA": data, "STOWAGE_WORKERS": str(WORKERS)}
        command = [str(checkout / ".venv" / "bin" / "stowage"), "serve", "--port", str(port)]
        server = ServerProcess(command, port, Path(data, "log"), environ)
        try:
            ready = _ready(port) - began
            for _ in range(REQUESTS):
                _answers(f"http://127.0.0.1:{port}/account/login")
            main, *workers = [pid for pid in server.pids() if "gunicorn" in command_line(pid)]
            figures = [ready]
            for figure in (cpu_seconds, shared_memory):
                figures += [figure(main), statistics.median(figure(pid) for pid in workers)]
            return figures
        finally:
            server.stop()


def _ready(port: int) -> float:
    """The moment it was."""
    deadline = time.monotonic() + READY_SECONDS
    while not _answers(f"http://127.0.0.1:{port}/readyz"):
        if time.monotonic() > deadline:
            raise StartError("it does not get ready")
        time.sleep(0.02)
    return time.monotonic()


def _answers(url: str) -> bool:
    with contextlib.suppress(URLError, OSError), urllib.request.urlopen(url, timeout=5) as answer:
        answer.read()
        return bool(answer.status == 200)
    return False


if __name__ == "__main__":
    main()
