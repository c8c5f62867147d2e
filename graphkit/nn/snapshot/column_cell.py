"""Any sequence encoder that steps, as a cell that evolves a weight matrix."""

from __future__ import annotations

from typing import Any

from torch import Tensor, nn

from graphkit.nn.snapshot.columns import Columns

__all__ = ["ColumnCell"]


class ColumnCell(nn.Module):
    """Evolves a matrix ``[d_in, d_out]`` by a sequence encoder: its ``d_out`` columns are a batch.

    Args:
        encoder: A module with ``step(x [B, d_in], state) -> (y [B, d_in], state)``, where the
            first state is ``encoder.init_state(B, device, dtype)`` if there is such a method and
            otherwise ``None``; and with ``reset_parameters()``.
        rows: ``d_in``.
        columns: ``d_out``.

    The state is ``(weight, encoder's state)``.
    """

    def __init__(self, encoder: nn.Module, rows: int, columns: int) -> None:
        super().__init__()
        self.encoder, self.rows, self.columns = encoder, rows, columns

    def reset_parameters(self) -> None:
        """Those of the encoder."""
        self.encoder.reset_parameters()

    def start(self, weight: Tensor) -> tuple[Tensor, Any]:
        """The state that begins at a matrix."""
        make = getattr(self.encoder, "init_state", None)
        return weight, None if make is None else make(self.columns, weight.device, weight.dtype)

    def forward(self, x: Tensor | Columns | None, state: tuple[Tensor, Any]) -> tuple[Tensor, Any]:
        """One step; without an input the encoder reads the last weight."""
        weight, inner = state
        if x is None:
            x = weight
        elif isinstance(x, Columns):
            x = x.dense(self.rows)
        out, inner = self.encoder.step(x.T, inner)
        return out.T, inner
