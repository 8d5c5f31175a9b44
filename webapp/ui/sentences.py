"""Sentences with names in them: what others typed stays apart from our words, whichever way it is read."""

from markupsafe import Markup, escape

from webapp.http.i18n import t


def rich(key: str, /, **names: str) -> Markup:
    """The sentence for ``key``, each name in an element of its own: text from right to left disturbs nothing else."""
    return Markup(escape(t(key))).format_map({name: apart(value) for name, value in names.items()})  # noqa: S704 (escaped)


def apart(name: str) -> Markup:
    """A name by itself."""
    return Markup("<bdi>{}</bdi>").format(name)
