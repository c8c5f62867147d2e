"""k-means on the sphere: centroids by direction, in mini-batches."""

from __future__ import annotations

import torch
from torch import Tensor
from torch.nn import functional as F

from graphkit.errors import GraphError

__all__ = ["spherical_kmeans"]


@torch.no_grad()
def spherical_kmeans(
    x: Tensor,
    num_clusters: int,
    *,
    num_rounds: int = 10,
    batch_size: int = 8192,
    seed: int = 0,
) -> Tensor:
    """Centroids of rows by cosine similarity.

    A row belongs to the centroid of the nearest direction; a centroid is the mean of its rows'
    directions. Rows without a direction (all zero) are left out. A centroid that nobody chooses
    takes over a row that lies far from its own.

    The first centroids are rows drawn one by one, those far from the ones drawn before more likely
    (k-means++, on a sample).

    Args:
        x: Rows ``[n, d]``, finite.
        num_clusters: Centroids.
        num_rounds: Passes over all rows.
        batch_size: Rows compared with the centroids at once.
        seed: Of the first centroids.

    Returns:
        ``[num_clusters, d]``, of length 1. With fewer different rows than clusters some are alike.

    Raises:
        GraphError: No row has a direction, a value is not finite, or a count is not positive.
    """
    if x.dim() != 2 or num_clusters < 1:
        raise GraphError(
            "x", "not rows to cluster", expected="[n, d] and at least 1 cluster", got=list(x.shape)
        )
    if not bool(x.isfinite().all()):
        raise GraphError("x", "a value is not finite", fix="Fill or drop missing readings first.")
    x = x[x.abs().amax(dim=1) > 0]
    if x.shape[0] == 0:
        raise GraphError("x", "every row is zero: there is no direction to cluster")
    x = F.normalize(x, dim=1)
    centroids = _spread(x, num_clusters, torch.Generator().manual_seed(seed))
    for _ in range(num_rounds):
        total, count = torch.zeros_like(centroids), x.new_zeros(num_clusters)
        nearest = []
        for rows in x.split(batch_size):
            similarity, chosen = (rows @ centroids.t()).max(dim=1)
            total.index_add_(0, chosen, rows)
            count.index_add_(0, chosen, torch.ones_like(similarity))
            nearest.append(similarity)
        similarity = torch.cat(nearest)
        empty = (count == 0).nonzero().flatten()
        moved = F.normalize(total, dim=1)
        # Opposite rows can cancel: such a centroid stays where it was.
        moved = torch.where(moved.abs().amax(dim=1, keepdim=True) > 0, moved, centroids)
        if len(empty):
            far = similarity.topk(min(len(empty), len(similarity)), largest=False).indices
            moved[empty[: len(far)]] = x[far]
        done = torch.equal(moved, centroids)
        centroids = moved
        if done:
            break
    return centroids


def _spread(x: Tensor, num_clusters: int, draw: torch.Generator, sample: int = 4096) -> Tensor:
    """Rows of length 1 that lie apart, for a start."""
    rows = x[torch.randperm(x.shape[0], generator=draw)[:sample].to(x.device)]
    coin = torch.rand(num_clusters, generator=draw, dtype=torch.float64).to(x.device)
    chosen = rows[:1]
    distance = torch.full((rows.shape[0],), torch.inf, dtype=torch.float64, device=x.device)
    for c in coin[1:]:
        distance = torch.minimum(distance, (1 - rows @ chosen[-1]).double().clamp(min=0))
        total = distance.cumsum(0)
        place = torch.searchsorted(total, c * total[-1]).clamp(max=rows.shape[0] - 1)
        chosen = torch.cat([chosen, rows[place].unsqueeze(0)])
    return chosen
