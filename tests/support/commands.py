"""``stowage`` commands by the hundred: each in a process of its own, which a process forks that has everything loaded.

Loading takes a second, what such a command does takes a tenth of it. What is about the command itself, its exit code
or its messages, runs the real one.
"""

import multiprocessing
import os
import sys
import tempfile
from collections.abc import Mapping, Sequence
from pathlib import Path
from subprocess import CompletedProcess

_context = multiprocessing.get_context("forkserver")
_context.set_forkserver_preload(["webapp.cli", __name__])

AT_START = ("PYTHON", "LD_", "MALLOC_")
"""What a program takes from the environment when it begins, which is too late here."""


def can_run(environ: Mapping[str, str]) -> bool:
    """Whether a forked command would not differ from a real one."""
    ours = {name: value for name, value in os.environ.items() if name.startswith(AT_START)}
    return ours == {name: value for name, value in environ.items() if name.startswith(AT_START)}


def run(arguments: Sequence[str], environ: Mapping[str, str], stdin: str, seconds: float) -> CompletedProcess[str]:
    """Run one command, as ``subprocess.run`` does.

    Raises:
        TimeoutError: it does not end.
    """
    with tempfile.TemporaryDirectory() as place:
        files = [Path(place, name) for name in ("stdin", "stdout", "stderr")]
        files[0].write_text(stdin)
        process = _context.Process(target=_command, args=(list(arguments), dict(environ), files))
        process.start()
        process.join(seconds)
        if process.exitcode is None:
            process.kill()
            process.join()
            raise TimeoutError(f"stowage {' '.join(arguments)} does not end")
        done = CompletedProcess(
            list(arguments), process.exitcode, *(f.read_text() if f.exists() else "" for f in files[1:])
        )
        process.close()
        return done


def _command(arguments: list[str], environ: dict[str, str], files: list[Path]) -> None:
    """What the forked process does."""
    for number, file in enumerate(files):
        handle = os.open(file, os.O_RDONLY if number == 0 else os.O_WRONLY | os.O_CREAT, 0o600)
        os.dup2(handle, number)
        os.close(handle)
    sys.stdin, sys.stdout, sys.stderr = (open(number, mode, closefd=False) for number, mode in enumerate("rww"))  # noqa: SIM115 (as long as the process)
    os.environ.clear()
    os.environ.update(environ)
    sys.argv = ["stowage", *arguments]
    from webapp.cli import main  # noqa: PLC0415 (whoever asks for commands need not load them)

    try:
        main()
    finally:
        sys.stdout.flush()
        sys.stderr.flush()
