"""The head of stream models that score a pair by the concatenated embeddings of its two nodes."""

from __future__ import annotations

from torch import Tensor, nn
from torch.nn import functional as F

__all__ = ["PairHead"]


class PairHead(nn.Module):
    r"""Two-layer perceptron of the concatenation of two embeddings.

    .. math::
        s_{uv} = w^\top \mathrm{ReLU}(W\,[z_u \,\|\, z_v \,\|\, p_{uv}] + b) + c

    This is the link predictor of the common protocol of dynamic graph models (Yu et al., "Towards
    Better Dynamic Graph Learning: New Architecture and Unified Library", NeurIPS 2023).

    Args:
        in_channels: Width of an embedding.
        hidden_channels: Width of the hidden layer.
        pair_channels: Width of the features of the pair, :math:`p_{uv}`; 0 for none.

    Shapes:
        - **input:** embeddings :math:`(*, C)` of sources and of destinations, features of pairs
          :math:`(*, P)`
        - **output:** logits :math:`(*)`
    """

    def __init__(self, in_channels: int, hidden_channels: int, pair_channels: int = 0) -> None:
        super().__init__()
        self.lin_hidden = nn.Linear(2 * in_channels + pair_channels, hidden_channels)
        self.lin_out = nn.Linear(hidden_channels, 1)
        self.in_channels = in_channels

    def reset_parameters(self) -> None:
        """Reset all learnable parameters."""
        self.lin_hidden.reset_parameters()
        self.lin_out.reset_parameters()

    def forward(self, src: Tensor, dst: Tensor, pair: Tensor | None = None) -> Tensor:
        """Logits of pairs; ``src`` and ``dst`` broadcast against each other, such as
        ``[B, 1, C]`` against ``[B, C', C]``."""
        width = self.in_channels
        weight = self.lin_hidden.weight
        hidden = F.linear(src, weight[:, :width], self.lin_hidden.bias)
        hidden = hidden + F.linear(dst, weight[:, width : 2 * width])
        if pair is not None:
            hidden = hidden + F.linear(pair, weight[:, 2 * width :])
        return self.lin_out(hidden.relu()).squeeze(-1)
