"""Recordings of a signal: their columns, on disk and back."""

from __future__ import annotations

import copy
import json
import pickle
import warnings
from typing import Any

import numpy as np
import pytest
import torch

from graphkit import GraphError, TemporalGraph


def build(**more: Any) -> TemporalGraph:
    options = {
        "signal": torch.arange(24).float().view(8, 3, 1),
        "signal_recording": [0, 0, 0, 1, 1, 2, 2, 2],
        "recordings": {
            "y": torch.tensor([1, 0, 1]),
            "subject": ["anna", "b", "anna"],
            "rating": np.array([[1.0, 2.0], [3.0, 4.0], [5.0, 6.0]], np.float32),
        },
        "time_unit": "step",
    }
    return TemporalGraph([0], [1], [0], **(options | more))


def check_same(a: TemporalGraph, b: TemporalGraph) -> None:
    assert torch.equal(a.signal_recording, b.signal_recording)
    assert list(a.recordings) == list(b.recordings)
    for name, column in a.recordings.items():
        assert type(column) is type(b.recordings[name])
        assert column.dtype == b.recordings[name].dtype
        assert column.tolist() == b.recordings[name].tolist()


def test_columns_are_kept() -> None:
    g = build()
    assert g.signal_recording.dtype == torch.int64
    assert g.num_recordings == 3
    assert g.recordings["y"].tolist() == [1, 0, 1]
    assert g.recordings["subject"].tolist() == ["anna", "b", "anna"]
    assert g.recordings["subject"].dtype.kind == "U"
    assert g.recordings["rating"].shape == (3, 2)
    with pytest.raises(TypeError):
        g.recordings["y"] = 3
    with pytest.raises(ValueError, match="read-only"):
        g.recordings["subject"][0] = "c"
    given = torch.tensor([0, 0, 0, 1, 1, 2, 2, 2])
    own = build(signal_recording=given)
    given[0] = 5
    assert own.signal_recording[0] == 0
    nothing = TemporalGraph([0], [1], [0])
    assert nothing.signal_recording is None
    assert dict(nothing.recordings) == {}
    assert nothing.num_recordings == 0
    assert build(recordings=None).num_recordings == 3


def test_a_slice_keeps_the_numbers_of_its_recordings() -> None:
    cut = build().between(2, 7)
    assert cut.signal_recording.tolist() == [0, 1, 1, 2, 2]
    assert cut.num_recordings == 3
    assert cut.recordings["subject"].tolist() == ["anna", "b", "anna"]
    kept = cut.filter_events(torch.tensor([True]))
    assert kept.signal_recording.tolist() == [0, 1, 1, 2, 2]


def test_on_disk_and_back(tmp_path) -> None:
    for name, g in (("whole", build()), ("slice", build().between(3, None))):
        g.save(tmp_path / name)
        for mmap in (True, False):
            check_same(TemporalGraph.open(tmp_path / name, mmap=mmap), g)
    plain = build(signal_recording=None, recordings=None)
    plain.save(tmp_path / "plain")
    assert TemporalGraph.open(tmp_path / "plain").signal_recording is None
    check_same(pickle.loads(pickle.dumps(build())), build())
    check_same(copy.deepcopy(build()), build())


OLD = {"signal_recording": "signal_part", "recordings": "parts"}


def in_old_words(values: dict[str, Any]) -> dict[str, Any]:
    """What an older version wrote: its names of columns, and of the columns of recordings."""
    names = {key: key.partition(".") for key in values}
    return {OLD.get(n[0], n[0]) + n[1] + n[2]: values[key] for key, n in names.items()}


def test_what_older_versions_wrote_is_opened(tmp_path) -> None:
    g = build(class_names={"recordings.y": ["rest", "fist"]})
    folder = tmp_path / "g"
    g.save(folder)
    facts = in_old_words(json.loads((folder / "graph.json").read_text()))
    facts |= {key: in_old_words(facts[key]) for key in ("arrays", "class_names")}
    del facts["sha256"]  # they had no checksums
    (folder / "graph.json").write_text(json.dumps(facts))
    for file in [*folder.glob("*.npy")]:
        file.rename(folder / f"{next(iter(in_old_words({file.stem: 0})))}.npy")
    assert (folder / "signal_part.npy").exists()
    assert (folder / "parts.rating.npy").exists()
    rebuild, (state, *ranges) = g.__reduce__()
    state = in_old_words(state) | {"class_names": in_old_words(state["class_names"])}
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        for old in (TemporalGraph.open(folder), rebuild(state, *ranges)):
            check_same(old, g)
            assert old.class_names == {"recordings.y": ("rest", "fist")}
            old.save(tmp_path / "again")
            assert (tmp_path / "again" / "signal_recording.npy").exists()


def test_to_another_device() -> None:
    moved = build().to("meta")
    assert moved.signal_recording.is_meta
    assert moved.recordings["y"].is_meta
    assert moved.recordings["subject"].tolist() == ["anna", "b", "anna"]


def test_print() -> None:
    lines = str(build()).splitlines()
    assert any(
        line.split() == ["signal_recording", "int64", "[8]", "3", "recordings"] for line in lines
    )
    assert any("recordings.y" in line and "int64 [3]" in line for line in lines)
    assert any("recordings.subject" in line and "'anna', 'b', ..." in line for line in lines)


@pytest.mark.parametrize(
    ("options", "words"),
    [
        (
            {"signal_recording": [0, 0, 1]},
            r"'signal_recording': the number of rows differs; expected shape",
        ),
        (
            {"signal_recording": [0, 0, 1, 1, 0, 2, 2, 2]},
            r"'signal_recording', row 4: .*lie together",
        ),
        ({"signal_recording": [-1, 0, 0, 1, 1, 2, 2, 2]}, "a recording is negative"),
        ({"signal_recording": [0.5] * 8}, "not numbers of recordings"),
        ({"signal_recording": [True] * 8}, "not numbers of recordings"),
        ({"signal_recording": ["a"] * 8}, "values are not numbers"),
        ({"signal_recording": None}, "recordings are described, but not given"),
        ({"signal": None, "recordings": None}, "signal_recording is given without a signal"),
        ({"recordings": [1, 2, 3]}, "'recordings': not understood"),
        ({"recordings": {"a b": [1, 2, 3]}}, "letters, digits"),
        ({"recordings": {0: [1, 2, 3]}}, "letters, digits"),
        (
            {"recordings": {"y": [1, 2]}},
            r"'recordings.y': the number of recordings differs; expected 3 values",
        ),
        (
            {"recordings": {"y": [1, 2, 3], "z": [1, 2, 3, 4]}},
            r"'recordings.z'.*expected 3 values; got 4",
        ),
        (
            {"recordings": {"y": ["a", 2, "b"]}},
            r"'recordings.y', row 1: numbers and text are mixed",
        ),
        ({"recordings": {"y": [1.0, float("nan"), 2.0]}}, r"'recordings.y', row 1: a value is NaN"),
        ({"recordings": {"y": [None, "a", "b"]}}, "mixed"),
        ({"recordings": {"y": 3}}, "not a column"),
        ({"recordings": {"y": "abc"}}, "not a column"),
    ],
)
def test_what_is_refused(options: dict, words: str) -> None:
    with pytest.raises(GraphError, match=words):
        build(**options)
