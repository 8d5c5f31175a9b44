"""How long events are kept is set on a page of its own, which the activity page leads to."""

from tests.support.app import House
from tests.support.german import assert_german
from tests.ui.conftest import Visitor, assert_ours, page_of
from tests.ui.settings_forms import control, fields_of

ACTIVITY = "/admin/activity"
HERE = "/settings/modules/activity"


def test_the_activity_page_leads_there(admin: Visitor) -> None:
    links = {values.get("href") for tag, values in admin.open(ACTIVITY).tags if tag == "a"}
    assert HERE in links


def test_the_page_says_what_it_is_for_and_what_counts(admin: Visitor) -> None:
    page = admin.open(HERE)
    assert_ours(page)
    assert "Settings: Activity and events" in page.text
    assert "How long Stowage remembers what happened." in page.text
    assert control(page, "retention_days")["value"] == "365"
    assert control(page, "delivery_retention_days")["value"] == "30"


def test_it_is_saved_there(house: House, admin: Visitor) -> None:
    data = fields_of(admin.open(HERE))
    data["retention_days"] = "90"
    assert admin.post(HERE, data).status_code == 303
    with house.app.app_context():
        assert house.services.settings.values("activity")["retention_days"] == 90
    assert "activity" in admin.open(ACTIVITY).text


def test_what_cannot_be_is_refused(admin: Visitor) -> None:
    data = fields_of(admin.open(HERE))
    data["retention_days"] = "0"
    answer = admin.post(HERE, data)
    assert answer.status_code == 422
    assert "Enter 1 day to 3,650 days." in page_of(answer).text


def test_it_speaks_german(admin: Visitor) -> None:
    admin.http.set_cookie("fs_lang", "de")
    assert_german(admin.get(HERE))
    assert "Ereignisse aufbewahren" in admin.open(HERE).text
    assert "Wie lange sie bleiben" in admin.open(ACTIVITY).text
    data = fields_of(admin.open(HERE))
    data["retention_days"] = "4000"
    assert_german(admin.post(HERE, data), 422)
