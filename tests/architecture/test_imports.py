"""Who imports whom. The rules are in pyproject.toml under [tool.importlinter]."""

import ast
import os
import subprocess
import sys
from pathlib import Path

from tests.architecture.sources import ROOT, listed, name, python_files, tree

ALLOWED_IN_CONTRACTS = sys.stdlib_module_names | {"blinker"}


def test_imports_point_downwards_only() -> None:
    linter = Path(sys.executable).with_name("lint-imports")
    run = subprocess.run([linter, "--no-cache"], cwd=ROOT, capture_output=True, text=True, check=False)
    assert run.returncode == 0, f"An import breaks a rule of pyproject.toml:\n{run.stdout}{run.stderr}"


def test_contracts_import_the_standard_library_and_blinker_alone() -> None:
    strangers = [
        f"{name(path)} imports {module}"
        for path in python_files("webapp/contracts")
        for module in _imported(path)
        if module.split(".")[0] not in ALLOWED_IN_CONTRACTS and not f"{module}.".startswith("webapp.contracts.")
    ]
    assert not strangers, f"Plugins pay for whatever webapp.contracts imports:{listed(strangers)}"


def test_importing_the_contracts_does_not_import_flask() -> None:
    script = "import sys, webapp.contracts; print(*sorted({name.split('.')[0] for name in sys.modules}))"
    run = subprocess.run([sys.executable, "-c", script], cwd=ROOT, capture_output=True, text=True, check=True)
    heavy = {"flask", "werkzeug", "jinja2", "sqlalchemy", "boto3"} & set(run.stdout.split())
    assert not heavy, f"`import webapp.contracts` also imports {', '.join(sorted(heavy))}"


def test_a_web_process_does_not_load_what_only_others_need(tmp_path: Path) -> None:
    """Alembic (with Mako and Pygments) alone is 12 MB in each of them."""
    script = "import sys, wsgi; print(*sorted({name.split('.')[0] for name in sys.modules}))"
    environ = {**os.environ, "STOWAGE_DATA": str(tmp_path)}
    run = subprocess.run(
        [sys.executable, "-c", script], cwd=ROOT, env=environ, capture_output=True, text=True, check=True
    )
    heavy = {"alembic", "boto3", "flask_migrate", "huey", "PIL", "pygments", "redis"} & set(run.stdout.split())
    assert not heavy, f"`import wsgi` also imports {', '.join(sorted(heavy))}"


def _imported(path: Path) -> list[str]:
    modules = []
    for node in ast.walk(tree(path)):
        if isinstance(node, ast.Import):
            modules += [alias.name for alias in node.names]
        elif isinstance(node, ast.ImportFrom):
            assert node.level == 0, f"{name(path)}, line {node.lineno}: imports here are absolute"
            modules.append(node.module or "")
    return modules
