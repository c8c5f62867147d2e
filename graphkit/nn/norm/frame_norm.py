"""Normalisation of channels over the valid frames of a batch or of a row."""

from __future__ import annotations

import torch
from torch import Tensor, nn

from graphkit.checks import check_choice

__all__ = ["FrameNorm"]

_NORMS = ("batch", "row")


class FrameNorm(nn.Module):
    r"""Normalises channels over valid frames.

    Args:
        channels: C.
        kind: ``"batch"``: each channel over all valid frames of the batch, with running averages
            for evaluation. ``"row"``: all channels of a row over its valid frames, so that no row
            depends on another.
        eps: Added to the variance.
        momentum: Weight of a new batch in the running averages; ``"row"`` has none.

    Shapes:
        - **input:** ``[B, C, L]``, mask bool ``[B, L]`` or ``None``
        - **output:** ``[B, C, L]``, zero at invalid frames
    """

    def __init__(
        self, channels: int, kind: str = "batch", *, eps: float = 1e-5, momentum: float = 0.1
    ) -> None:
        super().__init__()
        check_choice(kind, "norm", _NORMS)
        self.kind, self.eps = kind, eps
        self.batch = nn.BatchNorm1d(channels, eps, momentum) if kind == "batch" else None
        if kind == "row":
            self.weight = nn.Parameter(torch.ones(channels))
            self.bias = nn.Parameter(torch.zeros(channels))

    def reset_parameters(self) -> None:
        """Weights 1, biases 0, no running averages."""
        if self.batch is not None:
            self.batch.reset_parameters()
        else:
            nn.init.ones_(self.weight)
            nn.init.zeros_(self.bias)

    def forward(self, x: Tensor, mask: Tensor | None = None) -> Tensor:
        if self.batch is not None:
            if mask is None:
                return self.batch(x)
            if not self.training:
                return torch.where(mask.unsqueeze(1), self.batch(x), 0)
            frames = x.transpose(1, 2)
            valid = frames[mask]
            if len(valid) < 2:
                return x * 0
            return torch.zeros_like(frames).masked_scatter(mask[..., None], self.batch(valid)).mT
        if mask is None:
            mean = x.mean((1, 2), keepdim=True)
            centred = x - mean
            variance = centred.square().mean((1, 2), keepdim=True)
        else:
            inside = mask.unsqueeze(1)
            count = (inside.sum(2, keepdim=True) * x.shape[1]).clamp(min=1)
            mean = torch.where(inside, x, 0).sum((1, 2), keepdim=True) / count
            centred = torch.where(inside, x - mean, 0)
            variance = centred.square().sum((1, 2), keepdim=True) / count
        y = centred * torch.rsqrt(variance + self.eps) * self.weight[:, None] + self.bias[:, None]
        return y if mask is None else torch.where(mask.unsqueeze(1), y, 0)
