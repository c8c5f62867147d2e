"""Every layer and basis that divides by degrees refuses what has none, and keeps no stale graph."""

from types import SimpleNamespace

import pytest
import torch
from torch import nn

from graphkit.errors import GraphError
from graphkit.models.signal import GraphWaveNet
from graphkit.models.snapshot import GCNGRU, EvolveGCNH, EvolveGCNO, MetBefore
from graphkit.models.snapshot.gcn import SnapshotGCN as SnapshotGCN
from graphkit.models.static import APPNP, DAGNN, GCN
from graphkit.nn.attention.masks import hop_mask
from graphkit.nn.caching.unchanged import tensors_unchanged
from graphkit.nn.conv import DAGNNConv
from graphkit.nn.regions import ChebyshevFilter, RegionHierarchy
from graphkit.nn.signal import Transition
from graphkit.nn.snapshot import as_snapshot
from graphkit.nn.spectral import laplacian_basis
from graphkit.ops.normalize import normalized_adjacency, normalized_edges

EDGES = torch.tensor([[0, 1, 2, 3, 1], [1, 2, 3, 0, 0]])
X = torch.arange(20.0).view(5, 4) / 20
BAD = {"negative": -1.0, "inf": float("inf"), "nan": float("nan")}


def snapshot(weight, edges=EDGES):
    return SimpleNamespace(x=X, edge_index=edges, edge_weight=weight)


def adj_t(weight, edges=EDGES):
    size = (5, 5)
    return torch.sparse_coo_tensor(edges.flip(0), weight, size).to_sparse_csr()


USERS = {
    "normalized_edges": lambda w, e=EDGES: normalized_edges(e, 5, w),
    "normalized_adjacency": lambda w, e=EDGES: normalized_adjacency(e, 5, w),
    "dagnn_conv": lambda w, e=EDGES: DAGNNConv(4, 2)(X, e, w),
    "dagnn_conv learned": lambda w, e=EDGES: DAGNNConv(4, 2)(X, e, w.requires_grad_()),
    "dagnn": lambda w, e=EDGES: DAGNN(4, 3, 2)(X, e, w),
    "dagnn adj_t": lambda w, e=EDGES: DAGNN(4, 3, 2)(X, adj_t(w, e)),
    "stacked dagnn": lambda w, e=EDGES: DAGNN.stack([DAGNN(4, 3, 2)], [0])(X, e, w),
    "gcn": lambda w, e=EDGES: GCN(4, 3, 2)(X, e, w),
    "gcn adj_t": lambda w, e=EDGES: GCN(4, 3, 2)(X, adj_t(w, e)),
    "appnp": lambda w, e=EDGES: APPNP(4, 3, 2)(X, e, w),
    "appnp adj_t": lambda w, e=EDGES: APPNP(4, 3, 2)(X, adj_t(w, e)),
    "as_snapshot": lambda w, e=EDGES: as_snapshot(snapshot(w, e)),
    "evolvegcn_h": lambda w, e=EDGES: EvolveGCNH(4, 3)([snapshot(w, e)]),
    "evolvegcn_o": lambda w, e=EDGES: EvolveGCNO(4, 3)([snapshot(w, e)]),
    "gcn_gru": lambda w, e=EDGES: GCNGRU(4, 3)([snapshot(w, e)]),
    "snapshot gcn": lambda w, e=EDGES: SnapshotGCN(4, 3)([snapshot(w, e)]),
    "met_before": lambda w, e=EDGES: MetBefore(4)([snapshot(w, e)]),
    "transition": lambda w, e=EDGES: Transition(e, w, 5),
    "gwnet": lambda w, e=EDGES: GraphWaveNet(1, 5, 3, e, w),
    "laplacian_basis": lambda w, e=EDGES: laplacian_basis(e, 5, w, num_vectors=2),
}


@pytest.mark.parametrize("bad", BAD)
@pytest.mark.parametrize("user", USERS)
def test_a_wrong_weight(user, bad):
    weight = torch.ones(5)
    USERS[user](weight.clone())
    weight[3] = BAD[bad]
    with pytest.raises(GraphError, match=r"'(edge_weight|adj_t)', row \d: a weight is"):
        USERS[user](weight)


@pytest.mark.parametrize("end", [5, -1])
@pytest.mark.parametrize("user", [name for name in USERS if "adj_t" not in name])
def test_a_node_that_is_not_there(user, end):
    edges = EDGES.clone()
    edges[1, 2] = end
    with pytest.raises(GraphError, match="'edge_index', row 2: no such node"):
        USERS[user](torch.ones(5), edges)
    with pytest.raises(GraphError, match="'edge_index', row 2: no such node"):
        hop_mask(edges, 5, 1)


@pytest.mark.parametrize("value", BAD.values())
def test_matrices_of_regions(value):
    a = torch.tensor([[0.0, 1, 0], [1, 0, 1], [0, 1, 0]])
    a[1, 2] = a[2, 1] = value
    with pytest.raises(GraphError, match="'adjacency', row 1: a weight is negative or not finite"):
        ChebyshevFilter(a)
    with pytest.raises(GraphError, match=r"region_adj\[0\]"):
        RegionHierarchy([range(3)], [a], torch.zeros(1, 1))


def test_a_matrix_that_is_not_symmetric_has_no_chebyshev_filter():
    with pytest.raises(GraphError, match=r"row 0: it is not symmetric.*in column 1"):
        ChebyshevFilter(torch.tensor([[0.0, 1], [0, 0]]))
    with pytest.raises(GraphError, match="not a matrix"):
        ChebyshevFilter([torch.zeros(2, 3)])


def test_a_row_that_weighs_nothing_gathers_nothing():
    weight = torch.tensor([0.0, 1, 1, 1, 1])
    matrix = Transition(EDGES, weight, 5).dense()
    assert matrix[0].tolist() == [0] * 5
    assert bool(matrix.isfinite().all())


def by_data(w):
    w.data.clamp_(max=0.5)


def by_numpy(w):
    w.numpy()[:] = 0.5


def by_edges(edges):
    edges.numpy()[:] = edges.numpy()[::-1].copy()


@torch.no_grad()
@pytest.mark.parametrize("write", [by_data, by_numpy])
@pytest.mark.parametrize("make", [DAGNN, GCN, APPNP, DAGNNConv])
def test_a_write_to_the_weights_that_torch_does_not_count(make, write):
    torch.manual_seed(0)
    model = (make(4, 2) if make is DAGNNConv else make(4, 3, 2)).eval()
    weight, edges = torch.tensor([1.0, 2, 3, 4, 5]), EDGES.clone()
    sparse = X.to_sparse_csr() if make is not DAGNNConv else X
    before = model(sparse, edges, weight)
    assert torch.equal(before, model(sparse, edges, weight))
    write(weight)
    after = model(sparse, edges, weight)
    assert torch.equal(after, model(sparse.clone(), edges.clone(), weight.clone()))
    assert float((after - before).abs().max()) > 1e-4
    by_edges(edges)
    moved = model(sparse, edges, weight)
    assert torch.equal(moved, model(sparse, edges.clone(), weight))
    assert float((moved - after).abs().max()) > 1e-4


def test_a_write_to_sparse_features_that_torch_does_not_count():
    model, x = DAGNN(4, 3, 2).eval(), X.to_sparse_csr()
    model(x, EDGES)
    x.values().numpy()[:] *= 3
    torch.testing.assert_close(model(x, EDGES), model(x.to_dense(), EDGES))


def test_the_graph_is_normalised_once_inside_a_block_of_the_engine(monkeypatch):
    made = []
    from graphkit.nn.conv import dagnn_conv

    count = dagnn_conv.normalized_adjacency
    monkeypatch.setattr(
        dagnn_conv, "normalized_adjacency", lambda *a, **k: made.append(1) or count(*a, **k)
    )
    conv, weight = DAGNNConv(4, 2), torch.ones(5)
    with tensors_unchanged():
        for _ in range(3):
            conv(X, EDGES, weight)
    assert len(made) == 1
    for _ in range(3):
        conv(X, EDGES, weight)
    assert len(made) == 2, "outside, content that is the same is not normalised again"


def test_learned_weights_have_gradients():
    weight = nn.Parameter(torch.ones(5))
    GCN(4, 3, 2)(X, EDGES, weight).sum().backward()
    assert bool(weight.grad.isfinite().all())
