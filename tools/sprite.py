"""Icons as one file: a page names them, ``<use href="…/icons.svg#i-name">``, and the browser loads all of them once."""

import re
from collections.abc import Iterable


def sprite(icons: Iterable[tuple[str, str]]) -> str:
    """One SVG with a symbol for each icon, a name and the text of its file."""
    symbols = "".join(_symbol(name, text) for name, text in icons)
    return f'<svg xmlns="http://www.w3.org/2000/svg">{symbols}</svg>\n'


def _symbol(name: str, text: str) -> str:
    drawing = re.search(r"<svg[^>]*>(.*)</svg>", text, re.DOTALL)
    if drawing is None:
        raise SystemExit(f"{name} is no SVG")
    body = re.sub(r"\s+", " ", drawing[1]).replace("> <", "><").strip()
    return f'<symbol id="i-{name}" viewBox="0 0 24 24">{body}</symbol>'
