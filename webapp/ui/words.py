"""What templates can say: sentences, filters, macros, and who is looking."""

from flask import Flask, g, request, url_for

from webapp.http import context
from webapp.http.i18n import t
from webapp.services.access import Caller, Permission
from webapp.ui import filters, flashes, menu
from webapp.ui.kinds import kind

THEME_COOKIE = "fs_theme"
THEMES = ("system", "light", "dark")
DENSITY_COOKIE = "fs_density"
DENSITIES = ("comfortable", "compact")


def register(app: Flask) -> None:
    """Give all this to the templates."""
    environment = app.jinja_env
    environment.filters.update(filters.ALL, kind=kind)
    environment.globals.update(
        t=t,
        viewer=viewer,
        may=may,
        theme=theme,
        density=density,
        sprite=sprite,
        menu_items=menu.items,
        flashes=flashes.told,
        request_id=context.request_id,
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
    return caller is not None and Permission(permission) in caller.permissions


def theme() -> str:
    """The colours this browser wants."""
    return _choice(THEME_COOKIE, THEMES)


def density() -> str:
    """The row height this browser wants."""
    return _choice(DENSITY_COOKIE, DENSITIES)


def _choice(cookie: str, choices: tuple[str, ...]) -> str:
    wanted = request.cookies.get(cookie, "")
    return wanted if wanted in choices else choices[0]


def sprite() -> str:
    """Address of the icons: needed often, made once per request."""
    if "sprite" not in g:
        g.sprite = url_for("static", filename="icons.svg")
    found: str = g.sprite
    return found
