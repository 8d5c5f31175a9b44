"""Accounts, for admins: made, changed, removed; the last admin stays."""

import re
from collections.abc import Callable

import pytest
from werkzeug.test import TestResponse

from tests.support.app import PASSWORD, House
from tests.ui.conftest import HTMX, Visitor, focused, page_of
from webapp.models import User
from webapp.services.access import Permission

USERS = "/admin/users"
NEW = "another long password"


def account(house: House, name: str) -> str:
    return str(house.caller(name).user_id)


def post(who: Visitor, path: str, headers: dict[str, str] | None = None, **values: str) -> TestResponse:
    data = {"csrf_token": who.token(), "back": USERS, **values}
    return who.post(f"{USERS}{path}", data, headers={"Accept": "text/html", **(headers or {})})


def row_of(text: str, user_id: str) -> str:
    found = re.search(rf'<tr role="row" id="u-{user_id}">.*?</tr>', text, re.DOTALL)
    assert found
    return found[0]


def role_in(text: str, user_id: str) -> str:
    found = re.search(r'<option value="(\w+)" selected', row_of(text, user_id))
    assert found
    return found[1]


def test_each_account_has_a_row_with_what_it_stores(house: House, admin: Visitor) -> None:
    house.upload(data=b"x" * 1500)
    row = row_of(admin.get(USERS).text, account(house, "uploader"))
    assert "1.5 KB" in row
    assert ">1<" in row
    assert "never" in row
    assert "You" in row_of(admin.get(USERS).text, account(house, "admin"))


@pytest.mark.parametrize("path", ["", "/new"])
def test_only_admins_have_the_page(house: House, visitor: Visitor, uploader: Visitor, path: str) -> None:
    assert visitor.get(f"{USERS}{path}").status_code == 303
    answer = uploader.get(f"{USERS}{path}")
    assert answer.status_code == 403
    assert "stranger" not in answer.text


@pytest.mark.parametrize("path", ["", "/{id}/role", "/{id}/active", "/{id}/password", "/{id}/delete"])
def test_only_admins_change_anything(house: House, uploader: Visitor, path: str) -> None:
    user_id = account(house, "uploader")
    values = {"role": "admin", "active": "false", "username": "new", "password": NEW}
    assert post(uploader, path.format(id=user_id), **values).status_code == 403
    assert house.caller("uploader").role == "user"
    assert house.count(User) == 3


def test_an_account_is_made(house: House, admin: Visitor) -> None:
    form = admin.open(f"{USERS}/new").form(password=True)
    answer = admin.send(form, username="ada", password=NEW, role="user")
    assert answer.status_code == 303
    assert "Account “ada” created." in admin.open(answer.headers["Location"]).text
    assert Visitor(house).sign_in("ada", NEW).status_code == 303


def test_with_htmx_the_new_row_comes_with_a_toast(house: House, admin: Visitor) -> None:
    answer = post(admin, "", HTMX, username="ada", password=NEW, role="user")
    assert answer.status_code == 200
    assert "<html" not in answer.text
    assert 'id="users"' in answer.text
    assert "Account “ada” created." in answer.text
    assert answer.headers["HX-Replace-Url"] == USERS
    assert focused(answer) == [f"acts-{account(house, 'ada')}"]


@pytest.mark.parametrize("headers", [{}, HTMX], ids=["page", "htmx"])
@pytest.mark.parametrize(
    ("values", "status", "sentence", "focus"),
    [
        ({"username": "ADMIN"}, 409, "There is an account with this name.", "username"),
        ({"username": ""}, 422, "This is needed.", "username"),
        ({"username": "a/b"}, 422, "no slashes", "username"),
        ({"password": "short"}, 422, "At least 8 characters.", "password"),
    ],
)
def test_what_is_wrong_is_told_beside_the_field(
    admin: Visitor, headers: dict[str, str], values: dict[str, str], status: int, sentence: str, focus: str
) -> None:
    answer = post(admin, "", headers, **{"username": "ada", "password": NEW, "role": "user", **values})
    assert answer.status_code == status
    assert sentence in answer.text
    assert focused(answer) == [focus]
    assert NEW not in answer.text


@pytest.mark.parametrize("headers", [{}, HTMX], ids=["page", "htmx"])
def test_a_role_is_changed(house: House, admin: Visitor, headers: dict[str, str]) -> None:
    user_id = account(house, "uploader")
    answer = post(admin, f"/{user_id}/role", headers, role="admin")
    assert answer.status_code == (200 if headers else 303)
    assert role_in(answer.text if headers else admin.get(USERS).text, user_id) == "admin"
    assert house.caller("uploader").role == "admin"


@pytest.mark.parametrize("headers", [{}, HTMX], ids=["page", "htmx"])
@pytest.mark.parametrize(
    ("path", "values"), [("role", {"role": "user"}), ("active", {"active": "false"}), ("delete", {})]
)
def test_the_last_admin_stays_and_a_sentence_beside_the_row_says_so(
    house: House, admin: Visitor, headers: dict[str, str], path: str, values: dict[str, str]
) -> None:
    user_id = account(house, "admin")
    answer = post(admin, f"/{user_id}/{path}", headers, **values)
    assert answer.status_code == 409
    assert "This is the last admin" in row_of(answer.text, user_id)
    assert role_in(answer.text, user_id) == "admin"
    assert focused(answer) == ["role"]
    assert admin.is_in()


def test_whoever_gives_up_the_role_is_led_away_from_the_page(house: House, admin: Visitor) -> None:
    post(admin, f"/{account(house, 'uploader')}/role", role="admin")
    answer = post(admin, f"/{account(house, 'admin')}/role", HTMX, role="user")
    assert answer.headers["HX-Redirect"] == "/file-storage/"
    assert "no admin any more" in admin.open().text
    assert admin.get(USERS).status_code == 403


def test_ones_own_role_is_not_saved_by_a_slip_of_the_arrow_keys(house: House, admin: Visitor) -> None:
    forms = {
        v["action"]: v for tag, v in admin.open(USERS).tags if tag == "form" and v.get("action", "").endswith("/role")
    }
    assert forms[f"{USERS}/{account(house, 'admin')}/role"]["hx-trigger"] == "submit"
    assert forms[f"{USERS}/{account(house, 'uploader')}/role"]["hx-trigger"] == "submit, change"


def test_a_garbage_role_changes_nothing(house: House, admin: Visitor) -> None:
    user_id = account(house, "uploader")
    answer = post(admin, f"/{user_id}/role", HTMX, role="<b>")
    assert answer.status_code == 422
    assert "none of the choices" in row_of(answer.text, user_id)
    assert role_in(answer.text, user_id) == "user"


def test_a_disabled_account_is_signed_out_and_can_be_enabled_again(
    house: House, admin: Visitor, uploader: Visitor
) -> None:
    user_id = account(house, "uploader")
    post(admin, f"/{user_id}/active", active="false")
    page = admin.get(USERS)
    assert "is signed out everywhere" in page_of(page).text
    assert "Disabled" in row_of(page.text, user_id)
    assert not uploader.is_in()
    answer = post(admin, f"/{user_id}/active", HTMX, active="true")
    assert "Disabled" not in row_of(answer.text, user_id)
    assert uploader.sign_in("uploader").status_code == 303


@pytest.mark.parametrize("headers", [{}, HTMX], ids=["page", "htmx"])
def test_a_new_password_is_set(house: House, admin: Visitor, uploader: Visitor, headers: dict[str, str]) -> None:
    path = f"/{account(house, 'uploader')}/password"
    question = admin.get(f"{USERS}{path}", headers={"Accept": "text/html", **headers})
    assert question.text.startswith("<dialog") is bool(headers)
    wrong = post(admin, path, headers, password="short")
    assert wrong.status_code == 422
    assert "At least 8 characters." in wrong.text
    assert wrong.text.startswith("<dialog") is bool(headers)
    done = post(admin, path, headers, password=NEW)
    assert done.status_code == (200 if headers else 303)
    if headers:
        assert done.headers["HX-Retarget"] == "#users", "the form was in a dialog"
    assert NEW not in done.text
    assert not uploader.is_in()
    assert Visitor(house).sign_in("uploader", PASSWORD).status_code == 401
    assert Visitor(house).sign_in("uploader", NEW).status_code == 303


def test_an_account_is_deleted_after_a_question_and_its_files_stay(
    house: House, admin: Visitor, uploader: Visitor
) -> None:
    file = house.upload()
    path = f"/{account(house, 'uploader')}/delete"
    page = admin.open(f"{USERS}{path}")
    assert "Delete the account “uploader”?" in page.text
    assert admin.get(f"{USERS}{path}", headers=HTMX).text.startswith("<dialog")
    assert admin.send(page.form(action="/delete")).status_code == 303
    assert "Account “uploader” deleted." in admin.open(USERS).text
    assert not uploader.is_in()
    assert house.api("admin").get(f"/api/file-storage/files/{file.id}").status_code == 200


def test_names_with_markup_are_text_everywhere(house: House, admin: Visitor) -> None:
    name = "<img src=x onerror=alert(1)>\"'&"
    answer = post(admin, "", HTMX, username=name, password=NEW, role="user")
    user_id = account(house, name)
    pages = [answer, admin.get(USERS), admin.get(f"{USERS}/{user_id}/delete"), admin.get(f"{USERS}/{user_id}/password")]
    pages.append(post(admin, f"/{user_id}/role", HTMX, role="admin"))
    for page in pages:
        assert "<img src=x" not in page.text
        assert name in page_of(page).text


def test_many_accounts_come_in_pages_and_are_searched(house: House, admin: Visitor) -> None:
    with house.app.app_context():
        for n in range(60):
            house.services.users.create(f"person {n:02}", PASSWORD, "user")
    first = admin.open(USERS)
    assert first.text.count("Actions for") == 0, "labels are attributes"
    rows = [v for tag, v in first.tags if tag == "tr" and v.get("id", "").startswith("u-")]
    assert len(rows) == 50
    more = next(v["href"] for _, v in first.tags if v.get("rel") == "next")
    assert "uploader" in admin.open(more).text
    assert "person 33" in admin.open(f"{USERS}?q=N+33").text
    assert "No account has such a name" in admin.open(f"{USERS}?q=<b>").text
    part = admin.get(f"{USERS}?q=N+33", headers={**HTMX, "HX-Trigger": "users-search"})
    assert part.headers["HX-Push-Url"] == f"{USERS}?q=N+33"
    assert not focused(part), "whoever types goes on typing"


def test_the_matrix_shows_every_permission(admin: Visitor) -> None:
    text = admin.open(USERS).text
    assert all(permission.value in text for permission in Permission)


def test_garbage_in_the_address_shows_the_page(admin: Visitor) -> None:
    for query in ("?q=%00&after=%ff", "?after=" + "x" * 5000, "?q[]=1"):
        assert admin.get(USERS + query).status_code == 200
    assert admin.get(f"{USERS}/nobody/delete").status_code == 404
    assert admin.get(f"{USERS}/00000000-0000-0000-0000-000000000000/delete").status_code == 404


def test_a_form_without_the_token_of_the_page_changes_nothing(house: House, person: Callable[[str], Visitor]) -> None:
    user_id = account(house, "uploader")
    assert person("admin").post(f"{USERS}/{user_id}/role", {"role": "admin"}).status_code == 403
    assert house.caller("uploader").role == "user"
