"""A module fits in the head, a function on the screen."""

from tests.architecture.sources import functions, listed, name, python_files

MOST_LINES_OF_A_MODULE = 400
MOST_LINES_OF_A_FUNCTION = 60
FOLDERS = ("webapp", "tests", "benchmarks")


def test_no_module_is_longer_than_400_lines() -> None:
    lengths = [(path, len(path.read_text(encoding="utf-8").splitlines())) for path in python_files(*FOLDERS)]
    long = [f"{name(path)}: {lines} lines" for path, lines in lengths if lines > MOST_LINES_OF_A_MODULE]
    assert not long, f"Split by noun what is longer than {MOST_LINES_OF_A_MODULE} lines:{listed(long)}"


def test_no_function_is_longer_than_60_lines() -> None:
    long = [
        f"{name(path)}, line {function.lineno}: {function.name} has {lines} lines"
        for path in python_files(*FOLDERS)
        for function in functions(path)
        if (lines := (function.end_lineno or 0) - function.lineno + 1) > MOST_LINES_OF_A_FUNCTION
    ]
    assert not long, f"Split into sentences what is longer than {MOST_LINES_OF_A_FUNCTION} lines:{listed(long)}"
