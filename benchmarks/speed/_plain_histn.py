"""HiSTN as one would write it down: a convolution to feature maps, a loop over regions.

The same network as :class:`graphkit.models.signal.histn.HiSTN`, layer for layer as its authors'
code orders them, with torch's own layers. For comparison only.
"""

from __future__ import annotations

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from graphkit.nn.regions import RegionHierarchy, scaled_laplacian

__all__ = ["PlainHiSTN"]


class Messages(nn.Module):
    """A Chebyshev filter of one graph."""

    def __init__(self, adjacency: Tensor, hops: int) -> None:
        super().__init__()
        scaled = scaled_laplacian(adjacency).float()
        terms = [torch.eye(len(scaled)), scaled]
        while len(terms) <= hops:
            terms.append(2 * scaled @ terms[-1] - terms[-2])
        self.register_buffer("basis", torch.stack(terms[: hops + 1]))
        self.weight = nn.Parameter(torch.rand(hops + 1) * 2 - 1)

    def forward(self, x: Tensor) -> Tensor:
        return x @ torch.einsum("k,kij->ij", self.weight, self.basis)


class Fusion(nn.Module):
    """A weighted mean for each region, in a loop."""

    def __init__(self, partition: list[list[int]]) -> None:
        super().__init__()
        self.partition = [list(p) for p in partition]
        self.lins = nn.ModuleList(nn.Linear(len(p), len(p)) for p in self.partition)

    def forward(self, x: Tensor) -> Tensor:  # [B, T, N]
        out = []
        for part, lin in zip(self.partition, self.lins):
            group = x[..., part]
            s = lin(group.mean(1)).softmax(-1)
            out.append(group @ s.unsqueeze(-1))
        return torch.cat(out, -1)


class PlainHiSTN(nn.Module):
    """The default HiSTN, 1,181 parameters."""

    def __init__(self, classes: int = 5, kernel_size: int = 64, dropout: float = 0.5) -> None:
        super().__init__()
        h = RegionHierarchy.dreamer()
        n, self.partition = h.num_nodes, [list(p) for p in h.partition]
        self.conv = nn.Conv2d(1, 8, (kernel_size, 1), padding="same", bias=False)
        self.mixing = nn.Parameter(torch.randn(n, 8) / 3)
        self.norm1 = nn.BatchNorm1d(n, eps=1e-3, momentum=0.01)
        self.taps = nn.Conv1d(n, n, 5, groups=n, bias=False)
        self.norm2 = nn.BatchNorm1d(n, eps=1e-3, momentum=0.01)
        self.messages = nn.ModuleList(Messages(a, k) for a, k in zip(h.region_adj, h.hops))
        self.depth = nn.ModuleList(
            nn.Conv1d(len(p), len(p), 5, padding=2, groups=len(p), bias=False)
            for p in self.partition
        )
        self.point = nn.ModuleList(nn.Linear(len(p), len(p), bias=False) for p in self.partition)
        self.norm3 = nn.BatchNorm1d(n, eps=1e-3, momentum=0.01)
        self.fuse_x, self.fuse_z = Fusion(self.partition), Fusion(self.partition)
        self.between = Messages(h.super_adj, h.super_hops)
        whole = [list(range(h.num_regions))]
        self.whole_x, self.whole_z = Fusion(whole), Fusion(whole)
        self.drop = nn.Dropout(dropout)
        self.lin = nn.Linear(n + h.num_regions + 1, classes)

    def forward(self, x: Tensor) -> Tensor:  # [B, T, N, 1]
        y = self.conv(x.permute(0, 3, 1, 2))  # [B, 8, T, N]
        y = torch.einsum("bftn,nf->bnt", y, self.mixing)
        y = F.elu(self.norm1(y))
        y = F.elu(self.norm2(self.taps(y)))
        x = self.drop(F.avg_pool1d(y, 2)).transpose(1, 2)  # [B, T, N]
        z = []
        for part, messages, depth, point in zip(
            self.partition, self.messages, self.depth, self.point
        ):
            passed = messages(x[..., part]).transpose(1, 2)
            z.append(point(depth(passed).transpose(1, 2)))
        z = F.elu(self.norm3(torch.cat(z, -1).transpose(1, 2))).transpose(1, 2)
        q, q2 = self.fuse_x(x), self.fuse_z(z)
        whole = self.whole_x(q) + self.whole_z(q2)
        out = torch.cat([x + z, self.between(q) + q2, whole], -1)
        return self.lin(self.drop(out.mean(1)))

    @torch.no_grad()
    def shorten(self) -> None:
        """Max-norm, after a step."""
        for w in (self.mixing, self.taps.weight, *(p.weight for p in self.point)):
            flat = w.flatten(1)
            w.mul_((1 / flat.norm(dim=1).clamp_min(1)).view(-1, *[1] * (w.dim() - 1)))
