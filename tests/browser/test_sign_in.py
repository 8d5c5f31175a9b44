"""The way in and the way out."""

import re

import pytest
from playwright.sync_api import expect

from tests.browser.axe import assert_accessible
from tests.browser.hands import focused
from tests.browser.looks import on_desktop
from tests.browser.pages import ACCOUNT, FILES, LOGIN, TRASH, sign_in, sign_out
from tests.browser.shelf import Shelf
from tests.support.chromium import Look, Visits, Watch, screenshot
from tests.support.server import USER_PASSWORD


def test_somebody_signs_in_by_mouse(visit: Visits, look: Look) -> None:
    page = visit(None)
    page.goto("/")
    expect(page.get_by_role("heading", level=1)).to_have_text("Sign in")
    assert_accessible(page)
    screenshot(page, f"sign-in-{look.name}")
    sign_in(page, "uploader", USER_PASSWORD)
    expect(page).to_have_url(re.compile(f"{FILES}$"))
    expect(page.get_by_role("heading", level=1)).to_contain_text("Files")


def test_somebody_signs_in_by_keyboard(visit: Visits) -> None:
    page = visit(None)
    page.goto(LOGIN)
    expect(page.get_by_label("User name")).to_be_focused()
    page.keyboard.type("uploader")
    page.keyboard.press("Tab")
    page.keyboard.type(USER_PASSWORD)
    page.keyboard.press("Enter")
    expect(page).to_have_url(re.compile(f"{FILES}$"))


def test_a_pasted_link_leads_through_the_door_to_its_page(visit: Visits) -> None:
    page = visit(None)
    page.goto(f"{TRASH}?q=a%20b")
    sign_in(page, "uploader", USER_PASSWORD)
    expect(page).to_have_url(re.compile(f"{TRASH}\\?q=a(%20|\\+)b$"))


def test_a_wrong_password_is_told_and_asked_for_again(visit: Visits, watch: Watch, look: Look) -> None:
    watch.expect("status of 401")
    page = visit(None)
    page.goto(LOGIN)
    sign_in(page, f"nobody-{look.name}", "wrong")
    expect(page.get_by_role("alert")).to_contain_text("do not match")
    expect(page.get_by_label("User name")).to_have_value(f"nobody-{look.name}")
    expect(page.get_by_label("Password", exact=True)).to_have_value("")
    expect(page.get_by_label("Password", exact=True)).to_be_focused()
    assert_accessible(page)
    screenshot(page, f"sign-in-wrong-{look.name}")


def test_signing_out_ends_the_session(visit: Visits, look: Look) -> None:
    page = visit("uploader", fresh=True)
    page.goto(FILES)
    sign_out(page, look)
    expect(page).to_have_url(re.compile(f"{LOGIN}$"))
    page.goto(ACCOUNT)
    expect(page).to_have_url(re.compile(LOGIN))


def test_going_back_after_signing_out_shows_nothing(visit: Visits, look: Look, shelf: Shelf) -> None:
    page = visit("uploader", fresh=True)
    page.goto(FILES)
    sign_out(page, look)
    expect(page).to_have_url(re.compile(f"{LOGIN}$"))
    page.go_back()
    expect(page.get_by_label("Password", exact=True)).to_be_visible()
    expect(page.get_by_text("minutes.txt")).to_have_count(0)


@on_desktop
@pytest.mark.parametrize("name", ["<img src=x onerror=alert(1)>", "\u202egnp.exe", "😀" * 255, '"><b>x'])
def test_a_name_that_was_typed_comes_back_as_text(visit: Visits, watch: Watch, name: str) -> None:
    watch.expect("status of 401")
    page = visit(None)
    page.goto(LOGIN)
    sign_in(page, name, "wrong")
    expect(page.get_by_role("alert")).to_be_visible()
    expect(page.get_by_label("User name")).to_have_value(name)


@on_desktop
def test_the_theme_of_the_system_is_followed_when_nobody_chose(visit: Visits) -> None:
    page = visit(None, color_scheme="dark")
    page.context.clear_cookies()
    page.goto(LOGIN)
    dark = page.evaluate("() => getComputedStyle(document.body).backgroundColor")
    page.emulate_media(color_scheme="light")
    assert page.evaluate("() => getComputedStyle(document.body).backgroundColor") != dark


@on_desktop
def test_the_first_tab_leads_past_the_navigation(visit: Visits) -> None:
    page = visit("uploader")
    page.goto(FILES)
    page.keyboard.press("Tab")
    assert focused(page) == "a Skip to content"
    page.keyboard.press("Enter")
    assert focused(page).startswith("main#main")
