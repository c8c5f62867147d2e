r"""EEGNet: a compact convolutional network for EEG.

V. Lawhern, A. Solon, N. Waytowich, S. Gordon, C. Hung, B. Lance, "EEGNet: a compact convolutional
neural network for EEG-based brain-computer interfaces", Journal of Neural Engineering 15(5), 2018,
arXiv 1611.08024, Table 2. EEGNet-F1,D: F1 temporal filters, D spatial filters for each of them,
F2 = F1 D separable filters.

.. math::
    \begin{aligned}
    U &= \mathrm{BN}(x * w_f) && \text{F1 filters of K taps over time} \\
    V &= \mathrm{drop}(\mathrm{pool}_4(\mathrm{ELU}(\mathrm{BN}(\textstyle\sum_c s_{fdc} U_{fc}))))
      && \lVert s_{fd} \rVert \le 1 \\
    W &= \mathrm{drop}(\mathrm{pool}_8(\mathrm{ELU}(\mathrm{BN}(\mathrm{SepConv}_{16}(V)))))
    \end{aligned}

followed by a linear layer whose rows have norm at most 0.25. Only the last layer has a bias.
Initialisation, epsilon and momentum are those of Keras, and the running variance is unbiased as in
Keras 2, which the authors' code uses (that of Keras 3 is smaller by the factor (n - 1) / n). The
output is logits; the features of the last layer are ordered by filter, then time (in Keras by time,
then filter). Convolutions over time are computed as matrix products of blocks of the signal with
band matrices, which is exact and faster on a CPU.

The authors of HiSTN compare with a variant that has less pooling and therefore a larger last layer:
``VARIANTS["histn"]``.
"""

from __future__ import annotations

import math
from typing import Any, ClassVar

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from graphkit.checks import check_choice
from graphkit.errors import GraphError
from graphkit.nn.norm.channel_norm import ChannelNorm
from graphkit.nn.norm.max_norm import MaxNorm
from graphkit.ops.channel_conv import channel_conv, shared_conv
from graphkit.registry import register

__all__ = ["VARIANTS", "EEGNet"]

VARIANTS: dict[str, dict[str, Any]] = {
    "published": {},
    "histn": {
        "pool": (2, 2),
        "separable_size": 5,
        "activation": "silu",
        "classifier_norm": None,
    },
}
"""Settings by name: EEGNet as published, and as used by the authors of HiSTN."""

_ACTIVATIONS = {"elu": F.elu, "silu": F.silu}


@register("model", "eegnet", view="signal", tasks=("window_classification",))
class EEGNet(nn.Module):
    """EEGNet (Lawhern et al. 2018): temporal, spatial and separable convolutions.

    When to use:
        As a convolutional baseline for EEG windows. `variant="histn"` is the form that the
        authors of HiSTN compare with.

    Args:
        out_channels: Number of classes.
        num_nodes: Number of electrodes, N.
        history: Number of steps of a window, T.
        F1: Number of temporal filters.
        D: Number of spatial filters per temporal filter.
        F2: Number of separable filters; by default ``F1 * D``.
        kernel_size: Number of taps of the temporal filters; the default is half a second at 128 Hz,
            as published.
        separable_size: Number of taps of the separable filters.
        pool: Numbers of steps averaged after the spatial and after the separable filters.
        dropout: Dropout probability; in the paper 0.5 within and 0.25 across subjects.
        activation: ``"elu"`` or ``"silu"``.
        norm_momentum: Weight of a new batch in running means and variances; 0.01 as in Keras. Use
            larger values for training with few steps.
        classifier_norm: Maximum norm of the rows of the last layer; ``None`` for no limit.

    Shapes:
        - **input:** ``(B, T, N, 1)``; covariates are not read; ``x`` is treated as 0 where the mask
          is false
        - **output:** logits ``(B, out_channels)``

    Raises:
        GraphError: A window is shorter than the pooling, or its size differs from that of the
            model.

    Example:
        >>> model = EEGNet(4, num_nodes=64, history=128)
        >>> sum(p.numel() for p in model.parameters())
        2388
    """

    kind: ClassVar[str] = "classify"

    def __init__(
        self,
        out_channels: int,
        num_nodes: int,
        history: int = 128,
        *,
        F1: int = 8,
        D: int = 2,
        F2: int | None = None,
        kernel_size: int = 64,
        separable_size: int = 16,
        pool: tuple[int, int] = (4, 8),
        dropout: float = 0.5,
        activation: str = "elu",
        classifier_norm: float | None = 0.25,
        norm_momentum: float = 0.01,
    ) -> None:
        super().__init__()
        check_choice(activation, "activation", _ACTIVATIONS)
        self.pool, self.activation = tuple(pool), activation
        left = history // self.pool[0] // self.pool[1]
        if left < 1:
            raise GraphError(
                "history",
                "nothing is left after pooling",
                expected=f"at least {self.pool[0] * self.pool[1]} steps",
                got=history,
            )
        F2 = F1 * D if F2 is None else F2
        self.num_nodes, self.history, self.dropout = num_nodes, history, dropout
        self.temporal = nn.Parameter(torch.zeros(F1, kernel_size))
        self.norm1 = ChannelNorm(F1, momentum=norm_momentum)
        self.spatial = nn.Parameter(torch.zeros(F1, D, num_nodes))
        self.spatial_norm = MaxNorm(1.0, dim=-1)
        self.norm2 = ChannelNorm(F1 * D, momentum=norm_momentum)
        self.depthwise = nn.Parameter(torch.zeros(F1 * D, separable_size))
        self.pointwise = nn.Parameter(torch.zeros(F2, F1 * D))
        self.norm3 = ChannelNorm(F2, momentum=norm_momentum)
        self.lin = nn.Linear(F2 * left, out_channels)
        self.lin_norm = None if classifier_norm is None else MaxNorm(classifier_norm, dim=-1)
        self.reset_parameters()

    @classmethod
    def from_task(cls, task: Any, *, variant: str = "published", **settings: Any) -> EEGNet:
        """Create a model for the windows and classes of ``task``.

        Args:
            task: A task with ``num_classes``, ``num_nodes``, ``in_channels`` and ``in_steps``.
            variant: A name in :data:`VARIANTS`.
            settings: Arguments of the class, which take precedence over those of the variant.
        """
        check_choice(variant, "variant", VARIANTS)
        if task.in_channels != 1:
            raise GraphError(
                "x", "EEGNet reads one number per electrode and step", got=task.in_channels
            )
        settings = {**VARIANTS[variant], **settings}
        return cls(task.num_classes, task.num_nodes, task.in_steps, **settings)

    def reset_parameters(self) -> None:
        """Reset all learnable parameters, with the Glorot-uniform initialisation of Keras."""
        (f1, k), (_, d, n) = self.temporal.shape, self.spatial.shape
        f2, size = self.pointwise.shape[0], self.depthwise.shape[1]
        with torch.no_grad():
            for weight, fan_in, fan_out in (
                (self.temporal, k, f1 * k),
                (self.spatial, f1 * n, d * n),
                (self.depthwise, f1 * d * size, size),
                (self.pointwise, f1 * d, f2),
                (self.lin.weight, self.lin.in_features, self.lin.out_features),
            ):
                limit = math.sqrt(6 / (fan_in + fan_out))
                weight.uniform_(-limit, limit)
            self.lin.bias.zero_()
        for norm in (self.norm1, self.norm2, self.norm3):
            norm.reset_parameters()

    def forward(
        self, x: Tensor, covariates: Tensor | None = None, mask: Tensor | None = None
    ) -> Tensor:
        if x.dim() != 4 or x.shape[1:] != (self.history, self.num_nodes, 1):
            raise GraphError(
                "x",
                "not a batch of windows for this model",
                expected=f"[B, {self.history}, {self.num_nodes}, 1]",
                got=list(x.shape),
            )
        if mask is not None:
            x = torch.where(mask, x, 0)
        activation = _ACTIVATIONS[self.activation]
        batch, steps = x.shape[:2]
        x = x.squeeze(-1).permute(2, 0, 1).contiguous()  # [N, B, T]
        y = self.norm1(shared_conv(x.flatten(0, 1), self.temporal))
        weight = self.spatial_norm(self.spatial)
        y = (weight @ y.view(len(y), self.num_nodes, -1)).view(-1, batch, steps)
        y = self._pool(activation(self.norm2(y)), self.pool[0])
        y = channel_conv(y, self.depthwise, same=True)
        y = (self.pointwise @ y.flatten(1)).view(-1, *y.shape[1:])
        y = self._pool(activation(self.norm3(y)), self.pool[1])
        weight = self.lin.weight if self.lin_norm is None else self.lin_norm(self.lin.weight)
        return F.linear(y.transpose(0, 1).flatten(1), weight, self.lin.bias)

    def _pool(self, y: Tensor, size: int) -> Tensor:
        return F.dropout(F.avg_pool1d(y, size), self.dropout, self.training)

    def extra_repr(self) -> str:
        f1, k = self.temporal.shape
        return f"num_nodes={self.num_nodes}, history={self.history}, F1={f1}, kernel_size={k}"
