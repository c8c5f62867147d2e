"""Encodings of time gaps: cosines at several frequencies, or buckets of ages."""

from __future__ import annotations

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from graphkit.errors import GraphError

__all__ = ["TimeEncoder", "num_buckets", "recency_bucket"]


class TimeEncoder(nn.Module):
    r"""Cosines of a time gap at several frequencies.

    .. math::
        \phi(\Delta t) = \cos(\omega \, \Delta t + \varphi), \qquad \omega = \sigma \odot w

    with fixed scales :math:`\sigma` and trained :math:`w` and :math:`\varphi`.

    The gap is a difference of exact times. Subtract times in int64 or float64; the encoder converts
    the gap to the precision of its parameters. (A Unix time in float32 has an error of up to a
    minute, so do not pass times themselves.)

    Args:
        out_channels: Number of channels :math:`C` of the encoding.
        init: Initial frequencies.
            ``"geometric"`` uses :math:`\omega_j = 10^{-9 j / (C - 1)}` and phases 0, which
            distinguishes gaps from one tick to :math:`10^9` ticks (Xu et al., "Inductive
            Representation Learning on Temporal Graphs", arXiv 2002.07962; also the initialisation
            of the TGN authors' code). These are the scales, and :math:`w` starts at 1, so that a
            step of the optimiser is relative to the frequency. A step on :math:`\omega` itself, of
            the size of the learning rate, would erase all slow frequencies at once.
            ``"uniform"`` draws :math:`w` and :math:`\varphi` uniformly from [-1, 1], with scales 1,
            as the ``TimeEncoder`` of PyG.
        learnable: Whether to train frequencies and phases.

    Shapes:
        - **input:** gaps :math:`(\ldots)` in ticks, any real dtype
        - **output:** :math:`(\ldots, C)`
    """

    scale: Tensor

    def __init__(self, out_channels: int, init: str = "geometric", learnable: bool = True) -> None:
        super().__init__()
        if init not in ("geometric", "uniform"):
            raise GraphError(
                "init",
                "there is no such start for the frequencies",
                expected="'geometric' or 'uniform'",
                got=repr(init),
            )
        self.out_channels = out_channels
        self.init = init
        last = -9 if init == "geometric" else 0
        exponent = torch.linspace(0, last, out_channels, dtype=torch.float64)
        scale = torch.pow(10.0, exponent).to(torch.get_default_dtype())
        self.register_buffer("scale", scale, persistent=False)
        self.weight = nn.Parameter(torch.empty(out_channels), requires_grad=learnable)
        self.bias = nn.Parameter(torch.empty(out_channels), requires_grad=learnable)
        self.reset_parameters()

    @torch.no_grad()
    def reset_parameters(self) -> None:
        """Reset frequencies and phases to their initial values."""
        if self.init == "uniform":
            self.weight.uniform_(-1, 1)
            self.bias.uniform_(-1, 1)
        else:
            self.weight.fill_(1)
            self.bias.zero_()

    @property
    def frequency(self) -> Tensor:
        r"""Frequencies :math:`\omega` in radians per tick, ``[out_channels]``."""
        return self.scale * self.weight

    def forward(self, gap: Tensor) -> Tensor:
        """The encoding ``[..., C]`` of gaps ``[...]``."""
        gap = gap.to(self.weight.dtype).unsqueeze(-1)
        return torch.cos(F.linear(gap, self.frequency.unsqueeze(-1), self.bias))

    def extra_repr(self) -> str:
        return f"{self.out_channels}, init={self.init!r}"


_HIGHEST = 48  # ages up to 2**24 steps are distinguished


def num_buckets() -> int:
    """Number of buckets that :func:`recency_bucket` uses."""
    return _HIGHEST


def recency_bucket(age: Tensor, tick: float = 1.0) -> Tensor:
    r"""Map ages to buckets of logarithmic width, two per doubling of the age.

    With ``s = 1 + age / tick`` in ``[2^k, 2^{k+1})`` the bucket is :math:`2k` below
    :math:`1.5 \cdot 2^k` and :math:`2k + 1` above. It is read from the exponent and the first bit
    of the mantissa of a float, without a logarithm.

    Args:
        age: Ages ``[...]``, integers or floats; negative ages are treated as 0.
        tick: Length of one step.

    Returns:
        Buckets in ``0..num_buckets() - 1``, int64 ``[...]``; the last one contains all higher ages.
    """
    steps = age if tick == 1.0 else age / tick
    bits = (steps.to(torch.float32) + 1).view(torch.int32)  # an int64 might overflow
    return (bits >> 22).sub_(127 << 1).clamp_(0, _HIGHEST - 1).to(torch.int64)
