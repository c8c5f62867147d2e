"""Time gaps as vectors."""

from __future__ import annotations

import torch
from torch import Tensor, nn

from graphkit.errors import GraphError

__all__ = ["TimeEncoder"]


class TimeEncoder(nn.Module):
    r"""Cosines of a time gap at several frequencies.

    .. math::
        \phi(\Delta t) = \cos(\omega \, \Delta t + \varphi)

    The gap is a difference of exact times: subtract in int64 or float64, the conversion to the
    parameters' precision happens here. (A Unix time in float32 is off by up to a minute; so never
    pass times themselves.)

    Args:
        out_channels: Width :math:`C` of the encoding.
        init: First frequencies.
            ``"geometric"``: :math:`\omega_j = 10^{-9 j / (C - 1)}`, phases 0, so that gaps from one
            tick to :math:`10^9` ticks are told apart (Xu et al., "Inductive Representation Learning
            on Temporal Graphs", arXiv 2002.07962; the TGN authors' code starts there too).
            ``"uniform"``: weights and phases uniform on [-1, 1], as PyG's ``TimeEncoder``.
        learnable: Train frequencies and phases.

    Shapes:
        - **input:** gaps :math:`(\ldots)` in ticks, any real dtype
        - **output:** :math:`(\ldots, C)`
    """

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
        self.weight = nn.Parameter(torch.empty(out_channels), requires_grad=learnable)
        self.bias = nn.Parameter(torch.empty(out_channels), requires_grad=learnable)
        self.reset_parameters()

    @torch.no_grad()
    def reset_parameters(self) -> None:
        """Frequencies and phases as at the start."""
        if self.init == "uniform":
            self.weight.uniform_(-1, 1)
            self.bias.uniform_(-1, 1)
        else:
            exponent = torch.linspace(0, -9, self.out_channels, dtype=torch.float64)
            self.weight.copy_(torch.pow(10.0, exponent))
            self.bias.zero_()

    def forward(self, gap: Tensor) -> Tensor:
        """The encoding ``[..., C]`` of gaps ``[...]``."""
        gap = gap.to(self.weight.dtype).unsqueeze(-1)
        return torch.cos(gap * self.weight + self.bias)

    def extra_repr(self) -> str:
        return f"{self.out_channels}, init={self.init!r}"
