r"""Transition matrices of a random walk on a fixed graph, as a module that moves with a model."""

from __future__ import annotations

import torch
from torch import Tensor, nn

from graphkit.ops.csr import CSR
from graphkit.ops.edges import check_edges
from graphkit.ops.node_mix import node_mix

__all__ = ["Transition"]


class Transition(nn.Module):
    r"""Multiply readings of nodes by :math:`P = D^{-1} A`, where :math:`A_{uv}` is the weight of
    the edge from u to v and D its row sums; node u gathers from those that its edges lead to.

    With ``backward=True`` the edges are turned round: :math:`P = D_\mathrm{in}^{-1} A^\top`. A node
    without edges, or whose edges weigh nothing, gathers nothing (its row is 0). Parallel edges add
    up.

    With ``transposed=True`` the product is with :math:`P^\top`: the reading of u goes to the nodes
    that its edges lead to, in shares :math:`P_{uv}` (what a random walk does to a distribution over
    nodes), and node v gathers :math:`\sum_u P_{uv} x_u`, whose weights need not sum to 1.

    The entries have torch's default dtype at the time of construction, as parameters have.

    Args:
        edge_index: int64 ``[2, E]``.
        edge_weight: ``[E]``, ones if ``None``.
        num_nodes: ``N``.
        backward: Turn edges round.
        transposed: Multiply by the transposed matrix.

    Raises:
        GraphError: An id is out of range, or a weight is negative or not finite
            (:func:`graphkit.ops.edges.check_edges`).

    Shapes:
        - **input:** :math:`(T, N, F)`, and the same to add
        - **output:** :math:`(T, N, F)`
    """

    def __init__(
        self,
        edge_index: Tensor,
        edge_weight: Tensor | None,
        num_nodes: int,
        *,
        backward: bool = False,
        transposed: bool = False,
    ) -> None:
        super().__init__()
        self.num_nodes = num_nodes
        check_edges(edge_index, edge_weight, num_nodes)
        src, dst = (edge_index.flip(0) if backward else edge_index).cpu()
        dtype = torch.get_default_dtype()
        weight = torch.ones(src.numel()) if edge_weight is None else edge_weight.to("cpu", dtype)
        total = torch.zeros(num_nodes).index_add_(0, src, weight)
        value = weight / torch.where(total > 0, total, 1)[src]
        row, column = (dst, src) if transposed else (src, dst)
        matrix = CSR.from_coo(row, column, value, (num_nodes, num_nodes))
        # Made of the arguments: a state dict of another matrix must not replace them.
        for name, one in (("", matrix), ("t_", matrix.transposed)):
            self.register_buffer(f"{name}indptr", one.indptr, persistent=False)
            self.register_buffer(f"{name}index", one.index, persistent=False)
            self.register_buffer(f"{name}value", one.value, persistent=False)

    def forward(self, x: Tensor, add: Tensor | None = None) -> Tensor:
        shape = (self.num_nodes, self.num_nodes)
        matrix = CSR(self.indptr, self.index, self.value, shape)
        turned = CSR(self.t_indptr, self.t_index, self.t_value, shape)
        return node_mix(matrix, turned, x, add)

    def dense(self) -> Tensor:
        """The matrix that multiplies, ``[N, N]``."""
        rows = torch.arange(self.num_nodes, device=self.index.device)
        rows = rows.repeat_interleave(self.indptr.diff().long())
        out = torch.zeros(
            self.num_nodes, self.num_nodes, device=rows.device, dtype=self.value.dtype
        )
        return out.index_put_((rows, self.index.long()), self.value, accumulate=True)

    def extra_repr(self) -> str:
        return f"{self.num_nodes} nodes, {self.index.numel()} entries"
