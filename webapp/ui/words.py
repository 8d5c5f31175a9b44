"""What templates can say: sentences, filters, macros, and who is looking."""

import re
from pathlib import Path
from typing import Any

import orjson
from flask import Flask, g, request
from jinja2 import pass_context
from jinja2.runtime import Context
from markupsafe import Markup

from webapp.http import context, direct
from webapp.http.assets import asset
from webapp.http.i18n import t
from webapp.services import usage
from webapp.services.access import Caller, Permission
from webapp.ui import filters, flashes, menu, states
from webapp.ui.kinds import kind
from webapp.ui.sentences import rich

THEME_COOKIE = "fs_theme"
THEMES = ("system", "light", "dark")
DENSITY_COOKIE = "fs_density"
DENSITIES = ("comfortable", "compact")
UNITS_COOKIE = filters.UNITS_COOKIE
UNITS = ("decimal", filters.BINARY)
HTMX = {
    "allowEval": False,
    "allowScriptTags": False,
    "includeIndicatorStyles": False,
    "selfRequestsOnly": True,
    # Pages with private names are not kept in the browser's storage: Back asks again.
    "historyCacheSize": 0,
    # A reload would end the uploads that are running.
    "refreshOnHistoryMiss": False,
    "defaultSwapStyle": "outerHTML",
    "scrollIntoViewOnBoost": False,
    "timeout": 20000,
    # Without "style": htmx would write it as an attribute, which the policy forbids.
    "attributesToSettle": ["class", "width", "height"],
    "responseHandling": [
        {"code": "204", "swap": False},
        {"code": "[23]..", "swap": True},
        {"code": "422", "swap": True},
        {"code": "409", "swap": True},
        {"code": "[45]..", "swap": False, "error": True},
    ],
}
_SCRIPTS = Path(__file__).parent.parent / "static"
_IMPORTED = re.compile(r"^import\b[^;\"(]*\"\./(?:js/)?([a-z-]+\.js)\"", re.MULTILINE)


def _modules(script: Path) -> set[str]:
    """The modules that a script needs at once: a browser that is told of them need not find them one by one."""
    found: set[str] = set()
    waiting = [script]
    while waiting:
        names = set(_IMPORTED.findall(waiting.pop().read_text(encoding="utf-8"))) - found
        found |= names
        waiting += [_SCRIPTS / "js" / name for name in names]
    return found


_MODULES = sorted(_modules(_SCRIPTS / "app.js"))


def register(app: Flask) -> None:
    """Give all this to the templates."""
    environment = app.jinja_env
    environment.filters.update(filters.ALL, kind=kind)
    environment.globals.update(
        t=t,
        rich=rich,
        viewer=viewer,
        may=may,
        theme=theme,
        density=density,
        units=units,
        sprite=sprite,
        menu_groups=menu.groups,
        nav_counts=nav_counts,
        shortcuts=shortcuts,
        oob=oob,
        store_origin=direct.store_origin,
        LARGE=direct.LARGE,
        PER_PAGE=states.PER_PAGE,
        flashes=flashes.told,
        request_id=context.request_id,
        this_address=context.here,
        script_modules=_MODULES,
        # In single quotes: JSON itself has none.
        htmx_config=Markup(orjson.dumps(HTMX).decode()),  # noqa: S704 (a constant of ours)
    )
    # A global and no import, which rendering a single block would skip.
    environment.globals["m"] = environment.get_template("partials/macros.html").module


def viewer() -> Caller | None:
    """Whoever is signed in; None on public pages and where the request failed before that was known."""
    found: Caller | None = g.get("caller")
    return found


def may(permission: str) -> bool:
    """Whether the viewer has this permission."""
    caller = viewer()
    return caller is not None and permission in caller.permissions


def theme() -> str:
    """The colours this browser wants."""
    return _choice(THEME_COOKIE, THEMES)


def density() -> str:
    """The row height this browser wants."""
    return _choice(DENSITY_COOKIE, DENSITIES)


def units() -> str:
    """How this browser wants sizes: in thousands or in powers of two."""
    return _choice(UNITS_COOKIE, UNITS)


def nav_counts() -> dict[str, int]:
    """How many files the lists of the sidebar hold, by the id of their entry."""
    who = viewer()
    if who is None:
        return {}
    found = {}
    shown = {item.id for group in menu.groups() for item in group.items}
    if "files" in shown and Permission.DOWNLOAD in who.permissions:
        found["files"] = usage.stored(who, trash=False).files
    if "trash" in shown and Permission.DELETE in who.permissions:
        found["trash"] = usage.stored(who, trash=True).files
    return found


@pass_context
def oob(context: Context) -> str:
    """Marks a part that goes out beside the one that was asked for."""
    return Markup(' hx-swap-oob="true"') if context.get("fragment") else ""


def shortcuts() -> list[tuple[str, list[tuple[str, tuple[str, ...]]]]]:
    """The keyboard map."""

    def group(name: str, *rows: tuple[str, tuple[str, ...]]) -> Any:
        return t(f"keys.groups.{name}"), [(t(f"keys.{key}"), keys) for key, keys in rows]

    return [
        group("everywhere", ("palette", (t("keys.ctrl"), "K")), ("help", ("?",)), ("go_files", ("G", "F")),
              ("go_trash", ("G", "T")), ("go_activity", ("G", "A")), ("close", ("Esc",))),
        group("lists", ("search", ("/",)), ("upload", ("U",)), ("down", ("J",)), ("up", ("K",)),
              ("pages", ("[", "]"))),
        group("rows", ("details", ("↵",)), ("select", ("X",)), ("range", ("⇧", "X")), ("download", ("D",)),
              ("copy_link", ("C",)), ("trash", ("⌫",))),
    ]  # fmt: skip


def _choice(cookie: str, choices: tuple[str, ...]) -> str:
    wanted = request.cookies.get(cookie, "")
    return wanted if wanted in choices else choices[0]


def sprite() -> str:
    """Address of the icons: needed often, made once per request."""
    if "sprite" not in g:
        g.sprite = asset("icons.svg")
    found: str = g.sprite
    return found
