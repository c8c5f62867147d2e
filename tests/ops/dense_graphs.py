"""Small graphs of every kind, and their normalised adjacency by the definition."""

import torch


def dense_adjacency(edge_index, n, weight=None):
    """The definition with loops: parallel edges add up, a self loop only where there is none."""
    a = torch.zeros(n, n, dtype=torch.float64)
    for e, (source, target) in enumerate(edge_index.t().tolist()):
        a[target, source] += 1.0 if weight is None else float(weight[e])
    loops = {s for s, t in edge_index.t().tolist() if s == t}
    for i in range(n):
        if i not in loops:
            a[i, i] += 1
    root = torch.zeros(n, dtype=torch.float64)
    for i in range(n):
        degree = float(a[i].sum())
        root[i] = degree**-0.5 if degree > 0 else 0.0
    return root[:, None] * a * root[None, :]


def graph(kind, n=14):
    draw = torch.Generator().manual_seed(3)
    edges = torch.randint(n - 2, (2, 30), generator=draw)  # the last two nodes are alone
    weight = None
    if kind == "none":
        edges = edges[:, :0]
    elif kind == "one":
        n, edges = 1, edges[:, :0]
    elif kind != "directed":
        edges = torch.cat([edges, edges.flip(0)], dim=1)
    if kind == "loops":
        edges = torch.cat([edges, torch.tensor([[0, 0, 3], [0, 0, 3]])], dim=1)
    if kind == "weighted":
        weight = torch.rand(30, generator=draw, dtype=torch.float64) + 0.1
        weight = torch.cat([weight, weight])
    return edges, n, weight


KINDS = ["plain", "directed", "loops", "weighted", "none", "one"]
