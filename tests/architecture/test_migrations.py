"""Migrations are one numbered line."""

from alembic.script import ScriptDirectory

from tests.architecture.sources import ROOT, name


def test_migrations_are_numbered_without_gaps() -> None:
    files = sorted((ROOT / "migrations" / "versions").glob("*.py"))
    numbers = [path.name.split("_")[0] for path in files]
    expected = [f"{number:04}" for number in range(1, len(files) + 1)]
    assert files, "There are no migrations"
    assert numbers == expected, f"Name them 0001_what_it_does.py and so on: {', '.join(map(name, files))}"


def test_migrations_are_linear() -> None:
    scripts = ScriptDirectory(str(ROOT / "migrations"))
    assert len(scripts.get_bases()) == 1, f"Several first migrations: {scripts.get_bases()}"
    assert len(scripts.get_heads()) == 1, f"Several last migrations, renumber one: {scripts.get_heads()}"
    merges = [revision.revision for revision in scripts.walk_revisions() if revision.is_merge_point]
    assert not merges, f"Renumber instead of merging: {merges}"


def test_each_migration_follows_the_number_before() -> None:
    scripts = ScriptDirectory(str(ROOT / "migrations"))
    line = [revision.revision for revision in scripts.walk_revisions()][::-1]
    assert line == [f"{number:04}" for number in range(1, len(line) + 1)], f"Revision ids are the file numbers: {line}"
