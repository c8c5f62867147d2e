"""Random-walk matrices against a dictionary, and their gradient."""

import copy

import torch

from graphkit.nn.signal import Transition
from graphkit.ops.csr import CSR
from graphkit.ops.node_mix import node_mix, node_mix_reference

EDGES = torch.tensor([[3, 0, 0, 2, 0, 3], [1, 1, 2, 2, 1, 0]])
WEIGHT = torch.tensor([1.0, 2.0, 0.5, 4.0, 1.5, 3.0])


def test_rows_sum_to_one():
    for backward in (False, True):
        walk = Transition(EDGES, WEIGHT, 5, backward=backward)
        want = [[0.0] * 5 for _ in range(5)]
        for s, d, w in zip(*EDGES.tolist(), WEIGHT.tolist()):
            s, d = (d, s) if backward else (s, d)
            want[s][d] += w
        want = [[w / sum(row) if sum(row) else 0.0 for w in row] for row in want]
        torch.testing.assert_close(walk.dense(), torch.tensor(want))
        x, more = torch.randn(3, 5, 4), torch.randn(3, 5, 4)
        torch.testing.assert_close(walk(x), torch.tensor(want) @ x)
        torch.testing.assert_close(walk(x, more), torch.tensor(want) @ x + more)
        twin = copy.deepcopy(walk)
        twin.load_state_dict(walk.state_dict())
        assert torch.equal(twin(x), walk(x))
        spread = Transition(EDGES, WEIGHT, 5, backward=backward, transposed=True)
        torch.testing.assert_close(spread.dense(), torch.tensor(want).T)
        torch.testing.assert_close(spread(x, more), torch.tensor(want).T @ x + more)
        torch.testing.assert_close(spread(x).sum(1), (x * walk.dense().sum(1)[:, None]).sum(1))
        weight = torch.randn_like(x)
        given = x.clone().requires_grad_()
        (grad,) = torch.autograd.grad((spread(given) * weight).sum(), given)
        torch.testing.assert_close(grad, torch.tensor(want) @ weight)
    ones = Transition(EDGES, None, 5)
    assert ones.dense()[0].tolist() == torch.tensor([0.0, 2 / 3, 1 / 3, 0.0, 0.0]).tolist()


def test_product_and_gradient():
    draw = torch.Generator().manual_seed(0)
    for entries in (0, 9):
        row, column = torch.randint(6, (2, entries), generator=draw)
        value = torch.randn(entries, generator=draw, dtype=torch.float64)
        matrix = CSR.from_coo(row, column, value, (6, 6))
        dense = torch.zeros(6, 6, dtype=torch.float64).index_put_(
            (row, column), value, accumulate=True
        )
        x = torch.randn(2, 6, 3, dtype=torch.float64, requires_grad=True)
        add = torch.randn(2, 6, 3, dtype=torch.float64, requires_grad=True)
        turned = x.detach().transpose(1, 2).contiguous().transpose(1, 2)  # another layout
        torch.testing.assert_close(
            node_mix(matrix, matrix.transposed, turned), node_mix_reference(dense, turned)
        )
        got = node_mix(matrix, matrix.transposed, x, add)
        want = node_mix_reference(dense, x, add)
        torch.testing.assert_close(got, want)
        weight = torch.randn_like(want)
        for a, b in zip(
            torch.autograd.grad((got * weight).sum(), [x, add]),
            torch.autograd.grad((want * weight).sum(), [x, add]),
        ):
            torch.testing.assert_close(a, b)


def test_entries_have_the_default_dtype():
    before = torch.get_default_dtype()
    torch.set_default_dtype(torch.float64)
    try:
        walk = Transition(EDGES, WEIGHT, 5)
    finally:
        torch.set_default_dtype(before)
    assert walk.dense().dtype == torch.float64
    assert walk.dense()[0, 1].item() == 3.5 / 4.0  # two parallel edges, 2 + 1.5 of 4
    assert Transition(EDGES, WEIGHT.double(), 5).dense().dtype == torch.float32
