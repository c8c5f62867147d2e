from __future__ import annotations

import math

import pytest
import torch

from graphkit.errors import GraphError
from graphkit.nn.stream import TimeEncoder


def test_geometric_frequencies():
    encoder = TimeEncoder(4)
    expected = [[math.cos(gap * 10.0**-k) for k in (0, 3, 6, 9)] for gap in (0, 1, 5000)]
    out = encoder(torch.tensor([0, 1, 5000]))
    torch.testing.assert_close(out, torch.tensor(expected), rtol=0, atol=2e-4)
    assert out.dtype == torch.float32


def test_one_frequency():
    assert TimeEncoder(1)(torch.tensor([[2.0]])).item() == pytest.approx(math.cos(2.0))


def test_uniform_is_pygs_encoder():
    from torch_geometric.nn.models.tgn import TimeEncoder as PyGTimeEncoder

    torch.manual_seed(0)
    ours, theirs = TimeEncoder(6, init="uniform"), PyGTimeEncoder(6)
    assert ours.weight.abs().max() <= 1
    with torch.no_grad():
        theirs.lin.weight.copy_(ours.weight.unsqueeze(1))
        theirs.lin.bias.copy_(ours.bias)
    gap = torch.rand(10) * 20
    torch.testing.assert_close(ours(gap), theirs(gap))


def test_shapes_and_learnable():
    assert TimeEncoder(5)(torch.zeros(2, 3, dtype=torch.float64)).shape == (2, 3, 5)
    assert all(p.requires_grad for p in TimeEncoder(5).parameters())
    assert not any(p.requires_grad for p in TimeEncoder(5, learnable=False).parameters())


def test_unknown_start():
    with pytest.raises(GraphError, match="uniform"):
        TimeEncoder(3, init="normal")
