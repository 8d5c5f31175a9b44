"""File storage: what Stowage is there for."""

from webapp.api import direct
from webapp.api import files as api
from webapp.backends.filesystem import FilesystemBackend
from webapp.backends.s3 import S3Backend
from webapp.contracts.plugins import MenuEntry, ModuleMeta, PluginHost, PluginPermission
from webapp.contracts.settings import SettingsModule
from webapp.services.access import Permission
from webapp.services.settings import CORE_FIELDS, FILE_STORAGE
from webapp.ui import files, previews, trash, uploads

_EVERYBODY = ("user", "admin")
META = ModuleMeta(
    name="FileStorage",
    description="Takes files in, keeps them and gives them out.",
    route_prefix="/api/file-storage",
    view_prefix="/file-storage",
    depends_on=("Settings",),
    permissions=(
        PluginPermission(Permission.UPLOAD, "tokens.may.file_storage.upload", _EVERYBODY),
        PluginPermission(Permission.DOWNLOAD, "tokens.may.file_storage.download", _EVERYBODY),
        PluginPermission(Permission.DELETE, "tokens.may.file_storage.delete", _EVERYBODY),
        PluginPermission(Permission.MANAGE, "tokens.may.file_storage.manage"),
    ),
)
ENTRIES = (
    MenuEntry("menu.files", "/file-storage", "files", order=40),
    MenuEntry("menu.trash", "/file-storage/trash", "trash-2", order=50, roles=_EVERYBODY),
)


def setup(host: PluginHost) -> None:
    """Bring it in."""
    host.describe(META)
    host.add_settings(SettingsModule(name=FILE_STORAGE, title="File storage", fields=CORE_FIELDS))
    for backend in (FilesystemBackend, S3Backend):
        host.add_backend(backend)
    for room in (api, direct):
        host.add_pages(room.blueprint, api=True)
    for page in (files, previews, trash, uploads):
        host.add_pages(page.blueprint)
    for entry in ENTRIES:
        host.add_menu_entry(entry)
