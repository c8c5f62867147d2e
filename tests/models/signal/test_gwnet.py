"""Graph WaveNet against its equations written in the published layout, power by power."""

import pytest
import torch
from torch.nn import functional as F

from graphkit import GraphError
from graphkit.models.signal import GraphWaveNet
from graphkit.models.signal.gwnet import DiffusionConv
from graphkit.nn.signal import Transition

EDGES = torch.tensor([[0, 1, 2, 3, 0, 2], [1, 2, 3, 0, 2, 0]])
WEIGHT = torch.tensor([1.0, 2.0, 0.5, 1.0, 3.0, 0.25])


def transition(edges=EDGES, weight=WEIGHT, nodes=5):
    a = torch.zeros(nodes, nodes, dtype=torch.float64)
    for s, d, w in zip(*edges.tolist(), weight.tolist()):
        a[s, d] += w
    return torch.stack([row / row.sum() if row.sum() else row for row in a])


def diffused(matrix, x, transposed):
    """One step over the graph: what node w gets is the sum over v of P_vw x_v, or of P_wv x_v."""
    out = []
    for w in range(len(matrix)):
        shares = matrix[:, w] if transposed else matrix[w]
        out.append(sum(share * x[:, :, v] for v, share in enumerate(shares)))
    return torch.stack(out, 2)


def slow(model, x, covariates):
    """[B, C, N, T] as in the paper; every power of every matrix, every step of every skip."""
    b, steps, n, _ = x.shape
    x = x.permute(0, 3, 2, 1)
    times = covariates[:, :steps, model.columns].permute(0, 2, 1).unsqueeze(2)
    x = torch.cat([x, times.expand(-1, -1, n, -1)], dim=1)
    x = F.pad(x, (max(0, model.receptive_field - steps), 0))[..., -model.receptive_field :]

    def linear(layer, v):
        return torch.einsum("oc,bcnt->bont", layer.weight, v) + layer.bias.view(1, -1, 1, 1)

    learnt = torch.softmax(F.relu(model.source @ model.target.T), dim=1)
    matrices = [transition(), transition(EDGES.flip(0)), learnt]
    x, skip = linear(model.start, x), 0
    for layer, dilation in enumerate(model.dilations):
        c = x.shape[1]
        weight = model.gates[layer].weight.view(2 * c, model.kernel_size, c).permute(0, 2, 1)
        bias = model.gates[layer].bias
        wide = F.conv2d(x, weight.unsqueeze(2), bias, dilation=(1, dilation))
        h = torch.tanh(wide[:, :c]) * torch.sigmoid(wide[:, c:])
        told = linear(model.skips[layer], h)
        skip = told if layer == 0 else told + skip[..., -told.shape[-1] :]
        if layer == len(model.dilations) - 1:
            break
        conv = model.convs[layer]
        z = torch.einsum("bcnt,co->bont", h, conv.weight[0]) + conv.bias.view(1, -1, 1, 1)
        for s, matrix in enumerate(matrices):
            power = h
            for k in range(conv.order):
                power = diffused(matrix, power, model.transposed)
                z = z + torch.einsum("bcnt,co->bont", power, conv.weight[1 + s * conv.order + k])
        x = z + x[..., -z.shape[-1] :]
        norm = model.norms[layer]
        if model.training:
            mean, var = x.mean((0, 2, 3)), x.var((0, 2, 3), correction=0)
        else:
            mean, var = norm.running_mean, norm.running_var
        shape = (1, -1, 1, 1)
        x = (x - mean.view(shape)) / (var.view(shape) + norm.eps).sqrt()
        x = x * norm.weight.view(shape) + norm.bias.view(shape)
    assert skip.shape[-1] == 1
    out = linear(model.end2, F.relu(linear(model.end1, F.relu(skip))))[..., 0]
    return out.view(b, model.horizon, -1, n).transpose(2, 3)


def randomised(dtype, transposed, **settings):
    """A model of this precision, with running statistics unlike those of a fresh one."""
    before = torch.get_default_dtype()
    torch.set_default_dtype(dtype)
    try:
        torch.manual_seed(0)
        model = GraphWaveNet(
            2, 5, 3, EDGES, WEIGHT, target_channels=[0], hidden_channels=4, skip_channels=6,
            end_channels=7, num_blocks=2, embedding_dim=3, dropout=0.0, transposed=transposed,
            covariate_names=("day_of_week", "time_of_day"), **settings,
        )  # fmt: skip
    finally:
        torch.set_default_dtype(before)
    for norm in model.norms:
        norm.running_mean.normal_()
        norm.running_var.uniform_(0.5, 2)
    return model


@pytest.mark.parametrize("transposed", [True, False])
@pytest.mark.parametrize("training", [False, True])
@pytest.mark.parametrize("steps, kernel", [(9, 2), (4, 2), (13, 3)])
def test_against_the_equations(training, steps, kernel, transposed):
    model = randomised(torch.float64, transposed, kernel_size=kernel)
    assert {p.dtype for p in model.state_dict().values() if p.is_floating_point()} == {
        torch.float64
    }
    model.train(training)
    x = torch.randn(3, steps, 5, 2, dtype=torch.float64, requires_grad=True)
    covariates = torch.rand(3, steps + 3, 2, dtype=torch.float64)
    want = slow(model, x, covariates)
    got = model(x, covariates)
    torch.testing.assert_close(got, want, rtol=0, atol=1e-12)
    weight = torch.randn_like(want)
    inputs = [x, *model.parameters()]
    for a, b in zip(
        torch.autograd.grad((got * weight).sum(), inputs),
        torch.autograd.grad((want * weight).sum(), inputs),
    ):
        torch.testing.assert_close(a, b, rtol=1e-10, atol=1e-11)


@pytest.mark.parametrize("transposed", [True, False])
def test_single_precision(transposed):
    model = randomised(torch.float32, transposed).eval()
    x, covariates = torch.randn(3, 9, 5, 2), torch.rand(3, 12, 2)
    got = model(x, covariates)
    want = slow(model.double(), x.double(), covariates.double())
    torch.testing.assert_close(got.double(), want, rtol=0, atol=1e-6)


def test_the_authors_form_is_the_default():
    """Along the only edge, 0 to 1: node 1 hears of node 0; in the paper's form it is node 0."""
    edge = torch.tensor([[0], [1]])
    reached = {}
    for name, settings in (("default", {}), ("paper", {"transposed": False})):
        model = GraphWaveNet(1, 3, 2, edge, hidden_channels=4, embedding_dim=0, **settings)
        conv, forwards = DiffusionConv(4, 4, 1, order=1), model.fixed[:1]
        x = torch.randn(2, 3, 2, 4)
        reached[name] = []
        for node in range(3):
            other = x.clone()
            other[:, node] += 1
            moved = (conv(other, forwards, None) - conv(x, forwards, None)).abs()
            reached[name].append((moved.amax((0, 2, 3)) > 1e-6).nonzero().flatten().tolist())
    assert reached == {"default": [[0, 1], [1], [2]], "paper": [[0], [0, 1], [2]]}


def test_the_receptive_field():
    """A reading outside the receptive field changes nothing; the first one inside does."""
    torch.manual_seed(0)
    model = GraphWaveNet(
        1, 5, 2, EDGES, WEIGHT, hidden_channels=4, num_blocks=2, num_layers=2
    ).eval()
    assert model.receptive_field == 1 + 1 + 2 + 1 + 2
    x = torch.randn(1, 10, 5, 1)
    out = model(x)
    for step, changes in ((2, False), (3, True)):
        other = x.clone()
        other[:, step] += 1
        assert torch.equal(model(other), out) != changes


def test_published_sizes():
    model = GraphWaveNet(1, 207, 12, EDGES, WEIGHT, covariate_names=("time_of_day",))
    assert model.receptive_field == 13
    assert model.dilations == [1, 2] * 4
    # The authors' code has 309,400 for METR-LA, of which these are never used: eight residual
    # convolutions, the last graph convolution and the last normalisation.
    unused = 8 * (32 * 32 + 32) + (7 * 32 * 32 + 32) + 64
    assert sum(p.numel() for p in model.parameters()) == 309_400 - unused


def test_only_the_given_graph():
    model = GraphWaveNet(1, 5, 2, EDGES, WEIGHT, hidden_channels=4, embedding_dim=0).eval()
    assert model.learnt_graph() is None
    assert model(torch.randn(2, 6, 5, 1)).shape == (2, 2, 5, 1)
    empty = torch.zeros(2, 0, dtype=torch.int64)
    assert len(GraphWaveNet(1, 5, 2, empty, hidden_channels=4).fixed) == 0
    with pytest.raises(GraphError, match="no graph is given"):
        GraphWaveNet(1, 5, 2, empty, embedding_dim=0)


def test_diffusion_sees_neighbours_only():
    conv = DiffusionConv(3, 4, 1, order=2)
    walk = [Transition(EDGES, WEIGHT, 5)]
    x = torch.randn(2, 5, 3, 3)
    out = conv(x, walk, None)
    other = x.clone()
    other[:, 4] += 1  # no edge leads to node 4
    changed = (conv(other, walk, None) - out).abs().amax((0, 2, 3)) > 0
    assert changed.tolist() == [False, False, False, False, True]


def test_a_state_dict_of_another_graph_does_not_replace_the_matrices():
    one, other = (GraphWaveNet(1, 4, 3, torch.tensor([[0, 1], [1, k]])) for k in (2, 3))
    before = [m.dense() for m in one.modules() if isinstance(m, Transition)]
    one.load_state_dict(other.state_dict())
    after = [m.dense() for m in one.modules() if isinstance(m, Transition)]
    assert len(before) > 0
    assert all(torch.equal(a, b) for a, b in zip(before, after))
