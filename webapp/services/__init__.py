"""The rules. Plain objects that know nothing of HTTP; :class:`Services` holds one of each."""

from dataclasses import dataclass

from webapp.backends.registry import BackendRegistry
from webapp.config import Config
from webapp.services.access import Permissions
from webapp.services.activity import ActivityService
from webapp.services.bulk import BulkService
from webapp.services.checks import UploadChecks
from webapp.services.checksums import ChecksumService
from webapp.services.delivery.feed import FeedService
from webapp.services.delivery.service import DeliveryService
from webapp.services.delivery.upkeep import UpkeepService
from webapp.services.direct import DirectUploadService
from webapp.services.facets import FacetService
from webapp.services.files import FileService
from webapp.services.listing import ListingService
from webapp.services.plugins import PluginService
from webapp.services.previews import PreviewService
from webapp.services.probe import ProbeService
from webapp.services.removals import RemovalService
from webapp.services.sessions import SessionService
from webapp.services.settings import SettingsService
from webapp.services.storage_health import StorageHealth
from webapp.services.tasks import TaskService
from webapp.services.thumbnails import ThumbnailService
from webapp.services.tokens import TokenService
from webapp.services.uploads import UploadService
from webapp.services.users import UserService
from webapp.services.webhooks import WebhookService


@dataclass(frozen=True)
class Services:
    """Everything the edges call."""

    files: FileService
    listing: ListingService
    facets: FacetService
    bulk: BulkService
    uploads: UploadService
    removals: RemovalService
    settings: SettingsService
    users: UserService
    tokens: TokenService
    sessions: SessionService
    activity: ActivityService
    thumbnails: ThumbnailService
    previews: PreviewService
    probe: ProbeService
    storage_health: StorageHealth
    direct: DirectUploadService
    checksums: ChecksumService
    checks: UploadChecks
    delivery: DeliveryService
    tasks: TaskService
    permissions: Permissions
    plugins: PluginService
    feed: FeedService
    upkeep: UpkeepService
    webhooks: WebhookService


def build(config: Config, registry: BackendRegistry) -> Services:
    """Put the services together."""
    settings = SettingsService(config, registry)
    removals = RemovalService(settings)
    checks = UploadChecks()
    permissions = Permissions()
    delivery = DeliveryService()
    return Services(
        files=FileService(settings, removals),
        listing=ListingService(),
        facets=FacetService(),
        bulk=BulkService(removals),
        uploads=UploadService(settings, checks),
        removals=removals,
        settings=settings,
        users=UserService(),
        tokens=TokenService(settings, permissions),
        sessions=SessionService(settings, permissions),
        activity=ActivityService(),
        thumbnails=ThumbnailService(settings),
        previews=PreviewService(settings),
        probe=ProbeService(settings, config),
        storage_health=StorageHealth(settings),
        direct=DirectUploadService(settings, checks),
        checksums=ChecksumService(settings),
        checks=checks,
        delivery=delivery,
        tasks=TaskService(),
        permissions=permissions,
        plugins=PluginService(delivery, checks),
        feed=FeedService(config.threads),
        upkeep=UpkeepService(settings),
        webhooks=WebhookService(settings, config),
    )
