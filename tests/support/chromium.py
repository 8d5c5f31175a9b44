"""People with real browsers: Chromium on real pages of a running server, watched for everything it complains about."""

import os
import re
import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import requests
from playwright.sync_api import Browser, BrowserContext, ConsoleMessage, Page, Request, WebError, sync_playwright

from tests.support.missing import missing
from tests.support.server import ADMIN_PASSWORD, USER_PASSWORD, Server

SCREENSHOTS = Path(__file__).resolve().parents[2] / "build" / "screenshots"
# The same engine without the windows of a desktop around it, which nobody sees here and which took half of the time.
PROGRAMS = ("chromium-headless-shell", "chromium", "chromium-browser", "google-chrome-stable", "google-chrome")
FLAGS = [
    "--no-sandbox",  # root, which containers run as, has no sandbox to go into; all pages are our own
    "--disable-gpu",
    "--disable-quic",
    "--no-first-run",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
    "--host-resolver-rules=MAP * ~NOTFOUND, EXCLUDE 127.0.0.1",  # nothing leaves the machine, whatever asks for it
]
PATIENCE = 10_000
"""Milliseconds until something that does not happen counts as not happening."""

# The console tells of violations too, but not of those in a worker, and not which directive it was.
TELL_VIOLATIONS = """
    document.addEventListener("securitypolicyviolation", (event) =>
        console.error(`Policy violated: ${event.effectiveDirective} by ${event.blockedURI} at ${event.sourceFile}`))
"""


# Where the focus was before htmx asked for something, and whether it is still anywhere a moment after the answer.
TELL_LOST_FOCUS = """
    let held = false;
    let timer = 0;
    const active = () => document.activeElement ?? document.body;
    document.addEventListener("htmx:beforeRequest", () => {
        clearTimeout(timer);
        held ||= active() !== document.body;
    });
    document.addEventListener("htmx:beforeSwap", () => clearTimeout(timer));
    document.addEventListener("htmx:afterSettle", (event) => {
        clearTimeout(timer);
        timer = setTimeout(() => {
            if (held && active() === document.body && document.hasFocus()) console.error(
                `Focus was lost: ${event.detail.requestConfig?.verb} ${event.detail.pathInfo?.requestPath}`);
            held = false;
        }, 250);
    });
"""
# What htmx says of a request that a newer one took the place of: nothing is wrong with that.
REPLACED = re.compile(r"htmx:(afterRequest|sendAbort),")


@dataclass(frozen=True)
class Look:
    """How somebody looks at a page: the theme they chose and the width of their window; 390 is a phone."""

    theme: str
    width: int

    @property
    def is_phone(self) -> bool:
        return self.width < 600

    @property
    def name(self) -> str:
        return f"{self.theme}-{self.width}"

    def options(self) -> dict[str, Any]:
        """What a browser context has to be told."""
        size = {"width": self.width, "height": 844 if self.is_phone else 900}
        return {"viewport": size, "is_mobile": self.is_phone, "has_touch": self.is_phone}


DESKTOP = Look("light", 1440)
PHONE = Look("light", 390)
LOOKS = [Look(theme, width) for width in (1440, 390) for theme in ("light", "dark")]
USUAL = LOOKS if os.environ.get("STOWAGE_TEST_LOOKS") == "all" else [DESKTOP, Look("dark", 390)]
"""Both themes and both widths in two looks; ``STOWAGE_TEST_LOOKS=all`` makes it four, and the tests twice as long."""


class Watch:
    """Everything that goes wrong in the browsers of a test: errors on the console, exceptions of scripts,
    violations of the policy, requests that go elsewhere, focus that is nowhere after a swap.
    """

    def __init__(self) -> None:
        self.troubles: list[str] = []
        self._expected: list[str] = []
        self._ours: set[str] = set()

    def expect(self, pattern: str) -> None:
        """This trouble (a regular expression) is what the test is about: it has to come, and may come again."""
        self._expected.append(pattern)

    def allow(self, url: str) -> None:
        """Pages may ask this host, too."""
        self._ours.add(urlsplit(url).netloc)

    def follow(self, context: BrowserContext, url: str) -> None:
        """Look at all pages of this context, which belong to the server at this address."""
        self.allow(url)
        context.add_init_script(f"(() => {{ {TELL_VIOLATIONS} {TELL_LOST_FOCUS} }})()")
        context.on("console", self._console)
        context.on("weberror", self._exception)
        context.on("request", self._request)

    def complaints(self) -> list[str]:
        """What nobody expected, and what was expected and did not come."""
        unexpected = [t for t in self.troubles if not any(re.search(p, t) for p in self._expected)]
        absent = [p for p in self._expected if not any(re.search(p, t) for t in self.troubles)]
        return [*unexpected, *(f"expected, but it did not come: {pattern}" for pattern in absent)]

    def _console(self, message: ConsoleMessage) -> None:
        if message.type in {"error", "assert"} and not REPLACED.search(message.text):
            where = message.location
            self.troubles.append(f"console: {message.text} ({where.get('url')}:{where.get('lineNumber')})")

    def _exception(self, error: WebError) -> None:
        self.troubles.append(f"script: {error.error.stack or error.error.message}")

    def _request(self, request: Request) -> None:
        parts = urlsplit(request.url)
        if parts.scheme in {"http", "https", "ws", "wss"} and parts.netloc not in self._ours:
            self.troubles.append(f"request to another host: {request.url}")


class Visits:
    """Opens windows for people, each in a browser of their own, and closes all of them."""

    def __init__(self, chromium: Browser, server: Server, watch: Watch, look: Look) -> None:
        self.chromium, self.server, self.watch, self.look = chromium, server, watch, look
        self.contexts: list[BrowserContext] = []

    def __call__(
        self,
        person: str | None = "admin",
        *,
        script: bool = True,
        look: Look | None = None,
        server: Server | None = None,
        fresh: bool = False,
        **options: Any,
    ) -> Page:
        """An empty window of somebody who is signed in, or of nobody. Addresses are paths of the server.

        Windows of one person share a session, unless it has to be ``fresh``. Without ``script`` pages run none.
        Further options are those of Playwright's ``new_context``.
        """
        server, look = server or self.server, look or self.look
        settings = {"base_url": server.url, "java_script_enabled": script, "locale": "en-GB", "timezone_id": "UTC"}
        context = self.chromium.new_context(**{**look.options(), **settings, **options})
        self.contexts.append(context)
        context.set_default_timeout(PATIENCE)
        self.watch.follow(context, server.url)
        cookies = {"fs_theme": look.theme} | (session_of(server, person, fresh=fresh) if person else {})
        context.add_cookies([{"name": name, "value": value, "url": server.url} for name, value in cookies.items()])
        return context.new_page()

    def pages(self) -> list[Page]:
        return [page for context in self.contexts for page in context.pages]

    def close(self) -> None:
        for context in self.contexts:
            context.close()


_sessions: dict[tuple[str, str], dict[str, str]] = {}


def session_of(server: Server, person: str, *, fresh: bool = False) -> dict[str, str]:
    """The cookies of a session; the sign-in page itself has tests of its own."""
    kept = _sessions.get((server.url, person))
    if kept and not fresh and requests.get(f"{server.url}/api/me", cookies=kept, timeout=PATIENCE).ok:
        return kept
    browser = server.browser()
    browser.try_sign_in(person, ADMIN_PASSWORD if person == "admin" else USER_PASSWORD)
    cookies = browser.cookies()
    browser.close()
    if not fresh:
        _sessions[server.url, person] = cookies
    return cookies


def screenshot(page: Page, name: str) -> Path:
    """Keep what the window shows, as an artefact of the build."""
    target = SCREENSHOTS / f"{name}.png"
    target.parent.mkdir(parents=True, exist_ok=True)
    page.screenshot(path=target, animations="disabled", caret="hide")
    return target


@contextmanager
def launched() -> Iterator[Browser]:
    """A Chromium that runs until the end of the block. Where there is none, tests are skipped; in CI they fail."""
    program = next((found for name in PROGRAMS if (found := shutil.which(name))), None)
    if program is None:
        missing("There is no Chromium here. Install it with: apt-get install chromium-headless-shell")
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=program, args=FLAGS)
        try:
            yield browser
        finally:
            browser.close()
