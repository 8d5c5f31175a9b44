"""Settings: rows of a table, read afresh for each request, never kept in the application.

A module declares its fields once; defaults, coercion and validation come from
that list. The fields of ``file_storage`` include those of every registered backend.
"""

from webapp.services.settings.catalogue import CORE_FIELDS, FILE_STORAGE
from webapp.services.settings.places import Place
from webapp.services.settings.service import Settings, SettingsService
from webapp.services.settings.values import Problem, coerce, masked
from webapp.services.settings.views import BackendView, FieldView, ModuleView

__all__ = [
    "CORE_FIELDS",
    "FILE_STORAGE",
    "BackendView",
    "FieldView",
    "ModuleView",
    "Place",
    "Problem",
    "Settings",
    "SettingsService",
    "coerce",
    "masked",
]
