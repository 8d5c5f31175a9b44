"""What the database knows, as gauges: how far subscribers are, what waits, how tasks fare.

Read when somebody asks, and for a few seconds not again: the page is open to
everybody who can reach it.
"""

import logging
import time
from collections.abc import Iterable
from datetime import UTC, datetime

from prometheus_client.core import CounterMetricFamily, GaugeMetricFamily, Metric

from webapp import logs
from webapp.services import Services
from webapp.services.plugins import BUILT_IN
from webapp.services.tasks import TaskOut

log = logging.getLogger(__name__)

FRESH_SECONDS = 5.0
_rarely = logs.Rarely(60)


class Measures:
    """The gauges of one application. Only one thread at a time asks for them (page.py)."""

    def __init__(self, services: Services) -> None:
        """Read them from these services."""
        self._services = services
        self._read_at = -FRESH_SECONDS
        self._kept: list[Metric] = []

    def collect(self) -> list[Metric]:
        """All of them, at most some seconds old; none where the database cannot be asked."""
        if time.monotonic() - self._read_at >= FRESH_SECONDS:
            self._kept = self._read()
            # A failure too is not repeated at once: it may have taken long, and the database has other troubles.
            self._read_at = time.monotonic()
        return self._kept

    def _read(self) -> list[Metric]:
        try:
            return [*_subscribers(self._services), *_tasks(self._services), _plugins(self._services)]
        except Exception as exc:
            # The counters of this node are worth most just when the database is gone.
            if _rarely.is_due("database", exc):
                log.warning("the database could not be asked for metrics", exc_info=True)
            return []


def _subscribers(services: Services) -> Iterable[Metric]:
    label = ["subscriber"]
    behind = GaugeMetricFamily("stowage_subscriber_behind", "Events it was not told of yet.", labels=label)
    lag = GaugeMetricFamily("stowage_subscriber_lag_seconds", "Age of the oldest of them.", labels=label)
    waiting = GaugeMetricFamily("stowage_deliveries_waiting", "Deliveries that will be tried again.", labels=label)
    parked = GaugeMetricFamily("stowage_deliveries_parked", "Deliveries that were given up.", labels=label)
    hung = GaugeMetricFamily("stowage_subscriber_hung", "1 while a call of it does not return.", labels=label)
    paused = GaugeMetricFamily("stowage_subscriber_paused", "1 while nobody tells it on purpose.", labels=label)
    calls = CounterMetricFamily(
        "stowage_deliveries", "Attempts to tell a subscriber, by outcome.", labels=["subscriber", "outcome"]
    )
    now = datetime.now(UTC)
    for each in services.delivery.overview():
        key = [each.name]
        behind.add_metric(key, each.behind)
        age = (now - each.oldest_at).total_seconds() if each.oldest_at is not None else 0.0
        lag.add_metric(key, max(0.0, age))
        waiting.add_metric(key, each.waiting)
        parked.add_metric(key, each.parked)
        hung.add_metric(key, each.hung_since is not None)
        paused.add_metric(key, each.paused)
        calls.add_metric([each.name, "delivered"], each.delivered)
        calls.add_metric([each.name, "failed"], each.failed)
    return behind, lag, waiting, parked, hung, paused, calls


def _plugins(services: Services) -> Metric:
    failed = GaugeMetricFamily("stowage_plugin_failed", "1: it could not be loaded.", labels=["plugin"])
    for record in services.plugins.records():
        if record.kind != BUILT_IN:
            failed.add_metric([record.name], record.error is not None)
    return failed


def _tasks(services: Services) -> Iterable[Metric]:
    """By what is done: the rows of nodes that each do it for themselves are added up, so that no host is named."""
    label = ["task"]
    running = GaugeMetricFamily("stowage_task_running", "On so many nodes it runs now.", labels=label)
    overdue = GaugeMetricFamily("stowage_task_overdue", "On so many it is due and nobody runs it.", labels=label)
    last = GaugeMetricFamily("stowage_task_last_run_timestamp_seconds", "When its last run ended.", labels=label)
    runs = CounterMetricFamily("stowage_task_runs", "Runs that ended.", labels=label)
    failures = CounterMetricFamily("stowage_task_failures", "Runs that failed or never ended.", labels=label)
    alive = GaugeMetricFamily("stowage_workers_alive", "Background workers that were heard of lately.")
    rows: dict[str, list[TaskOut]] = {}
    for each in services.tasks.overview():
        rows.setdefault(each.title, []).append(each)
    for title, of_title in rows.items():
        key = [title]
        running.add_metric(key, sum(each.state == "running" for each in of_title))
        overdue.add_metric(key, sum(each.state == "overdue" for each in of_title))
        ended = [each.last_run_at.timestamp() for each in of_title if each.last_run_at is not None]
        if ended:
            last.add_metric(key, max(ended))
        runs.add_metric(key, sum(each.runs for each in of_title))
        failures.add_metric(key, sum(each.failures for each in of_title))
    alive.add_metric([], sum(node.alive for node in services.tasks.nodes()))
    return running, overdue, last, runs, failures, alive
