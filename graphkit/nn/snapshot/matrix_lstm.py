r"""An LSTM whose state is a matrix: every column is one sequence, all columns share the cell.

.. math::
    F, I, O &= \sigma(W_* X + U_* H + B_*) \\
    \tilde{C} &= \tanh(W_C X + U_C H + B_C) \\
    C' &= F \circ C + I \circ \tilde{C}, \qquad H' = O \circ \tanh(C')

so :math:`|H'| < 1` everywhere.
"""

from __future__ import annotations

import torch
from torch import Tensor, nn

from graphkit.nn.snapshot.columns import Columns, times, uniform_by_columns

__all__ = ["MatrixLSTM"]


class MatrixLSTM(nn.Module):
    r"""Matrix LSTM of EvolveGCN-O as the paper prints it (arXiv 1902.10191, section 3.4).

    The paper leaves the first cell context open; here it is 0.

    Args:
        rows: ``d_in``, the length of a column.
        columns: ``d_out``; the biases are matrices ``[d_in, d_out]``.

    Shapes:
        - **input:** X as for :class:`~graphkit.nn.snapshot.MatrixGRU`, state ``(H, C)``.
        - **output:** the next state, ``(H', C')``.
    """

    def __init__(self, rows: int, columns: int) -> None:
        super().__init__()
        self.rows, self.columns = rows, columns
        self.weight_input = nn.Parameter(torch.empty(4, rows, rows))  # F, I, O, C~
        self.weight_hidden = nn.Parameter(torch.empty(4, rows, rows))
        self.bias = nn.Parameter(torch.empty(4, rows, columns))
        self.reset_parameters()

    def reset_parameters(self) -> None:
        """As for :class:`~graphkit.nn.snapshot.MatrixGRU`."""
        uniform_by_columns(self.weight_input)
        uniform_by_columns(self.weight_hidden)
        nn.init.zeros_(self.bias)

    def start(self, weight: Tensor) -> tuple[Tensor, Tensor]:
        """The state that begins at a matrix, with an empty context."""
        return weight, torch.zeros_like(weight)

    def forward(
        self, x: Tensor | Columns | None, state: tuple[Tensor, Tensor]
    ) -> tuple[Tensor, Tensor]:
        """One step; see the class."""
        h, c = state
        d = self.rows
        if x is None:
            gates = (self.weight_input + self.weight_hidden).view(4 * d, d) @ h
        else:
            gates = times(self.weight_input.view(4 * d, d), x)
            gates = gates + self.weight_hidden.view(4 * d, d) @ h
        forget, write, out, new = (gates + self.bias.view(4 * d, self.columns)).chunk(4)
        c = torch.sigmoid(forget) * c + torch.sigmoid(write) * torch.tanh(new)
        return torch.sigmoid(out) * torch.tanh(c), c

    def extra_repr(self) -> str:
        return f"{self.rows}, {self.columns}"
