"""Windows of single sensors from a training subset, normalised, for a memory of patterns."""

from __future__ import annotations

import torch
from torch import Tensor

from graphkit.errors import GraphError
from graphkit.nn.signal.training_signal import TrainingSignal

__all__ = ["level_and_spread", "pattern_windows"]


def pattern_windows(
    seen: TrainingSignal,
    history: int,
    horizon: int = 0,
    delay: int = 0,
    channel: int = 0,
    *,
    limit: int = 50_000,
    seed: int = 0,
    eps: float = 0.1,
) -> Tensor:
    """Windows of single sensors, in units of their own history's level and spread.

    Args:
        seen: The training subset.
        history: Rows that come first.
        horizon: Rows that follow, 0 for none.
        delay: Rows between the two.
        channel: Which of the readings.
        limit: Windows, drawn at random where there are more.
        seed: Seed of the random draw.
        eps: Least spread, in scaled units, so that noise of a flat window stays small.

    Returns:
        ``[n, history + horizon]``; missing readings are 0, the level.

    Raises:
        GraphError: There is no training window.
    """
    nodes = seen.x.shape[1]
    total = len(seen.start) * nodes
    if total == 0:
        raise GraphError("start", "there is no training window to take patterns from")
    if total > limit:
        draw = torch.Generator().manual_seed(seed)
        chosen = torch.randint(total, (limit,), generator=draw)
    else:
        chosen = torch.arange(total)
    start, node = seen.start.cpu()[chosen // nodes], chosen % nodes
    span = torch.cat([torch.arange(history), torch.arange(horizon) + history + delay])
    place = (start.unsqueeze(1) + span, node.unsqueeze(1))
    series = seen.x[..., channel]
    x = series[place]
    known = torch.ones_like(x) if seen.mask is None else seen.mask[..., channel][place].to(x)
    mean, spread = level_and_spread(x[:, :history], known[:, :history], eps)
    return (x - mean) / spread * known


def level_and_spread(x: Tensor, known: Tensor, eps: float = 0.1) -> tuple[Tensor, Tensor]:
    """Mean of the known readings of windows, and their standard deviation plus ``eps``.

    Args:
        x: ``[..., T]``.
        known: ``[..., T]``, 1 where a reading is known, else 0.
        eps: See :func:`pattern_windows`.

    Returns:
        Both ``[..., 1]``.
    """
    count = known.sum(-1, keepdim=True).clamp(min=1)
    mean = (x * known).sum(-1, keepdim=True) / count
    variance = ((x - mean).square() * known).sum(-1, keepdim=True) / count
    return mean, variance.clamp(min=1e-12).sqrt() + eps  # a flat window has a gradient, too
