"""Words of public names: a recording, a subset of a split and a shard of a batch are no parts."""

import ast
import re
from collections.abc import Iterator
from pathlib import Path

import pytest

import graphkit

ROOT = Path(graphkit.__file__).parent

# Where a part is a part in plain English: of a width of time, of a download.
OTHER = {
    "datasets/elliptic.py": {"PARTS"},
    "datasets/planetoid.py": {"PARTS"},
    "tasks/snapshot_input.py": {"SnapshotInput.__init__(parts)"},
    "tasks/snapshot_steps.py": {"StepBorders.parts"},
}


def words(name: str) -> set[str]:
    """``"signal_part"`` and ``"SignalPart"``: ``{"signal", "part"}``."""
    return set(re.sub(r"(?<=[a-z0-9])(?=[A-Z])", "_", name).lower().split("_"))


def names_in(body: list[ast.stmt], owner: str = "") -> Iterator[tuple[str, str]]:
    """Public names that statements define, and where they stand."""
    for node in body:
        if isinstance(node, (ast.FunctionDef, ast.ClassDef)):
            if node.name.startswith("_") and node.name != "__init__":
                continue
            yield node.name, owner + node.name
            if isinstance(node, ast.ClassDef):
                yield from names_in(node.body, f"{owner}{node.name}.")
                continue
            given = node.args
            for arg in (*given.posonlyargs, *given.args, *given.kwonlyargs):
                yield arg.arg, f"{owner}{node.name}({arg.arg})"
            for value in (*given.defaults, *filter(None, given.kw_defaults)):
                if isinstance(value, ast.Constant) and isinstance(value.value, str):
                    yield value.value, f"{owner}{node.name}({value.value!r})"
        elif isinstance(node, (ast.Assign, ast.AnnAssign)):
            targets = node.targets if isinstance(node, ast.Assign) else [node.target]
            for target in targets:
                if isinstance(target, ast.Name) and not target.id.startswith("_"):
                    yield target.id, owner + target.id


def found_in(text: str) -> set[str]:
    """Where the public names of a module hold the word."""
    return {at for name, at in names_in(ast.parse(text).body) if words(name) & {"part", "parts"}}


@pytest.mark.parametrize(
    ("text", "found"),
    [
        ("def load(signal_part=None, *, sep=','): ...", {"load(signal_part)"}),
        ("def fit(scale_per='part'): ...", {"fit('part')"}),
        ("class PartSplit:\n    part: int\n    _parts = 1", {"PartSplit", "PartSplit.part"}),
        ("class A:\n    @property\n    def num_parts(self): ...", {"A.num_parts"}),
        ("def depart(partition, apart): parts = []", set()),
    ],
)
def test_the_word_is_found(text: str, found: set[str]) -> None:
    assert found_in(text) == found


def test_no_public_name_holds_the_word() -> None:
    paths = sorted(ROOT.rglob("*.py"))
    assert len(paths) > 300
    found = {
        path.relative_to(ROOT).as_posix(): at
        for path in paths
        if (at := found_in(path.read_text(encoding="utf-8")))
    }
    assert found == OTHER
    assert not [p.name for p in paths if words(p.stem) & {"part", "parts"}]
