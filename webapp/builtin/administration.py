"""Administration: what admins look after. Their pages belong to the frame, as do those of accounts."""

from webapp.contracts.plugins import MenuEntry, ModuleMeta, PluginHost, PluginPermission
from webapp.services.access import Permission
from webapp.services.delivery import upkeep

META = ModuleMeta(
    name="Administration",
    description="Accounts, activity, webhooks, plugins and background work.",
    view_prefix="/admin",
    permissions=(
        PluginPermission(Permission.USERS, "tokens.may.admin.users"),
        PluginPermission(Permission.ACTIVITY, "tokens.may.admin.activity"),
        PluginPermission(Permission.WEBHOOKS, "tokens.may.admin.webhooks"),
        PluginPermission(Permission.SYSTEM, "tokens.may.admin.system"),
    ),
)
ENTRIES = (
    MenuEntry("menu.activity", "/admin/activity", "activity", group="Admin", order=60),
    MenuEntry("menu.webhooks", "/admin/webhooks", "webhook", group="Admin", order=66),
    MenuEntry("menu.plugins", "/admin/plugins", "blocks", group="Admin", order=67),
    MenuEntry("menu.tasks", "/admin/tasks", "list-checks", group="Admin", order=68),
    MenuEntry("menu.users", "/admin/users", "users", group="Admin", order=70),
)


def setup(host: PluginHost) -> None:
    """Bring it in."""
    host.describe(META)
    host.add_settings(upkeep.SETTINGS)
    for entry in ENTRIES:
        host.add_menu_entry(entry)
