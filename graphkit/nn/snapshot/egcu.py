"""A graph convolution whose weight matrix evolves: the unit that EvolveGCN is stacked from."""

from __future__ import annotations

import copy
from collections.abc import Sequence
from typing import Any

import torch
from torch import Tensor, nn

from graphkit.checks import check_choice
from graphkit.nn.snapshot.column_cell import ColumnCell
from graphkit.nn.snapshot.columns import uniform_by_columns
from graphkit.nn.snapshot.matrix_gru import MatrixGRU
from graphkit.nn.snapshot.matrix_lstm import MatrixLSTM
from graphkit.nn.snapshot.snapshot import Snapshot
from graphkit.nn.snapshot.summarize import TopKSummary

__all__ = ["CELLS", "EGCU", "graph_convolution", "make_cell"]

CELLS = {"gru": MatrixGRU, "lstm": MatrixLSTM}


class EGCU(nn.Module):
    r"""Evolving graph convolution unit (arXiv 1902.10191, sections 3.3 to 3.5).

    At each step the weight evolves first, :math:`W_t = \mathrm{cell}(\cdot, W_{t-1})`, and then
    convolves, :math:`\hat{A}_t H_t W_t`; the activation is the model's business. :math:`W_0` is a
    parameter.

    Args:
        in_channels: ``d_in``, size of each input row.
        out_channels: ``d_out``, size of each output row.
        cell: ``"gru"``, ``"lstm"``, a module, or a function that makes one; see
            :func:`make_cell`.
        summarize: The cell's input is a summary of the nodes (-H); otherwise it is the weight
            itself (-O).
    """

    def __init__(
        self, in_channels: int, out_channels: int, cell: Any = "gru", summarize: bool = False
    ) -> None:
        super().__init__()
        self.in_channels, self.out_channels = in_channels, out_channels
        self.weight = nn.Parameter(torch.empty(in_channels, out_channels))
        self.cell = make_cell(cell, in_channels, out_channels)
        self.summary = TopKSummary(in_channels, out_channels) if summarize else None
        uniform_by_columns(self.weight)

    def reset_parameters(self) -> None:
        """Reset all learnable parameters of the module."""
        uniform_by_columns(self.weight)
        self.cell.reset_parameters()
        if self.summary is not None:
            self.summary.reset_parameters()

    def start(self) -> Any:
        """The state before the first snapshot; its first item is the weight."""
        state = self.cell.start(self.weight)
        if self.summary is not None and isinstance(self.cell, ColumnCell):
            return self.cell.read(state)
        return state

    def evolve(self, state: Any, x: Tensor | None = None, active: Tensor | None = None) -> Any:
        """The next state. ``x`` (the unit's input) and ``active`` matter to -H only."""
        return self.cell(None if self.summary is None else self.summary(x, active), state)

    def evolve_along(
        self,
        state: Any,
        steps: int,
        xs: Sequence[Tensor] | None = None,
        actives: Sequence[Tensor] | None = None,
    ) -> list[Any]:
        """The states after 1, 2, ... ``steps`` snapshots; ``xs`` and ``actives`` matter to -H only.

        A cell that has ``unroll(inputs or None, state, steps)`` takes all steps at once.
        """
        inputs = None
        if self.summary is not None:
            inputs = [self.summary(x, active) for x, active in zip(xs, actives)]
        if hasattr(self.cell, "unroll"):
            return self.cell.unroll(inputs, state, steps)
        found = []
        for t in range(steps):
            state = self.cell(None if inputs is None else inputs[t], state)
            found.append(state)
        return found

    def forward(self, snapshot: Snapshot, x: Tensor, state: Any) -> tuple[Tensor, Any]:
        """Evolve, then convolve with the new weight: ``([n, d_out], state)``."""
        state = self.evolve(state, x, snapshot.active)
        return graph_convolution(snapshot, x, state[0]), state

    def extra_repr(self) -> str:
        return f"{self.in_channels}, {self.out_channels}"


def graph_convolution(snapshot: Snapshot, x: Tensor, weight: Tensor) -> Tensor:
    """The normalised adjacency times x times weight, in the cheaper order.

    Args:
        x: float ``[n, d_in]``, or int64 ``[n]`` for one-hot rows: then x times weight is a gather
            of the weight's rows.
        weight: ``[d_in, d_out]``.
    """
    if not x.is_floating_point():
        if x is snapshot.x:
            return snapshot.propagate_one_hot(weight)
        return snapshot.propagate(weight.index_select(0, x))
    if weight.shape[1] < weight.shape[0]:
        return snapshot.propagate(x @ weight)
    return snapshot.propagate(x) @ weight


def make_cell(cell: Any, rows: int, columns: int) -> nn.Module:
    """A weight-evolving cell.

    Args:
        cell: ``"gru"``, ``"lstm"``, a module (copied), or a function ``(rows, columns)`` that
            returns one. The module has ``start(weight) -> state`` (its first item is the weight),
            ``forward(x or None, state) -> state`` and ``reset_parameters()``; or it is a sequence
            encoder with ``step(x [B, rows], state)``, see
            :class:`~graphkit.nn.snapshot.ColumnCell`.

    Raises:
        UnknownNameError: No cell of that name.
    """
    if isinstance(cell, str):
        check_choice(cell, "cell", CELLS)
        return CELLS[cell](rows, columns)
    made = copy.deepcopy(cell) if isinstance(cell, nn.Module) else cell(rows, columns)
    return made if hasattr(made, "start") else ColumnCell(made, rows, columns)
