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


def keep(checks: UploadChecks, path: Path, loaded: Collection[str], failed: Collection[str]) -> None:
    """Close the door for plugins that failed and had required checks when they were loaded last; remember who has now.

    Whoever is not installed any more was taken out on purpose.
    """
    known = _read(path)
    for name in sorted(known.intersection(failed)):
        log.error("uploads are refused until the plugin that checks them can be loaded", extra={"plugin": name})
        checks.add(name, PluginNotLoaded(name))
    required = {each.plugin for each in checks.overview() if each.required}
    now = required.intersection(loaded) | known.intersection(failed)
    if now != known:
        _write(path, now)


def _read(path: Path) -> set[str]:
    try:
        return set(json.loads(path.read_text(encoding="utf-8")))
    except FileNotFoundError:
        return set()
    except (OSError, ValueError):
        log.warning("it cannot be told which plugins have to check uploads", exc_info=True)
        return set()


def _write(path: Path, names: Collection[str]) -> None:
    temporary = path.with_name(f".{path.name}.{os.getpid()}")
    try:
        temporary.write_text(json.dumps(sorted(names)), encoding="utf-8")
        temporary.replace(path)
    except OSError:
        log.warning("it cannot be kept which plugins have to check uploads", exc_info=True)
