"""The processes that decode: few, without secrets, gone when idle, and replaced when they die."""

import os
import signal
import threading
import time
from collections.abc import Iterator
from pathlib import Path
from tempfile import TemporaryFile

import pytest

from tests.support.images import picture
from webapp.services import images
from webapp.services.errors import RateLimitedError
from webapp.services.image_helper import ANSWER, READY, REQUEST
from webapp.services.images import ImageHelpers, RefusedImageError, Small

DATA = picture()
PATIENCE = 20


@pytest.fixture
def helpers() -> Iterator[ImageHelpers]:
    made = ImageHelpers()
    yield made
    made.close()


def shrink(helpers: ImageHelpers, data: bytes = DATA, name: object = None) -> Small:
    with TemporaryFile() as file, helpers.slot(name or object()) as slot:
        file.write(data)
        file.flush()
        return slot.shrink(file, 64)


def pid(helpers: ImageHelpers) -> int:
    """The process that waits for the next image."""
    return helpers._idle[-1]._process.pid


def use(monkeypatch: pytest.MonkeyPatch, path: Path, program: str) -> None:
    """Start another program in the place of the helper."""
    start = "import os, signal, socket, sys, time\ndoor = socket.socket(fileno=0)\ndoor.sendall(b'\\x01')\n"
    path.write_text(start + "door.recv(4)\n" + program)
    monkeypatch.setattr(images, "HELPER", path)


def test_both_sides_speak_the_same_language() -> None:
    assert (READY, REQUEST.format, ANSWER.format) == (images.READY, images.REQUEST.format, images.ANSWER.format)


def test_nothing_is_started_before_there_is_an_image(helpers: ImageHelpers) -> None:
    assert not helpers._idle


def test_one_process_makes_many_thumbnails(helpers: ImageHelpers) -> None:
    shrink(helpers)
    first = pid(helpers)
    for _ in range(5):
        shrink(helpers)
    assert pid(helpers) == first
    assert len(helpers._idle) == 1


def test_a_broken_image_does_not_end_it(helpers: ImageHelpers) -> None:
    shrink(helpers)
    first = pid(helpers)
    with pytest.raises(RefusedImageError):
        shrink(helpers, b"no image")
    assert pid(helpers) == first


def test_it_knows_none_of_the_secrets_of_the_server(helpers: ImageHelpers, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("STOWAGE_SECRET_KEY", "a secret of ours")
    shrink(helpers)
    environment = Path(f"/proc/{pid(helpers)}/environ").read_bytes()
    assert b"STOWAGE" not in environment
    descriptors = list(Path(f"/proc/{pid(helpers)}/fd").iterdir())
    assert len(descriptors) <= 4, "no file, socket or database of the server is open in it"


def test_it_has_limits_and_makes_way_for_others(helpers: ImageHelpers) -> None:
    shrink(helpers)
    limits = Path(f"/proc/{pid(helpers)}/limits").read_text()
    found = {line[:26].strip(): line[26:].split()[0] for line in limits.splitlines()}
    assert found["Max address space"] == str(1024**3)
    assert found["Max file size"] == found["Max core file size"] == "0"
    assert os.getpriority(os.PRIO_PROCESS, pid(helpers)) > os.getpriority(os.PRIO_PROCESS, 0)


def test_it_does_not_outlive_the_server(helpers: ImageHelpers) -> None:
    shrink(helpers)
    process = helpers._idle[-1]._process
    helpers.close()
    assert process.returncode == 0


def test_it_ends_when_there_is_nothing_to_do(helpers: ImageHelpers, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(images, "IDLE_SECONDS", 0.2)
    shrink(helpers)
    process = helpers._idle[-1]._process
    assert process.wait(PATIENCE) == 0
    assert not helpers._idle
    assert shrink(helpers)


def test_one_that_has_died_in_its_sleep_is_replaced(helpers: ImageHelpers) -> None:
    shrink(helpers)
    os.kill(pid(helpers), signal.SIGKILL)
    helpers._idle[-1]._process.wait(PATIENCE)
    assert shrink(helpers)


def test_a_crash_of_the_decoder_is_the_fault_of_the_image(
    helpers: ImageHelpers, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    for name in ("SIGSEGV", "SIGABRT", "SIGXCPU"):
        use(monkeypatch, tmp_path / "helper.py", f"os.kill(os.getpid(), signal.{name})\ntime.sleep(60)")
        with pytest.raises(RefusedImageError):
            shrink(helpers)
    assert not helpers._idle


def test_being_killed_or_slow_is_not(helpers: ImageHelpers, monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setattr(images, "DECODE_SECONDS", 0.3)
    for program in ("os.kill(os.getpid(), signal.SIGKILL)\ntime.sleep(60)", "time.sleep(60)", "sys.exit(1)"):
        use(monkeypatch, tmp_path / "helper.py", program)
        with pytest.raises(RateLimitedError):
            shrink(helpers)


def test_an_endless_decoder_is_stopped_by_the_time_it_used(helpers: ImageHelpers) -> None:
    """The limit is set before each image: what others used before does not count."""
    shrink(helpers)
    limits = Path(f"/proc/{pid(helpers)}/limits").read_text()
    line = next(line for line in limits.splitlines() if line.startswith("Max cpu time"))
    assert 10 <= int(line[26:].split()[0]) <= 15


def test_a_helper_that_does_not_start_says_nothing_about_the_image(
    helpers: ImageHelpers, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    (tmp_path / "helper.py").write_text("import nothing_of_that_name")
    monkeypatch.setattr(images, "HELPER", tmp_path / "helper.py")
    with pytest.raises(RateLimitedError):
        shrink(helpers)


def test_two_at_a_time_and_some_in_line_are_all(helpers: ImageHelpers, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(images, "MOST_WAITING", 3)
    monkeypatch.setattr(images, "PATIENCE_SECONDS", 0.5)
    inside, gone, refused = threading.Semaphore(0), threading.Event(), []

    def hold(name: int) -> None:
        try:
            with helpers.slot(name):
                inside.release()
                gone.wait(PATIENCE)
        except RateLimitedError as exc:
            refused.append(exc.data["retry_after"])

    threads = [threading.Thread(target=hold, args=(name,)) for name in range(5)]
    for thread in threads:
        thread.start()
    assert inside.acquire(timeout=PATIENCE)
    assert inside.acquire(timeout=PATIENCE)
    assert not inside.acquire(timeout=0.1), "two at a time"
    started = time.monotonic()
    with pytest.raises(RateLimitedError), helpers.slot("one too many"):
        pass
    assert time.monotonic() - started < 0.3, "sent away at once"
    gone.wait(0.8)
    gone.set()
    for thread in threads:
        thread.join(PATIENCE)
    assert len(refused) == 3, "the others have waited long enough"
    assert shrink(helpers), "and everything was given back"


def test_those_who_want_the_same_go_one_after_the_other(helpers: ImageHelpers) -> None:
    at_once, most, guard = 0, 0, threading.Lock()

    def want() -> None:
        nonlocal at_once, most
        with helpers.slot("same"):
            with guard:
                at_once += 1
                most = max(most, at_once)
            time.sleep(0.02)
            with guard:
                at_once -= 1

    threads = [threading.Thread(target=want) for _ in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(PATIENCE)
    assert most == 1
    assert not helpers._turns
