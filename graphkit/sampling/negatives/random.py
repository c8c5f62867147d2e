"""Random negatives: destinations drawn uniformly from a pool."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Literal

import torch
from torch import Tensor

from graphkit.errors import GraphError
from graphkit.ops.counter_rng import integers
from graphkit.registry import register
from graphkit.sampling.negatives.record import fingerprint
from graphkit.sampling.negatives.true_events import Exclusions, TrueEvents

if TYPE_CHECKING:
    from graphkit.data import EventBatch, TemporalGraph

__all__ = ["RandomNegatives"]

_TAG = 0x52414E44


@register("negatives", "random")
class RandomNegatives:
    r"""Destinations drawn uniformly from all destinations of the graph.

    For an event :math:`(u, v, t)` every pool member :math:`w` is equally likely, except those for
    which :math:`(u, w, t)` is an event of ``graph`` (including :math:`v` itself): these are never
    drawn unless ``allow_true`` is set. Negatives keep the source and the time of their event.
    Columns are independent draws, so a destination may occur twice in a row.

    The draw of column :math:`c` is a pure function of (seed, epoch, event id, :math:`c`). It does
    not depend on the batching or the order of events, or on the process that draws.

    The pool consists of the *destinations*, not of all nodes: on a bipartite stream all nodes would
    include users as candidate items, which any model can tell apart.

    Args:
        graph: The true events; their destinations form the pool. Every event of a sampled batch
            must be one of them. Default: the whole graph that ``train`` is a slice of.
        train: The training subset (only used if ``graph`` is not given).
        seed: Seed.
        pool: ``"destinations"`` of ``graph``, all ``"nodes"``, or an int64 tensor of node ids.
        allow_true: Draw from the whole pool, including true destinations.

    Raises:
        GraphError: The pool is empty, repeats a node or contains a node that does not exist.
    """

    def __init__(
        self,
        graph: TemporalGraph | None = None,
        *,
        train: TemporalGraph | None = None,
        seed: int = 0,
        pool: Literal["destinations", "nodes"] | Tensor = "destinations",
        allow_true: bool = False,
    ) -> None:
        self.truth = TrueEvents.of(graph, train)
        self.seed, self.epoch, self.allow_true = seed, 0, allow_true
        csr = self.truth.csr
        if isinstance(pool, Tensor):
            self._drawn_from = "a given list of nodes"
            self._pool = _as_pool(pool.to(csr.dst.device), csr.num_nodes)
        elif pool == "destinations":
            self._drawn_from = f"distinct destinations of {csr.dst.numel()} events"
            self._pool = csr.dst.unique()
        elif pool == "nodes":
            self._drawn_from = "all nodes"
            self._pool = torch.arange(csr.num_nodes, device=csr.dst.device)
        else:
            raise GraphError(
                "pool", "not a pool", expected="'destinations', 'nodes' or a tensor", got=repr(pool)
            )
        self._exclusions = None
        if not allow_true:
            group, dst = self.truth.members()
            size = self._pool.numel()
            index = torch.searchsorted(self._pool, dst).clamp_(max=size - 1)
            inside = self._pool[index] == dst
            self._exclusions = Exclusions(group[inside], index[inside], self.truth.num_groups, size)
        self._sha256: str | None = None

    def reset(self, epoch: int = 0) -> None:
        """Set the epoch of the draws."""
        self.epoch = epoch

    def sample(self, batch: EventBatch, num: int = 1) -> Tensor:
        """Draw negatives.

        Args:
            batch: ``B`` events of the graph, on any device (a batch on another device is copied to
                the graph's device and the result back). One call for many events is cheaper than
                many calls, and gives the same draws.
            num: Number of negatives per event.

        Returns:
            int64 ``[B, num]`` on the device of the batch.

        Raises:
            GraphError: An event is not an event of the graph (its true destinations are unknown),
                or every pool member is a true destination of its source at its time.
        """
        device = self._pool.device
        event_id = batch.event_id.to(device)
        group = None
        if not self.allow_true:
            group = known_groups(self.truth, batch)
        return self.draw(event_id, group, num).to(batch.src.device)

    def draw(self, event_id: Tensor, group: Tensor | None, num: int, tag: int = _TAG) -> Tensor:
        """Draw negatives of events with known groups: int64 ``[B, num]``; see :meth:`sample`."""
        column = torch.arange(num, device=event_id.device)
        key = (tag, self.seed, self.epoch, event_id.unsqueeze(1), column)
        size = self._pool.numel()
        if self._exclusions is None or group is None:
            return self._pool[integers(size, *key)]
        left = size - self._exclusions.count(group)
        if self._exclusions.most >= size and bool((left < 1).any()):
            row = int((left < 1).nonzero()[0])
            raise GraphError(
                "dst",
                "every destination of the pool is a true one of this source at this time",
                row=row,
                expected="at least one destination left to draw",
                fix="Pass pool='nodes' or a longer list, or allow_true=True.",
            )
        return self._pool[self._exclusions.skip(group, integers(left.unsqueeze(1), *key))]

    @property
    def pool(self) -> dict[str, Any]:
        """Source of the negatives, as plain values for the record of a result."""
        if self._sha256 is None:
            self._sha256 = fingerprint(self._pool)
        return {
            "kind": "random",
            "size": self._pool.numel(),
            "seed": self.seed,
            "drawn_from": self._drawn_from,
            "allow_true": self.allow_true,
            "sha256": self._sha256,
        }

    def __repr__(self) -> str:
        return f"RandomNegatives({self._pool.numel()} {self._drawn_from}, seed={self.seed})"


def known_groups(truth: TrueEvents, batch: EventBatch) -> Tensor:
    """The (source, time) group of each event of a batch; raises if an event is unknown."""
    device = truth.csr.t.device
    if batch.t.dtype != truth.csr.t.dtype:
        raise GraphError(
            "t",
            "the batch counts time in another type than the graph",
            expected=str(truth.csr.t.dtype),
            got=str(batch.t.dtype),
        )
    group = truth.group(batch.src.to(device), batch.t.to(device))
    unknown = group < 0
    if bool(unknown.any()):
        row = int(unknown.nonzero()[0])
        raise GraphError(
            "batch",
            "this event is not in the graph that negatives are drawn for, so that a negative might "
            "be a true event",
            row=row,
            got=f"source {int(batch.src[row])} at time {batch.t[row].item()}",
            fix="Build the negatives with graph= the whole graph, or pass allow_true=True.",
        )
    return group


def _as_pool(pool: Tensor, num_nodes: int) -> Tensor:
    if pool.dtype != torch.int64 or pool.dim() != 1 or pool.numel() == 0:
        raise GraphError(
            "pool",
            "not a list of nodes",
            expected="int64, shape [P], P >= 1",
            got=f"{pool.dtype}, {list(pool.shape)}",
        )
    pool = pool.sort().values
    if int(pool[0]) < 0 or int(pool[-1]) >= num_nodes:
        bad = pool[0] if int(pool[0]) < 0 else pool[-1]
        raise GraphError("pool", "no such node", expected=f"0..{num_nodes - 1}", got=int(bad))
    twice = pool[1:] == pool[:-1]
    if bool(twice.any()):
        raise GraphError("pool", "a node is listed twice", got=int(pool[1:][twice][0]))
    return pool
