"""Coalescing of parallel events: one stable sort, then a reduction per group.

Shared by the snapshot and the static view.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from functools import cached_property
from typing import TYPE_CHECKING, NamedTuple

import numpy as np
import torch
from torch import Tensor
from torch_geometric.utils import segment

from graphkit.errors import GraphError

if TYPE_CHECKING:
    from graphkit.data.temporal_graph import TemporalGraph

__all__ = ["REDUCTIONS", "EdgeColumns", "Groups", "column_reductions", "group_events"]

REDUCTIONS = ("sum", "mean", "last", "count", "majority")


class EdgeColumns:
    """The edge columns of a graph, and their reductions when parallel edges are merged.

    Edges of different ``edge_type`` are not parallel.

    Args:
        graph: Graph with the events.
        reduce: Reduction of each column, from :func:`column_reductions`.
        symmetric: Whether to add the reverse of every event, directly after it.
        columns: Names of the columns to keep besides ``src`` and ``dst``; all of them if ``None``.
            Without ``edge_weight`` every event has weight 1.

    Attributes:
        repeats: Number of edges per event, 2 if ``symmetric``.
    """

    def __init__(
        self,
        graph: TemporalGraph,
        reduce: Mapping[str, str],
        symmetric: bool = False,
        columns: Sequence[str] | None = None,
    ) -> None:
        self._src, self._dst, self._type = graph.src, graph.dst, graph.edge_type
        self._num_nodes, self._reduce = graph.num_nodes, reduce
        self._values = {name: getattr(graph, name) for name in reduce}
        self.repeats = 2 if symmetric else 1
        if columns is not None:
            self._type = self._type if "edge_type" in columns else None
            self._values = {n: v if n in columns else None for n, v in self._values.items()}
        if symmetric:
            ends = torch.stack([self._src, self._dst], dim=1)
            self._src, self._dst = ends.flatten(), ends.flip(1).flatten()
            self._type = None if self._type is None else self._type.repeat_interleave(2)
            self._values = {
                n: None if v is None else v.repeat_interleave(2, 0) for n, v in self._values.items()
            }

    def group(self, interval: Tensor | None = None, num_intervals: int = 1) -> Groups:
        """Group parallel events within each interval.

        Args:
            interval: Interval of each event, int64 ``[E]``; the tensor is overwritten.
            num_intervals: Number of intervals.
        """
        columns = [(self._src, self._num_nodes), (self._dst, self._num_nodes)]
        if interval is not None:
            if self.repeats > 1:
                interval = interval.repeat_interleave(self.repeats)
            columns.insert(0, (interval, num_intervals))
        if self._type is not None and self._type.numel():
            low, high = self._type.aminmax()
            columns.append((self._type.to(torch.int64) - low, int(high) - int(low) + 1))
        return group_events(columns, reuse=interval is not None)

    def reduced(self, groups: Groups) -> dict[str, Tensor]:
        """Edge columns of the merged events.

        Returns:
            ``edge_index`` int64 ``[2, P]``, ``edge_weight`` ``[P]`` and, if the graph has them,
            ``edge_type``, ``edge_attr`` and ``edge_y`` ``[P, ...]``.
        """
        edge_index = self._src.new_empty(2, groups.num_groups)
        groups.value(self._src, out=edge_index[0])
        groups.value(self._dst, out=edge_index[1])
        out = {"edge_index": edge_index}
        if self._type is not None:
            out["edge_type"] = reduce_groups(self._type, groups, "last")
        for name, how in self._reduce.items():
            values = self._values[name]
            if name == "edge_weight" or (values is not None and how != "count"):
                out[name] = reduce_groups(values, groups, how)
        return out


class Groups:
    """Events sorted so that equal events are adjacent, in input order within each group.

    Attributes:
        order: The sorting permutation, int64 ``[E]``.
        first: Position of the first event of each group in the sorted order, int64 ``[P]``.
    """

    def __init__(self, order: Tensor, ranked: Tensor, fields: Sequence[_Field]) -> None:
        self.order, self._ranked, self._fields = order, ranked, fields
        new = torch.ones(order.numel(), dtype=torch.bool, device=order.device)
        torch.ne(ranked[1:], ranked[:-1], out=new[1:])
        self.first = _positions(new)

    @property
    def num_events(self) -> int:
        """Number of events, ``E``."""
        return self.order.numel()

    @property
    def num_groups(self) -> int:
        """Number of groups, ``P``."""
        return self.first.numel()

    def sizes(self, dtype: torch.dtype = torch.int64) -> Tensor:
        """Number of events in each group, ``[P]``."""
        if self.num_groups == self.num_events:
            return torch.ones_like(self.first, dtype=dtype)
        sizes = torch.empty_like(self.first, dtype=dtype)
        torch.sub(self.first[1:], self.first[:-1], out=sizes[:-1])
        sizes[-1] = self.num_events - self.first[-1]
        return sizes

    def value(self, column: Tensor, out: Tensor) -> None:
        """Write the value of each group in one of the grouping columns into ``out``."""
        lead = self._ranked if self.num_groups == self.num_events else self._lead_key
        for field in self._fields:
            if field.column is column:  # shifts stream through memory, a gather would not
                torch.bitwise_right_shift(lead, field.shift, out=out)
                out.bitwise_and_(field.mask)
                return
        torch.index_select(column, 0, self.order.index_select(0, self.first), out=out)

    @cached_property
    def _lead_key(self) -> Tensor:
        return self._ranked.index_select(0, self.first)

    def before(self, position: int) -> Groups:
        """The groups of the events whose input position is below ``position``; ``O(E)``."""
        past = self.order < position
        return Groups(self.order[past], self._ranked[past], self._fields)


class _Field(NamedTuple):
    """Position of a column in the bits of a key."""

    column: Tensor
    shift: int
    mask: int


def group_events(columns: Sequence[tuple[Tensor, int]], *, reuse: bool = False) -> Groups:
    """Group equal events with one stable sort.

    The columns are packed into the bits of one int64 key. If they do not fit, they are packed into
    as few keys as possible and the keys are sorted from the least to the most significant, each
    time stably.

    Args:
        columns: Pairs ``(values, size)``, most significant first; the values are int64 ``[E]`` in
            ``0 .. size - 1``.
        reuse: Whether the first column may be overwritten.
    """
    keys: list[Tensor] = []
    fields: list[_Field] = []
    left = 0  # bits that the last key can still take
    for values, size in columns:
        bits = (size - 1).bit_length()
        if not keys or bits > left:
            keys.append(values)
            own, left = reuse and len(keys) == 1, 63 - bits
        else:
            key = keys[-1].bitwise_left_shift_(bits) if own else keys[-1] << bits
            keys[-1] = key.bitwise_or_(values)
            own, left = True, left - bits
        fields = [_Field(f.column, f.shift + bits, f.mask) for f in fields]
        fields.append(_Field(values, 0, (1 << bits) - 1))
    if len(keys) == 1:
        ranked, order = torch.sort(keys[0], stable=True)
        return Groups(order, ranked, fields)
    order = torch.arange(keys[0].numel(), device=keys[0].device)
    for key in reversed(keys):
        order = order.index_select(0, torch.sort(key.index_select(0, order), stable=True)[1])
    new = torch.zeros(order.numel(), dtype=torch.bool, device=order.device)
    for key in keys:
        ranked = key.index_select(0, order)
        new[1:] |= ranked[1:] != ranked[:-1]
    return Groups(order, new.cumsum(0), [])


def reduce_groups(values: Tensor | None, groups: Groups, reduce: str) -> Tensor:
    """Reduce a column over groups of events.

    Args:
        values: The column, ``[E, ...]``, in input order; ``None`` counts as a column of ones.
        groups: The groups.
        reduce: ``"sum"``, ``"mean"``, ``"last"`` (in input order), ``"count"``, or ``"majority"``:
            the most frequent value of a column of non-negative integers, and the lowest of equally
            frequent values.

    Returns:
        ``[P, ...]``. Last values, and sums and means of floating-point columns, keep the dtype of
        the column. Sums of integers are int64. Means of integers, counts, and sums with
        ``values=None`` have the default float dtype.
    """
    if reduce == "count" or (values is None and reduce == "sum"):
        return groups.sizes(torch.get_default_dtype())
    if values is None:
        return torch.ones(groups.num_groups, device=groups.order.device)
    ends = torch.cat([groups.first, groups.first.new_tensor([groups.num_events])])
    if reduce == "last":
        return values.index_select(0, groups.order.index_select(0, ends[1:] - 1))
    if reduce == "majority":
        return _majority(values, groups)
    if reduce == "mean" and not values.is_floating_point():
        values = values.to(torch.get_default_dtype())
    elif not values.is_floating_point():  # as torch.sum does, so that no small type overflows
        values = values.to(torch.int64)
    ranked = values.index_select(0, groups.order)
    if groups.num_groups == groups.num_events:
        return ranked
    if ranked.is_floating_point():
        return segment(ranked, ends, reduce=reduce)
    group = torch.repeat_interleave(groups.sizes())
    return ranked.new_zeros(groups.num_groups, *ranked.shape[1:]).index_add_(0, group, ranked)


def _majority(values: Tensor, groups: Groups) -> Tensor:
    if values.dim() != 1 or values.is_floating_point() or values.dtype == torch.bool:
        raise GraphError(
            "reduce",
            "'majority' goes with classes",
            expected="integers [E]",
            got=f"{values.dtype} {list(values.shape)}",
        )
    if values.numel() == 0:
        return values
    low = values.min()
    num_classes = int(values.max() - low) + 1
    group = torch.repeat_interleave(groups.sizes())
    key = group * num_classes + (values.index_select(0, groups.order) - low)
    count = torch.bincount(key, minlength=groups.num_groups * num_classes)
    return count.view(groups.num_groups, num_classes).argmax(1).to(values.dtype) + low


def _positions(mask: Tensor) -> Tensor:
    """Positions at which a mask is true, int64 ``[P]``."""
    if mask.device.type == "cpu":  # numpy is five times as fast at this
        return torch.from_numpy(np.flatnonzero(mask.numpy()))
    return mask.nonzero().flatten()


def column_reductions(reduce: str | Mapping[str, str]) -> dict[str, str]:
    """Reduction of each edge column.

    A single name applies to ``edge_weight`` and ``edge_attr``; a mapping sets each of them. Labels
    (``edge_y``) keep the last value unless the mapping contains another reduction.

    Raises:
        GraphError: A reduction or a column is unknown.
    """
    chosen = {"edge_weight": "sum", "edge_attr": "sum", "edge_y": "last"}
    if isinstance(reduce, str):
        chosen.update(edge_weight=reduce, edge_attr=reduce)
    elif isinstance(reduce, Mapping) and not set(reduce) - set(chosen):
        chosen.update(reduce)
    else:
        raise GraphError(
            "reduce",
            f"{reduce!r} names no reduction",
            expected=f"one of {', '.join(REDUCTIONS)}, or a dict with keys {', '.join(chosen)}",
        )
    for column, name in chosen.items():
        if name not in REDUCTIONS:
            raise GraphError(
                "reduce",
                f"there is no reduction {name!r} (for {column})",
                expected=f"one of {', '.join(REDUCTIONS)}",
            )
    return chosen
