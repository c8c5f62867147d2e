"""Edges of every form of a graph, against a dense matrix read entry by entry."""

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from torch_geometric import EdgeIndex

from graphkit.errors import GraphError
from graphkit.ops.edges import as_edges, check_edges, check_weights

LAYOUTS = [torch.sparse_coo, torch.sparse_csr, torch.sparse_csc]


@settings(max_examples=30, deadline=None)
@given(
    st.lists(st.tuples(st.integers(0, 4), st.integers(0, 4), st.integers(1, 9)), max_size=12),
    st.sampled_from(LAYOUTS),
    st.sampled_from([torch.float32, torch.float64, torch.int64]),
)
def test_entry_in_row_v_and_column_u_is_the_edge_from_u_to_v(rows, layout, dtype):
    want = {}
    for u, v, w in rows:
        want[u, v] = want.get((u, v), 0) + w
    index = torch.tensor([[v for _, v, _ in rows], [u for u, _, _ in rows]], dtype=torch.int64)
    value = torch.tensor([w for *_, w in rows], dtype=dtype)
    adj_t = torch.sparse_coo_tensor(index.view(2, -1), value, (5, 5))
    if layout != torch.sparse_coo:
        adj_t = adj_t.coalesce().to_sparse(layout=layout)
    edges, weight = as_edges(adj_t, num_nodes=5)
    assert edges.dtype == torch.int64
    assert weight.dtype == dtype
    found = list(zip(map(tuple, edges.t().tolist()), weight.tolist()))
    assert dict(found) == want
    assert len(found) == len(want)


def test_edges_stay_what_they_are():
    edges, weight = torch.tensor([[0, 1], [1, 2]]), torch.rand(2)
    assert as_edges(edges, weight)[0] is edges
    assert as_edges(edges, weight)[1] is weight
    plain, none = as_edges(EdgeIndex(edges, sparse_size=(3, 3)), None, 3)
    assert type(plain) is torch.Tensor
    assert torch.equal(plain, edges)
    assert none is None


@pytest.mark.parametrize("layout", LAYOUTS)
def test_gradient_of_the_weights(layout):
    value = torch.rand(3, dtype=torch.float64, requires_grad=True)
    index = torch.tensor([[0, 0, 2], [1, 1, 0]])  # two parallel edges

    def weights(value):
        adj_t = torch.sparse_coo_tensor(index, value, (3, 3)).coalesce()
        return as_edges(adj_t.to_sparse(layout=layout))[1].square()

    assert torch.autograd.gradcheck(weights, [value])


def test_what_is_not_a_graph():
    square = torch.eye(3).to_sparse_csr()
    with pytest.raises(GraphError, match="'edge_weight'"):
        as_edges(square, torch.rand(3))
    for shape, n in (((3, 4), None), ((3, 3), 4)):
        with pytest.raises(GraphError, match="'adj_t': not one row and one column per node"):
            as_edges(torch.zeros(shape).to_sparse_csr(), num_nodes=n)
    with pytest.raises(GraphError, match="no such layout"):
        as_edges(torch.eye(4).to_sparse_bsr((2, 2)))
    with pytest.raises(GraphError, match="not one number per edge"):
        as_edges(torch.sparse_coo_tensor(torch.tensor([[0], [1]]), torch.rand(1, 2), (2, 2, 2)))
    with pytest.raises(GraphError, match="to_torch_sparse_csr_tensor"):
        as_edges("adj_t")


# ------------------------------------------------------------------ what no layer can normalise
BAD = [-1.0, -1e-30, float("-inf"), float("inf"), float("nan"), 1e39]


@settings(max_examples=60, deadline=None)
@given(
    st.lists(st.floats(0, 1e30), min_size=1, max_size=9),
    st.sampled_from(BAD),
    st.integers(0, 8),
    st.sampled_from([torch.float64, torch.float32, torch.bfloat16]),
)
def test_a_wrong_weight_is_refused_with_its_row(weights, bad, row, dtype):
    row %= len(weights)
    weight = torch.tensor(weights, dtype=torch.float64)
    check_weights(weight.to(dtype))
    weight[row] = bad
    with pytest.raises(GraphError, match=rf"'edge_weight', row {row}: a weight is") as caught:
        check_weights(weight.to(dtype))
    assert caught.value.row == row


@pytest.mark.parametrize("dtype", [torch.int64, torch.uint8, torch.bool])
def test_whole_numbers_are_weights(dtype):
    check_weights(torch.tensor([0, 1], dtype=dtype))
    check_weights(torch.tensor([], dtype=dtype))


def test_a_sum_that_overflows_is_refused():
    with pytest.raises(GraphError, match="row 0: a weight is too large to be summed"):
        check_weights(torch.full((4,), 3e38))
    check_weights(torch.full((1,), 3e38))


@pytest.mark.parametrize(
    ("edges", "weight", "message"),
    [
        (torch.tensor([[0, 3], [1, 0]]), None, r"'edge_index', row 1: no such node"),
        (torch.tensor([[0, -1], [1, 0]]), None, "no such node"),
        (torch.tensor([0, 1]), None, "not a list of edges"),
        (torch.tensor([[0], [1]]), torch.ones(2), "not one number per edge"),
        (torch.tensor([[0], [1]]), torch.ones(1, 1), "not one number per edge"),
        (torch.tensor([[0], [1]]), torch.tensor([-2]), "negative"),
    ],
)
def test_wrong_edges(edges, weight, message):
    for check in (check_edges, as_edges):
        with pytest.raises(GraphError, match=message):
            check(edges, weight, num_nodes=3)


@pytest.mark.parametrize("layout", LAYOUTS)
def test_a_wrong_value_of_adj_t(layout):
    adj_t = torch.sparse_coo_tensor([[0, 1], [1, 2]], [1.0, -1.0], (3, 3)).coalesce()
    if layout != torch.sparse_coo:
        adj_t = adj_t.to_sparse(layout=layout)
    with pytest.raises(GraphError, match="'adj_t', row 1: a weight is negative"):
        as_edges(adj_t, num_nodes=3)


@pytest.mark.parametrize("bad", BAD[:5])
def test_a_compiled_graph_refuses_a_wrong_weight(bad):
    def total(weight):
        check_weights(weight)
        return weight.sum()

    torch._dynamo.reset()
    compiled = torch.compile(total, backend="aot_eager", fullgraph=True)
    assert float(compiled(torch.tensor([1.0, 2.0]))) == 3
    with pytest.raises(RuntimeError, match="negative, not finite or too large"):
        compiled(torch.tensor([1.0, bad]))
    torch._dynamo.reset()
