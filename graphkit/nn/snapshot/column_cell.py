"""Any sequence encoder that steps, as a cell that evolves a weight matrix."""

from __future__ import annotations

from typing import Any

from torch import Tensor, nn

from graphkit.errors import GraphError
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

    Raises:
        GraphError: The encoder has no steps, needs times, or is made for another width.
    """

    def __init__(self, encoder: nn.Module, rows: int, columns: int) -> None:
        super().__init__()
        kind = type(encoder).__name__
        if not getattr(encoder, "causal", True):
            raise GraphError("cell", f"{kind} is not causal: it cannot be stepped")
        if getattr(encoder, "needs_time", False):
            raise GraphError("cell", f"{kind} needs times, and weights evolve by steps")
        for name in ("in_channels", "out_channels"):
            if getattr(encoder, name, rows) != rows:
                raise GraphError(
                    "cell",
                    f"{kind} has another {name} than the weight has rows",
                    expected=rows,
                    got=getattr(encoder, name),
                    fix="Pass a name, or a function (rows, columns) that makes the encoder.",
                )
        self.encoder, self.rows, self.columns = encoder, rows, columns

    def reset_parameters(self) -> None:
        """Those of the encoder."""
        self.encoder.reset_parameters()

    def start(self, weight: Tensor) -> tuple[Tensor, Any]:
        """The state that begins at a matrix."""
        make = getattr(self.encoder, "init_state", None)
        return weight, None if make is None else make(self.columns, weight.device, weight.dtype)

    def read(self, state: tuple[Tensor, Any]) -> tuple[Tensor, Any]:
        """The state with its matrix read by the encoder, and the matrix as it was.

        With inputs (-H) the encoder would never see the first weight otherwise.
        """
        weight, inner = state
        return weight, self.encoder.step(weight.T, inner)[1]

    def forward(self, x: Tensor | Columns | None, state: tuple[Tensor, Any]) -> tuple[Tensor, Any]:
        """One step; without an input the encoder reads the last weight."""
        weight, inner = state
        if x is None:
            x = weight
        elif isinstance(x, Columns):
            x = x.dense(self.rows)
        out, inner = self.encoder.step(x.T, inner)
        return out.T, inner
