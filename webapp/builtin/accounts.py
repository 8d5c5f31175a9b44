"""Accounts: everybody's own. Their pages belong to the frame, which cannot do without them."""

from webapp.contracts.plugins import MenuEntry, ModuleMeta, PluginHost, PluginPermission
from webapp.services.access import Permission

_EVERYBODY = ("user", "admin")
META = ModuleMeta(
    name="Accounts",
    description="Signing in, and API tokens.",
    view_prefix="/account",
    permissions=(PluginPermission(Permission.TOKENS, "tokens.may.account.tokens", _EVERYBODY),),
)


def setup(host: PluginHost) -> None:
    """Bring it in."""
    host.describe(META)
    host.add_menu_entry(
        MenuEntry("menu.tokens", "/account/tokens", "key-round", group="Account", order=80, roles=_EVERYBODY)
    )
