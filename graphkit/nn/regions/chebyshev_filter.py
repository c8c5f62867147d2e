"""Chebyshev filters on the graphs of all regions at once."""

from __future__ import annotations

import itertools
from collections.abc import Sequence

import torch
from torch import Tensor, nn

from graphkit.checks import check_choice
from graphkit.errors import GraphError

__all__ = ["ChebyshevFilter", "scaled_laplacian"]


def scaled_laplacian(adjacency: Tensor) -> Tensor:
    r""":math:`\tilde L = 2 L / \lambda_{max} - I` with :math:`L = D - A`; eigenvalues in [-1, 1].

    A graph without an edge has :math:`\lambda_{max} = 0`; its :math:`\tilde L` is :math:`-I`, the
    limit for eigenvalues that are all 0.

    Args:
        adjacency: Symmetric, ``[n, n]``, not negative.

    Raises:
        GraphError: It is not square or not symmetric, or an entry is negative or not finite:
            eigenvalues would lie elsewhere, and the polynomials grow without limit there.
    """
    a = adjacency.double()
    _check_adjacency(a)
    laplacian = torch.diag(a.sum(1)) - a
    largest = torch.linalg.eigvalsh(laplacian)[-1] if len(a) else laplacian.new_zeros(())
    scaled = 2 * laplacian / largest if float(largest) > 1e-12 else torch.zeros_like(laplacian)
    return scaled - torch.eye(len(a), dtype=a.dtype, device=a.device)


class ChebyshevFilter(nn.Module):
    r"""A polynomial of the scaled Laplacian of each region, as one block-diagonal matrix.

    .. math::
        P_r = \sum_{k=0}^{K_r} w_{rk} T_k(\tilde L_r), \quad
        T_0 = I, \; T_1 = \tilde L, \; T_k = 2 \tilde L T_{k-1} - T_{k-2}

    (Defferrard, Bresson, Vandergheynst 2016, arXiv 1606.09375; with scalars for weights and many
    small graphs as in HiSTN, arXiv 2408.15255.) The number of parameters is
    :math:`\sum_r (K_r + 1)`, whatever the number of nodes.

    Args:
        adjacency: One symmetric matrix, or one for each region.
        K: Longest walk; one number, or one for each region.
        partition: For each region the indices of its nodes; one after another if left out.
        init: ``"glorot"``: as Keras draws a vector, uniform within
            :math:`\sqrt{3 / (K + 1)}`; ``"identity"``: the filter begins as the identity.

    Shapes:
        - **input:** signals on the nodes, ``[..., N]``
        - **output:** ``[..., N]``

    Raises:
        GraphError: Numbers of regions or nodes do not match.
        UnknownNameError: An unknown ``init``.

    Example:
        >>> path = torch.tensor([[0.0, 1, 0], [1, 0, 1], [0, 1, 0]])
        >>> ChebyshevFilter(path, K=2, init="identity")(torch.tensor([1.0, 2, 3]))
        tensor([1., 2., 3.], grad_fn=...)
    """

    def __init__(
        self,
        adjacency: Tensor | Sequence[Tensor],
        K: int | Sequence[int] = 2,
        partition: Sequence[Sequence[int]] | None = None,
        *,
        init: str = "glorot",
    ) -> None:
        super().__init__()
        check_choice(init, "init", ("glorot", "identity"))
        graphs = [adjacency] if isinstance(adjacency, Tensor) else list(adjacency)
        orders = [K] * len(graphs) if isinstance(K, int) else list(K)
        if partition is None:
            ends = torch.tensor([0] + [len(a) for a in graphs]).cumsum(0).tolist()
            partition = [range(a, b) for a, b in itertools.pairwise(ends)]
        sizes = [len(a) for a in graphs]
        if len(orders) != len(graphs) or sizes != [len(part) for part in partition]:
            raise GraphError(
                "adjacency",
                "regions do not match",
                expected=f"matrices of {[len(part) for part in partition]} nodes, one K each",
                got=f"{sizes} nodes, {len(orders)} K",
            )
        if min(orders) < 0:
            raise GraphError("K", "not a number of hops", expected=">= 0", got=orders)
        self.orders, self.init, self.num_nodes = tuple(orders), init, sum(sizes)
        basis = torch.zeros(sum(orders) + len(orders), self.num_nodes, self.num_nodes)
        row = 0
        for a, order, part in zip(graphs, orders, partition):
            nodes = torch.tensor(list(part))
            for term in _chebyshev(scaled_laplacian(torch.as_tensor(a)), order):
                basis[row, nodes.unsqueeze(1), nodes] = term.to(basis.dtype)
                row += 1
        self.register_buffer("basis", basis.flatten(1), persistent=False)
        self.weight = nn.Parameter(torch.zeros(len(basis)))
        self.reset_parameters()

    def reset_parameters(self) -> None:
        """Reset all weights to random values, or to the identity for ``init="identity"``."""
        with torch.no_grad():
            for order, w in zip(self.orders, self.weight.split([k + 1 for k in self.orders], -1)):
                if self.init == "identity":
                    w.zero_()[..., 0] = 1
                else:
                    limit = (3 / (order + 1)) ** 0.5
                    w.uniform_(-limit, limit)

    def matrix(self) -> Tensor:
        """The filters as one symmetric matrix, ``[N, N]`` (leading axes as the weight has)."""
        return (self.weight @ self.basis).unflatten(-1, (self.num_nodes, self.num_nodes))

    def forward(self, x: Tensor) -> Tensor:
        return x @ self.matrix()

    def extra_repr(self) -> str:
        return f"num_nodes={self.num_nodes}, K={self.orders}"


def _check_adjacency(a: Tensor) -> None:
    if a.dim() != 2 or a.shape[0] != a.shape[1]:
        raise GraphError("adjacency", "not a matrix", expected="[n, n]", got=list(a.shape))
    for problem, wrong in (
        ("a weight is negative or not finite", ~((a >= 0) & (a < torch.inf))),
        ("it is not symmetric", a != a.t()),
    ):
        if bool(wrong.any()):
            row, column = wrong.nonzero()[0].tolist()
            raise GraphError(
                "adjacency",
                problem,
                row=row,
                expected="a symmetric matrix of finite numbers >= 0",
                got=f"{a[row, column].item()} in column {column}",
            )


def _chebyshev(laplacian: Tensor, order: int) -> list[Tensor]:
    terms = [torch.eye(len(laplacian), dtype=laplacian.dtype), laplacian]
    while len(terms) <= order:
        terms.append(2 * laplacian @ terms[-1] - terms[-2])
    return terms[: order + 1]
