"""Loading the program does nothing yet: gunicorn's main process loads it once, and forks (decision 45)."""

import json
import subprocess
import sys
from pathlib import Path

PROGRAM = """
import json, os, random, sys, threading
def links():
    for number in os.listdir("/proc/self/fd"):
        try:
            yield os.readlink(f"/proc/self/fd/{number}")
        except FileNotFoundError:
            pass  # of the listing itself
def state():
    return {
        "threads": threading.active_count(),
        # prometheus_client notices a fork by itself, and maps files of its own then.
        "files": sorted(link for link in links() if not link.endswith(".db")),
        "children": open("/proc/thread-self/children").read(),
        "random": random.getstate() == seeded,
    }
random.seed(1)
seeded = random.getstate()
before = state()
import webapp.app
json.dump([before, state()], sys.stdout)
"""


def test_nothing_is_opened_or_started(tmp_path: Path) -> None:
    data = tmp_path / "data"
    environ = {"STOWAGE_DATA": str(data), "PROMETHEUS_MULTIPROC_DIR": str(tmp_path)}
    done = subprocess.run(
        [sys.executable, "-X", "dev", "-c", PROGRAM],
        env=environ,
        capture_output=True,
        text=True,
        check=False,
        timeout=60,
    )
    assert done.returncode == 0, done.stderr
    before, after = json.loads(done.stdout)
    assert after == before
    assert not data.exists()


def test_it_reads_no_settings_of_the_environment(tmp_path: Path) -> None:
    """What is wrong there is told by whoever makes an application."""
    done = subprocess.run(
        [sys.executable, "-c", "import webapp.app"],
        env={"STOWAGE_DATA": str(tmp_path), "STOWAGE_WORKERS": "many", "STOWAGE_DATABASE_URL": "nonsense"},
        capture_output=True,
        text=True,
        check=False,
        timeout=60,
    )
    assert (done.returncode, done.stdout, done.stderr) == (0, "", "")
