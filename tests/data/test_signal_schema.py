"""Tables of readings read by the schema of a signal, and written back."""

from __future__ import annotations

import json
from typing import Any

import numpy as np
import pandas as pd
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from graphkit import GraphError, TemporalGraph
from graphkit.data.signal_schema import SignalSchema

INDEX = pd.date_range("2024-03-31", periods=4, freq="h", tz="Europe/Berlin", unit="s")


def wide(index: Any = INDEX, channels: int = 1) -> pd.DataFrame:
    values = np.arange(4 * 3 * channels, dtype="float32").reshape(4, -1)
    values[1, 0] = np.nan
    labels: Any = ["s1", "s0", "x"]
    if channels > 1:
        labels = pd.MultiIndex.from_product([labels, ["flow", "speed"][:channels]])
    return pd.DataFrame(values, index=index, columns=labels)


def schema(graph: TemporalGraph) -> SignalSchema:
    return SignalSchema.from_json(json.loads(json.dumps(SignalSchema.of(graph).to_json())))


@settings(deadline=None)
@given(st.sampled_from([1, 2]), st.sampled_from(["zone", "naive", "numbers"]), st.randoms())
def test_columns_in_any_order_and_back(channels: int, clock: str, random: Any) -> None:
    index = {"zone": INDEX, "naive": INDEX.tz_localize(None), "numbers": pd.Index([3, 5, 6, 9])}
    table = wide(index[clock], channels)
    g = TemporalGraph([], [], [], signal=table)
    known = schema(g)
    order = list(table.columns)
    random.shuffle(order)
    got = known.read(table[order])
    assert torch.equal(got.t, g.signal_t)
    assert torch.equal(got.values, g.signal)
    assert torch.equal(got.mask, g.signal_mask)
    assert got.values[1, 0, 0] == 0
    of_graph = known.read(g)
    assert all(torch.equal(a, b) for a, b in zip(of_graph, got))
    pd.testing.assert_frame_equal(
        known.frame(*got), table, check_freq=False, check_column_type=False, check_index_type=False
    )
    later = known.frame(g.signal_t + 60, g.signal)
    assert list(later.columns) == list(table.columns)
    if clock == "zone":
        assert str(later.index.tz) == "Europe/Berlin"
        assert later.index[0] - table.index[0] == pd.Timedelta("60s")


def test_times_in_a_column_and_in_another_unit() -> None:
    g = TemporalGraph([], [], [], signal=wide(pd.Index([0, 60, 120, 180])),
                      column_names={"t": "when"})  # fmt: skip
    known = schema(g)
    table = wide(None).assign(when=[0, 1, 2, 3])
    assert known.read(table, time_unit="m").t.tolist() == [0, 60, 120, 180]
    assert known.read(table[["when", "x", "s1", "s0"]]).t.tolist() == [0, 1, 2, 3]
    assert known.frame(g.signal_t, g.signal).index.name == "when"
    other = TemporalGraph([], [], [], signal=wide(pd.Index([0, 1, 2, 3])), time_unit="m")
    assert known.read(other).t.tolist() == [0, 60, 120, 180]


def test_nodes_and_channels_without_names() -> None:
    g = TemporalGraph([], [], [], signal=torch.rand(2, 3, 2), num_nodes=3)
    known = schema(g)
    frame = known.frame(g.signal_t, g.signal)
    assert list(frame.columns)[:2] == [(0, "0"), (0, "1")]
    assert torch.equal(known.read(frame).values, g.signal)


@pytest.mark.parametrize(
    ("table", "words"),
    [
        (wide().drop(columns="s0"), "no column for the node 's0'"),
        (wide().assign(y=1.0), "a column belongs to no node; got 'y'"),
        (wide().rename(columns={"x": "s0"}), "two columns have one label"),
        (wide().assign(x="a"), "the readings of 'x' are not numbers"),
        (wide()[::-1], "row 1: times of readings must increase"),
        (wide(INDEX[[0, 1, 1, 2]]), "row 2: times of readings must increase"),
        (wide(INDEX.tz_localize(None)), "dates with a zone and dates without"),
        (wide(INDEX + pd.Timedelta("1ms")), "row 0: .*not a whole number of ticks"),
        (wide(channels=2), "a column belongs to no channel|has no channel"),
        ([1], "not a table of readings"),
    ],
)
def test_what_is_refused(table: Any, words: str) -> None:
    with pytest.raises(GraphError, match=words):
        schema(TemporalGraph([], [], [], signal=wide())).read(table)


def test_shapes_and_graphs_without_a_signal() -> None:
    known = schema(TemporalGraph([], [], [], signal=wide()))
    with pytest.raises(GraphError, match=r"expected \[2, 3, 1\]; got \[2, 2, 1\]"):
        known.frame([0, 1], np.zeros((2, 2)))
    with pytest.raises(GraphError, match="the graph has no signal"):
        SignalSchema.of(TemporalGraph([0], [1], [0]))
