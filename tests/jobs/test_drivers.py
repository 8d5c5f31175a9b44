"""A worker loads the driver of its queue, and no other one."""

import subprocess
import sys

import pytest

PROGRAM = """
import sys
from webapp.jobs.drivers import import_huey
import_huey(sys.argv[1])
import webapp.jobs.worker
print(*(name for name in ("psycopg", "redis") if name in sys.modules))
import psycopg, redis
"""


@pytest.mark.parametrize(
    ("url", "loaded"),
    [
        ("sqlite:////tmp/queue.db", ""),
        ("redis://localhost/0", "redis"),
        ("rediss://localhost/0", "redis"),
        ("postgresql://localhost/queue", "psycopg"),
        ("postgresql+psycopg://localhost/queue", "psycopg"),
    ],
)
def test_of_the_drivers_one_is_loaded(url: str, loaded: str) -> None:
    done = subprocess.run([sys.executable, "-c", PROGRAM, url], check=True, capture_output=True, text=True, timeout=60)
    assert done.stdout.strip() == loaded
