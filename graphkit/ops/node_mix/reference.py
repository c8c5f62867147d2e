"""The mix of nodes by a dense matrix."""

from __future__ import annotations

import torch
from torch import Tensor

__all__ = ["node_mix_reference"]


def node_mix_reference(matrix: Tensor, x: Tensor, add: Tensor | None = None) -> Tensor:
    """The same with a dense matrix ``[N, N]``."""
    out = torch.einsum("mn,tnf->tmf", matrix, x)
    return out if add is None else out + add
