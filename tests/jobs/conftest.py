"""Workers of several nodes inside one process, around each kind of queue."""

from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.support.app import House
from tests.support.postgres import Postgres
from tests.support.redis import redis_server
from webapp.jobs.queues import Queue, TaskConsumer, storage_at
from webapp.jobs.runner import Runner
from webapp.services.tasks import BackgroundTask

__all__ = ["redis_server"]


class Node:
    """The threads of one worker."""

    def __init__(self, house: House, name: str, url: str, tasks: list[BackgroundTask]) -> None:
        self.runner = Runner(house.app, name, tasks)
        with house.app.app_context():
            house.services.tasks.join(name, name, 1, "1.0", tasks)
        self.queues: list[Queue] = []
        self.consumers: list[TaskConsumer] = []
        for per_node, queue_name in ((False, "stowage"), (True, f"stowage-{name}")):
            queue = Queue(queue_name, storage_at(url), self.runner.run)
            names = self.runner.names(per_node=per_node)
            self.queues.append(queue)
            self.consumers.append(TaskConsumer(queue, 2, lambda n=names, q=queue: self.runner.tell_due(n, q.tell)))

    def start(self) -> "Node":
        for consumer in self.consumers:
            consumer.start()
        return self

    def stop(self) -> None:
        for consumer in self.consumers:
            consumer.stop(graceful=True)
        for queue in self.queues:
            queue.storage.close()


class MakeNode:
    """Makes workers of several nodes on one database."""

    def __init__(self, house: House) -> None:
        self._house = house
        self.made: list[Node] = []

    def __call__(self, name: str, url: str, *tasks: BackgroundTask) -> Node:
        self.made.append(Node(self._house, name, url, list(tasks)))
        return self.made[-1]


@pytest.fixture(params=["sqlite", "redis", "postgresql"])
def queue_url(request: pytest.FixtureRequest, tmp_path: Path) -> str:
    """Each kind of queue in turn."""
    if request.param == "redis":
        return request.getfixturevalue("redis_server").url
    if request.param == "postgresql":
        return request.getfixturevalue("postgres_queue")
    return f"sqlite:///{tmp_path / 'queue.db'}"


@pytest.fixture(scope="module")
def postgres_queue(postgres: Postgres) -> Iterator[str]:
    with postgres.fresh_database() as url:
        yield url


@pytest.fixture
def make_node(sqlite_house: House) -> Iterator[MakeNode]:
    """Workers of several nodes on one database."""
    nodes = MakeNode(sqlite_house)
    yield nodes
    for node in nodes.made:
        node.stop()
