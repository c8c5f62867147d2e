r"""HiSTN: a hierarchical EEG classifier over electrodes, regions and head with about 1,000 weights.

D. Kuang, X. Song, C. Michoski, "Emotion Classification from Multi-Channel EEG Signals Using HiSTN:
A Hierarchical Graph-based Spatial-Temporal Approach", 2024, arXiv 2408.15255. The equations below
are taken from the abstract and from the authors' published code (dykuang/
EEG-based-affective-computing); the text of the paper itself was not available.

A window of T steps on N electrodes is converted to logits in four stages.

**Head.** F temporal filters of K taps are shared by all electrodes; electrode c mixes their
outputs with a vector :math:`m_c`, :math:`\lVert m_c \rVert \le 1`:

.. math:: y_{tc} = \sum_f m_{cf} \, (x_c * w_f)_t

followed by batch normalisation, ELU, a convolution with 5 taps per electrode (norm at most 1),
batch normalisation, ELU, averaging of pairs of steps, and dropout. The results are signals X on the
electrodes.

**Electrodes.** In each region r, a Chebyshev filter of the graph of the region passes messages,
followed by a separable convolution (5 taps per electrode, a matrix per region):

.. math::
    Z = \mathrm{ELU}(\mathrm{BN}(\mathrm{SepConv}_r(X_r P_r))), \qquad X_{out} = X + Z

Message passing and convolution do not commute, so their order is part of the model.

**Regions and head.** Sample-dependent weights (:class:`~graphkit.nn.regions.NodeFusion`) sum the
electrodes of a region to one signal, and the signals of the regions to one for the head:

.. math::
    Q = \mathrm{fuse}_1(X), \quad Q'' = \mathrm{fuse}_2(Z), \quad R_{out} = Q P + Q'', \quad
    G_{out} = \mathrm{fuse}_3(Q) + \mathrm{fuse}_4(Q'')

**Classes.** Mean over time of :math:`[X_{out} | R_{out} | G_{out}]`, dropout, a linear layer.

With the default arguments the model has 1,181 parameters (709 with ``kernel_size=5``).

Implementation (all steps are exact): the F filters and the mixing of an electrode are combined into
one filter of K taps, so that the F feature maps are not materialised; all regions form one
block-diagonal matrix; fusion weights do not depend on time, so that regions and head require only
means over time (:meth:`HiSTN.core` returns the signals themselves). All operations support a
leading axis of models, so that :meth:`HiSTN.stack` can train many models at once.

Departures and choices: regions may be any lists of electrodes, not only neighbours in the order of
channels (our choice). The published code uses ``max_norm`` of Keras, which computes norms along the
first axis of a kernel; for the mixing and the pointwise weights this axis has length 1, so that
single weights are bounded. The default is ``max_norm="vector"`` (our interpretation: the incoming
weights of a node have norm at most 1); ``"entry"`` is that of the code. Running variances use the
biased variance of batches, as in Keras 3 (in single precision, Keras 2 uses the unbiased variance
in the first two normalisations: a factor n / (n - 1)). The output is logits, not a softmax. The
regression and density heads, the ``sepconv`` fusion and the basis of plain powers are not
implemented, because they are not the published default.
"""

from __future__ import annotations

import functools
import math
from collections.abc import Sequence
from typing import Any, ClassVar

import torch
from torch import Tensor, nn

from graphkit.checks import check_choice
from graphkit.errors import GraphError
from graphkit.nn.dropout import SeededDropout
from graphkit.nn.norm.channel_norm import ChannelNorm
from graphkit.nn.norm.max_norm import MaxNorm
from graphkit.nn.regions import BlockDiagonal, ChebyshevFilter, NodeFusion, RegionHierarchy
from graphkit.nn.stacking import Stack
from graphkit.ops.channel_conv import channel_conv
from graphkit.ops.pair_mean import pair_mean
from graphkit.registry import register

__all__ = ["HiSTN"]

_SHORT = 5  # number of taps of the convolutions after the first one


@register("model", "histn", view="signal", tasks=("window_classification",))
class HiSTN(nn.Module):
    r"""HiSTN (Kuang et al. 2024): hierarchical EEG classifier with about 1,000 weights.

    When to use:
        For classification of EEG windows with few training data: about 1,000 parameters,
        organised by the regions of the electrodes, which are derived from the electrode names
        of any montage.

    Args:
        out_channels: Number of classes.
        hierarchy: Regions and their graphs; by default the four regions of the paper over the 14
            DREAMER electrodes.
        num_filters: Number of temporal filters, F.
        kernel_size: Number of taps of the temporal filters, K.
        dropout: Dropout probability after the head and before the classifier.
        mp_init: ``"glorot"`` as published, or ``"identity"`` for a start without message passing
            (our option).
        norm_momentum: Weight of a new batch in running means and variances; 0.01 as in Keras. Use
            larger values for training with few steps.
        max_norm: ``"vector"`` or ``"entry"``, see above.

    Shapes:
        - **input:** ``(B, T, N, 1)`` with :math:`T \ge 6`; covariates are not read; ``x`` is
          treated as 0 where the mask is false
        - **output:** logits ``(B, out_channels)``

    Raises:
        GraphError: A size is out of range, or a window is too short or has other nodes.

    Example:
        >>> model = HiSTN()
        >>> sum(p.numel() for p in model.parameters())
        1181
        >>> model(torch.randn(7, 128, 14, 1)).shape
        torch.Size([7, 5])
    """

    kind: ClassVar[str] = "classify"

    def __init__(
        self,
        out_channels: int = 5,
        hierarchy: RegionHierarchy | None = None,
        *,
        num_filters: int = 8,
        kernel_size: int = 64,
        dropout: float = 0.5,
        mp_init: str = "glorot",
        max_norm: str = "vector",
        norm_momentum: float = 0.01,
    ) -> None:
        super().__init__()
        check_choice(max_norm, "max_norm", ("vector", "entry"))
        for name, value in (
            ("out_channels", out_channels),
            ("num_filters", num_filters),
            ("kernel_size", kernel_size),
        ):
            if value < 1:
                raise GraphError(name, "not a size", expected=">= 1", got=value)
        h = RegionHierarchy.dreamer() if hierarchy is None else hierarchy
        n, entry = h.num_nodes, max_norm == "entry"
        self.hierarchy = h
        self.out_channels, self.num_nodes, self.num_regions = out_channels, n, h.num_regions
        whole = [range(h.num_regions)]
        norm = functools.partial(ChannelNorm, n, momentum=norm_momentum, unbiased=False, elu=True)
        # Head.
        self.filters = nn.Parameter(torch.zeros(num_filters, kernel_size))
        self.mixing = nn.Parameter(torch.zeros(n, num_filters))
        self.mixing_norm = MaxNorm(1.0, dim=() if entry else -1)
        self.norm1 = norm()
        self.taps = nn.Parameter(torch.zeros(n, _SHORT))
        self.taps_norm = MaxNorm(1.0, dim=-1)
        self.norm2 = norm()
        self.dropout = SeededDropout(dropout)
        # Electrodes.
        self.node_filter = ChebyshevFilter(h.region_adj, h.hops, h.partition, init=mp_init)
        self.node_taps = nn.Parameter(torch.zeros(n, _SHORT))
        self.pointwise = BlockDiagonal(h.partition, max_norm=1.0, entries=entry)
        self.norm3 = norm()
        # Regions and head.
        self.fuse_x, self.fuse_z = NodeFusion(h.partition), NodeFusion(h.partition)
        self.region_filter = ChebyshevFilter(h.super_adj, h.super_hops, init=mp_init)
        self.collapse_x, self.collapse_z = NodeFusion(whole), NodeFusion(whole)
        # Classes.
        self.weight = nn.Parameter(torch.zeros(out_channels, n + h.num_regions + 1))
        self.bias = nn.Parameter(torch.zeros(out_channels))
        self._sizes = h.sizes
        self.reset_parameters()

    @classmethod
    def from_task(
        cls, task: Any, *, regions: RegionHierarchy | str | dict | None = None, **settings: Any
    ) -> HiSTN:
        """Create a model for the windows and classes of ``task``.

        Args:
            task: A task with ``in_channels``, ``num_classes`` and ``node_names``.
            regions: A hierarchy, or an argument of :meth:`RegionHierarchy.from_electrodes`; by
                default the hierarchy of the paper for the DREAMER electrodes and ``"auto"`` for
                other names.
            settings: Arguments of the class.

        Raises:
            GraphError: There is more than one channel per electrode, or electrodes are unknown.
        """
        if task.in_channels != 1:
            raise GraphError(
                "x", "HiSTN reads one number per electrode and step", got=task.in_channels
            )
        if not isinstance(regions, RegionHierarchy):
            names = task.node_names
            if names is None:
                raise GraphError(
                    "regions",
                    "the electrodes have no names",
                    fix="Give node_names to the graph, or regions=RegionHierarchy(...).",
                )
            hops = {key: settings.pop(key) for key in ("hops", "super_hops") if key in settings}
            regions = RegionHierarchy.from_electrodes(list(names), regions or "auto", **hops)
        return cls(task.num_classes, regions, **settings)

    def reset_parameters(self) -> None:
        """Reset all learnable parameters, with the Glorot-uniform initialisation of Keras."""
        n, (f, k) = self.num_nodes, self.filters.shape
        with torch.no_grad():
            _glorot(self.filters, k, f * k)
            _glorot(self.mixing, f * n, f)  # a depthwise kernel (1, F) over n channels
            _glorot(self.taps, _SHORT * n, _SHORT)
            for size, rows in zip(self._sizes, self._rows()):
                limit = math.sqrt(6 / (_SHORT * size + _SHORT))
                self.node_taps[rows] = torch.empty(size, _SHORT).uniform_(-limit, limit)
            _glorot(self.weight, self.weight.shape[1], self.weight.shape[0])
            self.bias.zero_()
        for child in self.children():
            if hasattr(child, "reset_parameters"):
                child.reset_parameters()

    # ---------------------------------------------------------------- the four stages
    def head(self, x: Tensor) -> Tensor:
        """Compute the signals on the electrodes, ``(B, T, N, 1)`` to ``[..., N, B, T']``."""
        x = x.squeeze(-1).movedim(-1, -3).contiguous()
        y = channel_conv(x, self.mixing_norm(self.mixing) @ self.filters, same=True)
        y = self.norm1(y)
        y = self.norm2(channel_conv(y, self.taps_norm(self.taps)))
        return self.dropout(pair_mean(y))

    def electrodes(self, x: Tensor) -> Tensor:
        """Message passing in the regions and convolution: X to Z, both ``[..., N, B, T]``."""
        shape = x.shape
        passed = (self.node_filter.matrix() @ x.flatten(-2)).view(shape)  # symmetric
        z = channel_conv(passed, self.node_taps, same=True)
        z = (self.pointwise.matrix().mT @ z.flatten(-2)).view(shape)
        return self.norm3(z)

    def core(self, x: Tensor) -> Tensor:
        """Compute the signals of all three levels, ``(B, T, N)`` to ``(B, T, N + R + 1)``."""
        z = self.electrodes(x.movedim(-1, -3).contiguous()).movedim(-3, -1)
        q, q2 = self.fuse_x(x), self.fuse_z(z)
        whole = self.collapse_x(q) + self.collapse_z(q2)
        return torch.cat([x + z, self.region_filter(q) + q2, whole], dim=-1)

    def features(self, x: Tensor) -> Tensor:
        """Compute the mean over time of :meth:`core` from the head output ``[..., N, B, T]``."""
        z = self.electrodes(x).mean(-1).mT
        x = x.mean(-1).mT
        q, q2 = self.fuse_x.pool(x), self.fuse_z.pool(z)
        whole = self.collapse_x.pool(q) + self.collapse_z.pool(q2)
        return torch.cat([x + z, self.region_filter(q) + q2, whole], dim=-1)

    def forward(
        self, x: Tensor, covariates: Tensor | None = None, mask: Tensor | None = None
    ) -> Tensor:
        self._check(x)
        if mask is not None:
            x = torch.where(mask, x, 0)
        features = self.dropout(self.features(self.head(x)))
        return features @ self.weight.mT + self.bias.unsqueeze(-2)

    # ---------------------------------------------------------------- many at once
    @staticmethod
    def stack(models: Sequence[HiSTN], seeds: Sequence[int]) -> Stack:
        """Combine several models into one, see :class:`~graphkit.nn.stacking.stack.Stack`."""
        return Stack(models, seeds)

    def _rows(self) -> list[Tensor]:
        members = self.fuse_x
        return [row[~empty] for row, empty in zip(members.member, members.empty)]

    def _check(self, x: Tensor) -> None:
        if x.dim() < 4 or x.shape[-2:] != (self.num_nodes, 1) or x.shape[-3] <= _SHORT:
            raise GraphError(
                "x",
                "not a batch of windows for this model",
                expected=f"[B, T > {_SHORT}, {self.num_nodes}, 1]",
                got=list(x.shape),
            )

    def extra_repr(self) -> str:
        f, k = self.filters.shape[-2:]
        return f"num_nodes={self.num_nodes}, filters={f}, kernel_size={k}, out={self.out_channels}"


def _glorot(weight: Tensor, fan_in: int, fan_out: int) -> None:
    limit = math.sqrt(6 / (fan_in + fan_out))
    weight.uniform_(-limit, limit)
