"""Coordinates of nodes from the correlation of their series."""

from __future__ import annotations

import torch
from torch import Tensor

from graphkit.errors import GraphError
from graphkit.nn.spectral.eigenvectors import leading_eigenvectors

__all__ = ["correlation_basis"]


def correlation_basis(signal: Tensor, *, num_vectors: int = 16) -> tuple[Tensor, Tensor]:
    r"""Eigenvectors of the correlation between the nodes' series, with the largest eigenvalues.

    Args:
        signal: ``[T, N]`` readings of a training subset, finite. A constant series correlates with
            nothing.
        num_vectors: q.

    Returns:
        Vectors ``[N, q]`` as from :func:`~graphkit.nn.spectral.laplacian.laplacian_basis`, and
        eigenvalues ``[q]``, descending.

    Raises:
        GraphError: The signal is not ``[T, N]`` or not finite.
    """
    from scipy import sparse

    if signal.dim() != 2 or not bool(signal.isfinite().all()):
        raise GraphError("signal", "no correlation", expected="finite [T, N]", got=signal.shape)
    x = signal.detach().cpu().double()
    x = x - x.mean(dim=0)
    length = x.norm(dim=0)
    x = torch.where(length > 1e-12, x / length.clamp(min=1e-300), 0.0)
    matrix = sparse.csr_array((x.t() @ x).numpy())
    return leading_eigenvectors(matrix, x.shape[1], num_vectors, skip=0, shift=None)
