"""Parts of addresses."""

from flask import Flask
from werkzeug.routing import BaseConverter


class RawPath(BaseConverter):
    """The rest of the path whatever is in it, line breaks and slashes included."""

    regex = r"(?s:.+)"
    part_isolating = False


def register(app: Flask) -> None:
    """Make the converters known."""
    app.url_map.converters["rawpath"] = RawPath
