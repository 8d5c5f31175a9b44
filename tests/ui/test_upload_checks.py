"""What people see of checks of uploads."""

import pytest

from tests.support.app import House
from tests.support.checks import saying
from tests.ui.conftest import BROWSE, Visitor, assert_ours, names_in
from webapp.contracts.checks import UploadInfo, UploadRefusedError

SENTENCE = "This file contains <b>Eicar-Test-Signature</b> & more."


def no_exe(info: UploadInfo) -> None:
    if info.filename.endswith(".exe"):
        raise UploadRefusedError("infected", SENTENCE)


def test_the_form_tells_the_sentence_of_the_plugin_and_stores_the_others(house: House, uploader: Visitor) -> None:
    house.services.checks.add("antivirus", no_exe)
    page = uploader.upload(("a.txt", b"a"), ("b.exe", b"b" * 100_000), ("c.txt", b"c"))
    assert "2 of 3 files stored." in page.text
    assert f"b.exe: {SENTENCE}" in page.text
    assert sorted(names_in(page)) == ["a.txt", "c.txt"]
    assert_ours(page)
    house.assert_consistent()


def test_a_check_that_fails_is_told_as_such(house: House, uploader: Visitor) -> None:
    house.services.checks.add("antivirus", saying(OSError("no socket")))
    page = uploader.upload(("a.txt", b"a"))
    assert "a.txt: A check that every upload has to pass does not work." in page.text
    assert "socket" not in page.text


@pytest.mark.parametrize("files", [1, 5, 40])
def test_long_sentences_of_plugins_fit_into_the_cookie(house: House, uploader: Visitor, files: int) -> None:
    def long(info: UploadInfo) -> None:
        seed = len(info.filename)
        raise UploadRefusedError("no", "".join(chr(0x4E00 + (seed * 131 + n * 7919) % 20_000) for n in range(500)))

    house.services.checks.add("policy", long)
    emoji = "".join(chr(0x1F300 + n * 11 % 700) for n in range(150))
    page = uploader.upload(*((f"{emoji[: 100 + n]}.txt", b"x") for n in range(files)))
    assert uploader.is_in(), "the cookie was not dropped"
    assert f"And {files - 5} more." in page.text or files <= 5
    assert chr(0x4E00 + 104 * 131 % 20_000) in page.text


def test_details_show_what_checks_have_found(house: House, uploader: Visitor) -> None:
    plain = house.upload(name="plain.txt")
    house.services.checks.add("anti<virus>", saying({"clean": True, "signatures": 27_123, "<i>engine</i>": "<b>x</b>"}))
    house.services.checks.add("policy", saying({"external": False}))
    file = house.upload(name="a.txt")
    page = uploader.open(f"{BROWSE}?file={file.id}")
    assert "What anti<virus> found" in page.text
    for name, value in (("clean", "Yes"), ("signatures", "27123"), ("<i>engine</i>", "<b>x</b>"), ("external", "No")):
        assert name in page.text
        assert value in page.text
    assert_ours(page)
    assert "found" not in uploader.open(f"{BROWSE}?file={plain.id}").text
