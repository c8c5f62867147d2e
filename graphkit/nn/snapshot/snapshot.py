r"""One snapshot as the models eat it: normalised adjacency, features, who is active.

.. math::
    \hat{A} = \tilde{D}^{-1/2} (A + I) \tilde{D}^{-1/2}, \qquad
    \tilde{D} = \mathrm{diag}((A + I) \mathbf{1})

where an edge from u to v is the entry in row v and column u of A, as in PyG
(``flow="source_to_target"``: v gathers from u), or in row u and column v
(``flow="target_to_source"``, as in the code of EvolveGCN). It is computed once per snapshot, and
so is its product with one-hot features, after which the first convolution of a model is one product
of a sparse matrix with the weight.
"""

from __future__ import annotations

import functools
from dataclasses import dataclass, fields
from typing import Any

import torch
from torch import Tensor

from graphkit.checks import check_choice
from graphkit.errors import GraphError
from graphkit.ops.csr import CSR
from graphkit.ops.csr_matmul import csr_matmul
from graphkit.ops.edges import check_edges

__all__ = ["FLOWS", "Snapshot", "as_snapshot", "check_flow", "out_degree"]

FLOWS = ("source_to_target", "target_to_source")
"""Which way messages go along an edge, in PyG's words; the first is the default, here as there."""


@dataclass(frozen=True)
class Snapshot:
    """A snapshot of ``n`` rows, ready for a model.

    Attributes:
        x: Features: float ``[n, d]``; or int64 ``[n]``, the column of the 1 in a one-hot row.
        edge_index: int64 ``[2, E]`` without self loops, sources and targets.
        edge_coef: ``[E]``, the entries of the normalised adjacency off its diagonal.
        self_coef: ``[n]``, its diagonal.
        active: bool ``[n]``, the nodes that take part (an edge at either end, unless given).
        position: int64 ``[N]``, the row of each node, where rows and nodes differ; otherwise None.
        size: int64 ``[n]``, how many nodes share a row, where rows and nodes differ.
        flow: One of :data:`FLOWS`: whether the target of an edge gathers from its source, or the
            source from its target.
    """

    x: Tensor
    edge_index: Tensor
    edge_coef: Tensor
    self_coef: Tensor
    active: Tensor
    position: Tensor | None = None
    size: Tensor | None = None
    flow: str = FLOWS[0]

    @property
    def num_rows(self) -> int:
        """Rows, ``n``."""
        return self.self_coef.numel()

    @property
    def num_nodes(self) -> int:
        """Nodes, ``N``: as many as rows unless idle nodes share one."""
        return self.num_rows if self.position is None else self.position.numel()

    def rows(self) -> Tensor:
        """int64 ``[N]``, the row of each node."""
        if self.position is not None:
            return self.position
        return torch.arange(self.num_rows, device=self.self_coef.device)

    @property
    def one_hot(self) -> bool:
        """Whether ``x`` holds columns of one-hot rows instead of features."""
        return not self.x.is_floating_point()

    def propagate(self, h: Tensor) -> Tensor:
        """The normalised adjacency times ``h`` ``[n, d]``."""
        if not torch.compiler.is_compiling():
            return csr_matmul(self.adjacency, h)
        row, column = _row_and_column(self.edge_index, self.flow)
        out = self.self_coef.unsqueeze(1) * h
        return out.index_add(0, row, self.edge_coef.unsqueeze(1) * h.index_select(0, column))

    def propagate_one_hot(self, weight: Tensor) -> Tensor:
        """The normalised adjacency times the one-hot features times ``weight`` ``[d_in, d]``."""
        if torch.compiler.is_compiling():
            return self.propagate(weight.index_select(0, self.x))
        width = weight.shape[0]
        matrix = self._by_column.get(width)
        if matrix is None:
            matrix = self._by_column[width] = self._times_one_hot(width)
        return csr_matmul(matrix, weight)

    @functools.cached_property
    def adjacency(self) -> CSR:
        """The normalised adjacency, diagonal included."""
        return CSR.from_coo(*self._entries, (self.num_rows, self.num_rows))

    @functools.cached_property
    def edge_keys(self) -> Tensor:
        """Edges as ``source * n + target``, sorted: whether there is one is a search."""
        source, target = self.edge_index
        return (source * self.num_rows + target).sort().values

    def linked(self, src: Tensor, dst: Tensor) -> Tensor:
        """Which pairs of nodes have an edge (no self loop), bool ``[M]``; ids are not checked."""
        if self.position is not None:
            src, dst = self.position[src], self.position[dst]
        key = src * self.num_rows + dst
        if self.edge_keys.numel() == 0:
            return torch.zeros_like(key, dtype=torch.bool)
        place = torch.searchsorted(self.edge_keys, key)
        return self.edge_keys[place.clamp_(max=self.edge_keys.numel() - 1)] == key

    def node_edges(self) -> Tensor:
        """The different edges as pairs of nodes, int64 ``[2, E']``."""
        key = self.edge_keys.unique_consecutive()
        edges = torch.stack(
            [torch.div(key, self.num_rows, rounding_mode="floor"), key % self.num_rows]
        )
        if self.position is None:
            return edges
        node = torch.empty_like(self.size)
        node[self.position] = torch.arange(self.num_nodes, device=node.device)
        return node[edges]  # rows of edges belong to one node each

    @functools.cached_property
    def _entries(self) -> tuple[Tensor, Tensor, Tensor]:
        every = torch.arange(self.num_rows, device=self.self_coef.device)
        row, column = _row_and_column(self.edge_index, self.flow)
        value = torch.cat([self.edge_coef, self.self_coef])
        return torch.cat([row, every]), torch.cat([column, every]), value

    @functools.cached_property
    def _by_column(self) -> dict[int, CSR]:
        return {}

    def _times_one_hot(self, width: int) -> CSR:
        row, column, value = self._entries
        if self.x.numel() and not 0 <= int(self.x.min()) <= int(self.x.max()) < width:
            raise GraphError(
                "x",
                "a one-hot row has its 1 in a column that is not there",
                expected=f"0..{width - 1}, as many as the model has input channels",
                got=f"{int(self.x.min())}..{int(self.x.max())}",
                fix="Clip the degrees: data.x.clamp(max=..).",
            )
        key, place = (row * width + self.x[column]).unique(return_inverse=True)
        total = torch.zeros(key.numel(), dtype=torch.float64, device=value.device)
        total = total.index_add(0, place, value.double()).to(value.dtype)
        return CSR.from_coo(key // width, key % width, total, (self.num_rows, width))

    def dense(self) -> Tensor:
        """The normalised adjacency, ``[n, n]``; for looking at small graphs."""
        return self.propagate(torch.eye(self.num_rows, dtype=self.self_coef.dtype))

    def to(self, device: torch.device | str) -> Snapshot:
        """The snapshot on a device."""
        moved = {f.name: getattr(self, f.name) for f in fields(self)}
        return Snapshot(
            **{k: v.to(device) if isinstance(v, Tensor) else v for k, v in moved.items()}
        )

    def cast(self, dtype: torch.dtype) -> Snapshot:
        """The snapshot with floating point numbers of a type; made once for each type."""
        if self.self_coef.dtype == dtype and (self.one_hot or self.x.dtype == dtype):
            return self
        if dtype not in self._casts:
            moved = {f.name: getattr(self, f.name) for f in fields(self)}
            for name, value in moved.items():
                if isinstance(value, Tensor) and value.is_floating_point():
                    moved[name] = value.to(dtype)
            self._casts[dtype] = Snapshot(**moved)
        return self._casts[dtype]

    @functools.cached_property
    def _casts(self) -> dict[torch.dtype, Snapshot]:
        return {}

    def shared(self) -> Snapshot:
        """The same snapshot with one row for all idle nodes of equal features.

        Exact: the only neighbour of a node without edges is itself, so such nodes have equal
        embeddings in every layer. The other rows come first, in the order of the nodes' ids. Where
        no two idle nodes are alike, the snapshot is returned as it is.
        """
        busy = self.active.index_fill(0, self.edge_index.reshape(-1), True)
        idle = (~busy).nonzero().squeeze(1)
        if idle.numel() < 2 or self.position is not None:
            return self
        told = self.x[idle] if self.x[idle].numel() else torch.zeros_like(idle)
        _, group, count = told.unique(dim=0, return_inverse=True, return_counts=True)
        if count.numel() == idle.numel():
            return self
        first = torch.full_like(count, self.num_rows).scatter_reduce(0, group, idle, "amin")
        keep = torch.cat([busy.nonzero().squeeze(1), first])
        alone = keep.numel() - first.numel()
        position = torch.empty(self.num_rows, dtype=torch.int64, device=keep.device)
        position[keep[:alone]] = torch.arange(alone, device=keep.device)
        position[idle] = alone + group
        return Snapshot(
            x=self.x[keep],
            edge_index=position[self.edge_index],
            edge_coef=self.edge_coef,
            self_coef=self.self_coef[keep],
            active=self.active[keep],
            position=position,
            size=torch.cat([torch.ones_like(keep[:alone]), count]),
            flow=self.flow,
        )


def as_snapshot(data: Any, flow: str | None = None) -> Snapshot:
    """A :class:`Snapshot` of a PyG ``Data`` (or of anything with its attributes).

    Args:
        data: ``edge_index`` int64 ``[2, E]``; ``x`` as in :class:`Snapshot`; optionally
            ``edge_weight`` ``[E]`` (1 by default; parallel edges add up), ``node_mask`` bool
            ``[n]``, the nodes that take part, and ``num_nodes``. A :class:`Snapshot` is returned
            as it is.
        flow: Which way messages go along an edge (0, 1), as in PyG's ``MessagePassing``:
            ``"source_to_target"``, node 1 sees node 0 (the default); or ``"target_to_source"``,
            node 0 sees node 1. Of a symmetric graph both are the same.

    Raises:
        GraphError: There are no features, an id is not a row of ``x``, a weight is negative or not
            finite (:func:`graphkit.ops.edges.check_edges`), or ``data`` is a :class:`Snapshot` of
            another flow.
        UnknownNameError: There is no such flow.
    """
    if flow is not None:
        check_flow(flow)
    if isinstance(data, Snapshot):
        if flow is not None and flow != data.flow:
            raise GraphError(
                "flow",
                "the snapshot was made for messages in the other direction",
                expected=flow,
                got=data.flow,
                fix="Give model and snapshots one flow: as_snapshot(data, flow=...), or flow= of "
                "the task.",
            )
        return data
    flow = flow or FLOWS[0]
    x, edge_index = getattr(data, "x", None), data.edge_index
    if x is None or x.dim() not in (1, 2) or (x.dim() == 1) == x.is_floating_point():
        raise GraphError(
            "x",
            "a snapshot needs features",
            expected="float [n, d], or int64 [n]: the column of the 1 in each one-hot row",
            got=None if x is None else f"{x.dtype} {list(x.shape)}",
            fix="For one-hot degrees: data.x = out_degree(data.edge_index, n).clamp(max=..)",
        )
    n = x.shape[0]
    weight = getattr(data, "edge_weight", None)
    dtype = x.dtype if x.is_floating_point() else torch.get_default_dtype()
    if weight is None:
        weight = torch.ones(edge_index.shape[1], dtype=dtype, device=edge_index.device)
    check_edges(edge_index, weight, n)
    weight = weight.to(dtype)
    row, column = _row_and_column(edge_index, flow)
    loop = row == column
    total = torch.ones(n, dtype=dtype, device=x.device).index_add(0, row, weight)
    scale = total.rsqrt()
    own = torch.ones(n, dtype=dtype, device=x.device).index_add(0, row[loop], weight[loop])
    active = getattr(data, "node_mask", None)
    if active is None:
        active = torch.zeros(n, dtype=torch.bool, device=x.device)
        active[edge_index.reshape(-1)] = True
    row, column, weight = row[~loop], column[~loop], weight[~loop]
    return Snapshot(
        x=x,
        edge_index=edge_index[:, ~loop],
        edge_coef=scale[row] * weight * scale[column],
        self_coef=own / total,
        active=active,
        flow=flow,
    )


def check_flow(flow: str) -> str:
    """``flow``, if it is one of :data:`FLOWS`.

    Raises:
        UnknownNameError: It is not.
    """
    check_choice(flow, "flow", FLOWS)
    return flow


def _row_and_column(edge_index: Tensor, flow: str) -> tuple[Tensor, Tensor]:
    """Where edges stand in the adjacency: the row of the node that gathers, the other's column."""
    source, target = edge_index
    return (target, source) if flow == "source_to_target" else (source, target)


def out_degree(edge_index: Tensor, num_nodes: int) -> Tensor:
    """int64 ``[N]``, the number of (different) edges that leave each node."""
    one = torch.ones_like(edge_index[0])
    return torch.zeros(num_nodes, dtype=torch.int64, device=one.device).index_add(
        0, edge_index[0], one
    )
