"""The numbers for Prometheus: right, documented, and silent about who and where."""

import re

import pytest
from prometheus_client.parser import text_string_to_metric_families

from tests.architecture.sources import document, listed
from tests.support.app import FILES, House
from webapp.metrics import counters, measures

ROW = re.compile(r"^\| `(stowage_\w+)` \|([^|]*)\|", re.MULTILINE)


def scraped(house: House) -> dict[tuple[str, frozenset[tuple[str, str]]], float]:
    house.app.extensions["stowage_metrics"].measures._read_at = -measures.FRESH_SECONDS
    answer = house.api().get("/metrics")
    assert answer.status_code == 200
    return {
        (sample.name, frozenset(sample.labels.items())): sample.value
        for family in text_string_to_metric_families(answer.content.decode())
        for sample in family.samples
    }


class Numbers:
    """What has changed since the last look."""

    def __init__(self, house: House) -> None:
        self.house = house
        self.before = scraped(house)

    def grown(self, name: str, **labels: str) -> float:
        now = scraped(self.house)
        key = (name, frozenset(labels.items()))
        return now.get(key, 0.0) - self.before.get(key, 0.0)


@pytest.fixture
def numbers(house: House) -> Numbers:
    with house.app.app_context():
        house.services.tasks.join("node@secret-host", "secret-host", 1, "0", [])
        house.services.delivery.subscribe(["plugin:listener"])
    return Numbers(house)


def test_an_upload_and_a_download_are_counted_with_their_bytes(house: House, numbers: Numbers) -> None:
    api = house.api("uploader")
    out = api.put(f"{FILES}/upload/a.bin", data=b"x" * 1000).json()
    api.get(f"{FILES}/files/{out['id']}/download")
    assert numbers.grown("stowage_uploads_total", backend="filesystem", way="through") == 1
    assert numbers.grown("stowage_upload_bytes_total", backend="filesystem", way="through") == 1000
    assert numbers.grown("stowage_upload_duration_seconds_count", backend="filesystem") == 1
    assert numbers.grown("stowage_downloads_total", backend="filesystem", outcome="sent") == 1
    assert numbers.grown("stowage_download_bytes_total", backend="filesystem") == 1000
    assert numbers.grown("stowage_events_total", event="FileUploaded") == 1


def test_answers_and_errors_are_counted(house: House, numbers: Numbers) -> None:
    house.api("uploader").get(f"{FILES}/files/00000000-0000-4000-8000-000000000000")
    house.api().get("/api/me")
    assert numbers.grown("stowage_errors_total", code="not_found") == 1
    assert numbers.grown("stowage_errors_total", code="unauthenticated") == 1
    assert numbers.grown("stowage_http_requests_total", endpoint="api_me.show", method="GET", status="401") in {0, 1}


def test_who_is_behind_is_told(house: House, numbers: Numbers) -> None:
    house.upload()
    assert numbers.grown("stowage_subscriber_behind", subscriber="plugin:listener") >= 1
    assert scraped(house)["stowage_workers_alive", frozenset()] == 1


def test_every_metric_is_documented_with_its_labels() -> None:
    text = document("metrics.md")
    rows = {name: set(re.findall(r"`(\w+)`", labels)) for name, labels in ROW.findall(text)}
    found = {
        f"{each._name}_total" if each._type == "counter" else each._name: set(each._labelnames) for each in counters.ALL
    }
    missing = sorted(name for name, labels in found.items() if rows.get(name) != labels)
    assert not missing, f"docs/metrics.md lacks these, or has other labels:{listed(missing)}"


def test_what_the_database_says_is_documented_with_its_labels(house: House, numbers: Numbers) -> None:
    text = document("metrics.md")
    rows = {name: set(re.findall(r"`(\w+)`", labels)) for name, labels in ROW.findall(text)}
    with house.app.app_context():
        families = house.app.extensions["stowage_metrics"].measures.collect()
    found = {}
    for family in families:
        name = f"{family.name}_total" if family.type == "counter" else family.name
        found[name] = {label for sample in family.samples for label in sample.labels}
    wrong = sorted(name for name, labels in found.items() if name not in rows or (labels and rows[name] != labels))
    assert not wrong, f"docs/metrics.md lacks these, or has other labels:{listed(wrong)}"
    gone = (
        rows.keys()
        - found.keys()
        - {f"{each._name}_total" for each in counters.ALL}
        - {each._name for each in counters.ALL}
    )
    assert not gone, f"docs/metrics.md tells of metrics that are not there:{listed(sorted(gone))}"


def test_no_label_says_who_or_where(house: House, numbers: Numbers) -> None:
    house.api("uploader").put(f"{FILES}/upload/very-secret-name.txt", data=b"x")
    house.api().get("/very-secret-path")
    text = house.api().get("/metrics").content.decode()
    for secret in ("very-secret", "uploader", "secret-host", str(house.config.data_dir)):
        assert secret not in text


def test_without_a_database_the_counters_are_there(house: House, monkeypatch: pytest.MonkeyPatch) -> None:
    def no(*_: object) -> None:
        raise RuntimeError("no database")

    house.app.extensions["stowage_metrics"].measures._read_at = -measures.FRESH_SECONDS
    monkeypatch.setattr(measures, "_subscribers", no)
    answer = house.api().get("/metrics")
    assert answer.status_code == 200
    assert "stowage_events_total" in answer.content.decode()
    assert "stowage_subscriber_behind" not in answer.content.decode()
