"""Train, validation and test nodes of a static graph."""

from __future__ import annotations

import inspect
from typing import TYPE_CHECKING, NamedTuple

import numpy as np
import torch
from torch import Tensor

from graphkit import registry
from graphkit.errors import GraphError

if TYPE_CHECKING:
    from graphkit.data import TemporalGraph

__all__ = ["NodeSplit", "given_split", "largest_component", "public_split", "random_split"]


class NodeSplit(NamedTuple):
    """Node ids (int64) of the three disjoint subsets."""

    train: Tensor
    val: Tensor
    test: Tensor


def public_split(graph: TemporalGraph) -> NodeSplit:
    """Return the split published with a data set.

    Raises:
        GraphError: The data set of the graph has no published split.
    """
    make = registry.get("dataset", graph.name) if graph.name in registry.names("dataset") else None
    split = getattr(make, "public_split", None)
    if split is None:
        known = [e.name for e in registry.entries("dataset") if hasattr(e.make, "public_split")]
        raise GraphError(
            "split",
            f"{graph.name or 'this graph'} comes with no split of its own",
            expected=f"a graph out of {', '.join(known)}",
            fix='Use split="random", or give three tensors of node ids.',
        )
    return NodeSplit(*split(graph))


def given_split(graph: TemporalGraph, subsets: tuple[Tensor, Tensor, Tensor]) -> NodeSplit:
    """Create a split from three lists of node ids.

    Raises:
        GraphError: An id is not a node, has no label or occurs twice, or the number of lists is not
            three.
    """
    if len(subsets) != 3:
        raise GraphError("split", "not three lists", expected="train, val, test", got=len(subsets))
    ids = [torch.as_tensor(subset, dtype=torch.int64).flatten() for subset in subsets]
    together = torch.cat(ids)
    if together.numel() and not 0 <= int(together.min()) <= int(together.max()) < graph.num_nodes:
        raise GraphError("split", "no such node", expected=f"ids below {graph.num_nodes}")
    for problem, wrong in (
        ("a node without a label", graph.y[together] < 0),
        ("a node is in it twice", torch.bincount(together)[together] > 1),
    ):
        if bool(wrong.any()):
            raise GraphError("split", problem, got=f"node {int(together[wrong][0])}")
    return NodeSplit(*ids)


def random_split(
    graph: TemporalGraph,
    *,
    train_per_class: int = 20,
    val_per_class: int | None = None,
    num_val: int = 500,
    num_test: int | None = 1000,
    within: Tensor | None = None,
    seed: int = 0,
) -> NodeSplit:
    """Draw the same number of training nodes for each class, and the other subsets from the rest.

    Args:
        graph: A graph with labels ``y`` ``[N]``; nodes with a negative label are excluded.
        train_per_class: Number of training nodes per class.
        val_per_class: Number of validation nodes per class; replaces ``num_val``.
        num_val: Number of validation nodes of any class.
        num_test: Number of test nodes; ``None`` for all remaining nodes.
        within: Ids of the nodes to draw from, int64, such as those of the largest component.
        seed: Seed of the draw.

    Raises:
        GraphError: A class, or the graph, has too few nodes.
    """
    draw = np.random.default_rng(seed)
    nodes = torch.arange(graph.num_nodes) if within is None else within
    nodes = nodes[graph.y[nodes] >= 0].numpy()
    shuffled = draw.permutation(nodes)
    labels = graph.y.numpy()[shuffled]
    needed = train_per_class + (val_per_class or 0)
    train, val = [], []
    for label in range(int(graph.y.max()) + 1):
        mine = shuffled[labels == label]
        if len(mine) == 0 and within is not None:
            continue  # no node of the class is in ``within``
        if len(mine) < needed:
            raise GraphError(
                "y",
                f"class {label} has too few nodes",
                expected=f"at least {needed}",
                got=len(mine),
                fix="Lower train_per_class or val_per_class.",
            )
        train.append(mine[:train_per_class])
        val.append(mine[train_per_class:needed])
    rest = shuffled[~np.isin(shuffled, np.concatenate(train + val))]
    if val_per_class is None:
        val, rest = [rest[:num_val]], rest[num_val:]
        if len(val[0]) < num_val:
            raise GraphError("num_val", "too few nodes", expected=num_val, got=len(val[0]))
    if num_test is not None and len(rest) < num_test:
        raise GraphError("num_test", "too few nodes are left", expected=num_test, got=len(rest))
    subsets = (np.concatenate(train), np.concatenate(val), rest[:num_test])
    return NodeSplit(*(torch.from_numpy(np.sort(subset)) for subset in subsets))


def largest_component(graph: TemporalGraph) -> Tensor:
    """Ids of the nodes of the largest weakly connected component, int64 in ascending order."""
    from scipy.sparse import coo_matrix
    from scipy.sparse.csgraph import connected_components

    n = graph.num_nodes
    entries = (np.ones(len(graph), dtype=np.int8), (graph.src.numpy(), graph.dst.numpy()))
    _, component = connected_components(coo_matrix(entries, shape=(n, n)), directed=False)
    return torch.from_numpy(np.flatnonzero(component == np.bincount(component).argmax()))


RANDOM_OPTIONS = frozenset(inspect.signature(random_split).parameters) - {"graph", "within", "seed"}
