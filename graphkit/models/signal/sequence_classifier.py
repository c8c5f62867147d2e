r"""A classifier of clips: features per frame, any sequence encoder, and a mean over time.

.. math::
    h_t = \mathrm{features}(x_t), \quad y = W\, \frac{1}{T} \sum_t \mathrm{encoder}(h)_t + b

Not a published model. With ``encoder="skeleton_cnn"`` and ``norm="batch"`` it contains the base
network of Xu and Wang (arXiv 1801.02475), without its strides and with a linear layer before and
after it; other encoders can be selected by name. Our choice: features are standardised over the
valid frames of a batch (a norm with running averages) and then projected to the width of the
encoder.
"""

from __future__ import annotations

from typing import Any, ClassVar

import torch
from torch import Tensor, nn

from graphkit.checks import check_choice
from graphkit.encoders.sequence import SequenceEncoder, make_sequence_encoder
from graphkit.errors import GraphError
from graphkit.nn.norm.frame_norm import FrameNorm
from graphkit.nn.signal.pooling import masked_mean
from graphkit.nn.signal.skeleton import SkeletonFeatures
from graphkit.registry import register

__all__ = ["SequenceClassifier"]

_FEATURES = ("raw", "skeleton")


@register(
    "model",
    "sequence_classifier",
    view="signal",
    tasks=(
        "window_classification",
        "recording_classification",
    ),
)
class SequenceClassifier(nn.Module):
    r"""Classifier of clips of any length with any sequence encoder.

    When to use:
        To classify clips of any length or windows of a recording with any sequence encoder
        (`encoder=`), from the mean of its outputs over time.

    Args:
        out_channels: Number of classes.
        num_nodes: Number of joints or sensors, N.
        in_channels: Number of readings of each joint or sensor, C.
        encoder: Name of an encoder, see
            :func:`graphkit.encoders.sequence.list_sequence_encoders`; or an encoder module with
            ``hidden_channels`` channels.
        hidden_channels: Width of the encoder.
        features: ``"raw"`` for all readings of a frame, or ``"skeleton"`` for positions, distances
            and velocities, see :class:`~graphkit.nn.signal.skeleton.SkeletonFeatures`.
        dropout: Dropout probability of the projected features and of the mean.
        encoder_settings: Additional arguments of a named encoder.

    Shapes:
        - **input:** ``(B, T, N, C)``; covariates are not read; a mask of the same shape is true for
          observed readings: frames after the last observation are padding, and readings that were
          not observed before it are excluded from norms and features
        - **output:** logits ``(B, out_channels)``

    Example:
        >>> model = SequenceClassifier(14, num_nodes=15, in_channels=2, encoder="gru")
        >>> model(torch.randn(4, 40, 15, 2)).shape
        torch.Size([4, 14])
    """

    kind: ClassVar[str] = "classify"

    def __init__(
        self,
        out_channels: int,
        num_nodes: int,
        in_channels: int,
        encoder: str | SequenceEncoder = "gru",
        hidden_channels: int = 64,
        *,
        features: str = "raw",
        dropout: float = 0.3,
        encoder_settings: dict[str, Any] | None = None,
    ) -> None:
        super().__init__()
        check_choice(features, "features", _FEATURES)
        self.num_nodes, self.in_channels, self.dropout = num_nodes, in_channels, dropout
        self.features = SkeletonFeatures(num_nodes, in_channels) if features == "skeleton" else None
        width = num_nodes * in_channels if self.features is None else self.features.out_channels
        self.norm = FrameNorm(width, "batch")
        self.lin_in = nn.Linear(width, hidden_channels)
        sizes = {"in_channels": hidden_channels, "out_channels": hidden_channels}
        sizes = sizes if isinstance(encoder, str) else {}
        self.encoder = make_sequence_encoder(encoder, **sizes, **(encoder_settings or {}))
        self.lin_out = nn.Linear(self.encoder.out_channels, out_channels)

    @classmethod
    def from_task(cls, task: Any, **settings: Any) -> SequenceClassifier:
        """Create a model for the recordings and classes of ``task``."""
        return cls(task.num_classes, task.num_nodes, task.in_channels, **settings)

    def reset_parameters(self) -> None:
        """Reset all learnable parameters."""
        for module in (self.norm, self.lin_in, self.encoder, self.lin_out):
            module.reset_parameters()

    def forward(
        self, x: Tensor, covariates: Tensor | None = None, mask: Tensor | None = None
    ) -> Tensor:
        if x.dim() != 4 or x.shape[2:] != (self.num_nodes, self.in_channels):
            raise GraphError(
                "x",
                "not a batch of clips for this model",
                expected=f"[B, T, {self.num_nodes}, {self.in_channels}]",
                got=list(x.shape),
            )
        frames = there = None
        if mask is not None:
            x = torch.where(mask, x, 0)
            frames = mask.flatten(2).any(2).flip(1).cummax(1).values.flip(1)
            there = mask.expand_as(x)
        if self.features is None:
            h, there = x.flatten(2), None if there is None else there.flatten(2)
        else:
            h, there = self.features(x, there), self.features.observed(there)
        h = self.norm(h.transpose(1, 2), None if there is None else there.transpose(1, 2))
        h = h.transpose(1, 2)
        h = nn.functional.dropout(self.lin_in(h), self.dropout, self.training)
        pooled = masked_mean(self.encoder(h, frames), frames)
        return self.lin_out(nn.functional.dropout(pooled, self.dropout, self.training))

    def extra_repr(self) -> str:
        return f"num_nodes={self.num_nodes}, in_channels={self.in_channels}"
