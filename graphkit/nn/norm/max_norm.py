"""Max-norm: weight vectors that never get longer than a limit."""

from __future__ import annotations

import torch
from torch import Tensor, nn

from graphkit.errors import GraphError

__all__ = ["MaxNorm"]


class MaxNorm(nn.Module):
    r"""Projects weight vectors onto a ball, as Keras' ``max_norm`` does after every step.

    .. math:: w \leftarrow w \, \min(1, c / \lVert w \rVert)

    The engine knows nothing of it: a layer passes its weight through this module wherever it reads
    it. While training, the projection is also written into the parameter itself, before it is
    used. Between two readings nothing but the optimiser's step changes a weight, so this is
    projected gradient descent, exactly: gradients are taken at the projected point and the
    optimiser goes on from there. No reader ever sees a vector that is longer than the limit.

    Args:
        limit: Longest norm.
        dim: Axis, or axes, along which a vector lies; ``()`` bounds every entry by itself.
        groups: Instead: the number of the vector to which each entry of the last axis belongs,
            int64, for vectors that lie scattered in a flat weight.

    Shapes:
        - **input:** weights of any shape
        - **output:** the same shape

    Raises:
        GraphError: ``limit`` is not positive.

    Example:
        >>> norm = MaxNorm(1.0, dim=1)
        >>> norm(torch.tensor([[3.0, 4.0], [0.1, 0.0]]))
        tensor([[0.6000, 0.8000],
                [0.1000, 0.0000]])
    """

    def __init__(
        self,
        limit: float = 1.0,
        dim: int | tuple[int, ...] = -1,
        *,
        groups: Tensor | None = None,
    ) -> None:
        super().__init__()
        if not limit > 0:
            raise GraphError("limit", "not a norm", expected="> 0", got=limit)
        self.limit = float(limit)
        self.dim = (dim,) if isinstance(dim, int) else tuple(dim)
        self.num_groups = 0 if groups is None else int(groups.max()) + 1
        self.register_buffer("groups", groups, persistent=False)

    def scale(self, weight: Tensor) -> Tensor:
        """What each vector is multiplied with, 1 for those that are short enough."""
        square = weight.detach().square()
        if self.groups is not None:
            total = square.new_zeros(*square.shape[:-1], self.num_groups)
            norm = total.index_add(-1, self.groups, square).sqrt()
            return (self.limit / norm.clamp_min(self.limit)).index_select(-1, self.groups)
        norm = (square.sum(self.dim, keepdim=True) if self.dim else square).sqrt()
        return self.limit / norm.clamp_min(self.limit)

    @torch.no_grad()
    def project_(self, weight: Tensor) -> Tensor:
        """Project in place; gradients and the version of the tensor are left alone."""
        weight.data.mul_(self.scale(weight))
        return weight

    def forward(self, weight: Tensor) -> Tensor:
        if self.training and weight.is_leaf and not torch.compiler.is_compiling():
            return self.project_(weight)
        return weight * self.scale(weight)

    def extra_repr(self) -> str:
        return f"limit={self.limit:g}, dim={self.dim}"
