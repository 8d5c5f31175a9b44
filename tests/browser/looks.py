"""For tests that one look is enough for."""

import pytest

from tests.support.chromium import DESKTOP, LOOKS, PHONE

on_desktop = pytest.mark.parametrize("look", [DESKTOP], ids=[DESKTOP.name], indirect=True)
on_phone = pytest.mark.parametrize("look", [PHONE], ids=[PHONE.name], indirect=True)
in_both_widths = pytest.mark.parametrize("look", [DESKTOP, PHONE], ids=[DESKTOP.name, PHONE.name], indirect=True)
wide = [each for each in LOOKS if not each.is_phone]
in_both_themes = pytest.mark.parametrize("look", wide, ids=[each.name for each in wide], indirect=True)
