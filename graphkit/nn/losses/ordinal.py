r"""Gaussian label smoothing for classes that have an order.

Kuang, Song, Michoski 2024, arXiv 2408.15255: the target of class y is

.. math:: q_j(y) \propto \exp\!\left(-\frac{(j - y)^2}{2 s^2}\right)

normalised over the classes, so that near misses cost less than far ones. With s = 0.5 the target of
a middle class of five is (0.0003, 0.1064, 0.7866, 0.1064, 0.0003).

Ours, not theirs: the width can be learnt (:class:`OrdinalSmoothing`). An alternative that also
counts how far mass lies from the class is :func:`~graphkit.nn.losses.earth_mover.earth_mover_loss`.
"""

from __future__ import annotations

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from graphkit.errors import GraphError
from graphkit.nn.losses.levels import check_levels

__all__ = ["OrdinalSmoothing", "ordinal_loss", "ordinal_smooth"]


def ordinal_smooth(
    y: Tensor, num_classes: int, s: float | Tensor = 0.5, *, dtype: torch.dtype | None = None
) -> Tensor:
    """Smoothed targets: each row a distribution around its class.

    Args:
        y: Classes ``0 .. num_classes - 1``, integers ``[B]``.
        num_classes: Number of classes.
        s: Width in classes; one number, or a tensor ``[num_classes]`` with a width per true class.
            Towards 0 the targets become one-hot.
        dtype: Of the result (default: torch's default).

    Shapes:
        - **output:** ``[B, num_classes]``, rows sum to 1

    Raises:
        GraphError: A class out of range, or a width that is not positive.
    """
    check_levels(y, num_classes)
    dtype = dtype or torch.get_default_dtype()
    if isinstance(s, Tensor):
        width = s.to(dtype)
        width = width[y].unsqueeze(1) if width.dim() == 1 and width.numel() > 1 else width
    elif not s > 0:
        raise GraphError("s", "not a width", expected="> 0", got=s, fix="Or use plain classes.")
    else:
        width = torch.tensor(float(s), dtype=dtype, device=y.device)
    level = torch.arange(num_classes, device=y.device, dtype=dtype)
    distance = (level - y.unsqueeze(1)).square()
    return torch.softmax(-distance / (2 * width.square()), dim=1)


def ordinal_loss(logits: Tensor, y: Tensor, s: float | Tensor = 0.5) -> Tensor:
    """Cross entropy between smoothed targets and the softmax of logits, the mean over rows.

    Args:
        logits: ``[B, C]``.
        y: Classes, ``[B]``.
        s: See :func:`ordinal_smooth`.
    """
    target = ordinal_smooth(y, logits.shape[1], s, dtype=logits.dtype)
    return -(target * F.log_softmax(logits, dim=1)).sum(1).mean()


class OrdinalSmoothing(nn.Module):
    """Smoothed cross entropy with a width that can be learnt, one for all classes or one each.

    A cross entropy alone would drive a learnt width towards whatever the model already says, so the
    entropy of the targets is taken off: the loss is the Kullback-Leibler divergence from the
    targets, which cannot be lowered by blurring them.

    Args:
        num_classes: Number of classes.
        s: Width at the start.
        learnable: Whether the width is a parameter (kept as its logarithm).
        per_class: A width per true class.

    Shapes:
        - **input:** logits ``[B, C]``, classes ``[B]``
        - **output:** a number
    """

    def __init__(
        self,
        num_classes: int,
        s: float = 0.5,
        *,
        learnable: bool = False,
        per_class: bool = False,
    ) -> None:
        super().__init__()
        if not s > 0:
            raise GraphError("s", "not a width", expected="> 0", got=s)
        self.num_classes, self.initial = num_classes, float(s)
        log_s = torch.full((num_classes if per_class else 1,), float(s)).log()
        if learnable:
            self.log_s = nn.Parameter(log_s)
        else:
            self.register_buffer("log_s", log_s)

    @property
    def s(self) -> Tensor:
        """The width, ``[1]`` or ``[C]``."""
        return self.log_s.exp()

    def reset_parameters(self) -> None:
        """Back to the width of the start."""
        with torch.no_grad():
            self.log_s.fill_(self.initial).log_()

    def forward(self, logits: Tensor, y: Tensor) -> Tensor:
        target = ordinal_smooth(y, self.num_classes, self.s, dtype=logits.dtype)
        entropy = torch.special.entr(target)
        return (-(target * F.log_softmax(logits, 1)) - entropy).sum(1).mean()

    def extra_repr(self) -> str:
        return f"{self.num_classes}, s={self.initial:g}"
