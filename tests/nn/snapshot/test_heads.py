"""Heads: what they compute, and which one a task gets."""

from types import SimpleNamespace

import torch

from graphkit.nn.snapshot import NodeMLP, PairMLP, make_head


def test_node_mlp():
    torch.manual_seed(0)
    head, h = NodeMLP(4, 6, 3), torch.randn(7, 4)
    rows = torch.tensor([5, 0, 5])
    expected = head.second(torch.relu(h[rows] @ head.first.weight.T + head.first.bias))
    torch.testing.assert_close(head(h, rows), expected)
    before = head.first.weight.clone()
    head.reset_parameters()
    assert not torch.equal(before, head.first.weight)


def test_a_task_gets_its_head():
    nodes, edges = (SimpleNamespace(num_classes=3, subject=s) for s in ("nodes", "edges"))
    assert isinstance(make_head(nodes, 4, 5), NodeMLP)
    assert isinstance(make_head(edges, 4, 5), PairMLP)
    assert isinstance(make_head(SimpleNamespace(num_classes=2), 4, 5), PairMLP)
    assert make_head(nodes, 4, 5).second.out_features == 3
