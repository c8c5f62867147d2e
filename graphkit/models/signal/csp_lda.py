r"""CSP and LDA: the closed-form baseline of motor imagery.

Common spatial patterns (Ramoser, Müller-Gerking, Pfurtscheller 2000, IEEE Trans. Rehab. Eng. 8(4);
one class against the others for more than two, Dornhege et al. 2004): spatial filters w that
maximise or minimise the share of a class in the variance,

.. math::
    \Sigma_1 w = \lambda (\Sigma_1 + \Sigma_2) w, \qquad
    z_w = \log \frac{w^\top C w}{\mathrm{tr}\, C}

with C the covariance of a window, and linear discriminant analysis on the log variances z with a
shrunk common covariance. The method is the established one; the amounts of shrinkage are our
choice: ``shrinkage`` of the mean covariances towards a multiple of the identity, and the
Ledoit-Wolf amount for the discriminant unless a number is given.

The model has no parameters that are trained by gradient: :meth:`CSPLDA.from_task` fits it to the
training windows of a task, and :meth:`CSPLDA.fit` to given windows.
"""

from __future__ import annotations

from typing import Any, ClassVar

import torch
from torch import Tensor, nn

from graphkit.errors import GraphError
from graphkit.registry import register

__all__ = ["CSPLDA"]


@register("model", "csp_lda", view="signal", tasks=("window_classification",))
class CSPLDA(nn.Module):
    """Common spatial patterns with a linear discriminant; two or more classes.

    When to use:
        As a closed-form baseline for EEG windows, in particular for motor imagery: spatial
        filters and a linear discriminant.

    Args:
        out_channels: Number of classes.
        num_nodes: Number of electrodes.
        num_filters: Number of spatial filters per one-against-rest problem, half from either end of
            the spectrum.
        shrinkage: Weight of the identity in the mean covariance of a class.
        lda_shrinkage: Weight of the identity in the covariance of the discriminant; ``None`` for
            the Ledoit-Wolf amount.

    Shapes:
        - **input:** ``(B, T, N, 1)``; covariates are not read; ``x`` is treated as 0 where the mask
          is false
        - **output:** logits ``(B, out_channels)``, log posteriors up to a constant

    Raises:
        GraphError: The model is called before it is fitted, or fitted to windows of one class.
    """

    kind: ClassVar[str] = "classify"

    def __init__(
        self,
        out_channels: int,
        num_nodes: int,
        *,
        num_filters: int = 6,
        shrinkage: float = 0.05,
        lda_shrinkage: float | None = None,
    ) -> None:
        super().__init__()
        if out_channels < 2:
            raise GraphError("out_channels", "two classes at least", got=out_channels)
        num_filters = min(num_filters, num_nodes)
        if num_filters < 1 or not 0 <= shrinkage <= 1:
            raise GraphError("num_filters", "not settings", got=f"{num_filters}, {shrinkage}")
        self.out_channels, self.num_nodes = out_channels, num_nodes
        self.num_filters, self.shrinkage = num_filters, shrinkage
        self.lda_shrinkage = lda_shrinkage
        sets = 1 if out_channels == 2 else out_channels
        size = sets * num_filters
        # Always in double precision, because they are computed in closed form.
        self.register_buffer("filters", torch.zeros(size, num_nodes, dtype=torch.float64))
        self.register_buffer("weight", torch.zeros(out_channels, size, dtype=torch.float64))
        self.register_buffer("bias", torch.zeros(out_channels, dtype=torch.float64))
        self.register_buffer("fitted", torch.zeros((), dtype=torch.bool))

    @classmethod
    def from_task(cls, task: Any, **settings: Any) -> CSPLDA:
        """Create a model fitted to the training windows of ``task``."""
        if task.in_channels != 1:
            raise GraphError("x", "CSP reads one number per electrode and step")
        model = cls(task.num_classes, task.num_nodes, **settings)
        return model.fit(*task.training_windows())

    def reset_parameters(self) -> None:
        """Has no effect, because no parameter is drawn at random."""

    @torch.no_grad()
    def fit(self, x: Tensor, y: Tensor) -> CSPLDA:
        """Fit the model to labelled windows.

        Args:
            x: Windows, ``[B, T, N, 1]``.
            y: Classes, ``[B]``.
        """
        self._solve(_covariance(x), y)
        self.fitted.fill_(True)
        return self

    @torch.no_grad()
    def forward(
        self, x: Tensor, covariates: Tensor | None = None, mask: Tensor | None = None
    ) -> Tensor:
        if not bool(self.fitted):
            raise GraphError("model", "it is not fitted", fix="Call fit(x, y), or use from_task.")
        if mask is not None:
            x = torch.where(mask, x, 0)
        logits = self._features(_covariance(x)) @ self.weight.T + self.bias
        return logits.to(x.dtype)

    def _features(self, covariance: Tensor) -> Tensor:
        power = torch.einsum("fi,bij,fj->bf", self.filters, covariance, self.filters)
        return power.clamp_min(1e-12).log()

    def _solve(self, covariance: Tensor, y: Tensor) -> None:
        there = [k for k in range(self.out_channels) if bool((y == k).any())]
        if len(there) < 2:
            raise GraphError("y", "the training windows are of one class", got=there)
        sets = [1] if self.out_channels == 2 else range(self.out_channels)
        filters = []
        for k in sets:
            mine = y == k
            if bool(mine.any()) and not bool(mine.all()):
                pair = [_shrunk(covariance[m].mean(0), self.shrinkage) for m in (mine, ~mine)]
                filters.append(_patterns(*pair, self.num_filters))
            else:  # a class that never occurs: filters without additional information
                filters.append(torch.eye(self.num_nodes, dtype=torch.float64)[: self.num_filters])
        self.filters.copy_(torch.cat([f.to(self.filters.device) for f in filters]))
        z = self._features(covariance)
        mean = torch.stack([z[y == k].mean(0) if k in there else z.mean(0) for k in self._classes])
        scatter = _pooled(z - mean[y], self.lda_shrinkage)
        self.weight.copy_(torch.linalg.solve(scatter, mean.T).T)
        prior = torch.stack([(y == k).double().mean() for k in self._classes])
        offset = -0.5 * (self.weight * mean).sum(1) + prior.clamp_min(1e-12).log()
        self.bias.copy_(offset)

    @property
    def _classes(self) -> range:
        return range(self.out_channels)

    def extra_repr(self) -> str:
        return f"{self.num_nodes} nodes, {len(self.filters)} filters, {self.out_channels} classes"


def _covariance(x: Tensor) -> Tensor:
    """Covariance of each window divided by its trace, float64 ``[B, N, N]``."""
    x = x.squeeze(-1).double()
    x = x - x.mean(1, keepdim=True)
    c = x.mT @ x
    return c / c.diagonal(dim1=1, dim2=2).sum(1).clamp_min(1e-12).view(-1, 1, 1)


def _shrunk(covariance: Tensor, share: float) -> Tensor:
    level = covariance.diagonal().mean()
    eye = torch.eye(len(covariance), dtype=covariance.dtype, device=covariance.device)
    return (1 - share) * covariance + share * level * eye


def _patterns(one: Tensor, other: Tensor, count: int) -> Tensor:
    """Generalised eigenvectors of one against both, alternately from both ends, ``[count, N]``."""
    values, vectors = torch.linalg.eigh(one + other)
    white = vectors / values.clamp_min(1e-12).sqrt()
    _, rotation = torch.linalg.eigh(white.T @ one @ white)
    found = (white @ rotation).T
    order = [i // 2 if i % 2 else -1 - i // 2 for i in range(count)]
    return found[order]


def _pooled(centred: Tensor, share: float | None) -> Tensor:
    """Pooled within-class covariance, shrunk towards a multiple of the identity."""
    n, size = centred.shape
    covariance = centred.T @ centred / n
    level = covariance.diagonal().mean()
    if share is None:  # Ledoit and Wolf 2004
        target = level * torch.eye(size, dtype=centred.dtype, device=centred.device)
        distance = (covariance - target).square().sum()
        spread = (centred.square().T @ centred.square() / n - covariance.square()).sum() / n
        share = float((spread / distance.clamp_min(1e-300)).clamp(0, 1))
    return _shrunk(covariance, share) + 1e-9 * level.clamp_min(1e-12) * torch.eye(
        size, dtype=centred.dtype, device=centred.device
    )
