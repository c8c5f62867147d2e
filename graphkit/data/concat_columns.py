"""Merging of columns of two graphs; names, classes, times and types must agree."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

import torch
from torch import Tensor

from graphkit.data.ticks import convert_ticks
from graphkit.errors import GraphError

if TYPE_CHECKING:
    from graphkit.data.temporal_graph import TemporalGraph

__all__ = ["alike", "later_times", "merged_classes", "merged_names"]


def merged_names(a: TemporalGraph, b: TemporalGraph) -> dict[str, tuple[str, ...]]:
    names = dict(a.column_names)
    for key, other in b.column_names.items():
        mine = names.setdefault(key, other)
        if mine != other and sorted(mine) != sorted(other):
            raise GraphError(
                f"column_names[{key!r}]",
                "the names of the columns differ",
                expected=list(mine),
                got=list(other),
                fix="Rename the columns of the table before it becomes a graph.",
            )
    return names


def merged_classes(
    a: TemporalGraph, b: TemporalGraph
) -> tuple[dict[str, tuple[Any, ...]], dict[str, Tensor]]:
    """Names of classes, those of the first graph first, and the new numbers of the classes of the
    second."""
    merged, renumber = dict(a.class_names), {}
    for key in dict.fromkeys([*a.class_names, *b.class_names]):
        if _labels(a, key) is None or _labels(b, key) is None:
            merged.setdefault(key, b.class_names.get(key, ()))
            continue
        mine, other = a.class_names.get(key), b.class_names.get(key)
        if mine is None or other is None:
            raise GraphError(
                f"class_names[{key!r}]",
                "one graph has names of classes and the other has not",
                fix="Pass class_names= to both, or to neither.",
            )
        names = list(dict.fromkeys([*mine, *other]))
        merged[key] = tuple(names)
        # One place more, so that -1, a label that is not known, stays -1.
        renumber[key] = torch.tensor([*(names.index(name) for name in other), -1]).to(a.device)
    return merged, renumber


def later_times(
    a: TemporalGraph, b: TemporalGraph, name: str, mine: Tensor, other: Tensor
) -> Tensor:
    """Times of the second graph in the unit of the first."""
    if not other.numel():
        return other.to(mine.dtype)
    if mine.numel() and mine.dtype != other.dtype:
        raise GraphError(
            name,
            "int64 times and float64 times cannot be mixed",
            expected=str(mine.dtype).removeprefix("torch."),
            got=str(other.dtype).removeprefix("torch."),
            fix="Build both graphs with times of one type.",
        )
    if a.time_unit == b.time_unit:
        return other
    dtype = str(other.dtype).removeprefix("torch.")
    values = convert_ticks(other.cpu().numpy(), b.time_unit, a.time_unit, dtype, name)
    return torch.from_numpy(values).to(other.device)


def alike(
    a: TemporalGraph,
    b: TemporalGraph,
    name: str,
    mine: Tensor,
    other: Tensor,
    names: Mapping[str, tuple[str, ...]],
    renumber: Tensor | None,
) -> Tensor:
    """A column of the second graph in the form of the first: checked, reordered, renumbered."""
    if mine.shape[1:] != other.shape[1:] or mine.dtype != other.dtype:
        raise GraphError(
            name,
            "the columns of the two graphs differ in width or type",
            expected=f"{mine.dtype} {['*', *mine.shape[1:]]}",
            got=f"{other.dtype} {['*', *other.shape[1:]]}",
        )
    given = b.column_names.get(name)
    if given is not None and given != names[name]:
        flat = other.reshape(len(other), len(given))
        other = flat[:, [given.index(c) for c in names[name]]].reshape(other.shape)
    return other if renumber is None else renumber[other.long()].to(other.dtype)


def _labels(graph: TemporalGraph, key: str) -> Any:
    if key.startswith("recordings."):
        return graph.recordings.get(key.partition(".")[2])
    if key == "y" and graph.y is None and graph.node_events is not None:
        return graph.node_events.y
    return getattr(graph, key)
