"""Values that the environment sets: ``FILE_STORAGE_S3_BUCKET`` pins ``s3_bucket`` of ``file_storage``."""

from collections.abc import Mapping

from webapp.config import Environment
from webapp.contracts.errors import ConfigurationError
from webapp.contracts.settings import SettingField


class Pins:
    """Looks at the environment of the start."""

    def __init__(self, environ: Mapping[str, str]) -> None:
        """Look in ``environ``."""
        self._environ = environ
        self._found: dict[tuple[str, str], str | None] = {}

    def variable(self, module: str, field: SettingField) -> str | None:
        """Name of the variable that sets this field, if one does."""
        name = f"{module}_{field.name}".upper()
        # As Environment.text has it: a file goes before the value itself.
        return next((each for each in (f"{name}_FILE", name) if self._environ.get(each)), None)

    def text(self, module: str, field: SettingField) -> str | None:
        """What it is set to; None where that cannot be read. Files are read once."""
        key = module, field.name
        if key not in self._found:
            try:
                self._found[key] = Environment(self._environ).text(f"{module}_{field.name}".upper(), "")
            except (ConfigurationError, UnicodeDecodeError):
                self._found[key] = None
        return self._found[key]
