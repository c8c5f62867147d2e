"""Rows put in, cut or refused where rows are missing, against a loop."""

from __future__ import annotations

import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

from graphkit import TemporalGraph
from graphkit.data.cadence import Cadence
from graphkit.data.signal_schema import Readings
from graphkit.errors import GraphError


def readings(t, kind=torch.int64):
    t = torch.tensor(t, dtype=kind)
    values = torch.arange(1.0, len(t) + 1).view(-1, 1, 1).repeat(1, 2, 1)
    return Readings(t, values, values > 0)


def graph(t, recording=None, dtype=np.int64):
    signal = np.zeros((len(t), 2, 1), dtype=np.float32)
    return TemporalGraph(
        [], [], [], signal=signal, signal_t=np.array(t, dtype), signal_recording=recording
    )


def call(cadence, rows, gaps, last=None):
    return cadence.stretches(rows, gaps, "time", str, last)


def test_what_training_tells():
    assert Cadence.of(graph([0, 5, 10, 15])) == Cadence(5, True)
    assert Cadence.of(graph([0, 5, 10, 25])) == Cadence(5, False)
    assert Cadence.of(graph([0, 5, 100, 105], [0, 0, 1, 1])) == Cadence(5, True)
    assert Cadence.of(graph([0, 5, 9], [0, 1, 2])) == Cadence(None, False)
    rounded = np.round(np.arange(90) * 1e9 / 30).astype(np.int64)  # 30 a second, in nanoseconds
    assert Cadence.of(graph(rounded)) == Cadence(33333333, True)
    assert Cadence.of(graph([0, 0.5, 1], dtype=float)) == Cadence(0.5, True)


@given(
    st.lists(st.integers(1, 4), min_size=1, max_size=8),
    st.sampled_from([(7, torch.int64), (0.25, torch.float64)]),
    st.booleans(),
)
def test_rows_put_in_and_cut(steps, clock, follows):
    step, kind = clock
    place = np.cumsum(steps)
    rows, last = readings((place * step).tolist(), kind), 0 if follows else None
    first = 1 if follows else int(place[0])
    want_t, want = [], []
    for number in range(first, int(place[-1]) + 1):
        want_t.append(number * step)
        there = np.flatnonzero(place == number)
        want.append(float(there[0] + 1) if len(there) else None)
    found = call(Cadence(step, True), rows, "missing", last)
    [full] = found.rows
    assert full.t.tolist() == want_t
    assert full.mask[:, 0, 0].tolist() == [v is not None for v in want]
    assert full.values[:, 1, 0].tolist() == [v or 0.0 for v in want]
    assert (found.continues, found.filled) == (follows, sum(v is None for v in want))

    cuts: list[list[float]] = []
    for row, apart in enumerate(steps):
        if row == 0 or apart > 1:
            cuts.append([])
        cuts[-1].append(float(row + 1))
    found = call(Cadence(step, True), rows, "split", last)
    assert [r.values[:, 0, 0].tolist() for r in found.rows] == cuts
    assert found.continues is (follows and steps[0] == 1)

    found = call(Cadence(step, True), rows, "join", last)
    assert [r.t.tolist() for r in found.rows] == [rows.t.tolist()]
    assert found.continues is follows

    broken = [r for r, apart in enumerate(steps) if apart > 1 and (r or follows)]
    if broken:
        with pytest.raises(GraphError, match=f"row {broken[0]}: rows are missing before"):
            call(Cadence(step, True), rows, "raise", last)
    else:
        assert len(call(Cadence(step, True), rows, "raise", last).rows) == 1


def test_rounded_times_are_no_gaps():
    t = np.round(np.arange(90) * 1e9 / 30).astype(np.int64)
    found = call(Cadence(33333333, True), readings(t[1:].tolist()), "raise", int(t[0]))
    assert len(found.rows) == 1
    assert found.continues


def test_times_between_steps():
    cadence = Cadence(10, True)
    for gaps in ("raise", "missing"):
        with pytest.raises(GraphError, match="row 1: this row is not a whole number of steps") as e:
            call(cadence, readings([0, 15]), gaps)
        assert (e.value.expected, e.value.got) == ("10", "15")
    assert len(call(cadence, readings([0, 15]), "split").rows) == 2
    with pytest.raises(GraphError, match="not a whole number of steps"):
        call(cadence, readings([3]), "raise", 0)
    with pytest.raises(GraphError, match="as training did, whose rows were unevenly spaced"):
        call(Cadence(10, False), readings([0, 20]), "raise")


def test_nothing_and_no_step():
    assert call(Cadence(10, True), readings([]), "raise", 3) == ([], True, 0)
    assert len(call(Cadence(None, False), readings([0, 7, 9]), "raise").rows) == 1


def test_another_rate_is_refused():
    cadence = Cadence(10, True)
    cadence.check(graph([0, 10, 20, 95, 105], [0, 0, 0, 1, 1]), "time", str)
    cadence.check(graph([0, 11], [0, 1]), "time", str)
    with pytest.raises(GraphError, match="row 1: the rows lie further apart or closer") as caught:
        cadence.check(graph([0, 5, 10], [0, 0, 0]), "time", str)
    assert (caught.value.expected, caught.value.got) == ("10 ticks after 0", "5")
    gap = graph([0, 10, 20, 40, 50], [0] * 5)
    with pytest.raises(GraphError, match="row 3"):
        cadence.check(gap, "time", str)
    Cadence(10, False).check(gap, "time", str)
    with pytest.raises(GraphError, match="row 1"):
        Cadence(10, False).check(graph([0, 20, 40], [0] * 3), "time", str)
    assert Cadence(**cadence.to_json()) == cadence
