"""The connection test on the page: of values that are not saved, told step by step."""

import re

import pytest

from tests.support import cloud
from tests.support.app import House
from tests.ui.conftest import HTMX, Visitor, focused, page_of
from tests.ui.settings_forms import SETTINGS, alert, block, control, send, version
from webapp.contracts.errors import CAUSES
from webapp.http.i18n import catalogue
from webapp.services.probe import STEPS, ProbeResult, ProbeStep
from webapp.ui import settings_probe

HOST = "https://8.8.8.8"


def probe_of(text: str, backend: str) -> str:
    found = re.search(rf'id="probe-{backend}".*?</section>', text, re.DOTALL)
    return found[0] if found else text


@pytest.mark.parametrize("headers", [{}, HTMX], ids=["page", "htmx"])
def test_steps_are_told_and_nothing_is_saved(house: House, admin: Visitor, headers: dict[str, str]) -> None:
    answer = send(admin, path="/test", headers=headers, probe="filesystem", fs_root_path="./elsewhere")
    assert answer.status_code == 200
    text = probe_of(answer.text, "filesystem")
    assert "Connection works" in text
    assert "Write a small file" in text
    assert "Test again" in text
    assert version(house) == 0
    assert ("<html" in answer.text) is not bool(headers)
    if not headers:
        assert control(page_of(answer), "fs_root_path")["value"] == "./elsewhere"
        assert "1 unsaved change" in answer.text
        assert "Connection works" not in probe_of(admin.get(SETTINGS).text, "filesystem")


@pytest.mark.parametrize("headers", [{}, HTMX], ids=["page", "htmx"])
def test_what_fails_says_why_and_the_rest_was_not_run(house: House, admin: Visitor, headers: dict[str, str]) -> None:
    cloud.install(house)
    answer = send(admin, path="/test", headers=headers, probe="cloud", cloud_host=HOST, cloud_token="wrong")
    assert answer.status_code == 200
    text = probe_of(answer.text, "cloud")
    assert "Connection failed" in text
    assert "The key is unknown or the secret is wrong." in text
    assert "not run" in text
    assert text.count('class="fail"') == 1


@pytest.mark.parametrize("headers", [{}, HTMX], ids=["page", "htmx"])
def test_values_that_do_not_fit_are_not_tried(house: House, admin: Visitor, headers: dict[str, str]) -> None:
    cloud.install(house)
    answer = send(admin, path="/test", headers=headers, probe="cloud", cloud_host="ftp://x", cloud_labels="kept")
    assert answer.status_code == 422
    text = probe_of(answer.text, "cloud")
    assert "Nothing was tested" in text
    assert 'href="#f-cloud_host"' in text
    if not headers:
        assert "Nothing was tested. 1 field needs attention." in alert(answer)
        assert "https://" in block(answer.text, "cloud_host")
        assert focused(answer)[0] == "errs"
        assert control(page_of(answer), "cloud_labels")["value"] == "kept"


def test_what_is_wrong_elsewhere_is_no_matter(house: House, admin: Visitor) -> None:
    answer = send(admin, path="/test", headers=HTMX, probe="filesystem", trash_retention_days="soon")
    assert answer.status_code == 200
    assert "Connection works" in answer.text


@pytest.mark.parametrize("backend", ["", "nothing", "../x", "<b>"])
def test_there_is_nothing_else_to_test(admin: Visitor, backend: str) -> None:
    assert send(admin, path="/test", probe=backend).status_code == 404


def test_too_many_at_once_are_refused_and_what_was_typed_stays(house: House, admin: Visitor) -> None:
    held = 0
    while house.services.probe._free.acquire(blocking=False):
        held += 1
    try:
        answer = send(admin, path="/test", probe="filesystem", fs_root_path="./elsewhere")
        assert answer.status_code == 429
        assert "Too many attempts." in probe_of(answer.text, "filesystem")
        assert control(page_of(answer), "fs_root_path")["value"] == "./elsewhere"
        assert send(admin, path="/test", headers=HTMX, probe="filesystem").status_code == 429
    finally:
        for _ in range(held):
            house.services.probe._free.release()


def test_every_step_and_every_cause_has_words(house: House) -> None:
    words = catalogue()
    assert {name for name in STEPS if f"settings.probe.steps.{name}" not in words} == set()
    assert {name for name in (*CAUSES, "skipped", "unknown") if f"settings.probe.causes.{name}" not in words} == set()


def test_what_has_no_words_is_still_told(house: House) -> None:
    step = ProbeStep(name="dance", ok=False, ms=1234, cause="gravity")
    with house.app.test_request_context("/"):
        told = settings_probe.ran(ProbeResult(ok=False, steps=(step,), backend_id="cloud"))
    assert (told.steps[0].label, told.steps[0].took, told.took) == ("dance", "1.23 s", "1.23")
    assert "no name" in told.steps[0].why
