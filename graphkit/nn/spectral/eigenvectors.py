"""Leading eigenvectors of a symmetric matrix, with scale and signs fixed."""

from __future__ import annotations

import numpy as np
import torch
from torch import Tensor

__all__ = ["fix_signs", "leading_eigenvectors"]

_DENSE = 1500  # nodes up to which all eigenvectors are computed at once


def fix_signs(vectors: Tensor) -> Tensor:
    """Columns whose entry of largest size is positive (of several, the first)."""
    if vectors.shape[0] == 0:
        return vectors
    # Sizes that differ by rounding count as equal, so that the choice is the same everywhere.
    size = vectors.abs()
    largest = (size >= size.amax(dim=0) * (1 - 1e-4)).to(torch.uint8).argmax(dim=0)
    sign = vectors.gather(0, largest.unsqueeze(0)).sign()
    return vectors * torch.where(sign == 0, 1.0, sign)


def leading_eigenvectors(
    matrix: object, num_nodes: int, num_vectors: int, *, skip: int, shift: float | None
) -> tuple[Tensor, Tensor]:
    """The eigenvectors with the largest eigenvalues, the first ``skip`` left out.

    Args:
        matrix: Symmetric SciPy sparse array ``[N, N]``.
        num_nodes: Number of nodes, N.
        num_vectors: q. Where the matrix has fewer, the rest is zero.
        skip: Number of leading eigenvectors that are left out.
        shift: Eigenvalues are returned as ``shift`` minus those of the matrix; as they are if
            ``None``.

    Returns:
        Vectors float32 ``[N, q]`` with a mean square of 1 and fixed signs, and values ``[q]``.
    """
    wanted = min(num_vectors + skip, num_nodes)
    if num_nodes <= _DENSE or wanted >= num_nodes - 1:
        values, vectors = np.linalg.eigh(matrix.toarray())
    else:
        from scipy.sparse.linalg import eigsh

        start = np.random.default_rng(0).standard_normal(num_nodes)  # the same on every run
        values, vectors = eigsh(matrix, k=wanted, which="LA", v0=start)
    order = np.argsort(-values)[skip:wanted]
    values, vectors = values[order], vectors[:, order]
    basis = np.zeros((num_nodes, num_vectors))
    basis[:, : vectors.shape[1]] = vectors * np.sqrt(num_nodes)
    frequency = np.full(num_vectors, 0.0 if shift is None else 2.0)
    frequency[: len(values)] = values if shift is None else shift - values
    return fix_signs(torch.from_numpy(basis).float()), torch.from_numpy(frequency).float()
