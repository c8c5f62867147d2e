r"""Memory retrieval feed-forward network: a feed-forward network and a gated memory of patterns.

It is named in the abstract of ST-LINK (Jeon et al., CIKM 2025, arXiv 2509.13753); the equations are
the choice of this project.
"""

from __future__ import annotations

import torch
from torch import Tensor, nn

from graphkit.nn.attention.pattern_memory import PatternMemory, Retrieval

__all__ = ["MRFFN"]


class MRFFN(nn.Module):
    r"""The feed-forward half of a transformer block, with a memory.

    .. math::
        u = \mathrm{norm}(h), \quad \gamma = \sigma(W_g [u ; m] + b_g), \quad
        h' = h + \mathrm{FFN}(u) + \gamma \odot W_o m

    where :math:`m` is the output of the memory for :math:`u` and the window of the token.
    :math:`W_o` is initialised to zero, so that the module initially equals the feed-forward network
    alone. :math:`b_g` is initialised to -2.

    Args:
        norm: Normalisation of the block.
        feed_forward: Feed-forward network of the block, possibly pretrained and frozen.
        memory: The memory; ``None`` for none.

    Shapes:
        - **input:** tokens :math:`(*, C)`; their windows, for a memory of patterns (optional)
        - **output:** tokens :math:`(*, C)`, and what was retrieved (``None`` without a memory)
    """

    def __init__(
        self, norm: nn.Module, feed_forward: nn.Module, memory: PatternMemory | None = None
    ) -> None:
        super().__init__()
        self.norm, self.feed_forward, self.memory = norm, feed_forward, memory
        self.gate = self.out = None
        if memory is not None:
            channels, width = memory.in_channels, memory.out_channels
            self.gate = nn.Linear(channels + width, channels)
            self.out = nn.Linear(width, channels, bias=False)
            self.reset_memory()

    def reset_memory(self) -> None:
        """Reset the parameters of the memory and its gate; all others are unchanged."""
        if self.memory is not None:
            self.memory.reset_parameters()
            self.gate.reset_parameters()
            nn.init.constant_(self.gate.bias, -2.0)
            nn.init.zeros_(self.out.weight)

    def forward(self, h: Tensor, window: Tensor | None = None) -> tuple[Tensor, Retrieval | None]:
        u = self.norm(h)
        out = h + self.feed_forward(u)
        if self.memory is None:
            return out, None
        m, retrieval = self.memory(u, window)
        gate = torch.sigmoid(self.gate(torch.cat([u, m], dim=-1)))
        return out + gate * self.out(m), retrieval
