"""The MLP against its two layers; edges are ignored."""

import torch

from graphkit.models.static import MLP


def test_two_layers_and_no_edges():
    torch.manual_seed(0)
    model, x = MLP(5, 7, 3).eval(), torch.randn(6, 5)
    want = torch.relu(x @ model.lin1.weight.T + model.lin1.bias) @ model.lin2.weight.T
    torch.testing.assert_close(model(x), want + model.lin2.bias)
    assert torch.equal(model(x, torch.randint(6, (2, 9)), torch.rand(9)), model(x))


def test_dropout_in_training_only():
    model, x = MLP(50, 40, 3, dropout=0.5), torch.ones(1, 50)
    assert not torch.equal(model(x), model(x))
    assert torch.equal(model.eval()(x), model(x))
    model = MLP(50, 40, 3, dropout=0.0)
    assert torch.equal(model(x), model(x))
