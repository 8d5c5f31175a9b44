"""What makes thousands of applications in one process cheap: what each of them compiles anew is compiled once.

An application of its own for each test is what keeps tests apart. Four fifths of its price were the same templates
and the same addresses again, 0.12 s of 0.15 s.
"""

import gc
from collections.abc import Callable, Iterator
from types import CodeType
from typing import Any

import pytest
from flask import Flask
from jinja2.bccache import Bucket, BytecodeCache
from werkzeug.routing import Rule


class _Remembered(BytecodeCache):
    """Compiled templates, by their source: a changed one is compiled again."""

    def __init__(self) -> None:
        self._kept: dict[tuple[str, str], CodeType] = {}

    def load_bytecode(self, bucket: Bucket) -> None:
        bucket.code = self._kept.get((bucket.key, bucket.checksum))

    def dump_bytecode(self, bucket: Bucket) -> None:
        if bucket.code is not None:
            self._kept[bucket.key, bucket.checksum] = bucket.code


def _remember_builders(patch: pytest.MonkeyPatch) -> None:
    """What builds the address of a route depends on the text of its rule alone, where no values are preset."""
    compile_builder = Rule._compile_builder
    kept: dict[Any, Callable[..., tuple[str, str]]] = {}

    def remembered(self: Rule, append_unknown: bool = True) -> Callable[..., tuple[str, str]]:
        if self.defaults:
            return compile_builder(self, append_unknown)
        key = (self.rule, *self._trace, append_unknown)
        if key not in kept:
            kept[key] = compile_builder(self, append_unknown)
        return kept[key]

    patch.setattr(Rule, "_compile_builder", remembered)


@pytest.fixture(scope="session", autouse=True)
def compiled_once() -> Iterator[None]:
    """Templates and addresses are compiled once in a process; what is there already is never garbage of a test."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(Flask, "jinja_options", {"bytecode_cache": _Remembered()})
        _remember_builders(patch)
        gc.collect()
        gc.freeze()
        yield
        gc.unfreeze()
