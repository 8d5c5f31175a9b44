"""Brings in what others add: plugins and backends by their entry points, and Stowage's own modules by the same door."""

from webapp.plugins.host import Doors, Host, Menu
from webapp.plugins.loader import BACKENDS, PLUGINS, Plugins, load, of

__all__ = ["BACKENDS", "PLUGINS", "Doors", "Host", "Menu", "Plugins", "load", "of"]
