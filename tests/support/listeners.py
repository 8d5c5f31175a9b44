"""Who listens from outside: a plugin that writes down what it hears, and a server that webhooks are sent to."""

import json
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from tests.support import packages
from tests.support.hooks import Hook, Message

RECORDER = '''
"""Writes a line for each event; each line in one write, so that processes do not cut each other's."""

import json
import os
import time

from webapp.contracts import EVENT_TYPES


def setup(host):
    fd = os.open(os.environ["RECORDER_FILE"], os.O_WRONLY | os.O_CREAT | os.O_APPEND, 0o600)

    def record(event, **_):
        if getattr(event, "filename", "").startswith("raise"):
            raise RuntimeError("the recorder does not like this file")
        if getattr(event, "filename", "").startswith("hang"):
            time.sleep(3600)
        line = {
            "id": str(event.event_id),
            "name": type(event).__name__,
            "file": str(getattr(event, "file_id", "")),
            "node": os.environ.get("RECORDER_NODE", ""),
        }
        os.write(fd, json.dumps(line).encode() + b"\\n")

    for event_type in EVENT_TYPES:
        host.subscribe(event_type, record)
'''


class Recorder:
    """The plugin, installed in a directory of its own, and what it wrote down."""

    def __init__(self, base: Path) -> None:
        self.path = base / "recorder"
        self.file = base / "recorded.jsonl"
        packages.described(self.path, "stowage-recorder", "[stowage.plugins]\nrecorder = stowage_recorder:setup\n")
        (self.path / "stowage_recorder.py").write_text(RECORDER)

    def environ(self, node: str = "") -> dict[str, str]:
        """What a server needs to have it installed."""
        return {"PYTHONPATH": str(self.path), "RECORDER_FILE": str(self.file), "RECORDER_NODE": node}

    def heard(self) -> list[dict[str, str]]:
        if not self.file.exists():
            return []
        # What is not ended by a newline is still being written.
        return [json.loads(line) for line in self.file.read_text().split("\n")[:-1]]


class Receiver:
    """A server that takes CloudEvents; it believes only what is signed."""

    def __init__(self) -> None:
        self.secret = ""
        self.got: list[dict[str, Any]] = []
        self.refused: list[str] = []
        self.fail_every = 0
        """Each so many-th delivery is answered with 503."""
        self._count = 0
        self._lock = threading.Lock()
        self._hook = Hook(self._take)
        self.url, self.close = self._hook.url, self._hook.close

    def _take(self, message: Message) -> int:
        with self._lock:
            self._count += 1
            if self.fail_every and self._count % self.fail_every == 0:
                return 503
            if problem := self._problem(message):
                self.refused.append(problem)
                return 400
            self.got.append({**message.event, "webhook-id": message.headers["webhook-id"]})
        return 204

    def _problem(self, message: Message) -> str:
        if not message.is_signed_by(self.secret):
            return "signature"
        if message.headers["content-type"].partition(";")[0] != "application/cloudevents+json":
            return "content type"
        return ""


@contextmanager
def receiver() -> Iterator[Receiver]:
    made = Receiver()
    try:
        yield made
    finally:
        made.close()


def in_order(heard: list[tuple[str, str, str]]) -> dict[str, list[str]]:
    """The kinds of events of each file in the order in which each was heard first; given as (id, kind, file)."""
    seen: set[str] = set()
    found: dict[str, list[str]] = {}
    for event_id, kind, file in heard:
        if event_id not in seen:
            seen.add(event_id)
            found.setdefault(file, []).append(kind)
    return found
