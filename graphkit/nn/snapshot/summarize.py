r"""The k most telling nodes of a snapshot, as the input of a weight-evolving cell.

.. math::
    y = X p / \lVert p \rVert, \qquad i = \text{top-}k(y), \qquad
    Z = (X \circ \tanh(y))_i

Only active nodes are eligible; of equal scores the lower node id comes first, on every device.
With fewer than ``k`` of them the last one is repeated, as the authors do; with none Z is 0.
"""

from __future__ import annotations

import torch
from torch import Tensor, nn

from graphkit.nn.snapshot.columns import Columns

__all__ = ["TopKSummary"]


class TopKSummary(nn.Module):
    """Summary of a snapshot (arXiv 1902.10191, section 3.3; the pooling is of Cangea et al. 2018).

    The gradient reaches the scorer p through the tanh only.

    Args:
        channels: ``d``, width of the nodes' features.
        k: Nodes in the summary.

    Shapes:
        - **input:** node features float ``[n, d]``, or int64 ``[n]`` for one-hot rows; active
          bool ``[n]``.
        - **output:** ``[d, k]``, one column per chosen node, the highest score first; for one-hot
          rows as :class:`~graphkit.nn.snapshot.Columns`.
    """

    def __init__(self, channels: int, k: int) -> None:
        super().__init__()
        self.channels, self.k = channels, k
        self.scorer = nn.Parameter(torch.empty(channels))
        self.reset_parameters()

    def reset_parameters(self) -> None:
        """Uniform within 1 / sqrt(d)."""
        bound = self.channels**-0.5
        nn.init.uniform_(self.scorer, -bound, bound)

    def forward(self, x: Tensor, active: Tensor) -> Tensor | Columns:
        """The summary; see the class."""
        nodes = active.nonzero().squeeze(1)
        direction = self.scorer / self.scorer.norm().clamp_min(torch.finfo(self.scorer.dtype).tiny)
        one_hot = not x.is_floating_point()
        if nodes.numel() == 0:
            if one_hot:
                index = torch.zeros(self.k, dtype=torch.int64, device=x.device)
                return Columns(index, direction.new_zeros(self.k))
            return x.new_zeros(self.channels, self.k)
        x = x.index_select(0, nodes)
        # Not x @ direction: a BLAS may round equal rows differently and break ties by that.
        score = direction.index_select(0, x) if one_hot else (x * direction).sum(dim=1)
        # A stable sort of nodes in the order of their ids is the tie-break.
        chosen = torch.sort(score.detach(), descending=True, stable=True).indices[: self.k]
        if chosen.numel() < self.k:
            chosen = torch.cat([chosen, chosen[-1:].expand(self.k - chosen.numel())])
        value = torch.tanh(score.index_select(0, chosen))
        x = x.index_select(0, chosen)
        return Columns(x, value) if one_hot else x.T * value

    def extra_repr(self) -> str:
        return f"{self.channels}, k={self.k}"
