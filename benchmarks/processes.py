"""Start servers so that they are always ended, and look at their memory."""

import contextlib
import os
import shutil
import signal
import socket
import subprocess
import time
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path

START_SECONDS = 40.0
STOP_SECONDS = 10.0


class StartError(Exception):
    """A server did not come up."""


class ServerProcess:
    """A server with its workers: one process group that listens on one loopback port."""

    def __init__(self, command: Sequence[str], port: int, log: Path, env: Mapping[str, str]) -> None:
        self.port = port
        self.log = log
        # The kernel ends the server should the harness itself be killed.
        guard = ["setpriv", "--pdeathsig", "TERM"] if shutil.which("setpriv") else []
        with log.open("ab") as output:
            self._process = subprocess.Popen(
                [*guard, *command],
                stdin=subprocess.DEVNULL,
                stdout=output,
                stderr=output,
                env=dict(env),
                cwd=log.parent,
                start_new_session=True,
            )

    def wait_until_listening(self) -> None:
        """Return when the port accepts connections; raise StartError when it never does."""
        deadline = time.monotonic() + START_SECONDS
        while time.monotonic() < deadline:
            if self._process.poll() is not None:
                break
            with contextlib.suppress(OSError), socket.create_connection(("127.0.0.1", self.port), timeout=1):
                return
            time.sleep(0.05)
        tail = self.log.read_text(errors="replace")[-2000:]
        raise StartError(f"{self._process.args!r} does not listen on port {self.port}:\n{tail}")

    def stop(self) -> None:
        """Ask to end, insist after a while, and leave nothing of the group behind."""
        if self._process.poll() is None:
            self._process.terminate()
            with contextlib.suppress(subprocess.TimeoutExpired):
                self._process.wait(STOP_SECONDS)
        with contextlib.suppress(ProcessLookupError):
            os.killpg(self._process.pid, signal.SIGKILL)
        self._process.wait(STOP_SECONDS)

    def pids(self) -> list[int]:
        """The server and everything it started."""
        return list(_descendants(self._process.pid))

    def reset_peak(self) -> None:
        """Start to record the peak memory anew."""
        for pid in self.pids():
            with contextlib.suppress(OSError):
                Path(f"/proc/{pid}/clear_refs").write_text("5")  # proc(5): resets VmHWM

    def cpu_seconds(self, command: str = "") -> float:
        """Processor time that its processes have used so far, or those of them with this in their command line."""
        return sum(cpu_seconds(pid) for pid in self.pids() if command in command_line(pid))

    def memory(self, field: str = "VmRSS") -> float:
        """MB (10^6) of the largest of its processes; ``VmHWM`` is the peak since the last reset."""
        return max((_bytes(pid, "status", field) for pid in self.pids()), default=0) / 1e6


def command_line(pid: int) -> str:
    """What was started; empty if it is gone."""
    with contextlib.suppress(OSError):
        return Path(f"/proc/{pid}/cmdline").read_bytes().replace(b"\0", b" ").decode(errors="replace")
    return ""


def cpu_seconds(pid: int) -> float:
    """Processor time that one process has used so far."""
    with contextlib.suppress(OSError):
        # proc(5): the name in brackets may have spaces; utime and stime are the 14th and 15th field.
        fields = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
        return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")
    return 0.0


def shared_memory(pid: int) -> float:
    """MB (10^6) of one process; what it shares with others is divided among them (PSS)."""
    return _bytes(pid, "smaps_rollup", "Pss") / 1e6


def free_port() -> int:
    """A loopback port that nobody uses at this moment."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port: int = probe.getsockname()[1]
        return port


def _descendants(pid: int) -> Iterator[int]:
    yield pid
    for task in Path(f"/proc/{pid}/task").glob("*/children"):
        with contextlib.suppress(OSError):
            for child in task.read_text().split():
                yield from _descendants(int(child))


def _bytes(pid: int, file: str, field: str) -> int:
    with contextlib.suppress(OSError):
        for line in Path(f"/proc/{pid}/{file}").read_text().splitlines():
            name, _, value = line.partition(":")
            if name == field:
                return int(value.split()[0]) * 1024
    return 0
