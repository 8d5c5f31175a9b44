"""Files are kept in no directory that belongs to somebody else. Real directories, real links, real permissions."""

import os
import subprocess
import sys
import tempfile
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.support.missing import missing
from webapp.config import PROJECT_ROOT, Config
from webapp.http.i18n import LOCALES, own_words
from webapp.services import paths
from webapp.services.paths import absolute, problem

NOBODY = 65534
SENTENCES = set.intersection(*(set(own_words(language)) for language in LOCALES))


def configured(data: Path, database_url: str | None = None) -> Config:
    return Config(
        data_dir=data, database_url=database_url or f"sqlite:///{data / 'instance' / 'stowage.db'}", secret_key="s"
    )


@pytest.fixture
def config(tmp_path: Path) -> Config:
    (tmp_path / "data" / "instance").mkdir(parents=True)
    return configured(tmp_path / "data")


by_default = configured(PROJECT_ROOT)
"""As without any variable: the data directory is where the program is."""


@pytest.mark.parametrize(
    "path", ["./uploads", "uploads", "uploads/2026/", "a/../b", "files/./deep/er", "Ünïcode 文件", "a b", "..data"]
)
def test_what_is_below_the_data_directory_is_fine(config: Config, path: str) -> None:
    assert problem(path, config) is None
    assert list(config.data_dir.iterdir()) == [config.instance_dir]  # nothing was made


def test_an_absolute_path_is_fine_whether_it_is_there_or_not(config: Config, tmp_path: Path) -> None:
    (tmp_path / "store").mkdir()
    assert problem(str(tmp_path / "store"), config) is None
    assert problem(str(tmp_path / "store" / "not" / "yet"), config) is None
    assert problem(f"//{tmp_path}/store//", config) is None


@pytest.mark.parametrize("path", ["/srv/files", "/data", "/mnt/disk/files", "/var/lib/stowage", "/opt/x", "/home/f"])
def test_usual_places_are_nobody_elses(config: Config, path: str) -> None:
    assert problem(path, config) in (None, paths.NOT_WRITABLE)  # the latter where the tests run without rights


@pytest.mark.parametrize("path", ["./uploads", "uploads/more", "files", str(PROJECT_ROOT / "uploads"), "store/tests"])
def test_the_default_place_is_fine(path: str) -> None:
    assert problem(path, by_default) is None


@pytest.mark.parametrize(
    "path",
    [
        "/", "//", "/.", "/..", "/home", "/home/", "/var", "/tmp", "/opt", "/srv", "/root", "/mnt", "/media",
        "/var/lib", "/var/log", "/var/tmp", "/etc", "//etc", "/etc/", "/etc/cron.d", "/etc/not/there", "/srv/../etc",
        "/usr", "/usr/local", "/usr/share/x", "/bin", "/sbin", "/lib", "/lib64/x", "/boot", "/dev", "/dev/shm/x",
        "/proc/self", "/sys/x", "/run", "/run/lock", "/var/run/x",
    ],
)  # fmt: skip
def test_what_belongs_to_the_system_is_refused(config: Config, path: str) -> None:
    assert problem(path, config) == "path_reserved"


@pytest.mark.parametrize(
    "path", [".", "./", "..", "../..", "a/..", "instance", "./instance/", "instance/thumbs", "a/../instance/x"]
)
def test_the_data_directory_what_holds_it_and_its_keys_are_refused(config: Config, path: str) -> None:
    assert problem(path, config) == "path_reserved"
    assert problem(os.path.normpath(config.data_dir / path), config) == "path_reserved"


@pytest.mark.parametrize(
    "path",
    [
        ".", "..", "webapp", "webapp/static", "webapp/static/uploads", "webapp/templates", "migrations", "tests/files",
        "docs", "benchmarks", ".git", ".git/objects", ".venv", ".venv/lib", ".hidden", "instance", "tools", "build/lib",
        "__pycache__", str(PROJECT_ROOT / "webapp" / "static"), sys.prefix, f"{sys.prefix}/lib",
    ],
)  # fmt: skip
def test_the_programs_own_directories_are_refused(path: str) -> None:
    assert problem(path, by_default) in {"path_reserved", "path_symlink"}
    assert problem(path, by_default) == "path_reserved" or Path(path).is_symlink()


def test_the_program_is_refused_wherever_the_data_is(config: Config) -> None:
    for path in (PROJECT_ROOT, PROJECT_ROOT / "uploads", PROJECT_ROOT / "webapp" / "static", PROJECT_ROOT.parent):
        assert problem(str(path), config) == "path_reserved"


def test_a_data_directory_inside_the_program_is_the_operators(tmp_path: Path) -> None:
    for data in (PROJECT_ROOT / "build" / "data", PROJECT_ROOT / ".data", Path(os.path.realpath(sys.prefix)) / "data"):
        assert problem("./uploads", configured(data)) is None
        assert problem(str(PROJECT_ROOT / "uploads"), configured(data)) == "path_reserved"


def test_a_data_directory_inside_the_system_is_the_operators() -> None:
    inside = configured(Path("/usr/local/stowage-of-a-test"))
    assert problem("./uploads", inside) in (None, paths.NOT_WRITABLE)
    assert problem("./instance", inside) == "path_reserved"
    assert problem("/usr/local/other", inside) == "path_reserved"
    assert problem("/etc/uploads", inside) == "path_reserved"


def test_a_program_installed_beside_its_data_is_refused(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    """/srv/stowage/{app,uploads,instance}."""
    monkeypatch.setattr(paths, "PROJECT_ROOT", tmp_path / "app")
    around = configured(tmp_path)
    assert problem("./uploads", around) is None
    assert problem("./app", around) == "path_reserved"
    assert problem("./app/uploads", around) == "path_reserved"


@pytest.mark.parametrize("form", ["sqlite:///{}", "sqlite+pysqlite:///{}", "sqlite:///file:{}?mode=rwc&uri=true"])
def test_where_the_database_is_no_files_are_kept(tmp_path: Path, form: str) -> None:
    elsewhere = tmp_path / "big" / "db"
    elsewhere.mkdir(parents=True)
    config = configured(tmp_path / "data", form.format(elsewhere / "stowage.db"))
    assert problem(str(elsewhere), config) == "path_reserved"
    assert problem(str(tmp_path / "big"), config) == "path_reserved"
    assert problem(str(elsewhere / "uploads"), config) is None
    assert problem(str(tmp_path / "big" / "uploads"), config) is None


def test_a_database_behind_a_link_is_found(tmp_path: Path) -> None:
    (tmp_path / "real").mkdir()
    (tmp_path / "link").symlink_to("real")
    config = configured(tmp_path / "data", f"sqlite:///{tmp_path / 'link' / 'stowage.db'}")
    assert problem(str(tmp_path / "real"), config) == "path_reserved"


@pytest.mark.parametrize("url", ["postgresql+psycopg://host/db", "sqlite://", "sqlite:///:memory:"])
def test_a_database_that_is_no_file_is_in_nobodys_way(tmp_path: Path, url: str) -> None:
    assert problem(str(tmp_path / "uploads"), configured(tmp_path / "data", url)) is None


@pytest.mark.parametrize("path", ["link", "link/below", "link/below/deeper", "dangling", "dangling/x", "a/in", "loop"])
def test_nothing_goes_through_a_symbolic_link(config: Config, tmp_path: Path, path: str) -> None:
    (tmp_path / "target" / "below").mkdir(parents=True)
    (config.data_dir / "link").symlink_to(tmp_path / "target")
    (config.data_dir / "dangling").symlink_to(tmp_path / "nowhere")
    (config.data_dir / "loop").symlink_to("loop")
    (config.data_dir / "a").mkdir()
    (config.data_dir / "a" / "in").symlink_to(tmp_path / "target")
    assert problem(path, config) == "path_symlink"


def test_dots_after_a_link_lead_where_they_seem_to(config: Config, tmp_path: Path) -> None:
    """The path that is checked is the one that is used: see absolute()."""
    (tmp_path / "target" / "below").mkdir(parents=True)
    (config.data_dir / "link").symlink_to(tmp_path / "target" / "below")
    assert problem("link/../uploads", config) is None
    assert absolute("link/../uploads", config) == str(config.data_dir / "uploads")


def test_what_is_no_directory_is_refused(config: Config) -> None:
    (config.data_dir / "file").write_bytes(b"")
    os.mkfifo(config.data_dir / "fifo")
    for path in ("file", "file/below", "fifo", "fifo/below"):
        assert problem(path, config) == "path_not_directory"


@pytest.mark.parametrize(
    "path",
    ["", " ", "a\x00b", "\x00", "/srv/a\nb", "a\x7f", "a\x1b[1m", " uploads", "uploads ", "\ud800", "~nobody-here/x"],
)  # fmt: skip
def test_what_is_no_path_is_told(config: Config, path: str) -> None:
    assert problem(path, config) == "path_malformed"


def test_names_and_paths_have_a_limit(config: Config) -> None:
    assert problem("x" * 255, config) is None
    assert problem("x" * 256, config) == "too_long"
    assert problem("ü" * 128, config) == "too_long"  # bytes count
    assert problem("x/" * 2000, config) == "too_long"


def test_a_home_directory_can_be_meant(config: Config, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("HOME", str(tmp_path))
    assert problem("~/files", config) is None
    assert absolute("~/files", config) == str(tmp_path / "files")


def test_it_is_cheap(config: Config, monkeypatch: pytest.MonkeyPatch) -> None:
    calls: list[str] = []
    for name in ("lstat", "stat", "access", "open", "listdir", "scandir", "mkdir"):
        real = getattr(os, name)
        monkeypatch.setattr(os, name, _counted(real, name, calls))
    assert problem("/srv/a/b", config) in (None, paths.NOT_WRITABLE)
    monkeypatch.undo()
    assert not set(calls) & {"open", "listdir", "scandir", "mkdir"}
    assert len(calls) <= 60  # realpath of the database and of the two prefixes is most of it


def _counted(real: Callable[..., object], name: str, calls: list[str]) -> Callable[..., object]:
    def counted(*args: object, **kwargs: object) -> object:
        calls.append(name)
        return real(*args, **kwargs)

    return counted


@given(st.text(max_size=40) | st.binary(max_size=20).map(lambda raw: raw.decode("utf-8", "surrogateescape")))
def test_any_text_is_answered_with_a_key_or_none(path: str) -> None:
    config = configured(Path("/srv/stowage-of-a-test"))
    answer = problem(path, config)
    assert answer is None or f"validation.{answer}" in SENTENCES
    absolute(path, config)


# --- permissions, as somebody who has none ---------------------------------------

_AS_NOBODY = """
import os, sys
from pathlib import Path
from webapp.config import Config
from webapp.services.paths import problem
if os.geteuid() == 0:
    os.setgroups([])
    os.setresgid({0}, {0}, {0})
    os.setresuid({0}, {0}, {0})
data = Path(sys.argv[1])
config = Config(data_dir=data, database_url="sqlite://", secret_key="s")
for path in sys.argv[2:]:
    print(problem(path, config))
"""


def as_nobody(*arguments: str) -> list[str]:
    """What somebody without rights is told; whoever runs the tests without root is somebody like that."""
    program = [sys.executable, "-c", _AS_NOBODY.format(NOBODY), *arguments]
    run = subprocess.run(program, cwd=PROJECT_ROOT, capture_output=True, text=True, check=False)
    assert run.returncode == 0, run.stderr
    return run.stdout.split()


@pytest.fixture
def ground() -> Iterator[Path]:
    """A directory that everybody gets to: pytest's own are for their owner only."""
    with tempfile.TemporaryDirectory() as name:
        Path(name).chmod(0o755)
        yield Path(name)


def test_a_directory_that_cannot_be_written_is_refused(ground: Path) -> None:
    made = {"open": 0o777, "readable": 0o555, "closed": 0o700 if os.geteuid() == 0 else 0o000, "blind": 0o333}
    for name in made:
        (ground / name / "below").mkdir(parents=True)
        (ground / name / "below").chmod(0o777)
    for name, mode in made.items():
        (ground / name).chmod(mode)
    try:
        told = as_nobody(
            str(ground / "data"),
            *(str(ground / name) for name in made),
            *(str(ground / name / "new" / "er") for name in made),
            *(str(ground / name / "below") for name in made),
        )
    finally:
        for name in made:
            (ground / name).chmod(0o777)
    no = paths.NOT_WRITABLE
    assert told[:4] == ["None", no, no, no]
    assert told[4:8] == ["None", no, no, "None"]  # "blind" can be written into, and the new one be read
    assert told[8:] == ["None", "None", no, "None"]


def test_a_read_only_file_system_is_refused(tmp_path: Path) -> None:
    """Even to root: in a mount namespace of its own, where the directory is mounted read-only over itself."""
    where = tmp_path / "readonly"
    where.mkdir()
    script = f"mount --bind {where} {where} && mount -o remount,bind,ro {where} && exec {sys.executable} -c '{_CHECK}' "
    run = subprocess.run(
        ["unshare", "--mount", "--map-root-user", "sh", "-c", f"{script} {where}"],
        cwd=PROJECT_ROOT, capture_output=True, text=True, check=False,
    )  # fmt: skip
    if run.returncode != 0:
        missing(f"mounting in a namespace of one's own is not allowed here: {run.stderr.strip()[-200:]}")
    assert run.stdout.split() == [paths.NOT_WRITABLE, paths.NOT_WRITABLE]


_CHECK = """
import sys
from pathlib import Path
from webapp.config import Config
from webapp.services.paths import problem
config = Config(data_dir=Path("/srv/x"), database_url="sqlite://", secret_key="s")
print(problem(sys.argv[1], config), problem(sys.argv[1] + "/new", config))
"""
