"""Search or jump: what the palette offers for what was typed."""

from dataclasses import dataclass

from flask import Blueprint, Response, request, url_for

from webapp.http.auth import signed_in
from webapp.http.context import caller, services
from webapp.http.i18n import t
from webapp.services import filenames
from webapp.services.access import Permission
from webapp.services.listing import Listing
from webapp.ui import filters, htmx, menu
from webapp.ui.kinds import kind
from webapp.ui.states import MOST_QUERY, start

blueprint = Blueprint("ui_palette", __name__, url_prefix="/file-storage/palette")

MOST_FILES = 8


@dataclass(frozen=True, slots=True)
class Option:
    """Something to go to or to do."""

    icon: str
    label: str
    where: str
    href: str = ""
    command: str = ""
    """Name of what a script does."""


@blueprint.get("")
@signed_in
def search() -> Response:
    q = request.args.get("q", "").replace("\0", "").strip()[:MOST_QUERY]
    groups = [(t("palette.files"), _files(q)), (t("palette.pages"), _pages(q)), (t("palette.commands"), _commands(q))]
    shown = [(label, options) for label, options in groups if options]
    return htmx.fragment("partials/palette.html", ("options",), {"groups": shown, "q": q})


def _files(q: str) -> list[Option]:
    if not q or Permission.DOWNLOAD not in caller().permissions:
        return []
    found = services().listing.list(caller(), Listing(q=q, per_page=MOST_FILES)).items
    state = start(trash=False)
    return [
        Option(kind(file.content_type).icon, file.filename, filters.size(file.size_bytes), href=state.opened(file.id))
        for file in found
    ]


def _pages(q: str) -> list[Option]:
    items = [item for group in menu.groups() for item in group.items]
    options = [Option(item.icon, item.label, "", href=item.href) for item in items]
    options.append(Option("user", t("account.title"), "", href=url_for("account.show")))
    return _matching(q, options)


def _commands(q: str) -> list[Option]:
    options = [Option("keyboard", t("keys.title"), "?", command="keys")]
    if Permission.UPLOAD in caller().permissions:
        options.insert(0, Option("upload", t("actions.upload_files"), "U", command="upload"))
    for theme, icon in (("light", "sun"), ("dark", "moon"), ("system", "monitor")):
        label = t("menu.theme", name=t(f"appearance.themes.{theme}"))
        options.append(Option(icon, label, "", command=f"theme-{theme}"))
    return _matching(q, options)


def _matching(q: str, options: list[Option]) -> list[Option]:
    wanted = filenames.fold(q)
    return [option for option in options if wanted in filenames.fold(option.label)]
