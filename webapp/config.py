"""What needs a restart to change. Everything else is a setting in the database.

Each variable can also be given as ``NAME_FILE``: the path of a file that holds
the value, as container platforms hand out secrets.
"""

import os
import secrets
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path

from webapp.contracts.errors import ConfigurationError

PROJECT_ROOT = Path(__file__).resolve().parent.parent
THREADS = 128
"""As in gunicorn.conf.py, where it says why."""


@dataclass(frozen=True)
class Accel:
    """What the proxy in front can send by itself: files below ``root``, at addresses that begin with ``prefix``."""

    prefix: str
    root: Path


@dataclass(frozen=True, kw_only=True)
class Config:
    """Start-up configuration, read once per process."""

    data_dir: Path
    database_url: str
    secret_key: str = field(repr=False)
    trusted_proxies: int = 0
    """How many reverse proxies in front are believed about address, host and scheme."""
    accel: Accel | None = None
    """Which files nginx sends (X-Accel-Redirect)."""
    log_format: str = "text"
    log_level: str = "INFO"
    access_log: str = "changes"
    """Which requests are logged: ``all``, ``changes`` (unsafe methods and errors) or ``off``."""
    environ: Mapping[str, str] = field(default_factory=dict, repr=False)
    """The environment it was read from: settings may be pinned there."""
    old_secret_keys: tuple[str, ...] = field(default=(), repr=False)
    """Former secret keys: what was signed or sealed with them is still accepted."""
    allow_private_endpoints: bool = False
    """Whether settings may make Stowage connect to loopback and private addresses."""
    queue_url: str = field(default="", repr=False)
    """Where background workers are told what is due."""
    threads: int = THREADS
    """How many requests one process answers at once."""

    @property
    def is_sqlite(self) -> bool:
        """Whether the embedded database is used."""
        return self.database_url.startswith("sqlite")

    @property
    def instance_dir(self) -> Path:
        """Where the embedded database, the secret key and lock files are."""
        return self.data_dir / "instance"


def load(environ: Mapping[str, str] | None = None) -> Config:
    """Read the configuration from the environment and make what is missing.

    Raises:
        ConfigurationError: a variable has a value that cannot be used.
    """
    env = Environment(os.environ if environ is None else environ)
    data_dir = Path(env.text("STOWAGE_DATA", str(PROJECT_ROOT))).expanduser().resolve()
    instance = data_dir / "instance"
    instance.mkdir(mode=0o750, parents=True, exist_ok=True)
    return Config(
        data_dir=data_dir,
        database_url=env.text("STOWAGE_DATABASE_URL", f"sqlite:///{instance / 'stowage.db'}"),
        secret_key=env.text("STOWAGE_SECRET_KEY", "") or _kept_secret(instance / "secret_key"),
        trusted_proxies=env.integer("STOWAGE_TRUSTED_PROXIES", 0),
        accel=_accel(env),
        log_format=env.choice("STOWAGE_LOG_FORMAT", "text", ("text", "json")),
        log_level=env.choice("STOWAGE_LOG_LEVEL", "INFO", ("DEBUG", "INFO", "WARNING", "ERROR")),
        access_log=env.choice("STOWAGE_ACCESS_LOG", "changes", ("all", "changes", "off")),
        environ=env.values,
        old_secret_keys=tuple(filter(None, map(str.strip, env.text("STOWAGE_SECRET_KEY_FALLBACKS", "").split(",")))),
        queue_url=env.text("STOWAGE_QUEUE_URL", f"sqlite:///{instance / 'queue.db'}"),
        threads=env.integer("STOWAGE_THREADS", THREADS, least=1),
        allow_private_endpoints=env.choice("STOWAGE_ALLOW_PRIVATE_ENDPOINTS", "false", ("true", "false")) == "true",
    )


def is_set_up(environ: Mapping[str, str] | None = None) -> bool:
    """Tell whether there is a data directory that was used before."""
    env = Environment(os.environ if environ is None else environ)
    return (Path(env.text("STOWAGE_DATA", str(PROJECT_ROOT))).expanduser() / "instance" / "secret_key").exists()


class Environment:
    """Typed readers over environment variables."""

    def __init__(self, values: Mapping[str, str]) -> None:
        """Read from ``values``, usually ``os.environ``."""
        self.values = values

    def text(self, name: str, default: str) -> str:
        """The variable, or what the file named by ``NAME_FILE`` holds."""
        file = self.values.get(f"{name}_FILE")
        if not file:
            return self.values.get(name) or default
        try:
            return Path(file).read_text(encoding="utf-8").strip()
        except OSError as exc:
            raise ConfigurationError(f"{name}_FILE cannot be read") from exc

    def integer(self, name: str, default: int, least: int = 0) -> int:
        """A whole number, at least ``least``."""
        text = self.text(name, str(default))
        if not text.isascii() or not text.isdigit() or int(text) < least:
            raise ConfigurationError(f"{name} is no whole number of at least {least}: {text!r}")
        return int(text)

    def choice(self, name: str, default: str, choices: tuple[str, ...]) -> str:
        """One of ``choices``, in any case."""
        text = self.text(name, default)
        for choice in choices:
            if text.casefold() == choice.casefold():
                return choice
        raise ConfigurationError(f"{name} is none of {', '.join(choices)}: {text!r}")


def _accel(env: Environment) -> Accel | None:
    text = env.text("STOWAGE_ACCEL_REDIRECT", "")
    if not text:
        return None
    prefix, _, root = (part.strip() for part in text.partition("="))
    if not (prefix.startswith("/") and prefix.endswith("/") and Path(root).is_absolute()):
        raise ConfigurationError(f"STOWAGE_ACCEL_REDIRECT is not of the form /prefix/=/directory: {text!r}")
    if env.integer("STOWAGE_TRUSTED_PROXIES", 0) == 0:
        # Without a proxy, whoever downloads a file would get an empty one.
        raise ConfigurationError("STOWAGE_ACCEL_REDIRECT needs a proxy, counted in STOWAGE_TRUSTED_PROXIES")
    return Accel(prefix, Path(root).resolve())


def _kept_secret(path: Path) -> str:
    """Read the generated secret key, or make one that all workers then agree on."""
    try:
        if path.exists():
            return path.read_text(encoding="ascii").strip()
        # The link below makes file and content appear in one step.
        temporary = path.with_name(f".{path.name}.{secrets.token_hex(8)}")
        fd = os.open(temporary, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
        with open(fd, "w", encoding="ascii") as file:
            file.write(secrets.token_urlsafe(48))
            file.flush()
            os.fsync(fd)
        try:
            os.link(temporary, path)
        except FileExistsError:
            pass
        finally:
            temporary.unlink()
        return path.read_text(encoding="ascii").strip()
    except OSError as exc:
        raise ConfigurationError("the secret key in the data directory cannot be read or made") from exc
