"""Graphs with every column filled, and an exact comparison of two graphs."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import fields
from typing import Any

import numpy as np
import pytest
import torch

from graphkit import TemporalGraph

EVENTS = ("src", "dst", "t", "edge_attr", "edge_y", "edge_weight", "edge_type")
NODES = (
    "x",
    "y",
    "node_type",
    "node_space",
    "signal",
    "signal_t",
    "signal_mask",
    "signal_recording",
)
FACTS = ("column_names", "class_names", "dates", "time_zone")


def _same(got: Any, want: Any, name: str) -> None:
    assert (got is None) == (want is None), name
    if want is not None:
        assert got.dtype == want.dtype, name
        assert got.shape == want.shape, name
        assert torch.equal(got, want), name


@pytest.fixture
def assert_same() -> Callable[..., None]:
    """``assert_same(got, want, *left_out)``: equal values, dtypes, units and names."""

    def compare(got: TemporalGraph, want: TemporalGraph, *left_out: str) -> None:
        for name in (*EVENTS, *NODES):
            if name not in left_out:
                _same(getattr(got, name), getattr(want, name), name)
        if "node_events" not in left_out:
            assert (got.node_events is None) == (want.node_events is None)
            if want.node_events is not None:
                for part in fields(want.node_events):
                    key = part.name
                    _same(getattr(got.node_events, key), getattr(want.node_events, key), key)
        if "node_names" not in left_out:
            assert (got.node_names is None) == (want.node_names is None)
            if want.node_names is not None:
                assert got.node_names.dtype == want.node_names.dtype
                assert got.node_names.tolist() == want.node_names.tolist()
        if "num_nodes" not in left_out:
            assert got.num_nodes == want.num_nodes
        assert got.time_unit == want.time_unit
        if "name" not in left_out:
            assert got.name == want.name
        for name in FACTS:
            if name not in left_out:
                assert getattr(got, name) == getattr(want, name), name

    return compare


@pytest.fixture
def events() -> TemporalGraph:
    """Events of every column, with ties, a self loop, parallel edges and an isolated node."""
    return TemporalGraph(
        [3, 0, 2, 0, 0, 1],
        [1, 1, 2, 1, 1, 0],
        [2**40, 7, 7, 7, -5, 2**40],
        edge_attr=torch.randn(6, 3),
        edge_y=torch.tensor([0, 1, 1, 0, 1, 0], dtype=torch.int8),
        edge_weight=torch.tensor([0.1, 1 / 3, 2, 4, 8, 16], dtype=torch.float64),
        edge_type=[0, 1, 0, 1, 0, 2],
        num_nodes=6,
        time_unit="ms",
        name="every column",
    )


@pytest.fixture
def full(events: TemporalGraph) -> TemporalGraph:
    """A graph with every column."""
    return TemporalGraph(
        *(events.src, events.dst, events.t),
        **{name: getattr(events, name) for name in EVENTS[3:]},
        x=torch.randn(6, 2),
        y=torch.arange(6),
        node_type=torch.tensor([0, 0, 1, 1, 2, 2], dtype=torch.int16),
        node_events={
            "node": [0, 5, 0],
            "t": [9, 3, 4],
            "x": torch.randn(3, 2, dtype=torch.bfloat16),
            "y": [0.5, 1.5, 2.5],
        },
        signal=torch.randn(5, 6, 2),
        signal_t=[0, 10, 20, 30, 45],
        signal_mask=torch.rand(5, 6, 2) > 0.3,
        node_names=np.array(["n a", "b", "ü", "007", "NA", '"q",']),
        time_unit="ms",
        name="full",
    )
