"""A ledger of what comes and goes, and a look at what comes: a plugin for Stowage."""

from webapp.contracts import (
    FileDeleted,
    FileUploaded,
    MenuEntry,
    ModuleMeta,
    PluginHost,
    PluginPermission,
    SettingField,
    SettingsModule,
)

from stowage_ledger.checks import LineCounter, NameCheck
from stowage_ledger.commands import command
from stowage_ledger.ledger import Ledger
from stowage_ledger.pages import pages, routes

META = ModuleMeta(
    name="Ledger",
    description="Keeps a ledger of what comes and goes.",
    depends_on=("FileStorage",),
    permissions=(PluginPermission("ledger.see", "See the ledger"),),
)
SETTINGS = SettingsModule(
    name="ledger",
    title="Ledger",
    help="What the ledger takes, and what it says of it.",
    fields=(
        SettingField(
            name="refused_names",
            label="Refused names",
            help="Patterns of names that are not taken, such as *.exe.",
            type="list",
            default=("*.exe", "*.scr"),
        ),
        SettingField(
            name="count_lines",
            label="Count lines",
            help="Whether text files are told how many lines they have.",
            type="boolean",
            default=True,
        ),
    ),
)


def setup(host: PluginHost) -> None:
    """Bring the ledger in."""
    ledger = Ledger(host.data_dir)
    host.describe(META)
    host.add_settings(SETTINGS)
    host.subscribe(FileUploaded, ledger.enter)
    host.subscribe(FileDeleted, ledger.enter)
    host.check_uploads(NameCheck(host.settings))
    host.check_uploads(LineCounter(host.settings), required=False)
    host.add_pages(pages(host, ledger))
    host.add_pages(routes(ledger), api=True)
    host.add_menu_entry(MenuEntry("Ledger", "/plugins/ledger", "list", order=55))
    host.add_command(command(ledger))
