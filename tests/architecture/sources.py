"""The program as text: what the architecture tests read."""

import ast
import functools
import importlib
import json
import pkgutil
from collections.abc import Iterator
from pathlib import Path
from types import ModuleType
from typing import Any, TypeVar

import webapp

ROOT = Path(__file__).resolve().parents[2]
WEBAPP = ROOT / "webapp"
DOCS = ROOT / "docs"

Class = TypeVar("Class")


def python_files(*folders: str) -> list[Path]:
    """All modules below these folders of the project, in order."""
    return sorted(path for folder in folders for path in (ROOT / folder).rglob("*.py"))


@functools.cache
def tree(path: Path) -> ast.Module:
    return ast.parse(path.read_text(encoding="utf-8"), filename=str(path))


def name(path: Path) -> str:
    """How a failure names a file."""
    return str(path.relative_to(ROOT))


def functions(path: Path) -> Iterator[ast.FunctionDef | ast.AsyncFunctionDef]:
    for node in ast.walk(tree(path)):
        if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef):
            yield node


def all_modules() -> list[ModuleType]:
    """Every module of webapp, imported, so that every class there is has been defined."""
    found = pkgutil.walk_packages(webapp.__path__, prefix="webapp.")
    return [importlib.import_module(module.name) for module in found]


def subclasses(base: type[Class]) -> set[type[Class]]:
    """All subclasses of ``base`` that belong to webapp."""
    direct: set[type[Class]] = set(base.__subclasses__())
    every = direct.union(*(subclasses(each) for each in direct))
    return {each for each in every if each.__module__.startswith("webapp.")}


def document(file: str) -> str:
    """The text of a file in docs/."""
    path = DOCS / file
    assert path.is_file(), f"docs/{file} is missing"
    return path.read_text(encoding="utf-8")


def locale() -> dict[str, Any]:
    texts: dict[str, Any] = json.loads((WEBAPP / "locales" / "en.json").read_text(encoding="utf-8"))
    return texts


def listed(findings: list[str]) -> str:
    """Findings for a failure message, one per line."""
    return "".join(f"\n  {finding}" for finding in findings)
