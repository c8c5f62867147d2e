r"""Readouts of the neighbourhood caches of two nodes: one vector per pair (u, v).

Every occupied slot of either cache is an *entry*. It consists of a key, its vector, the age of its
event, its side (u or v) and hop, and its *code*: the set of hops of u and of v that contain the
same key (the distance encoding of NAT: six bits, bit ``k`` for hop ``k`` of u and bit ``k + 3`` for
hop ``k`` of v). A readout maps the entries of a pair to one vector.
"""

from __future__ import annotations

import functools
import math
from dataclasses import dataclass

import numpy as np
import torch
from torch import Tensor, nn

from graphkit.errors import GraphError
from graphkit.ops.compiled import use_compiled
from graphkit.ops.joint_bag import joint_bag, sparse_bag
from graphkit.ops.membership import membership
from graphkit.ops.n_cache.loops import count_codes, find_shared_keys

__all__ = ["AttentionReadout", "CodeReadout", "JointView", "RecencyReadout"]

NUM_HOPS = 3
# Shared keys are rare: their ages are grouped by whole doublings, half the resolution of the
# histograms.
_COARSE = 1
NUM_STRENGTHS = 6
_NO_STRENGTH = np.empty((0, 0), dtype=np.uint8)


@dataclass(eq=False)
class JointView:
    """Entries of ``P`` pairs over ``R`` cache rows of ``W`` columns, ``[hop 0 | hop 1 | hop 2]``.

    Attributes:
        key: int32 ``[R, W]``; -1 in empty slots, but column 0 is always the node itself.
        group: Age group of each entry, below ``num_groups``, int64 ``[R, W]``.
        num_groups: Number of age groups.
        valid: 1 in occupied slots and 0 elsewhere, float ``[R, W]``.
        vector: Vectors with their pending events applied, ``[F, R, W]``, zero in empty slots;
            ``None`` if only their sum is available.
        vector_sum: Sum of the vectors over the columns, ``[F, R]``.
        u, v: Rows of the two nodes of each pair, int64 ``[P]``.
        num_slots: Numbers of slots ``(M1, M2)``.
        slot1: Slot of every node in hop 1, uint8 ``[N]``.
        places: List of the entries, if available: ``hop * num_groups + group`` int64 ``[n]``, and
            the row int64 ``[n]``.
        strength: Class of the number of events of the owner with each key of hop 1, as returned by
            :func:`strength`, uint8 ``[R, M1]``, or ``None``.
    """

    key: Tensor
    group: Tensor
    num_groups: int
    valid: Tensor | None
    vector: Tensor | None
    vector_sum: Tensor
    u: Tensor
    v: Tensor
    num_slots: tuple[int, int]
    slot1: Tensor
    places: tuple[Tensor, Tensor] | None = None
    strength: Tensor | None = None

    @functools.cached_property
    def hop(self) -> Tensor:
        """int64 ``[W]``, the hop of each column."""
        m1, m2 = self.num_slots
        column = torch.arange(1 + m1 + m2, device=self.key.device)
        return (column > 0).long() + (column > m1).long()

    def histogram(self) -> Tensor:
        """Number of entries per hop and age group, float ``[R, 3 * num_groups]``."""
        counts = self.valid.new_zeros(self.key.shape[0], NUM_HOPS * self.num_groups)
        return counts.scatter_add_(1, self.hop * self.num_groups + self.group, self.valid)

    def bits(self) -> tuple[Tensor, Tensor]:
        """Hops of v that contain the key of each entry of u, and vice versa, uint8 ``[P, W]``."""
        key_u, key_v = self.key.index_select(0, self.u), self.key.index_select(0, self.v)
        return membership(key_u, key_v, self.num_slots)

    def codes(self) -> tuple[Tensor, Tensor]:
        """Codes of the entries of u and of v, int64 ``[P, W]``; the low bits belong to u."""
        bits_u, bits_v = self.bits()
        own = membership(self.key, self.key, self.num_slots)[0].long()
        own_u, own_v = own.index_select(0, self.u), own.index_select(0, self.v)
        return own_u | bits_u.long() << NUM_HOPS, bits_v.long() | own_v << NUM_HOPS


def strength(count: Tensor) -> Tensor:
    """Classes of counts, of doubling width, as uint8: 1 gives 0, 2..3 give 1, ..., 32.. gives 5."""
    exponent = (count.to(torch.float32).view(torch.int32) >> 23).sub_(127)
    return exponent.clamp_(0, NUM_STRENGTHS - 1).to(torch.uint8)


class RecencyReadout(nn.Module):
    r"""Sum over the entries of both nodes, with embeddings of the code and age of each entry.

    .. math::
        z_{uv} = \sum_{i} W_{s_i} \, x_i + A[s_i, k_i, g_i] +
        [c_i \neq 0] \; \big(J[s_i, k_i, c_i, g_i] + S[s_i, c_i, n_i]\big)

    where entry :math:`i` is on side :math:`s_i` in hop :math:`k_i` with vector :math:`x_i` and age
    group :math:`g_i`, and :math:`c_i` is the set of hops of the other node that contain its key. In
    hop 1, :math:`n_i` is the class of the number of events of the owner with the key, if these are
    counted. The first two terms depend on one node only and are computed once per node, as the
    product of a histogram and a table. Only shared keys, which are few, are looked up per pair.

    Args:
        channels: Size of the neighbour vectors ``F``.
        out_channels: Size of :math:`z`.
        num_groups: Number of age groups.

    Shapes:
        - **input:** :class:`JointView`
        - **output:** ``[P, out_channels]``
    """

    def __init__(self, channels: int, out_channels: int, num_groups: int) -> None:
        super().__init__()
        self.channels, self.out_channels, self.num_groups = channels, out_channels, num_groups
        self.node_table = nn.Parameter(
            torch.empty(channels + NUM_HOPS * num_groups, 2 * out_channels)
        )
        self.joint_table = nn.Parameter(
            torch.empty(48 * (num_groups >> _COARSE) + 16 * NUM_STRENGTHS, out_channels)
        )
        self.reset_parameters()

    def reset_parameters(self) -> None:
        """Reset all learnable parameters of the module."""
        nn.init.normal_(self.node_table, std=0.1)
        nn.init.normal_(self.joint_table, std=0.1)

    def forward(self, view: JointView) -> Tensor:
        by_vector, by_place = self.node_table.split([self.channels, NUM_HOPS * self.num_groups])
        if view.places is None:
            node = view.histogram() @ by_place
        else:
            node = sparse_bag(by_place, *view.places, view.key.shape[0])
        node = torch.addmm(node, view.vector_sum.t(), by_vector)
        of_u, of_v = node.chunk(2, dim=1)
        return of_u.index_select(0, view.u) + of_v.index_select(0, view.v) + self.joint(view)

    def joint(self, view: JointView) -> Tensor:
        """Sum of the code and age embeddings of the shared keys, ``[P, out]``."""
        num_groups = self.num_groups >> _COARSE
        if use_compiled(view.key, self.joint_table):
            strength = view.strength
            tensors = (view.key, view.slot1, view.group, strength, view.u, view.v)
            found = find_shared_keys(
                *(_NO_STRENGTH if v is None else v.numpy() for v in tensors),
                *view.num_slots,
                num_groups,
                _COARSE,
                0 if strength is None else NUM_STRENGTHS,
            )
            pair, cell = (torch.from_numpy(v) for v in found)
            return sparse_bag(self.joint_table, cell, pair, view.u.numel())
        bits = torch.cat(view.bits(), dim=1)
        hop = torch.cat([view.hop, view.hop + NUM_HOPS])
        width = view.hop.numel()
        ends = torch.stack([view.u, view.v], dim=1)

        def index(pair: Tensor, column: Tensor) -> Tensor:
            side = column // width
            row = ends.view(-1)[pair * 2 + side]
            group = view.group.view(-1)[row * width + column - side * width]
            return (hop[column] * 8 + bits[pair, column]) * num_groups + (group >> _COARSE)

        pooled = joint_bag(self.joint_table, bits, index)
        if view.strength is None:
            return pooled
        m1 = view.num_slots[0]
        one = torch.cat([bits[:, 1 : 1 + m1], bits[:, 1 + width : 1 + width + m1]], dim=1)

        def strength_index(pair: Tensor, column: Tensor) -> Tensor:
            side = column // m1
            row = ends.view(-1)[pair * 2 + side]
            strength = view.strength.view(-1)[row * m1 + column - side * m1]
            return 48 * num_groups + (side * 8 + one[pair, column]) * NUM_STRENGTHS + strength

        return pooled + joint_bag(self.joint_table, one, strength_index)


class CodeReadout(nn.Module):
    r"""The authors' readout: sum over unique keys of a linear map of ``[vector, code embedding]``.

    .. math::
        z_{uv} = W \Big[ \sum_a x_a \,\Big\|\, \sum_a \mathrm{emb}(c_a) \Big]

    The vectors of a key are summed over all its entries, while its code counts once. Since the map
    is linear, the result depends only on the sum of all vectors and on a histogram over the 64
    codes. (The heads of the authors' code average to one map, and their attention is disabled.)

    Args:
        channels: Size of the neighbour vectors.
        out_channels: Size of :math:`z`.
        num_groups: Not used, because this readout ignores ages.
        code_channels: Size of the code embedding.
    """

    def __init__(
        self, channels: int, out_channels: int, num_groups: int = 0, code_channels: int = 16
    ) -> None:
        super().__init__()
        self.code = nn.Embedding(1 << 2 * NUM_HOPS, code_channels)
        self.lin = nn.Linear(channels + code_channels, out_channels)
        self.reset_parameters()

    def reset_parameters(self) -> None:
        """Reset all learnable parameters of the module."""
        self.code.reset_parameters()
        nn.init.xavier_uniform_(self.lin.weight)
        nn.init.zeros_(self.lin.bias)

    def forward(self, view: JointView) -> Tensor:
        total = view.vector_sum.t()
        vectors = total.index_select(0, view.u) + total.index_select(0, view.v)
        return self.lin(torch.cat([vectors, self.histogram(view) @ self.code.weight], dim=1))

    def histogram(self, view: JointView) -> Tensor:
        """Number of keys per code, float ``[P, 64]``."""
        if use_compiled(view.key, self.code.weight) and view.vector_sum.dtype == torch.float32:
            tensors = (view.key, view.slot1, view.u, view.v)
            return torch.from_numpy(count_codes(*(v.numpy() for v in tensors), *view.num_slots))
        code, counted = unique_codes(view)
        histogram = view.vector_sum.new_zeros(code.shape[0], self.code.num_embeddings)
        return histogram.scatter_add_(1, code, counted.to(histogram.dtype))


class AttentionReadout(nn.Module):
    r"""Attention over the entries of a pair, with one weight per entry and head.

    .. math::
        r_i = [\, x_i \,\|\, \mathrm{emb}(c_i) + \mathrm{emb}(g_i) \,], \quad
        \alpha_i = \mathrm{softmax}_i\big(\mathrm{LeakyReLU}(a^\top W r_i)\big), \quad
        z_{uv} = \sum_i \alpha_i \, W r_i

    in the form of GAT (arXiv 1710.10903). The output of a pair without keys is zero.

    Args:
        channels: Size of the neighbour vectors.
        out_channels: Size of :math:`z`, a multiple of ``heads``.
        num_groups: Number of age groups.
        code_channels: Size of the code and age embeddings.
        heads: Number of attention heads.
    """

    def __init__(
        self,
        channels: int,
        out_channels: int,
        num_groups: int,
        code_channels: int = 16,
        heads: int = 2,
    ) -> None:
        super().__init__()
        if out_channels % heads:
            raise GraphError(
                "out_channels",
                "the heads share the width evenly",
                expected=f"a multiple of heads={heads}",
                got=out_channels,
            )
        self.heads = heads
        self.code = nn.Embedding(1 << 2 * NUM_HOPS, code_channels)
        self.age = nn.Embedding(num_groups, code_channels)
        self.lin = nn.Linear(channels + code_channels, out_channels, bias=False)
        self.att = nn.Parameter(torch.empty(heads, out_channels // heads))
        self.reset_parameters()

    def reset_parameters(self) -> None:
        """Reset all learnable parameters of the module."""
        self.code.reset_parameters()
        self.age.reset_parameters()
        self.lin.reset_parameters()
        nn.init.normal_(self.att, std=1 / math.sqrt(self.att.shape[1]))

    def forward(self, view: JointView) -> Tensor:
        code = torch.cat(view.codes(), dim=1)
        valid = torch.cat([view.valid[view.u], view.valid[view.v]], dim=1) > 0
        group = torch.cat([view.group[view.u], view.group[view.v]], dim=1)
        vector = view.vector.permute(1, 2, 0)
        vector = torch.cat([vector[view.u], vector[view.v]], dim=1)
        row = torch.cat([vector, self.code(code) + self.age(group)], dim=2)
        value = self.lin(row).unflatten(2, (self.heads, -1))  # [P, 2 W, heads, out / heads]
        logit = nn.functional.leaky_relu((value * self.att).sum(3), 0.2)
        logit = logit.masked_fill(~valid.unsqueeze(2), -torch.inf)
        none = ~valid.any(1)[:, None, None]
        weight = torch.softmax(logit.masked_fill(none, 0.0), dim=1)
        weight = weight.masked_fill(none, 0.0)
        return (weight.unsqueeze(3) * value).sum(1).flatten(1)


def unique_codes(view: JointView) -> tuple[Tensor, Tensor]:
    """Codes of all entries, and a mask that selects one entry per key.

    Returns:
        Codes int64 ``[P, 2 W]`` and mask bool ``[P, 2 W]``. The node itself is a key of hop 0 even
        before its first event.
    """
    code = torch.cat(view.codes(), dim=1)
    place = torch.cat([view.hop, view.hop + NUM_HOPS])
    lower = (1 << place) - 1  # the bits of earlier entries of the same key
    present = torch.cat([view.valid[view.u], view.valid[view.v]], dim=1) > 0
    width = view.hop.numel()
    present[:, 0] = present[:, width] = True
    return code, present & ((code & lower) == 0)
