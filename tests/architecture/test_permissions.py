"""What may be granted is written down for people who make tokens."""

import re

from tests.architecture.sources import DOCS, listed
from webapp.services.access import Permission


def test_every_permission_is_in_the_table_of_the_api() -> None:
    _, _, rest = (DOCS / "api.md").read_text(encoding="utf-8").partition("| permission | roles | |")
    table, _, _ = rest.partition("\n\n")
    told = {code for row in table.splitlines() for code in re.findall(r"`([^`]+)`", row.split("|")[1] if row else "")}
    missing = {code.value for code in Permission} - told
    unknown = told - {code.value for code in Permission}
    assert not missing, f"docs/api.md lacks these permissions:{listed(sorted(missing))}"
    assert not unknown, f"docs/api.md has permissions that do not exist:{listed(sorted(unknown))}"
