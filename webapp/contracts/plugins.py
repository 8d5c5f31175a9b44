"""What a plugin gets into its hands.

A plugin is a callable ``setup(host)`` in the entry-point group ``stowage.plugins``.
"""

from collections.abc import Callable
from typing import Protocol, TypeVar

from webapp.contracts.backends import StorageBackend
from webapp.contracts.events import Event

EventT = TypeVar("EventT", bound=Event)


class PluginHost(Protocol):
    """The doors of Stowage that are open to plugins."""

    def subscribe(self, event_type: type[EventT], receiver: Callable[[EventT], object]) -> None:
        """Call ``receiver(event)`` after every commit that published such an event.

        A receiver that raises is logged; neither the request nor the other
        receivers notice. Receivers run in the thread of the request: be quick.
        """

    def add_backend(self, backend_class: type[StorageBackend]) -> None:
        """Offer a storage backend, as an entry point in ``stowage.backends`` would.

        Raises:
            ConfigurationError: the class lacks part of the protocol or its id is taken.
        """
