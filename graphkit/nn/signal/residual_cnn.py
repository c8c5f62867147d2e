r"""A residual network of convolutions over time, for rows of different lengths.

The base network of Xu and Wang, "Ensemble One-dimensional Convolution Neural Networks for
Skeleton-based Action Recognition", arXiv 1801.02475, as the authors' code has it
(Qingyang-Xu/Ensem-NN): a convolution alone, without norm or activation; then stages of three
convolutions, each followed by a norm and ReLU, and the input of a stage added after its third
(through a 1 x 1 convolution where sizes differ); a norm and ReLU at the end. Convolutions are as
wide as their kernel says around a frame; an even kernel looks one frame further ahead than back,
which with the published kernel of 8 and strides of 1 and 2 is Keras' ``padding="same"``.

Departures: convolutions before a norm have no bias, since a norm over the batch takes it out again
(one in Keras' weights is subtracted from the running mean). Initial weights are those of He's
normal distribution, which Keras cuts off at two standard deviations. The running variance is the
unbiased one; that of Keras 3 is smaller by the factor (n - 1) / n.

Padding frames are zero wherever a convolution reads, and norms never see them.
"""

from __future__ import annotations

import functools
from collections.abc import Sequence

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from graphkit.errors import GraphError
from graphkit.nn.norm.frame_norm import FrameNorm

__all__ = ["ResidualCNN"]


class ResidualCNN(nn.Module):
    r"""Residual 1-D convolutions over frames.

    Args:
        in_channels: C.
        widths: Channels of each stage.
        kernel_size: k of all convolutions.
        strides: Of the first convolution of each stage.
        norm: See :class:`~graphkit.nn.norm.frame_norm.FrameNorm`; ``"batch"`` is the published one,
            with Keras' epsilon of 1e-3.
        norm_momentum: Weight of a new batch in the running averages of ``"batch"``; 0.01 as Keras
            has it, more for trainings of few steps.
        dropout: After each ReLU of a stage.
        convs: Convolutions of a stage.

    Shapes:
        - **input:** ``[B, L, C]`` and mask bool ``[B, L]`` (valid frames first) or ``None``
        - **output:** ``[B, L', widths[-1]]`` and the mask of these, ``[B, L']`` or ``None``; L' is
          L divided by all strides, rounded up

    Raises:
        GraphError: Not as many strides as widths.
    """

    def __init__(
        self,
        in_channels: int,
        widths: Sequence[int] = (64, 128, 256),
        kernel_size: int = 8,
        strides: Sequence[int] = (1, 2, 2),
        *,
        norm: str = "batch",
        norm_momentum: float = 0.01,
        dropout: float = 0.0,
        convs: int = 3,
    ) -> None:
        super().__init__()
        if len(widths) != len(strides) or not widths:
            raise GraphError(
                "strides", "one for each width is needed", expected=len(widths), got=len(strides)
            )
        self.in_channels, self.out_channels = in_channels, widths[-1]
        self.strides, self.kernel_size, self.dropout = tuple(strides), kernel_size, dropout
        eps = 1e-3 if norm == "batch" else 1e-5
        normed = functools.partial(FrameNorm, kind=norm, eps=eps, momentum=norm_momentum)
        self.stem = nn.Conv1d(in_channels, widths[0], kernel_size)
        self.stages, self.norms, self.shortcuts = (nn.ModuleList() for _ in range(3))
        before = widths[0]
        for width, stride in zip(widths, strides):
            sizes = [before, *[width] * convs]
            self.stages.append(
                nn.ModuleList(
                    nn.Conv1d(a, width, kernel_size, stride if i == 0 else 1, bias=False)
                    for i, a in enumerate(sizes[:-1])
                )
            )
            self.norms.append(nn.ModuleList(normed(width) for _ in range(convs)))
            same = before == width and stride == 1
            self.shortcuts.append(nn.Identity() if same else nn.Conv1d(before, width, 1, stride))
            before = width
        self.last_norm = normed(before)
        self.reset_parameters()

    def reset_parameters(self) -> None:
        """Convolutions from He's normal distribution by fan-in, biases 0."""
        for module in self.modules():
            if isinstance(module, nn.Conv1d):
                nn.init.kaiming_normal_(module.weight, nonlinearity="relu")
                if module.bias is not None:
                    nn.init.zeros_(module.bias)
            elif isinstance(module, FrameNorm):
                module.reset_parameters()

    @property
    def receptive_field(self) -> tuple[int, int]:
        """Frames before and after a frame that its output at stride 1 depends on.

        With strides, those around the first frame of an output's block.
        """
        back, ahead, step = *self._pad, 1
        for stage, stride in zip(self.stages, self.strides):
            for i in range(len(stage)):
                back, ahead = back + step * self._pad[0], ahead + step * self._pad[1]
                step *= stride if i == 0 else 1
        return back, ahead

    def l1(self) -> Tensor:
        """Sum of the sizes of all convolutions' weights, which the authors penalise by 1e-4."""
        return sum(m.weight.abs().sum() for m in self.modules() if isinstance(m, nn.Conv1d))

    def forward(self, x: Tensor, mask: Tensor | None = None) -> tuple[Tensor, Tensor | None]:
        if mask is not None:
            x = torch.where(mask[..., None], x, 0)
        h = _inside(self.stem(F.pad(x.transpose(1, 2), self._pad)), mask)
        for stage, norms, shortcut in zip(self.stages, self.norms, self.shortcuts):
            entered = shortcut(h)
            for conv, norm in zip(stage, norms):
                mask = mask if mask is None else mask[:, :: conv.stride[0]]
                h = self._conv(conv, norm, h, mask)
            h = _inside(h + entered, mask)
        return self.last_norm(h, mask).relu().transpose(1, 2), mask

    @property
    def _pad(self) -> tuple[int, int]:
        return (self.kernel_size - 1) // 2, self.kernel_size // 2

    def _conv(self, conv: nn.Conv1d, norm: FrameNorm, h: Tensor, mask: Tensor | None) -> Tensor:
        h = norm(conv(F.pad(h, self._pad)), mask).relu()
        return F.dropout(h, self.dropout, self.training)


def _inside(h: Tensor, mask: Tensor | None) -> Tensor:
    """``[B, C, L]`` with zeros at padding frames, to which biases were added too."""
    return h if mask is None else torch.where(mask.unsqueeze(1), h, 0)
