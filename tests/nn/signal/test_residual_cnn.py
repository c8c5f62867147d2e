"""The base network against its published form written frame by frame; what padding may not do."""

import pytest
import torch
from torch import nn

from graphkit.errors import GraphError, UnknownNameError
from graphkit.nn.norm.frame_norm import FrameNorm
from graphkit.nn.signal.pooling import masked_mean
from graphkit.nn.signal.residual_cnn import ResidualCNN


class Classifier(nn.Module):
    """The published classifier: the network, a mean over frames and a linear layer."""

    def __init__(self, in_channels, num_classes, **cnn):
        super().__init__()
        self.cnn = ResidualCNN(in_channels, **cnn)
        self.lin = nn.Linear(self.cnn.out_channels, num_classes)

    def forward(self, x, mask=None):
        return self.lin(masked_mean(*self.cnn(x, mask)))


def randomised(dtype=torch.float64, **settings) -> Classifier:
    """A classifier whose biases and running averages are not those of a fresh one."""
    torch.manual_seed(0)
    net = Classifier(3, 5, **settings)
    with torch.no_grad():
        for name, value in net.state_dict().items():
            if "running_var" in name:
                value.uniform_(0.5, 2)
            elif "running_mean" in name or "bias" in name:
                value.normal_()
    return net.to(dtype)


def conv(x, weight, bias, stride):
    """``[L, C]`` to ``[ceil(L / stride), C']``; of 8 taps, 3 lie before a frame and 4 after."""
    taps, back = weight.shape[2], (weight.shape[2] - 1) // 2
    out = []
    for t in range(0, len(x), stride):
        y = torch.zeros(len(weight), dtype=x.dtype) if bias is None else bias.clone()
        for k in range(taps):
            if 0 <= t + k - back < len(x):
                y = y + weight[:, :, k] @ x[t + k - back]
        out.append(y)
    return torch.stack(out)


def normed(rows, layer, training):
    """Batch normalisation with Keras' epsilon over all frames of all rows."""
    layer = layer.batch
    mean, var = layer.running_mean, layer.running_var
    if training:
        frames = torch.cat(rows)
        mean = sum(frames) / len(frames)
        var = sum((f - mean) ** 2 for f in frames) / len(frames)
    return [(row - mean) / (var + 1e-3).sqrt() * layer.weight + layer.bias for row in rows]


def slow(net: Classifier, rows):
    """Logits of rows of any lengths, ``[L, C]`` each."""
    cnn = net.cnn
    rows = [conv(x, cnn.stem.weight, cnn.stem.bias, 1) for x in rows]  # nothing after it
    for stage, norms, shortcut, stride in zip(cnn.stages, cnn.norms, cnn.shortcuts, cnn.strides):
        entered = rows
        if isinstance(shortcut, nn.Conv1d):
            entered = [conv(x, shortcut.weight, shortcut.bias, stride) for x in rows]
        for i, (one, norm) in enumerate(zip(stage, norms)):
            assert one.bias is None
            rows = [conv(x, one.weight, None, stride if i == 0 else 1) for x in rows]
            rows = [x.clamp(min=0) for x in normed(rows, norm, net.training)]
        rows = [a + b for a, b in zip(entered, rows)]
    rows = [x.clamp(min=0) for x in normed(rows, cnn.last_norm, net.training)]
    pooled = torch.stack([sum(x) / len(x) for x in rows])
    return pooled @ net.lin.weight.T + net.lin.bias


@pytest.mark.parametrize("training", [False, True])
@pytest.mark.parametrize("length", [20, 23])
def test_against_the_published_form(training, length):
    net = randomised(widths=(4, 6, 8), kernel_size=8, strides=(1, 2, 2)).train(training)
    x = torch.randn(3, length, 3, dtype=torch.float64, requires_grad=True)
    want, got = slow(net, list(x)), net(x)
    torch.testing.assert_close(got, want, rtol=0, atol=1e-12)
    weight = torch.randn_like(want)
    inputs = [x, *net.parameters()]
    for a, b in zip(
        torch.autograd.grad((got * weight).sum(), inputs),
        torch.autograd.grad((want * weight).sum(), inputs),
    ):
        torch.testing.assert_close(a, b, rtol=1e-9, atol=1e-11)


@pytest.mark.parametrize("training", [False, True])
def test_padding_is_not_seen(training):
    """Biases fill padding frames as well; no later convolution and no norm may read that."""
    net = randomised(widths=(4, 6, 8), kernel_size=8, strides=(1, 2, 2)).train(training)
    lengths = [17, 9, 24]
    x = torch.full((3, 24, 3), float("nan"), dtype=torch.float64)
    for row, length in enumerate(lengths):
        x[row, :length] = torch.randn(length, 3, dtype=torch.float64)
    mask = torch.arange(24) < torch.tensor(lengths)[:, None]
    want = slow(net, [row[:length] for row, length in zip(x, lengths)])
    torch.testing.assert_close(net(x, mask), want, rtol=0, atol=1e-12)


def test_single_precision():
    net = randomised(torch.float32, widths=(4, 6), strides=(1, 2)).eval()
    x = torch.randn(2, 20, 3)
    got = net(x)
    want = slow(net.double(), list(x.double()))
    torch.testing.assert_close(got.double(), want, rtol=1e-6, atol=1e-6)


def test_published_constants():
    """Sizes, epsilon and momentum of the authors' Keras model, 150 features and 60 classes."""
    net = Classifier(150, 60)
    sizes = [(150, 64, 8), (64, 64, 8), (64, 64, 8), (64, 64, 8)]
    sizes += [(64, 128, 8), (128, 128, 8), (128, 128, 8), (64, 128, 1)]
    sizes += [(128, 256, 8), (256, 256, 8), (256, 256, 8), (128, 256, 1)]
    with_bias = sum(k * a * b + b for a, b, k in sizes)
    norms = 2 * (3 * (64 + 128 + 256) + 256)
    absorbed = 3 * (64 + 128 + 256)  # biases that the norm behind them takes out again
    assert sum(p.numel() for p in net.parameters()) == with_bias + norms + 257 * 60 - absorbed
    found = [m for m in net.modules() if isinstance(m, nn.BatchNorm1d)]
    assert len(found) == 10
    assert {(m.eps, m.momentum) for m in found} == {(1e-3, 0.01)}
    quick = ResidualCNN(3, (4,), 2, (1,), norm_momentum=0.2)
    assert {n.batch.momentum for n in [*quick.norms[0], quick.last_norm]} == {0.2}


F64 = torch.float64
SMALL = {"widths": (4, 6), "strides": (1, 2), "kernel_size": 4}


def made(build, *args, **settings):
    torch.manual_seed(0)
    net = build(*args, **settings).double()
    with torch.no_grad():  # running averages that are not those of the start
        for module in net.modules():
            if isinstance(module, torch.nn.BatchNorm1d):
                module.running_mean.normal_()
                module.running_var.uniform_(0.5, 2)
    return net.eval()


@pytest.mark.parametrize("strides", [(1, 1, 1), (1, 2, 2)])
def test_shape_and_receptive_field(strides):
    net = ResidualCNN(3, (4, 5, 6), 8, strides).double().eval()
    with torch.no_grad():  # all positive, so that no ReLU hides anything
        for parameter in net.parameters():
            parameter.abs_()
    length = 180
    x = torch.rand(1, length, 3, dtype=F64, requires_grad=True)
    y, _ = net(x)
    step = strides[0] * strides[1] * strides[2]
    assert y.shape == (1, length // step, 6)
    at = 96 // step
    (grad,) = torch.autograd.grad(y[0, at].sum(), x)
    seen = grad[0].abs().sum(1).nonzero().squeeze(1)
    back, ahead = net.receptive_field
    assert (96 - int(seen[0]), int(seen[-1]) - 96) == (back, ahead)
    if strides == (1, 1, 1):
        assert (back, ahead) == (30, 40)  # ten convolutions, 3 back and 4 ahead


@pytest.mark.parametrize("norm", ["batch", "row"])
def test_padding_changes_nothing(norm):
    net = made(Classifier, 3, 5, norm=norm, **SMALL)
    x = torch.randn(2, 13, 3, dtype=F64)
    padded = torch.cat([x, torch.full((2, 8, 3), float("nan"), dtype=F64)], 1)
    mask = torch.arange(21).expand(2, 21) < 13
    torch.testing.assert_close(net(padded, mask), net(x), rtol=0, atol=1e-12)


def test_an_action_may_come_later():
    net = made(Classifier, 3, 5, widths=(4, 6, 6), kernel_size=8, norm="batch")
    action = torch.randn(1, 20, 3, dtype=F64)
    logits = []
    for start in (120, 124, 136):
        x = torch.zeros(1, 300, 3, dtype=F64)
        x[:, start : start + 20] = action
        logits.append(net(x))
    torch.testing.assert_close(logits[1], logits[0], rtol=0, atol=1e-9)
    torch.testing.assert_close(logits[2], logits[0], rtol=0, atol=1e-9)


def test_gradcheck():
    net = made(Classifier, 2, 3, widths=(2,), strides=(1,), kernel_size=3, convs=1)
    mask = torch.arange(5) < torch.tensor([[5], [3]])
    x = torch.randn(2, 5, 2, dtype=F64, requires_grad=True)
    assert torch.autograd.gradcheck(lambda v: net(v, mask), x)


def test_l1_and_errors():
    net = ResidualCNN(2, (3,), 2, (1,))
    convs = [m for m in net.modules() if isinstance(m, torch.nn.Conv1d)]
    assert len(convs) == 4
    assert net.l1().item() == pytest.approx(sum(c.weight.abs().sum().item() for c in convs))
    with pytest.raises(GraphError, match="strides"):
        ResidualCNN(2, (3, 4), 2, (1,))
    with pytest.raises(UnknownNameError, match="norm"):
        FrameNorm(3, "layer")
