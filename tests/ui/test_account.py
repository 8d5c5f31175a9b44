"""The own account."""

from werkzeug.test import TestResponse

from tests.support.app import PASSWORD, House
from tests.ui.conftest import Visitor, focused, page_of

NEW = "another long password"


def change(who: Visitor, **values: str) -> TestResponse:
    form = who.open("/account/").form(action="/account/password")
    return who.send(form, **{"current_password": PASSWORD, "password": NEW, "password_again": NEW, **values})


def test_the_page_shows_name_and_role(uploader: Visitor, admin: Visitor) -> None:
    assert "uploader" in uploader.open("/account/").text
    assert "User" in uploader.open("/account/").text
    assert "Admin" in admin.open("/account/").text


def test_a_new_password_signs_out_other_browsers_only(house: House, uploader: Visitor) -> None:
    other = Visitor(house)
    other.sign_in("uploader")
    answer = change(uploader)
    assert answer.status_code == 303
    assert "Password changed." in uploader.open("/account/").text
    assert uploader.is_in()
    assert not other.is_in()
    assert other.sign_in("uploader").status_code == 401
    assert other.sign_in("uploader", NEW).status_code == 303


def test_what_is_wrong_is_told_beside_the_field(uploader: Visitor) -> None:
    for values, sentence, field in (
        ({"current_password": "wrong"}, "This is not your password.", "current_password"),
        ({"password": "short", "password_again": "short"}, "At least 8 characters.", "password"),
        ({"password_again": "different"}, "not the same", "password_again"),
    ):
        answer = change(uploader, **values)
        assert answer.status_code == 422
        assert sentence in answer.text
        invalid = [v["id"] for tag, v in page_of(answer).tags if tag == "input" and v.get("aria-invalid") == "true"]
        assert invalid == [field]
        assert PASSWORD not in answer.text
        assert NEW not in answer.text
    assert Visitor(uploader.house).sign_in("uploader").status_code == 303


def test_guessing_the_own_password_is_throttled(uploader: Visitor) -> None:
    answers = [change(uploader, current_password=f"wrong {n}") for n in range(6)]
    assert [answer.status_code for answer in answers] == [422] * 5 + [429]
    assert int(answers[-1].headers["Retry-After"]) > 0


def test_how_things_look_is_kept_in_cookies(uploader: Visitor) -> None:
    fresh = {"lang": "en", "data-theme": "system", "data-density": "comfortable", "data-units": "decimal"}
    assert ("html", fresh) in uploader.open().tags
    form = uploader.open("/account/").form(action="/account/appearance")
    uploader.send(form, fs_theme="dark", fs_density="compact", fs_units="binary", fs_lang="en")
    chosen = {"lang": "en", "data-theme": "dark", "data-density": "compact", "data-units": "binary"}
    assert ("html", chosen) in uploader.open().tags
    uploader.send(form, fs_theme="<b>", fs_density="../..", fs_units="x", fs_lang="../en")
    assert ("html", chosen) in uploader.open().tags


def test_the_form_of_the_looks_shows_what_is_chosen_and_reloads_the_page(uploader: Visitor) -> None:
    form = uploader.open("/account/").form(action="/account/appearance")
    uploader.send(form, fs_theme="dark", fs_density="compact", fs_units="binary", fs_lang="en")
    tags = uploader.open("/account/").tags
    selected = [v["value"] for tag, v in tags if tag == "option" and "selected" in v]
    assert selected == ["dark", "compact", "en", "binary"]
    assert next(v for tag, v in tags if v.get("action") == "/account/appearance")["hx-boost"] == "false"


def test_sizes_are_in_the_units_of_the_reader(uploader: Visitor) -> None:
    uploader.house.upload(data=b"x" * 2048)
    assert "2 KB" in uploader.open().text
    uploader.http.set_cookie("fs_units", "binary")
    assert "2 KiB" in uploader.open().text


def test_the_language_of_the_browser_can_be_chosen_again(uploader: Visitor) -> None:
    form = uploader.open("/account/").form(action="/account/appearance")
    uploader.send(form, fs_lang="en")
    assert uploader.http.get_cookie("fs_lang") is not None
    uploader.send(form, fs_lang="")
    assert uploader.http.get_cookie("fs_lang") is None


def test_each_password_can_be_shown(uploader: Visitor, visitor: Visitor) -> None:
    for page in (uploader.open("/account/"), visitor.open("/account/login")):
        fields = {f"#{v['id']}" for tag, v in page.tags if v.get("type") == "password"}
        assert fields == {v["data-reveal"] for _, v in page.tags if "data-reveal" in v}


def test_the_first_wrong_field_gets_the_focus(uploader: Visitor) -> None:
    assert focused(change(uploader, current_password="wrong")) == ["current_password"]
    assert focused(change(uploader, password="short", password_again="short")) == ["password"]
    assert focused(change(uploader, password_again="different")) == ["password_again"]
    assert focused(uploader.get("/account/")) == []


def test_a_garbage_cookie_is_the_system_theme(visitor: Visitor) -> None:
    visitor.http.set_cookie("fs_theme", 'dark" onload="alert(1)')
    assert 'data-theme="system"' in visitor.get("/account/login").text
