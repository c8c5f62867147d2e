r"""The low frequencies of a graph: eigenvectors of its normalised Laplacian.

They are coordinates of the nodes: nodes that are close in the graph have similar entries.
"""

from __future__ import annotations

import numpy as np
from torch import Tensor

from graphkit.nn.spectral.eigenvectors import leading_eigenvectors
from graphkit.ops.edges import check_edges

__all__ = ["laplacian_basis"]


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
    their signs are fixed (:func:`~graphkit.nn.spectral.eigenvectors.fix_signs`). Large graphs go
    through Lanczos iterations on the sparse matrix, and cost O(edges) memory.

    Args:
        edge_index: ``[2, E]``.
        num_nodes: Number of nodes, N.
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
    return leading_eigenvectors(scale @ a @ scale, num_nodes, num_vectors, skip=1, shift=1.0)
