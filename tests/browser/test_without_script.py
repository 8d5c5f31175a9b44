"""All of it works in a browser that runs no script."""

import re
from pathlib import Path

from playwright.sync_api import Page, expect

from tests.browser.looks import in_both_widths
from tests.browser.pages import FILES, LOGIN, TRASH, button, expect_names, row, sign_in, sign_out
from tests.browser.shelf import SAMPLES, Shelf
from tests.support.chromium import Look, Visits, screenshot
from tests.support.server import USER_PASSWORD

pytestmark = in_both_widths


def test_no_script_runs_here(plain_page: Page) -> None:
    plain_page.goto(FILES)
    plain_page.set_content("<p>no</p><script>document.querySelector('p').textContent = 'yes'</script>")
    expect(plain_page.locator("p")).to_have_text("no")


def test_signing_in_and_out(visit: Visits, look: Look) -> None:
    page = visit(None, script=False)
    page.goto(FILES)
    sign_in(page, "uploader", USER_PASSWORD)
    expect(page.get_by_role("heading", level=1)).to_contain_text("Files")
    sign_out(page, look)
    expect(page).to_have_url(re.compile(f"{LOGIN}$"))


def test_files_go_in(plain_page: Page, shelf: Shelf, tmp_path: Path, look: Look) -> None:
    page = plain_page
    shelf.clear()
    for name in ("one.txt", "two.txt"):
        (tmp_path / name).write_text(name)
    page.goto(FILES)
    page.locator("form.upload input[type=file]").set_input_files([tmp_path / "one.txt", tmp_path / "two.txt"])
    button(page, "Upload").click()
    expect(page.get_by_role("status").filter(has_text="2 files stored.")).to_be_visible()
    assert shelf.names() == {"one.txt", "two.txt"}
    screenshot(page, f"plain-files-{look.name}")


def test_searching_sorting_and_paging(plain_page: Page, shelf: Shelf) -> None:
    page = plain_page
    for number in range(20):
        shelf.put(f"{number:02}.txt")
    everything = sorted(shelf.names())
    page.goto(f"{FILES}?sort=name&per_page=25")
    expect_names(page, *everything[:25])
    page.get_by_role("link", name="Next").click()
    expect_names(page, *everything[25:])
    page.get_by_role("searchbox").fill("minu")
    page.get_by_role("searchbox").press("Enter")
    expect_names(page, "minutes.txt")
    assert "q=minu" in page.url


def test_to_the_trash_and_back(plain_page: Page, shelf: Shelf) -> None:
    page = plain_page
    page.goto(FILES)
    button(page, "Move minutes.txt to the trash").click()
    expect(page.get_by_text("1 file moved to the trash.")).to_be_visible()
    page.get_by_role("button", name="Undo").click()
    expect(page.get_by_text("1 file restored.")).to_be_visible()
    row(page, shelf.id("prices.csv")).get_by_role("checkbox").check()
    page.get_by_role("region", name="Selected files").get_by_role("button", name="Move to trash").click()
    page.goto(TRASH)
    expect_names(page, "prices.csv")
    button(page, "Restore prices.csv").click()
    assert shelf.names() == set(SAMPLES)


def test_gone_for_good_after_a_question(plain_page: Page, shelf: Shelf) -> None:
    page = plain_page
    shelf.trash("minutes.txt", "prices.csv")
    page.goto(TRASH)
    row(page, shelf.id("minutes.txt")).get_by_role("checkbox").check()
    button(page, "Delete for good").click()
    expect(page.get_by_role("heading", name="Delete this file for good?")).to_be_visible()
    page.get_by_role("main").get_by_role("button").click()
    expect(page.get_by_text("1 file deleted for good.")).to_be_visible()
    assert shelf.names("trash") == {"prices.csv"}


def test_colours_are_chosen(plain_page: Page) -> None:
    page = plain_page
    page.goto("/account/")
    page.get_by_label("Colours").select_option("dark")
    button(page, "Save").click()
    expect(page.locator("html")).to_have_attribute("data-theme", "dark")


def test_filters_are_ticked_and_sent(plain_page: Page) -> None:
    page = plain_page
    page.goto(FILES)
    button(page, "Type").click()
    page.get_by_label("Images").check()
    page.keyboard.press("Escape")
    button(page, "Search").click()
    expect_names(page, "logo.svg", "holiday at the sea.png")
    page.get_by_role("link", name="Remove filter Type").click()
    expect(page.locator("#rows tr")).to_have_count(len(SAMPLES))


def test_a_page_is_ticked_and_goes(plain_page: Page, shelf: Shelf) -> None:
    page = plain_page
    page.set_viewport_size({"width": 1024, "height": 800})  # heads of columns are for wide windows
    page.goto(FILES)
    page.locator("a.check").first.click()
    expect(page.locator("#rows .check:checked")).to_have_count(len(SAMPLES))
    row(page, shelf.id("dump.bin")).get_by_role("checkbox").uncheck()
    page.get_by_role("region", name="Selected files").get_by_role("button", name="Move to trash").click()
    expect(page.get_by_text(f"{len(SAMPLES) - 1} files moved to the trash.")).to_be_visible()
    assert shelf.names() == {"dump.bin"}


def test_details_are_a_page_and_files_are_renamed(plain_page: Page, shelf: Shelf) -> None:
    page = plain_page
    page.goto(FILES)
    page.get_by_role("link", name="minutes.txt", exact=True).click()
    details = page.locator("#inspector")
    expect(details.get_by_role("heading", level=2)).to_have_text("minutes.txt")
    details.locator("summary").click()
    details.get_by_label("New name").fill("hours.txt")
    button(details, "Save").click()
    expect(details.get_by_role("heading", level=2)).to_have_text("hours.txt")
    page.get_by_role("link", name="Next file").click()
    expect(details.get_by_role("heading", level=2)).to_have_text("contract 2026.pdf")
    page.get_by_role("link", name="Close details").click()
    expect(details).to_be_hidden()
    assert "hours.txt" in shelf.names()
