"""What people do with their hands that Playwright has no verb for."""

import base64
from collections.abc import Callable, Mapping
from pathlib import Path

from playwright.sync_api import Page

PASTE = """
    (files) => {
        const clipboardData = new DataTransfer();
        for (const [name, content] of files) {
            const bytes = Uint8Array.from(atob(content), (character) => character.charCodeAt(0));
            clipboardData.items.add(new File([bytes], name));
        }
        const event = new ClipboardEvent("paste", { clipboardData, bubbles: true, cancelable: true });
        (document.activeElement ?? document.body).dispatchEvent(event);
    }
"""
LEAVE = """
    ([x, y]) => document.elementFromPoint(x, y).dispatchEvent(
        new DragEvent("dragleave", { bubbles: true, relatedTarget: null }))
"""
AT = (200, 300)
"""A point that every window shows, on a page's main part."""


class Drag:
    """Files and folders of the disk, dragged from a file manager over a page."""

    def __init__(self, page: Page, *paths: Path) -> None:
        self._page = page
        self._devtools = page.context.new_cdp_session(page)
        self._data = {"items": [], "files": [str(path) for path in paths], "dragOperationsMask": 1}

    def over(self, x: int = AT[0], y: int = AT[1]) -> "Drag":
        self._send("dragEnter", x, y)
        return self._send("dragOver", x, y)

    def drop(self, x: int = AT[0], y: int = AT[1]) -> None:
        self._send("drop", x, y)
        self._devtools.detach()

    def leave(self) -> None:
        """Out of the window again. The debugger's "dragCancel" tells the page nothing, so its event is made by hand."""
        self._send("dragCancel", *AT)
        self._devtools.detach()
        self._page.evaluate(LEAVE, AT)

    def _send(self, kind: str, x: int, y: int) -> "Drag":
        self._devtools.send("Input.dispatchDragEvent", {"type": kind, "x": x, "y": y, "data": self._data})
        return self


def drop(page: Page, *paths: Path) -> None:
    """Drop files and folders on the middle of what the page shows."""
    Drag(page, *paths).over().drop()


def paste(page: Page, files: Mapping[str, bytes]) -> None:
    """Paste files from the clipboard into whatever has the focus."""
    page.evaluate(PASTE, [[name, base64.b64encode(data).decode()] for name, data in files.items()])


def slow_uploads(page: Page, bytes_per_second: int) -> Callable[[], None]:
    """From now on this window sends no faster, so that there is time to act in the middle of an upload.

    Until what this returns is called; what is on its way by then stays slow.
    """
    devtools = page.context.new_cdp_session(page)
    devtools.send("Network.enable")

    def limit(throughput: int) -> None:
        limits = {"offline": False, "latency": 0, "downloadThroughput": -1, "uploadThroughput": throughput}
        devtools.send("Network.emulateNetworkConditions", limits)

    limit(bytes_per_second)
    return lambda: limit(-1)


def focused(page: Page) -> str:
    """The element that has the focus, as its tag, id and label."""
    return str(
        page.evaluate(
            """() => {
                const e = document.activeElement;
                const label = e.getAttribute("aria-label") ?? e.textContent.trim().slice(0, 60);
                return `${e.localName}${e.id && "#" + e.id} ${label}`.trim();
            }"""
        )
    )
