"""Splits of windows against sets of rows, counted one by one."""

from __future__ import annotations

import json

import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

from graphkit import GraphError, TemporalGraph
from graphkit.data.recording_splits import RecordingSplit, leave_one_out
from graphkit.data.window_splits import BlockSplit, TimeSplit, block_folds


def build(lengths: list[int]) -> TemporalGraph:
    recording = torch.arange(len(lengths)).repeat_interleave(torch.tensor(lengths))
    names = ["a", "b", "a", "c", "d", "b"][: len(lengths)]
    recordings = {"subject": names, "clip": [i % 3 for i in range(len(lengths))]}
    signal = torch.zeros(len(recording), 2, 1)
    return TemporalGraph(
        [], [], [], signal=signal, signal_recording=recording, recordings=recordings
    )


def rows_of(windows, index) -> list[set[int]]:
    return [set(range(s, s + windows.rows)) for s in windows.start[index].tolist()]


@given(st.integers(40, 90), st.integers(1, 4), st.integers(0, 3), st.integers(1, 3))
def test_by_time(steps: int, history: int, horizon: int, stride: int) -> None:
    g = TemporalGraph([], [], [], signal=torch.zeros(steps, 1, 1))
    windows = g.windows(history, horizon, stride)
    split = TimeSplit(val=0.3, test=0.3)
    borders = [0, 4 * steps // 10, 7 * steps // 10, steps]
    index = split.split(windows)
    for recording, low, high in zip(index, borders, borders[1:]):
        expected = [
            i for i, s in enumerate(windows.start.tolist()) if low <= s and s + windows.rows <= high
        ]
        assert recording.tolist() == expected
    assert split.name == "time"


def test_published_shares_are_exact() -> None:
    """0.7 + 0.1 + 0.2 in floats would lose a row."""
    windows = TemporalGraph([], [], [], signal=torch.zeros(1000, 1, 1)).windows(1, 0)
    assert [len(p) for p in TimeSplit(val=0.1, test=0.2).split(windows)] == [700, 100, 200]
    assert [len(p) for p in TimeSplit().split(windows)] == [600, 200, 200]


def test_by_time_within_every_recording() -> None:
    windows = build([10, 20]).windows(2, 0)
    index = TimeSplit(val=0.2, test=0.3, within="recording").split(windows)
    assert windows.start[index.train].tolist() == [*range(0, 4), *range(10, 19)]
    assert windows.start[index.val].tolist() == [5, *range(20, 23)]
    assert windows.start[index.test].tolist() == [7, 8, *range(24, 29)]


@pytest.mark.parametrize("num_blocks", [3, 4, 10])
@pytest.mark.parametrize("stride", [1, 3])
def test_blocks(num_blocks: int, stride: int) -> None:
    lengths = [61, 40, 53]
    windows = build(lengths).windows(3, 1, stride)
    tested: list[int] = []
    for fold, split in enumerate(block_folds(num_blocks)):
        assert split.fold == fold
        index = split.split(windows)
        test_rows, val_rows, start = set(), set(), 0
        for length in lengths:
            edges = [start + length * b // num_blocks for b in range(num_blocks + 1)]
            test_rows |= set(range(edges[fold], edges[fold + 1]))
            before = (fold - 1) % num_blocks
            val_rows |= set(range(edges[before], edges[before + 1]))
            start += length
        assert all(rows <= test_rows for rows in rows_of(windows, index.test))
        assert all(rows <= val_rows for rows in rows_of(windows, index.val))
        for rows in rows_of(windows, index.train):
            assert not rows & (test_rows | val_rows)
        inside = [i for i in range(len(windows)) if rows_of(windows, [i])[0] <= test_rows]
        free = [
            i for i in range(len(windows)) if not rows_of(windows, [i])[0] & (test_rows | val_rows)
        ]
        assert index.test.tolist() == inside
        assert index.train.tolist() == free
        tested += list(test_rows)
    assert sorted(tested) == list(range(sum(lengths)))


def test_a_column_of_recordings() -> None:
    windows = build([9, 8, 7, 6, 9, 9]).windows(3, 0)
    index = RecordingSplit("subject", test=["a"], val="d").split(windows)
    assert set(windows.recording[index.test].tolist()) == {0, 2}
    assert set(windows.recording[index.val].tolist()) == {4}
    assert set(windows.recording[index.train].tolist()) == {1, 3, 5}
    assert sum(map(len, index)) == len(windows)
    index = RecordingSplit("clip", test=[0], val=2).split(windows)
    assert set(windows.recording[index.test].tolist()) == {0, 3}
    index = RecordingSplit("number", test=torch.tensor([5]), val=[0, 1]).split(windows)
    assert set(windows.recording[index.test].tolist()) == {5}
    assert RecordingSplit("subject").name == "leave_subject_out"


def test_shares_of_a_column_are_drawn_by_seed() -> None:
    windows = build([9, 8, 7, 6, 9, 9]).windows(3, 0)
    drawn = []
    for seed in (0, 0, 1, 2, 3):
        index = RecordingSplit("number", test=1 / 3, val=0.2, seed=seed).split(windows)
        sets = [set(windows.recording[p].tolist()) for p in index]
        assert [len(s) for s in sets] == [3, 1, 2]
        assert set.union(*sets) == set(range(6))
        drawn.append(sets)
    assert drawn[0] == drawn[1]
    assert any(d != drawn[0] for d in drawn[2:])
    for seed in range(5):
        index = RecordingSplit("subject", test=0.25, val=["a"], seed=seed).split(windows)
        assert set(windows.recording[index.val].tolist()) == {0, 2}


def test_leave_one_out() -> None:
    g = build([9, 8, 7, 6, 9, 9])
    windows, tested = g.windows(3, 0), []
    for split in leave_one_out(g, "subject"):
        index = split.split(windows)
        assert sum(map(len, index)) == len(windows)
        tested += index.test.tolist()
    assert sorted(tested) == list(range(len(windows)))
    with pytest.raises(GraphError, match="at least 3"):
        leave_one_out(build([5, 5]), "number")


@pytest.mark.parametrize(
    "split",
    [
        TimeSplit(),
        BlockSplit(5, 2),
        RecordingSplit("subject", test=["a"], val=torch.tensor([1])),
        RecordingSplit("subject", seed=4),
    ],
)
def test_described_as_plain_values(split) -> None:
    told = split.describe()
    assert told["name"] == split.name
    assert json.loads(json.dumps(told)) == told


def test_what_is_refused() -> None:
    windows = build([9, 8, 7]).windows(3, 0)
    for make, words in (
        (lambda: TimeSplit(val=0.5, test=0.5), "nothing to train on"),
        (lambda: TimeSplit(val=-0.1), "not a fraction"),
        (lambda: TimeSplit(within="prat"), "recording"),
        (lambda: BlockSplit(2), "at least 3"),
        (lambda: BlockSplit(5, 5), "0 to 4"),
        (lambda: BlockSplit(5).split(windows), "no window is left"),
        (lambda: TimeSplit(val=0.01).split(windows), "'val': no window is left"),
        (lambda: RecordingSplit("subejct").split(windows), "subject"),
        (lambda: RecordingSplit("subject", test=["z"]).split(windows), "one of 'a', 'b'"),
        (
            lambda: RecordingSplit("subject", test=["a"], val=["a"]).split(windows),
            "tests and validates",
        ),
    ):
        with pytest.raises(GraphError, match=words):
            make()
    plain = TemporalGraph([], [], [], signal=torch.zeros(9, 1, 1)).windows(1, 0)
    with pytest.raises(GraphError, match="no recordings"):
        RecordingSplit("subject").split(plain)
