"""There is one door to the database."""

import ast

from tests.architecture.sources import listed, name, python_files, tree


def test_nothing_but_db_commits() -> None:
    commits = [
        f"{name(path)}, line {node.lineno}"
        for path in python_files("webapp")
        if not name(path).startswith("webapp/db/")
        for node in ast.walk(tree(path))
        if isinstance(node, ast.Call) and isinstance(node.func, ast.Attribute) and node.func.attr == "commit"
    ]
    assert not commits, f"Write through db.transaction(), which commits and then publishes the events:{listed(commits)}"
