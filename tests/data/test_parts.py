"""Parts of a signal: recordings, their columns, on disk and back."""

from __future__ import annotations

import copy
import pickle
from typing import Any

import numpy as np
import pytest
import torch

from graphkit import GraphError, TemporalGraph


def build(**more: Any) -> TemporalGraph:
    options = {
        "signal": torch.arange(24).float().view(8, 3, 1),
        "signal_part": [0, 0, 0, 1, 1, 2, 2, 2],
        "parts": {
            "y": torch.tensor([1, 0, 1]),
            "subject": ["anna", "b", "anna"],
            "rating": np.array([[1.0, 2.0], [3.0, 4.0], [5.0, 6.0]], np.float32),
        },
        "time_unit": "step",
    }
    return TemporalGraph([0], [1], [0], **(options | more))


def check_same(a: TemporalGraph, b: TemporalGraph) -> None:
    assert torch.equal(a.signal_part, b.signal_part)
    assert list(a.parts) == list(b.parts)
    for name, column in a.parts.items():
        assert type(column) is type(b.parts[name])
        assert column.dtype == b.parts[name].dtype
        assert column.tolist() == b.parts[name].tolist()


def test_columns_are_kept() -> None:
    g = build()
    assert g.signal_part.dtype == torch.int64
    assert g.num_parts == 3
    assert g.parts["y"].tolist() == [1, 0, 1]
    assert g.parts["subject"].tolist() == ["anna", "b", "anna"]
    assert g.parts["subject"].dtype.kind == "U"
    assert g.parts["rating"].shape == (3, 2)
    with pytest.raises(TypeError):
        g.parts["y"] = 3
    with pytest.raises(ValueError, match="read-only"):
        g.parts["subject"][0] = "c"
    given = torch.tensor([0, 0, 0, 1, 1, 2, 2, 2])
    own = build(signal_part=given)
    given[0] = 5
    assert own.signal_part[0] == 0
    nothing = TemporalGraph([0], [1], [0])
    assert nothing.signal_part is None
    assert dict(nothing.parts) == {}
    assert nothing.num_parts == 0
    assert build(parts=None).num_parts == 3


def test_a_slice_keeps_the_numbers_of_its_parts() -> None:
    part = build().between(2, 7)
    assert part.signal_part.tolist() == [0, 1, 1, 2, 2]
    assert part.num_parts == 3
    assert part.parts["subject"].tolist() == ["anna", "b", "anna"]
    assert part.filter_events(torch.tensor([True])).signal_part.tolist() == [0, 1, 1, 2, 2]


def test_on_disk_and_back(tmp_path) -> None:
    for name, g in (("whole", build()), ("slice", build().between(3, None))):
        g.save(tmp_path / name)
        for mmap in (True, False):
            check_same(TemporalGraph.open(tmp_path / name, mmap=mmap), g)
    plain = build(signal_part=None, parts=None)
    plain.save(tmp_path / "plain")
    assert TemporalGraph.open(tmp_path / "plain").signal_part is None
    check_same(pickle.loads(pickle.dumps(build())), build())
    check_same(copy.deepcopy(build()), build())


def test_to_another_device() -> None:
    moved = build().to("meta")
    assert moved.signal_part.is_meta
    assert moved.parts["y"].is_meta
    assert moved.parts["subject"].tolist() == ["anna", "b", "anna"]


def test_print() -> None:
    lines = str(build()).splitlines()
    assert any(line.split() == ["signal_part", "int64", "[8]", "3", "parts"] for line in lines)
    assert any("parts.y" in line and "int64 [3]" in line for line in lines)
    assert any("parts.subject" in line and "'anna', 'b', ..." in line for line in lines)


@pytest.mark.parametrize(
    ("options", "words"),
    [
        ({"signal_part": [0, 0, 1]}, r"'signal_part': the number of rows differs; expected shape"),
        ({"signal_part": [0, 0, 1, 1, 0, 2, 2, 2]}, r"'signal_part', row 4: .*lie together"),
        ({"signal_part": [-1, 0, 0, 1, 1, 2, 2, 2]}, "a part is negative"),
        ({"signal_part": [0.5] * 8}, "not numbers of parts"),
        ({"signal_part": [True] * 8}, "not numbers of parts"),
        ({"signal_part": ["a"] * 8}, "values are not numbers"),
        ({"signal_part": None}, "parts are described, but not given"),
        ({"signal": None, "parts": None}, "signal_part is given without a signal"),
        ({"parts": [1, 2, 3]}, "'parts': not understood"),
        ({"parts": {"a b": [1, 2, 3]}}, "letters, digits"),
        ({"parts": {0: [1, 2, 3]}}, "letters, digits"),
        ({"parts": {"y": [1, 2]}}, r"'parts.y': the number of parts differs; expected 3 values"),
        ({"parts": {"y": [1, 2, 3], "z": [1, 2, 3, 4]}}, r"'parts.z'.*expected 3 values; got 4"),
        ({"parts": {"y": ["a", 2, "b"]}}, r"'parts.y', row 1: numbers and text are mixed"),
        ({"parts": {"y": [1.0, float("nan"), 2.0]}}, r"'parts.y', row 1: a value is NaN"),
        ({"parts": {"y": [None, "a", "b"]}}, "mixed"),
        ({"parts": {"y": 3}}, "not a column"),
        ({"parts": {"y": "abc"}}, "not a column"),
    ],
)
def test_what_is_refused(options: dict, words: str) -> None:
    with pytest.raises(GraphError, match=words):
        build(**options)
