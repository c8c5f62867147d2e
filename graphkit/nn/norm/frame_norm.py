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
        - **input:** ``[B, C, L]``, mask bool ``[B, L]``, or ``[B, C, L]`` where channels are valid
          at frames of their own, or ``None``
        - **output:** ``[B, C, L]``, zero where invalid
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
        inside = mask if mask is None or mask.dim() == 3 else mask.unsqueeze(1)
        if self.batch is not None:
            if mask is None:
                return self.batch(x)
            if not self.training:
                return torch.where(inside, self.batch(x), 0)
            return self._over_batch(x, mask)
        if inside is None:
            mean = x.mean((1, 2), keepdim=True)
            centred = x - mean
            variance = centred.square().mean((1, 2), keepdim=True)
        else:
            count = inside.expand_as(x).sum((1, 2), keepdim=True).clamp(min=1)
            mean = torch.where(inside, x, 0).sum((1, 2), keepdim=True) / count
            centred = torch.where(inside, x - mean, 0)
            variance = centred.square().sum((1, 2), keepdim=True) / count
        y = centred * torch.rsqrt(variance + self.eps) * self.weight[:, None] + self.bias[:, None]
        return y if inside is None else torch.where(inside, y, 0)

    def _over_batch(self, x: Tensor, mask: Tensor) -> Tensor:
        """Each channel over its valid frames of a training batch."""
        if mask.dim() == 3:
            whole = mask.all(1)
            if not bool((whole == mask.any(1)).all()):
                return self._by_channel(x, mask)
            mask = whole  # all channels of a frame are valid, or none
        frames = x.transpose(1, 2)
        valid = frames[mask]
        if len(valid) < 2:
            return x * 0
        return torch.zeros_like(frames).masked_scatter(mask[..., None], self.batch(valid)).mT

    def _by_channel(self, x: Tensor, mask: Tensor) -> Tensor:
        """The same where channels are valid at frames of their own."""
        x, batch = torch.where(mask, x, 0), self.batch
        count = mask.sum((0, 2))
        mean = x.sum((0, 2)) / count.clamp(min=1)
        centred = torch.where(mask, x - mean[:, None], 0)
        variance = centred.square().sum((0, 2)) / count.clamp(min=1)
        self._update(mean, variance, count)
        scale = torch.rsqrt(variance + batch.eps) * batch.weight
        return torch.where(mask, centred * scale[:, None] + batch.bias[:, None], 0)

    @torch.no_grad()
    def _update(self, mean: Tensor, variance: Tensor, count: Tensor) -> None:
        """The running averages, of channels with at least two valid frames."""
        batch, several = self.batch, count > 1
        batch.num_batches_tracked += 1
        unbiased = variance * count / (count - 1).clamp(min=1)
        for running, new in ((batch.running_mean, mean), (batch.running_var, unbiased)):
            running.copy_(torch.where(several, running.lerp(new, batch.momentum), running))
