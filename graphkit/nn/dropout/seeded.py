"""Dropout that draws from a generator of its own for each model of a stack."""

from __future__ import annotations

import torch
from torch import Tensor, nn

from graphkit.checks import check_share
from graphkit.nn.dropout.fast import fast_dropout
from graphkit.ops.random_mask import keep_scale, random_mask

__all__ = ["SeededDropout"]


class SeededDropout(nn.Module):
    """Dropout that draws from torch's own generator, or for a stack from one for each model.

    Args:
        p: Dropout probability.

    Shapes:
        - **input:** any; with generators, one slice of the first axis for each
        - **output:** the same
    """

    def __init__(self, p: float = 0.5) -> None:
        super().__init__()
        self.p = check_share(p, "dropout", "not a probability")
        self.generators: list[torch.Generator] | None = None

    def forward(self, x: Tensor) -> Tensor:
        if not self.training or self.p == 0:
            return x
        if self.generators is None:
            return fast_dropout(x, self.p)
        draws = [random_mask(x.shape[1:], self.p, x.device, g) for g in self.generators]
        return x * torch.stack(draws) * keep_scale(self.p)

    def extra_repr(self) -> str:
        return f"p={self.p:g}"
