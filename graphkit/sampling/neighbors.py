"""Temporal neighbours: the most recent events or a uniform draw, exact for any query time."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Literal, NamedTuple

import torch
from torch import Tensor

from graphkit.checks import check_choice
from graphkit.errors import GraphError
from graphkit.ops.counter_rng import integers

if TYPE_CHECKING:
    from graphkit.data import TemporalGraph

__all__ = ["NeighborSampler", "Neighbors"]

_TAG = 0x4E42  # keeps these draws apart from other uses of the same seed


class Neighbors(NamedTuple):
    """Sampled events of each queried node, oldest first, padded on the left.

    ``Q`` is the shape of the query, which may have any number of dimensions.

    Attributes:
        node: int64 ``[Q, k]``, the node at the other end of the event; -1 in empty slots.
        time: ``[Q, k]``, time of the event, in the dtype of the graph's times; 0 in empty slots.
        event_id: int64 ``[Q, k]``, ``graph.event_id`` of the event (the row of
            ``graph.tables.edge_attr``); -1 in empty slots.
        mask: bool ``[Q, k]``, true where the slot holds an event.
    """

    node: Tensor
    time: Tensor
    event_id: Tensor
    mask: Tensor


class NeighborSampler:
    r"""Samples the temporal neighbours of many (node, time) queries in one vectorised call.

    A query :math:`(v, t)` returns events of :math:`v` that are **strictly earlier than** :math:`t`.
    An event at exactly :math:`t` is excluded regardless of its position in the input, and so is an
    event of the same batch that has the same time. Queries may have any :math:`t`, in any order:
    there is no state to advance and nothing to reset between epochs (unlike the ring buffers of
    streaming samplers, which answer only for the current time). Searches use the time-sorted events
    and the key of :class:`~graphkit.data.csr.TemporalCSR`, without loops over queries, nodes or
    events.

    The sampler returns **only events of the graph it is built on**. Built on a slice
    (``graph.split().train``), it returns neither earlier nor later events; build it on the whole
    graph if later queries need the full past (queries never return future events in either case).

    * ``"recent"``: the ``k`` latest events. Of equal times, later events in storage order win.
    * ``"uniform"``: ``k`` events drawn uniformly from the whole past (or the window). Without
      replacement (the default), a node with at most ``k`` events returns each of them once; with
      ``replace=True`` all ``k`` slots are filled if there is at least one event, as in DyGLib. A
      draw is a pure function of (seed, epoch, hop, node, time, slot): it does not depend on the
      batch that contains the query, and equal queries return equal results.

    Events are drawn, not distinct neighbours: a neighbour with several events may occur repeatedly.

    Args:
        graph: A :class:`~graphkit.TemporalGraph`. Queries must be on its device.
        num_neighbors: ``k``, or a list with one ``k`` per hop. Hop ``h + 1`` queries each sampled
            neighbour at the time of the event that led to it (as in TGAT and DyGLib).
        strategy: ``"recent"`` or ``"uniform"``.
        window: Length of the past that a query covers: a duration (``"1d"``, converted to
            ``graph.time_unit``) or a number of ticks. Events with ``t - window <= time < t`` are
            returned. On later hops the window is relative to the query time of that hop.
        seed: Seed of the uniform draws.
        replace: Draw with replacement (``"uniform"`` only).
        direction: ``"both"`` makes an event a neighbour entry of both its ends, ``"out"`` of its
            source only (neighbours are destinations), ``"in"`` of its destination only (neighbours
            are sources). The direction is the same on all hops.

    Raises:
        GraphError: A ``num_neighbors`` is not positive, the window is invalid, or the direction is
            unknown.
        UnknownNameError: The strategy is unknown.
    """

    def __init__(
        self,
        graph: TemporalGraph,
        num_neighbors: int | Sequence[int] = 20,
        strategy: Literal["recent", "uniform"] = "recent",
        *,
        window: str | int | float | None = None,
        seed: int = 0,
        replace: bool = False,
        direction: Literal["both", "out", "in"] = "both",
    ) -> None:
        check_choice(strategy, "strategy", ("recent", "uniform"))
        many = isinstance(num_neighbors, (list, tuple))
        sizes = list(num_neighbors) if many else [num_neighbors]
        if not sizes or any(isinstance(k, bool) or not isinstance(k, int) or k < 1 for k in sizes):
            raise GraphError(
                "num_neighbors",
                "not a number of neighbours",
                expected="an integer >= 1, or a list with one per hop",
                got=num_neighbors,
            )
        self.num_neighbors = sizes
        self._many = many
        self.strategy, self.seed, self.replace, self.direction = strategy, seed, replace, direction
        self._fill = strategy == "uniform" and replace
        self.epoch = 0
        self._csr = graph.csr.directed(direction)
        self._floating = self._csr.t.is_floating_point()
        self.window = None
        if window is not None:
            self.window = graph.time_unit.ticks(window, whole=not self._floating)
        start, stop = graph.event_range
        self._start = torch.tensor(start, device=self._csr.t.device) if start > 0 else None
        self._stop = stop if stop < self._csr.t.numel() else None
        ids = graph.columns.event_id
        rows = torch.arange(ids.numel(), device=ids.device)
        self._event_id = None if torch.equal(ids, rows) else ids
        self._empty, self._mask = {}, {}
        for k in self.num_neighbors:
            # row n: the slots of a node for which n events are found, right-aligned
            slot = torch.arange(k, device=ids.device)
            self._mask[k] = slot >= k - torch.arange(k + 1, device=ids.device).unsqueeze(1)
            self._empty[k] = self._mask[k].long() - 1
        names = ("neighbor", "time", "key")
        if strategy == "recent":
            self._windows = {
                k: [self._csr.windows(name, k) for name in names] for k in self.num_neighbors
            }
        else:
            # windows of one: entry i - 1 in row i, so that row 0 serves the empty slots
            self._columns = [self._csr.windows(name, 1).squeeze(1) for name in names]

    def reset(self, epoch: int = 0) -> None:
        """Set the epoch of the uniform draws; recent neighbours do not depend on it."""
        self.epoch = epoch

    def sample(self, nodes: Tensor, t: Tensor) -> Neighbors | list[Neighbors]:
        r"""Sample the neighbours of ``nodes`` from the events strictly before ``t``.

        Args:
            nodes: int64 :math:`(*)`, any shape; -1 returns an empty row.
            t: Query times, of the same shape or of one that broadcasts to it (``[B, 1]`` for ``[B,
                C]`` candidates: each time is then searched once), int64 or float64. A graph with
                int64 times accepts float64 query times.

        Returns:
            :class:`Neighbors` of shape :math:`(*, k)`; with a list of ``num_neighbors``, one per
            hop, of shapes :math:`(*, k_1)`, :math:`(*, k_1, k_2)` and so on.

        Raises:
            GraphError: An id is outside ``-1..N-1`` or a time is NaN (both are checked on the CPU;
                on a GPU, where the check would synchronise the device, a bad id is a device
                assertion and a NaN returns no events), times have less than 64 bits, or shapes do
                not match.
        """
        t = self._query_time(t)
        if nodes.dtype != torch.int64:
            raise GraphError("nodes", "ids must be int64", got=str(nodes.dtype), fix="Use .long().")
        if t.shape != nodes.shape:
            try:
                t.expand_as(nodes)
            except RuntimeError:
                raise GraphError(
                    "t",
                    "one time per node is needed",
                    expected=f"a shape that broadcasts to {list(nodes.shape)}",
                    got=list(t.shape),
                ) from None
        if nodes.device.type == "cpu":
            self._check(nodes, t)
        hops = []
        for hop, size in enumerate(self.num_neighbors):
            if hop:
                nodes, t = hops[-1].node, hops[-1].time
            hops.append(self._sample_hop(nodes, t, size, hop))
        return hops if self._many else hops[0]

    def _sample_hop(self, nodes: Tensor, t: Tensor, size: int, hop: int) -> Neighbors:
        shape = (*nodes.shape, size)
        begin, end = self._rows(nodes, t)
        count = end - begin
        if self.strategy == "recent":
            # Row i of a window view holds the k entries that end before entry i: one contiguous
            # copy per query; the part before the node's own row is masked afterwards.
            columns, rows = self._windows[size], end
        else:
            offset = self._draw(nodes.reshape(-1), t.expand_as(nodes).reshape(-1), count, size, hop)
            columns, rows = self._columns, (begin.unsqueeze(1) + offset).add_(1).view(-1)
        node, time, event = (c.index_select(0, rows) for c in columns)
        if self.strategy == "uniform":
            node, time, event = (v.view(-1, size) for v in (node, time, event))
        event.bitwise_and_((1 << self._csr.bits) - 1)  # the position of the event, from its key
        if self._event_id is not None:
            event = self._event_id.index_select(0, event.view(-1)).view(-1, size)
        # -1 is all bits set: "or" writes the padding id, "and not" the zero of either dtype of
        # time, each in a third of the time of a masked fill. Padding depends on the count alone.
        filled = (count > 0).long().mul_(size) if self._fill else count.clamp_(max=size)
        empty = self._empty[size].index_select(0, filled)
        mask = self._mask[size].index_select(0, filled)
        node.bitwise_or_(empty)
        event.bitwise_or_(empty)
        time.view(torch.int64).bitwise_and_(empty.bitwise_not_())
        if len(shape) != 2:
            node, time, event, mask = (v.view(shape) for v in (node, time, event, mask))
        return Neighbors(node, time, event, mask)

    def _rows(self, nodes: Tensor, t: Tensor) -> tuple[Tensor, Tensor]:
        """First entry in the range of each query, and one past the last: int64 [Q], flat."""
        csr = self._csr
        last = csr.position(t)  # once per given time, before broadcasting to the nodes
        if self._floating and t.device.type != "cpu":
            last = last.masked_fill(t.isnan(), 0)
        if self._stop is not None:
            last = last.clamp_(max=self._stop)
        end = csr.entry(nodes, last).view(-1)
        if self._start is None and self.window is None:
            return csr.indptr.index_select(0, nodes.reshape(-1).clamp(min=0)), end
        if self.window is None:
            first = self._start
        else:
            first = csr.position(t - self.window)
            if self._start is not None:
                first = torch.maximum(first, self._start)
        return csr.entry(nodes, torch.minimum(first, last)).view(-1), end

    def _draw(self, nodes: Tensor, t: Tensor, count: Tensor, size: int, hop: int) -> Tensor:
        """Offsets into each query's events, increasing, -1 for empty slots: int64 [Q, k]."""
        if self._floating:
            t = (t + 0.0).view(torch.int64)  # the bits; + 0.0 makes one zero of two
        slot = torch.arange(size, device=nodes.device).unsqueeze(1)  # [k, 1]: slots are rows here
        key = (_TAG, self.seed, self.epoch, hop, nodes, t, slot)
        if self.replace:
            offset = integers(count, *key).masked_fill_(count < 1, -1)
            return offset.t().contiguous().sort(dim=1).values
        # Floyd's sample without replacement: slot j draws from 0..n-k+j and takes n-k+j itself if
        # the draw is already taken. The steps depend on one another, so there is a loop over the k
        # slots; each step is vectorised over the queries. For n < k the first k-n slots stay empty.
        top = slot + (count - size)
        draw = integers(top + 1, *key).masked_fill_(top < 0, -1)
        top.clamp_(min=-1)
        offset = draw.clone()
        for j in range(1, size):
            taken = (offset[:j] == draw[j]).any(dim=0)
            torch.where(taken, top[j], draw[j], out=offset[j])
        return offset.t().contiguous().sort(dim=1).values

    def _query_time(self, t: Tensor) -> Tensor:
        if t.dtype in (torch.float16, torch.bfloat16, torch.float32):
            raise GraphError(
                "t",
                "a query time of less than 64 bits has lost digits",
                expected="int64 or float64",
                got=str(t.dtype),
                fix="Keep times as the graph has them.",
            )
        if self._floating:
            return t.double()
        if t.dtype == torch.float64:  # time < 5.5 holds for whole times exactly if time < 6 does
            if t.device.type == "cpu" and bool(t.isnan().any()):
                raise _nan_error(t)
            bound = 2.0**62
            return t.nan_to_num(-bound).clamp(-bound, bound).ceil().long()
        return t.long()

    def _check(self, nodes: Tensor, t: Tensor) -> None:
        if not nodes.numel():
            return
        low, high = torch.aminmax(nodes)
        if int(low) < -1 or int(high) >= self._csr.num_nodes:
            bad = (nodes < -1) | (nodes >= self._csr.num_nodes)
            row = int(bad.reshape(-1).nonzero()[0])
            raise GraphError(
                "nodes",
                "no such node",
                row=row,
                expected=f"ids in 0..{self._csr.num_nodes - 1}, or -1 for none",
                got=int(nodes.reshape(-1)[row]),
            )
        if self._floating and bool(t.isnan().any()):
            raise _nan_error(t)

    def __repr__(self) -> str:
        sizes = self.num_neighbors if self._many else self.num_neighbors[0]
        window = "" if self.window is None else f", window={self.window}"
        return f"NeighborSampler({sizes}, strategy={self.strategy!r}{window})"


def _nan_error(t: Tensor) -> GraphError:
    row = int(t.reshape(-1).isnan().nonzero()[0])
    return GraphError("t", "a query time is NaN", row=row, expected="a time")
