"""Which directories a setting may name for files: those that are nobody else's.

A file store makes some hundred directories in its root and trusts what it finds
there. So a root is not shared with the system, with Stowage's own code, keys and
database, or with whatever a symbolic link happens to point at.
"""

import os
import stat
import sys
import unicodedata
from collections.abc import Iterator
from pathlib import PurePath

import sqlalchemy as sa

from webapp.config import PROJECT_ROOT, Config

MALFORMED = "path_malformed"
TOO_LONG = "too_long"
RESERVED = "path_reserved"
SYMLINK = "path_symlink"
NOT_A_DIRECTORY = "path_not_directory"
NOT_WRITABLE = "path_not_writable"

_MOST_BYTES_OF_A_NAME = 255
_MOST_BYTES = 4000
"""Of PATH_MAX, 4096, a part is left to what comes below."""

_SYSTEM = tuple(
    PurePath(text)
    for text in (
        *("/bin", "/boot", "/dev", "/etc", "/lib", "/lib32", "/lib64", "/libx32", "/proc", "/run", "/sbin", "/sys"),
        *("/usr", "/var/lock", "/var/run", "/lost+found"),
    )
)
"""Not to be used, nor anything below; unless the data directory is there: then the operator has chosen so."""
_SHARED = frozenset(
    PurePath(text)
    for text in (
        *("/", "/home", "/media", "/mnt", "/opt", "/root", "/srv", "/tmp", "/var"),  # noqa: S108 (to refuse them)
        *("/var/cache", "/var/lib", "/var/log", "/var/spool", "/var/tmp", "/var/www", "/var/www/html"),  # noqa: S108
    )
)
"""Nobody's to give away as a whole; what is below may be."""
_OF_A_CHECKOUT = frozenset(("benchmarks", "build", "dist", "docs", "env", "migrations", "tests", "tools", "venv"))
"""What lies beside the package in a checkout, where the data directory is by default."""
_PACKAGE = PurePath(__file__).parent.parent


def absolute(path: str, config: Config) -> str:
    """Return the path that a setting means: relative ones start at the data directory, ``..`` is worked out.

    The disk is not asked, so it is cheap enough for every request. ``..`` leads
    nowhere else than on the disk, because no part of a good path is a symbolic link.
    """
    joined = os.path.normpath(os.path.join(config.data_dir, os.path.expanduser(path)))  # noqa: PTH111, PTH118
    return f"/{joined.lstrip('/')}"  # POSIX lets two slashes at the start mean something else; Linux does not


def problem(path: str, config: Config) -> str | None:
    """Why files cannot be kept there, as a key of the namespace ``validation``; None where they can.

    Nothing is written, and the disk is asked some few times only.
    """
    if _is_malformed(path):
        return MALFORMED
    whole = PurePath(absolute(path, config))
    if len(os.fsencode(whole)) > _MOST_BYTES or any(len(os.fsencode(p)) > _MOST_BYTES_OF_A_NAME for p in whole.parts):
        return TOO_LONG
    if _is_reserved(whole, config):
        return RESERVED
    return _on_disk(whole)


def _is_malformed(path: str) -> bool:
    if not path or path != path.strip():
        return True
    if any(unicodedata.category(character) in ("Cc", "Cs") for character in path):
        return True
    try:
        os.fsencode(path)
    except UnicodeEncodeError:
        return True
    # What expanduser() does not know stays as it is; a directory called "~bob" is not what was meant.
    return os.path.expanduser(path).startswith("~")  # noqa: PTH111 (Path.expanduser raises)


def _is_reserved(path: PurePath, config: Config) -> bool:
    data, database = PurePath(config.data_dir), _database_directory(config)
    if path in _SHARED or path.is_relative_to(config.instance_dir) or path.is_relative_to(_PACKAGE):
        return True
    if any(kept.is_relative_to(path) for kept in (data, *([database] if database else []), PROJECT_ROOT)):
        return True  # it is one of them, or one of them is below it
    if any(path.is_relative_to(tree) and not _is_ours(path, data, tree) for tree in (*_SYSTEM, *_program())):
        return True
    # Below a data directory of its own everything is the operator's; otherwise the program's parts lie next to it.
    is_beside = path.is_relative_to(PROJECT_ROOT) and PROJECT_ROOT.is_relative_to(data)
    return is_beside and _is_of_a_checkout(path.relative_to(PROJECT_ROOT).parts[0])


def _is_ours(path: PurePath, data: PurePath, tree: PurePath) -> bool:
    """Whether the path is below a data directory that is within such a tree itself."""
    return data.is_relative_to(tree) and path.is_relative_to(data)


def _is_of_a_checkout(name: str) -> bool:
    return name.startswith((".", "_")) or name in _OF_A_CHECKOUT


def _program() -> Iterator[PurePath]:
    """The directories of the program and of the Python that runs it."""
    yield PROJECT_ROOT
    prefixes = {PurePath(os.path.realpath(prefix)) for prefix in (sys.prefix, sys.base_prefix)}
    yield from prefixes - {PurePath("/")}


def _database_directory(config: Config) -> PurePath | None:
    """Where the embedded database is; None for a server or one in memory."""
    if not config.is_sqlite:
        return None
    name = (sa.make_url(config.database_url).database or "").removeprefix("file:").partition("?")[0]
    if not name or name == ":memory:":
        return None
    return PurePath(os.path.realpath(name)).parent


def _on_disk(path: PurePath) -> str | None:
    """What is wrong with the part of the path that exists."""
    nearest = PurePath("/")
    for each in (*reversed(path.parents), path):
        try:
            mode = os.lstat(each).st_mode
        except FileNotFoundError:
            break
        except OSError:  # not ours to look into, or a disk that fails
            return NOT_WRITABLE
        if stat.S_ISLNK(mode):
            return SYMLINK
        if not stat.S_ISDIR(mode):
            return NOT_A_DIRECTORY
        nearest = each
    # Reading is needed too where the directory is there already: it is opened, and recovery looks through it.
    wanted = os.W_OK | os.X_OK | (os.R_OK if nearest == path else 0)
    return None if os.access(nearest, wanted, effective_ids=os.access in os.supports_effective_ids) else NOT_WRITABLE
