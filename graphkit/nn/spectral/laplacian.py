r"""The low frequencies of a graph: eigenvectors of its normalised Laplacian, or of a correlation.

They are coordinates of the nodes: nodes that are close in the graph have similar entries.
"""

from __future__ import annotations

import numpy as np
import torch
from torch import Tensor

from graphkit.errors import GraphError
from graphkit.ops.edges import check_edges

__all__ = ["correlation_basis", "fix_signs", "laplacian_basis"]

_DENSE = 1500  # nodes up to which all eigenvectors are computed at once


def laplacian_basis(
    edge_index: Tensor,
    num_nodes: int,
    edge_weight: Tensor | None = None,
    *,
    num_vectors: int = 16,
) -> tuple[Tensor, Tensor]:
    r"""Eigenvectors of :math:`I - D^{-1/2} A D^{-1/2}` with the smallest eigenvalues.

    The graph is made undirected, the mean of both directions; self loops are left out, as they tell
    nothing about who is near. The constant mode (the very first vector) is dropped. Vectors are
    scaled to a mean square of 1 over the nodes, so that entries are about 1 whatever N is, and
    their signs are fixed (:func:`fix_signs`). Large graphs go through Lanczos iterations on the
    sparse matrix, and cost O(edges) memory.

    Args:
        edge_index: ``[2, E]``.
        num_nodes: N.
        edge_weight: ``[E]``, not negative; 1 each if ``None``.
        num_vectors: q. Where the graph has fewer, the rest is zero.

    Returns:
        Vectors float32 ``[N, q]``, ascending in frequency, and eigenvalues ``[q]`` in [0, 2]
        (2 where there is none).

    Raises:
        GraphError: A weight is negative or not finite, or an id is out of range
            (:func:`graphkit.ops.edges.check_edges`).
    """
    from scipy import sparse

    check_edges(edge_index, edge_weight, num_nodes)
    row, col = edge_index.detach().cpu().numpy()
    if edge_weight is None:
        weight = np.ones(row.size)
    else:
        weight = edge_weight.detach().cpu().double().numpy().reshape(-1)
    keep = row != col
    a = sparse.coo_array((weight[keep], (row[keep], col[keep])), (num_nodes, num_nodes)).tocsr()
    a = (a + a.T) / 2
    degree = np.asarray(a.sum(axis=1)).reshape(-1)
    root = np.divide(1.0, np.sqrt(degree), out=np.zeros_like(degree), where=degree > 0)
    scale = sparse.diags_array(root)
    # The largest of D^-1/2 A D^-1/2 are the smallest of the Laplacian.
    return _top(scale @ a @ scale, num_nodes, num_vectors, skip=1, shift=1.0)


def correlation_basis(signal: Tensor, *, num_vectors: int = 16) -> tuple[Tensor, Tensor]:
    r"""Eigenvectors of the correlation between the nodes' series, with the largest eigenvalues.

    Args:
        signal: ``[T, N]`` readings of a training subset, finite. A constant series correlates with
            nothing.
        num_vectors: q.

    Returns:
        Vectors ``[N, q]`` as from :func:`laplacian_basis`, and eigenvalues ``[q]``, descending.

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
    return _top(matrix, x.shape[1], num_vectors, skip=0, shift=None)


def fix_signs(vectors: Tensor) -> Tensor:
    """Columns whose entry of largest size is positive (of several, the first)."""
    if vectors.shape[0] == 0:
        return vectors
    # Sizes that differ by rounding count as equal, so that the choice is the same everywhere.
    size = vectors.abs()
    largest = (size >= size.amax(dim=0) * (1 - 1e-4)).to(torch.uint8).argmax(dim=0)
    sign = vectors.gather(0, largest.unsqueeze(0)).sign()
    return vectors * torch.where(sign == 0, 1.0, sign)


def _top(
    matrix: object, num_nodes: int, num_vectors: int, *, skip: int, shift: float | None
) -> tuple[Tensor, Tensor]:
    """The eigenvectors with the largest eigenvalues, the first ``skip`` left out."""
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
