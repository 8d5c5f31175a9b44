"""Settings: their pages and their API. What can be set comes from other modules."""

from webapp.api import settings as api
from webapp.contracts.plugins import MenuEntry, ModuleMeta, PluginHost, PluginPermission
from webapp.services.access import Permission
from webapp.ui import settings as ui

META = ModuleMeta(
    name="Settings",
    description="What can be set while Stowage runs.",
    route_prefix="/api/settings",
    view_prefix="/settings",
    permissions=(PluginPermission(Permission.SETTINGS, "tokens.may.admin.settings"),),
)


def setup(host: PluginHost) -> None:
    """Bring it in."""
    host.describe(META)
    host.add_pages(api.blueprint, api=True)
    host.add_pages(ui.blueprint)
    host.add_menu_entry(
        MenuEntry("menu.settings", "/settings/modules/file_storage", "settings-2", group="Admin", order=65)
    )
