"""Plugins that have to look at each upload: one that cannot be loaded any more must not leave the door open."""

import json
import logging
import os
from collections.abc import Collection
from pathlib import Path

from webapp.contracts.checks import UploadInfo
from webapp.contracts.errors import ConfigurationError
from webapp.services.checks import UploadChecks

log = logging.getLogger(__name__)


class PluginNotLoaded:
    """Stands for the required checks of a plugin that is installed and could not be loaded: nothing gets past it."""

    def __init__(self, plugin: str) -> None:
        """Know whose place this is."""
        self._plugin = plugin

    def begin(self, info: UploadInfo) -> None:
        """Let nothing in.

        Raises:
            ConfigurationError: always.
        """
        raise ConfigurationError(f"the plugin {self._plugin}, which has to check uploads, could not be loaded")

    announce = begin


def keep(
    checks: UploadChecks, path: Path, *, loaded: Collection[str], failed: Collection[str], are_all: bool
) -> list[str]:
    """Close the door for plugins that failed and had required checks when they were loaded last; remember who has now.

    Whoever is not installed any more was taken out on purpose, if these ``are_all`` that are installed: while some
    package cannot be read, it may be in there. What cannot be remembered is taken for required.

    Returns:
        Names of the plugins for which the door is closed.
    """
    known = _read(path)
    if known is None:
        absent = {*failed} if are_all else {*failed, "?"}
    else:
        absent = known.difference(loaded) if not are_all else known.intersection(failed)
    for name in sorted(absent):
        log.error("uploads are refused until the plugin that checks them can be loaded", extra={"plugin": name})
        checks.add(name, PluginNotLoaded(name))
    required = {each.plugin for each in checks.overview() if each.required and each.plugin in loaded}
    if known is None:
        if not absent:  # everything that is installed is there, so nothing is missing
            _write(path, required)
    elif required | absent != known:
        _write(path, required | absent)
    return sorted(absent)


def _read(path: Path) -> set[str] | None:
    try:
        return {str(name) for name in json.loads(path.read_text(encoding="utf-8"))}
    except FileNotFoundError:
        return set()
    except (OSError, ValueError, TypeError):
        log.exception("it cannot be told which plugins have to check uploads", extra={"path": str(path)})
        return None


def _write(path: Path, names: Collection[str]) -> None:
    temporary = path.with_name(f".{path.name}.{os.getpid()}")
    try:
        with temporary.open("w", encoding="utf-8") as file:
            json.dump(sorted(names), file)
            file.flush()
            os.fsync(file.fileno())
        temporary.replace(path)
    except OSError:
        log.warning("it cannot be kept which plugins have to check uploads", exc_info=True)
