"""File names as people send them: kept as sent where possible, never used as a path."""

import unicodedata

MAX_LENGTH = 255
NAMELESS = "unnamed"


def clean(name: str) -> str:
    """Return the name to store: no path, no control characters, 1 to 255 characters.

    Everything else stays as it is, whatever the script. Lone surrogates, which
    no database and no header can hold, become U+FFFD.
    """
    name = name.encode("utf-8", "replace").decode("utf-8") if not name.isascii() else name
    name = name.replace("\\", "/").rstrip("/").rpartition("/")[2]
    name = "".join("_" if _is_control(character) else character for character in name)
    if name.strip() in ("", ".", ".."):
        return NAMELESS
    return _shortened(name)


def fold(text: str) -> str:
    """Return what search and sorting compare: caseless (Unicode 3.13, D145) and composed."""
    text = text.replace("\x00", "\ufffd")  # neither this nor a lone surrogate can be in a database
    if text.isascii():
        return text.lower()
    text = text.encode("utf-8", "replace").decode("utf-8")
    return unicodedata.normalize("NFC", unicodedata.normalize("NFD", text).casefold())


def _is_control(character: str) -> bool:
    """C0, DEL, C1, and the separators some programs take for line ends."""
    return unicodedata.category(character) in ("Cc", "Zl", "Zp")


def _shortened(name: str) -> str:
    """Cut the middle out of an over-long name, so that its extension survives."""
    if len(name) <= MAX_LENGTH:
        return name
    stem, dot, extension = name.rpartition(".")
    if not dot or not stem or len(extension) > 32:
        return name[:MAX_LENGTH]
    return f"{stem[: MAX_LENGTH - len(extension) - 1]}.{extension}"
