"""What is done in the background, and how often."""

from collections.abc import Callable

from webapp.services import Services
from webapp.services.tasks import BackgroundTask
from webapp.services.upkeep import forget_expired


def tasks_of(services: Services, installed: Callable[[], list[str]]) -> list[BackgroundTask]:
    """All background tasks. ``installed()``: the names of plugins as subscribers."""
    removals = services.removals
    return [
        # Each node has its own processes that may have died, and reads files for itself.
        BackgroundTask(name="recover", every=5, run=removals.recover, per_node=True),
        BackgroundTask(name="find_out_checksums", every=5, run=services.checksums.find_out, per_node=True),
        BackgroundTask(name="retry_removals", every=15, run=removals.retry),
        BackgroundTask(name="purge_expired", every=60, run=removals.purge_expired),
        BackgroundTask(name="clear_direct_uploads", every=60, run=services.direct.clear_expired),
        BackgroundTask(name="forget_expired", every=300, run=forget_expired),
        BackgroundTask(name="prune_events", every=3600, run=lambda: services.upkeep.run(installed())),
        BackgroundTask(name="forget_workers", every=3600, run=services.tasks.forget_gone),
    ]
