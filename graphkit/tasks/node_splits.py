"""Which nodes of a static graph teach, which choose the epoch, and which test."""

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
    """Node ids, int64, of the three subsets; no node is in two of them."""

    train: Tensor
    val: Tensor
    test: Tensor


def public_split(graph: TemporalGraph) -> NodeSplit:
    """The split that was published with a data set.

    Raises:
        GraphError: The graph is of no data set that has one.
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
    """A split from three lists of node ids.

    Raises:
        GraphError: An id is no node, has no label or occurs twice, or there are not three lists.
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
    """Equally many training nodes of each class; the others are drawn from the rest.

    Args:
        graph: With labels ``y`` ``[N]``; nodes with a negative label are left out.
        train_per_class: Training nodes of each class.
        val_per_class: Validation nodes of each class; takes the place of ``num_val``.
        num_val: Validation nodes, of any class.
        num_test: Test nodes, ``None`` for all that are left.
        within: int64, the only nodes that take part, such as those of the largest component.
        seed: Of the draw.

    Raises:
        GraphError: A class, or the whole, has too few nodes.
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
            continue  # no node of the class is among those that take part
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
    """int64 ids, ascending, of the nodes of the largest weakly connected component."""
    from scipy.sparse import coo_matrix
    from scipy.sparse.csgraph import connected_components

    n = graph.num_nodes
    entries = (np.ones(len(graph), dtype=np.int8), (graph.src.numpy(), graph.dst.numpy()))
    _, component = connected_components(coo_matrix(entries, shape=(n, n)), directed=False)
    return torch.from_numpy(np.flatnonzero(component == np.bincount(component).argmax()))


RANDOM_OPTIONS = frozenset(inspect.signature(random_split).parameters) - {"graph", "within", "seed"}
