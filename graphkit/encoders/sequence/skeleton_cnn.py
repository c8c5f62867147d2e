r"""The residual 1-D network of skeleton-based action recognition as a sequence encoder.

Xu and Wang, "Ensemble One-dimensional Convolution Neural Networks for Skeleton-based Action
Recognition", IEEE Signal Processing Letters 2018, arXiv 1801.02475. All joints of a frame are the
channels of a sequence. The network is that of the authors' code, see
:mod:`graphkit.nn.signal.residual_cnn`.

Departures: as an encoder it keeps one output per frame, so there are no stage strides (the
published classifier strides by 4), and a linear layer maps to
``out_channels``. Norms are taken per row by default, so that no row depends on another;
``norm="batch"`` is the published one.
"""

from __future__ import annotations

from collections.abc import Sequence

from torch import Tensor, nn

from graphkit.encoders.sequence.masks import compact, spread
from graphkit.encoders.sequence.protocol import SequenceEncoder
from graphkit.encoders.sequence.state import State
from graphkit.nn.signal.residual_cnn import ResidualCNN
from graphkit.registry import register

__all__ = ["SkeletonCNN"]


@register("sequence_encoder", "skeleton_cnn")
class SkeletonCNN(SequenceEncoder):
    r"""Residual convolutions over time, seeing both sides (Xu and Wang 2018).

    Args:
        in_channels: C.
        out_channels: C'.
        widths: Channels of each stage.
        kernel_size: Frames that a convolution sees.
        norm: ``"row"`` or ``"batch"``, see :class:`~graphkit.nn.norm.frame_norm.FrameNorm`.
        norm_momentum: Of ``"batch"``, see :class:`~graphkit.nn.signal.residual_cnn.ResidualCNN`.
        dropout: After each ReLU of a stage.

    Raises:
        UnknownNameError: An unknown norm.

    Parameters: ``kernel_size * (in_channels * stem_width + stage_products) + stem_width
    + shortcut_products + shortcut_widths + 2 * norm_channels + (last_width + 1) * out_channels``
    """

    causal = False
    forms = frozenset({"parallel"})

    def __init__(
        self,
        in_channels: int,
        out_channels: int | None = None,
        widths: Sequence[int] = (64, 128, 256),
        kernel_size: int = 8,
        *,
        norm: str = "row",
        norm_momentum: float = 0.01,
        dropout: float = 0.0,
    ) -> None:
        super().__init__(in_channels, out_channels)
        widths = tuple(widths)
        self.kernel_size, self.stem_width, self.last_width = kernel_size, widths[0], widths[-1]
        pairs = list(zip((widths[0], *widths[:-1]), widths))
        self.stage_products = sum(a * b + 2 * b * b for a, b in pairs)
        self.shortcut_products = sum(a * b for a, b in pairs if a != b)
        self.shortcut_widths = sum(b for a, b in pairs if a != b)
        self.norm_channels = 3 * sum(widths) + widths[-1]
        strides = (1,) * len(widths)
        self.cnn = ResidualCNN(
            in_channels,
            widths,
            kernel_size,
            strides,
            norm=norm,
            norm_momentum=norm_momentum,
            dropout=dropout,
        )
        self.lin_out = nn.Linear(widths[-1], self.out_channels)
        self.reset_parameters()

    def _parallel(
        self, x: Tensor, mask: Tensor | None, time: Tensor | None, state: State
    ) -> tuple[Tensor, State]:
        if mask is None:
            return self.lin_out(self.cnn(x)[0]), state
        x, order, lengths = compact(x, mask)  # holes close up
        first = order.new_ones(order.shape).cumsum(1) <= lengths[:, None]
        return spread(self.lin_out(self.cnn(x, first)[0]), order), state
