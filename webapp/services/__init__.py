"""The rules. Plain objects that know nothing of HTTP; :class:`Services` holds one of each."""

from dataclasses import dataclass

from webapp.backends.registry import BackendRegistry
from webapp.config import Config
from webapp.services.activity import ActivityService
from webapp.services.bulk import BulkService
from webapp.services.checksums import ChecksumService
from webapp.services.direct import DirectUploadService
from webapp.services.facets import FacetService
from webapp.services.files import FileService
from webapp.services.listing import ListingService
from webapp.services.previews import PreviewService
from webapp.services.probe import ProbeService
from webapp.services.removals import RemovalService
from webapp.services.sessions import SessionService
from webapp.services.settings import SettingsService
from webapp.services.thumbnails import ThumbnailService
from webapp.services.tokens import TokenService
from webapp.services.uploads import UploadService
from webapp.services.users import UserService


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
    direct: DirectUploadService
    checksums: ChecksumService


def build(config: Config, registry: BackendRegistry) -> Services:
    """Put the services together."""
    settings = SettingsService(config, registry)
    removals = RemovalService(settings)
    return Services(
        files=FileService(settings, removals),
        listing=ListingService(),
        facets=FacetService(),
        bulk=BulkService(removals),
        uploads=UploadService(settings),
        removals=removals,
        settings=settings,
        users=UserService(),
        tokens=TokenService(settings),
        sessions=SessionService(settings),
        activity=ActivityService(),
        thumbnails=ThumbnailService(settings),
        previews=PreviewService(settings),
        probe=ProbeService(settings, config),
        direct=DirectUploadService(settings),
        checksums=ChecksumService(settings),
    )
