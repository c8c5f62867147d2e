r"""A GRU whose state is a matrix: every column is one sequence, all columns share the cell.

.. math::
    Z &= \sigma(W_Z X + U_Z H + B_Z) \\
    R &= \sigma(W_R X + U_R H + B_R) \\
    \tilde{H} &= \tanh(W_H X + U_H (R \circ H) + B_H) \\
    H' &= (1 - Z) \circ H + Z \circ \tilde{H}

:class:`torch.nn.GRUCell` is another function: its update gate keeps where this one replaces, it
applies the reset gate after :math:`U_H`, and its bias is the same for all columns.
"""

from __future__ import annotations

from collections.abc import Sequence

import torch
from torch import Tensor, nn

from graphkit.nn.snapshot.columns import Columns, times_all, uniform_by_columns
from graphkit.ops.matrix_gru_steps import matrix_gru_steps

__all__ = ["MatrixGRU"]


class MatrixGRU(nn.Module):
    r"""Matrix GRU of EvolveGCN (Pareja et al., AAAI 2020, arXiv 1902.10191, section 3.3).

    Args:
        rows: ``d_in``, the length of a column.
        columns: ``d_out``; the biases are matrices ``[d_in, d_out]``.

    Shapes:
        - **input:** X ``[d_in, d_out]`` (or :class:`~graphkit.nn.snapshot.Columns`), state ``(H,)``
          with H ``[d_in, d_out]``. Without an input X is H, and then the gates need one product
          instead of two, :math:`(W + U) H`.
        - **output:** the next state, ``(H',)``.
    """

    def __init__(self, rows: int, columns: int) -> None:
        super().__init__()
        self.rows, self.columns = rows, columns
        self.weight_input = nn.Parameter(torch.empty(3, rows, rows))  # Z, R, H~
        self.weight_hidden = nn.Parameter(torch.empty(3, rows, rows))
        self.bias = nn.Parameter(torch.empty(3, rows, columns))
        self.reset_parameters()

    def reset_parameters(self) -> None:
        """Weights uniform within 1 / sqrt(number of columns), biases 0, as the authors have it."""
        uniform_by_columns(self.weight_input)
        uniform_by_columns(self.weight_hidden)
        nn.init.zeros_(self.bias)

    def start(self, weight: Tensor) -> tuple[Tensor]:
        """The state that begins at a matrix."""
        return (weight,)

    def forward(self, x: Tensor | Columns | None, state: tuple[Tensor]) -> tuple[Tensor]:
        """One step; see the class."""
        return self.unroll(None if x is None else [x], state, 1)[0]

    def unroll(
        self, xs: Sequence[Tensor | Columns] | None, state: tuple[Tensor], steps: int
    ) -> list[tuple[Tensor]]:
        """The states after 1, 2, ... ``steps`` steps; the inputs of all are multiplied at once."""
        (h,) = state
        d = self.rows
        own, hidden = self.weight_input.view(3 * d, d), self.weight_hidden.view(3 * d, d)
        # The columns of the matrix are the rows of a batch: [columns, 3 d].
        given = self.bias.view(3 * d, self.columns).t()
        if xs is not None:
            own, given = None, times_all(own, xs) + given
        every = matrix_gru_steps(h.t(), given, hidden, own, steps)
        return [(weight.t(),) for weight in every]

    def extra_repr(self) -> str:
        return f"{self.rows}, {self.columns}"
