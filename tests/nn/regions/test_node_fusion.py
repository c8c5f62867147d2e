"""Node fusion: item 5 of the acceptance list, against a loop over regions."""

import torch

from graphkit.nn.regions import BlockDiagonal, NodeFusion

PARTITION = [[0, 3], [4, 1, 2], [5]]


def by_loop(layer: NodeFusion, x: torch.Tensor) -> torch.Tensor:
    out, first = [], 0
    for part in PARTITION:
        n = len(part)
        w = layer.attention.weight[first : first + n * n].view(n, n)
        first += n * n
        group = x[..., part]
        a = group.mean(1)
        s = torch.softmax(a @ w + layer.bias[part], dim=1)
        out.append((group * s.unsqueeze(1)).sum(-1))
    return torch.stack(out, dim=-1)


def test_equals_a_loop_over_regions():
    layer = NodeFusion(PARTITION)
    with torch.no_grad():
        layer.bias.normal_()
    x = torch.randn(3, 11, 6)
    torch.testing.assert_close(layer(x), by_loop(layer, x))
    torch.testing.assert_close(layer.pool(x.mean(1)), layer(x).mean(1))


def test_weights_are_positive_and_sum_to_one():
    layer = NodeFusion(PARTITION)
    s = layer.weights(50 * torch.randn(40, 6))
    assert bool((s >= 0).all())
    for part in PARTITION:
        torch.testing.assert_close(s[:, part].sum(1), torch.ones(40))
    assert bool((layer.weights(torch.randn(40, 6)) > 0).all())


def test_uniform_without_weights():
    layer = NodeFusion(PARTITION)
    with torch.no_grad():
        layer.attention.weight.zero_()
    s = layer.weights(torch.full((2, 6), 3.0))
    expected = torch.tensor([1 / 2, 1 / 3, 1 / 3, 1 / 2, 1 / 3, 1.0])
    torch.testing.assert_close(s, expected.expand(2, -1))


def test_block_diagonal_equals_matrices_of_regions():
    layer = BlockDiagonal(PARTITION)
    x, first = torch.randn(4, 6), 0
    for part in PARTITION:
        n = len(part)
        w = layer.weight[first : first + n * n].view(n, n)
        torch.testing.assert_close(layer(x)[:, part], x[:, part] @ w)
        first += n * n


def test_block_diagonal_bounds_what_goes_into_a_node():
    layer = BlockDiagonal(PARTITION, max_norm=1.0)
    with torch.no_grad():
        layer.weight.mul_(10)
    assert float(layer.matrix().detach().norm(dim=0).max()) <= 1 + 1e-6
    entries = BlockDiagonal(PARTITION, max_norm=1.0, entries=True)
    with torch.no_grad():
        entries.weight.fill_(3)
    torch.testing.assert_close(entries.matrix().amax(), torch.tensor(1.0))
