"""Several processes write to one embedded database at once; none of them is told that it is locked."""

import os
import signal
import subprocess
import sys
import threading

from tests.db.changes import written
from tests.support.app import House

SCRIPT = """
import sys, threading
from pathlib import Path
from tests.db.changes import change
from tests.support.app import make_house
from webapp import db

data_dir, who = sys.argv[1:]
house = make_house(Path(data_dir))
print("ready", flush=True)
sys.stdin.readline()

def write(thread):
    for n in range(8):
        with db.transaction() as tx:
            change(tx, f"{who}-{thread}-{n}")

outcomes = house.together(*(lambda t=t: write(t) for t in range(4)))
house.close()
print(outcomes, flush=True)
"""


def test_three_processes_with_four_threads_each(sqlite_house: House) -> None:
    command = [sys.executable, "-c", SCRIPT, str(sqlite_house.config.data_dir)]
    pipe = subprocess.PIPE
    running = [subprocess.Popen([*command, str(n)], stdin=pipe, stdout=pipe, stderr=pipe, text=True) for n in range(3)]
    try:
        for process in running:
            assert process.stdout is not None
            assert process.stdout.readline() == "ready\n"
        for process in running:
            assert process.stdin is not None
            process.stdin.write("go\n")
            process.stdin.flush()
        for process in running:
            out, err = process.communicate(timeout=60)
            assert out == "[None, None, None, None]\n", out + err
    finally:
        for process in running:
            process.kill()
            process.communicate()
    assert len(written(sqlite_house)) == 3 * 4 * 8


FORKING = """
import os, sys, time
from pathlib import Path
from tests.db.changes import change
from tests.support.app import make_house
from webapp import db

house = make_house(Path(sys.argv[1]))
with house.app.app_context(), db.transaction() as tx:
    change(tx, "never committed")
    child = os.fork()  # as a plugin may do at any moment
    if child == 0:
        time.sleep(60)
        os._exit(0)
    print(child, flush=True)
    time.sleep(60)
"""


def test_a_forked_process_keeps_no_lock_when_the_one_that_took_it_is_killed(sqlite_house: House) -> None:
    command = [sys.executable, "-c", FORKING, str(sqlite_house.config.data_dir)]
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as process:
        assert process.stdout is not None
        child = int(process.stdout.readline())
        process.kill()
        process.wait(10)
        try:
            waiting = threading.Thread(target=sqlite_house.upload, daemon=True)
            waiting.start()
            waiting.join(10)
            assert not waiting.is_alive(), "somebody holds the lock of the writers"
        finally:
            os.kill(child, signal.SIGKILL)
