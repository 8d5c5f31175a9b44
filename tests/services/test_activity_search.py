"""The activity log is searched for text: bounded, and it says how far it came."""

from datetime import UTC, datetime, timedelta
from uuid import uuid4

import pytest
import sqlalchemy as sa

from tests.services.test_activity import forget, note, page
from tests.support.app import PASSWORD, House
from webapp.services import activity
from webapp.services.activity import ActivityPage
from webapp.services.sessions import Client

NOON = datetime(2026, 3, 1, 12, tzinfo=UTC)


def names(house: House, text: str, **wanted: object) -> list[str]:
    return [event.name for event in page(house, text=text, **wanted).items]


@pytest.fixture
def told(inside: House) -> House:
    forget(inside)
    return inside


def test_part_of_a_file_name_finds_what_was_done_to_it(told: House) -> None:
    out = told.upload(name="Annual REPORT (final).pdf")
    told.upload(name="holiday.jpg")
    told.services.files.rename(told.uploader, out.id, "summary.pdf")
    assert names(told, "report (FINAL)") == ["FileRenamed", "FileUploaded"]
    assert names(told, "  summary ") == ["FileRenamed"]
    assert names(told, "nowhere") == []


def test_search_is_caseless_in_any_script(inside: House) -> None:
    """PostgreSQL has its own idea of what is the same, which is about as good."""
    forget(inside)
    note(inside, payload={"filename": "ÄRGER im Überfluss.txt"})
    note(inside, payload={"filename": "ΣΊΣΥΦΟΣ.txt"})
    assert len(names(inside, "ärger IM über")) == 1
    assert len(names(inside, "σίσυφο")) == 1


def test_the_embedded_database_folds_as_the_list_of_files_does(sqlite_house: House) -> None:
    with sqlite_house.app.app_context():
        note(sqlite_house, payload={"filename": "Straße.txt"})
        note(sqlite_house, payload={"filename": "re\u0301sume\u0301.txt"})
        assert len(names(sqlite_house, "STRAßE")) == 1
        assert len(names(sqlite_house, "RÉSUMÉ")) == 1


@pytest.mark.parametrize("text", ["%", "_", "100%", "\\", "'", '"', 'a "b" c', "c:\\d", "<b>", "{", "💾"])
def test_text_is_taken_literally(told: House, text: str) -> None:
    note(told, payload={"filename": "plain.txt"})
    assert names(told, text) == []
    note(told, payload={"filename": f"before {text} after"})
    assert len(names(told, text)) == 1


@pytest.mark.parametrize("text", ["\x00", "a\ud800", "x" * 10_000, "%" * 300, "-", "{}" * 20])
def test_odd_text_finds_nothing_and_breaks_nothing(told: House, text: str) -> None:
    note(told, payload={"filename": "plain.txt"})
    assert names(told, text) == []


def test_people_tokens_and_addresses_are_found(told: House) -> None:
    told.services.sessions.sign_in("stranger", PASSWORD, Client("2001:db8::77"))
    told.token("uploader")
    user = told.services.users.create("Grace", PASSWORD, "user", told.admin.actor)
    assert names(told, "strang") == ["SignedIn"]
    assert names(told, "db8::77") == ["SignedIn"]
    assert names(told, "test") == ["UserCreated", "TokenCreated"], "a token of this name, a request of this id"
    assert names(told, "GRACE") == ["UserCreated"]
    assert names(told, "admin") == ["UserCreated"]
    assert names(told, str(user.id).upper()) == ["UserCreated"]


def test_what_is_no_name_is_not_searched(told: House) -> None:
    told.upload(name="a.png", content_type="image/png")
    assert names(told, "image") == []
    assert names(told, "filesystem") == []


def test_a_request_is_found_by_its_whole_id(told: House) -> None:
    for request_id in ("3b1f", "3B1F00", "3b1f0c5e-7a7f-4d5c-9a35-111111111111"):
        note(told, request_id=request_id)
    for request_id in ("3b1f", "3b1f00", "3b1f0c5e-7a7f-4d5c-9a35-111111111111"):
        assert len(names(told, request_id)) == 1


def test_the_history_of_a_file_is_found_however_old(told: House, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(activity, "EXAMINED", 3)
    out = told.upload()
    for _ in range(10):
        note(told)
    told.services.files.trash(told.uploader, out.id)
    found = page(told, text=str(out.id))
    assert [event.name for event in found.items] == ["FileDeleted", "FileUploaded"]
    assert (found.older, found.searched_to) == (None, None)
    assert names(told, str(out.id), names=("FileUploaded",)) == ["FileUploaded"]
    assert names(told, str(out.id), actor="admin") == []
    assert names(told, str(out.id), actor="nobody of this name") == []


def test_a_search_stops_says_where_and_goes_on_from_there(told: House, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(activity, "EXAMINED", 10)
    for number in range(35):
        note(told, payload={"filename": "needle" if number in (2, 20, 21) else "hay"}, occurred_at=_at(number))
    pages = _walk(told, text="needle")
    assert [[event.occurred_at for event in part.items] for part in pages] == [[], [_at(21), _at(20)], [], [_at(2)]]
    assert [part.searched_to for part in pages] == [_at(25), _at(15), _at(5), None]


def test_a_page_that_is_full_before_it_stops_searched_all_it_shows(
    told: House, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(activity, "EXAMINED", 10)
    for number in range(30):
        note(told, payload={"filename": "needle"}, occurred_at=_at(number))
    pages = _walk(told, text="needle", limit=4)
    assert [event.occurred_at for part in pages for event in part.items] == [_at(n) for n in range(29, -1, -1)]
    assert all(part.searched_to is None for part in pages)


@pytest.mark.parametrize("wanted", [{"names": ("SignedIn", "FileDeleted")}, {"actor": "admin"}, {"since": NOON}])
def test_a_bounded_search_with_other_filters_finds_everything_in_the_end(
    told: House, monkeypatch: pytest.MonkeyPatch, wanted: dict[str, object]
) -> None:
    monkeypatch.setattr(activity, "EXAMINED", 13)
    who = str(told.admin.user_id)
    for number in range(60):
        name = ("SignedIn", "FileDeleted", "FileDeleted", "FilePurged")[number % 4]
        text = "needle" if number % 3 == 0 else "hay"
        note(told, name=name, payload={"filename": text}, occurred_at=_at(number), actor_id=who)
    fitting = [n for n in range(60) if n % 3 == 0 and ("names" not in wanted or n % 4 != 3)]
    found = [event.occurred_at for part in _walk(told, text="needle", **wanted) for event in part.items]
    assert found == [_at(n) for n in reversed(fitting)]


def test_the_kind_of_which_there_are_most_decides_how_far_a_search_goes(
    told: House, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(activity, "EXAMINED", 4)
    for number in range(12):
        note(told, name="SettingsChanged" if number < 2 else "SignedIn", occurred_at=_at(number))
    assert page(told, text="needle", names=("SettingsChanged", "SignedIn")).searched_to == _at(10)


def _at(minute: int) -> datetime:
    return NOON + timedelta(minutes=minute)


def _walk(house: House, **wanted: object) -> list[ActivityPage]:
    pages = [page(house, **wanted)]
    while pages[-1].older is not None:
        pages.append(page(house, before=pages[-1].older, **wanted))
        assert len(pages) < 100
    return pages


def test_an_id_nothing_has_is_nothing(told: House) -> None:
    note(told)
    assert names(told, str(uuid4())) == []


def test_removing_the_bound_would_be_noticed(told: House, monkeypatch: pytest.MonkeyPatch) -> None:
    """How many rows a search reads is not seen from outside: it has to say so before it has read more."""
    monkeypatch.setattr(activity, "EXAMINED", 5)
    for _ in range(6):
        note(told, payload={"filename": "hay"})
    assert page(told, text="needle").searched_to == NOON
    assert told.query(sa.text("SELECT COUNT(*) FROM event"))[0][0] == 6
