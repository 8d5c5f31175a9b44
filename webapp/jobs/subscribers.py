"""Whom the background worker tells of events."""

from flask import Flask

from webapp.services import Services
from webapp.services.delivery.receivers import plugin_targets
from webapp.services.delivery.targets import Target


def subscribe_plugins(app: Flask) -> None:
    """See to it that no plugin misses an event from now on."""
    services: Services = app.extensions["stowage"]
    with app.app_context():
        services.delivery.subscribe(installed(app))


def installed(app: Flask) -> list[str]:
    """The names of the plugins that are told of something here."""
    return [target.name for target in plugin_targets(app)]


def targets(app: Flask) -> list[Target]:
    """All that is to be told: the plugins, then the webhooks."""
    services: Services = app.extensions["stowage"]
    return [*plugin_targets(app), *services.webhooks.targets()]
