"""Graphs of events with awkward labels, and whether two of them are the same."""

from __future__ import annotations

from typing import Any

import torch

from benchmarks.reliability._case import Case
from graphkit import TemporalGraph

__all__ = ["LABELS", "check_same", "random_graph"]

_BIG = 2**53
LABELS: list[Any] = [
    1, 2, 7, 0, -1, _BIG, _BIG + 1, 2**63 - 1, 2**63, 2**64 - 1, "1", "7", "007", "a", "b", "A",
    "", " a", "NA", "nan", "None", "null", "é", "e\u0301", "a\x00", "a\rb", "a\nb", 'q"', "x,y",
    1.5, 2.0, ("u", 1), b"raw",
]  # fmt: skip
"""Labels that are easily taken for one another, for a missing one or for a number."""


def random_graph(case: Case, *, named: bool | None = None) -> tuple[TemporalGraph, Any]:
    """A graph of events with some of the columns; its labels too."""
    rows, nodes = case.draw.randint(1, 3 * case.size), case.draw.randint(2, 8)
    src, dst = case.integers(0, nodes, rows), case.integers(0, nodes, rows)
    t = case.integers(0, 9, rows).cumsum(0) + case.draw.choice([0, 2**40, -(2**62)])
    names = None
    if named or (named is None and case.chance(0.6)):
        texts = [x for x in LABELS if isinstance(x, str) and x.strip()]
        names = case.draw.sample(texts if case.chance(0.5) else list(range(-4, 50)), nodes)
    options: dict[str, Any] = {"num_nodes": nodes, "node_names": names, "name": "drawn"}
    if case.chance(0.5):
        options["edge_attr"] = torch.randn(rows, 2, generator=case.torch)
    if case.chance(0.5):
        options["edge_weight"] = torch.rand(rows, generator=case.torch, dtype=torch.float64)
    if case.chance(0.3):
        options["edge_y"] = case.integers(0, 3, rows)
    if case.chance(0.3):
        options["edge_type"] = case.integers(0, 4, rows)
    if case.chance(0.4):
        options["time_unit"] = case.draw.choice(["ms", "step", "d"])
    return TemporalGraph(src, dst, t if case.chance(0.7) else t.double() / 8, **options), names


def check_same(case: Case, graph: TemporalGraph, again: TemporalGraph) -> None:
    """Fail unless two graphs of events have the same columns and facts."""
    for name in ("src", "dst", "t", "edge_attr", "edge_weight", "edge_y", "edge_type"):
        a, b = getattr(graph, name), getattr(again, name)
        same = a is None and b is None
        if a is not None and b is not None:
            same = a.dtype == b.dtype and torch.equal(a, b)
        case.check(same, f"{name}: {a} became {b}")
    a, b = (None if g.node_names is None else g.node_names.tolist() for g in (graph, again))
    case.check(a == b, f"labels {a} became {b}")
    for name in ("num_nodes", "time_unit", "name"):
        a, b = getattr(graph, name), getattr(again, name)
        case.check(a == b, f"{name}: {a} became {b}")
