"""Checks of uploads, as plugins enter them: asked before a file is stored, given its bytes as they pass.

The code of plugins runs in threads of its own. A check that hangs costs its upload some seconds; it keeps its
thread, so there is a bound to how often that may happen.
"""

from webapp.services.checks.checking import Checking
from webapp.services.checks.entries import CheckOut, Outcome
from webapp.services.checks.service import UploadChecks

__all__ = ["CheckOut", "Checking", "Outcome", "UploadChecks"]
