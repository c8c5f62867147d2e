"""Skeleton networks: what each stream sees, what padding and moves change, how they are fused."""

import pytest
import torch

from graphkit.errors import GraphError, UnknownNameError
from graphkit.nn.signal.residual_cnn import FrameNorm, ResidualCNN, masked_mean
from graphkit.nn.signal.skeleton import (
    BodyPartNet,
    FeatureAttention,
    FrameAttention,
    FrameDiffNet,
    SkeletonConvNet,
    SkeletonFeatures,
    TwoStreamNet,
    frame_differences,
    product_of_experts,
)

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
    net = made(SkeletonConvNet, 3, 5, norm=norm, **SMALL)
    x = torch.randn(2, 13, 3, dtype=F64)
    padded = torch.cat([x, torch.full((2, 8, 3), float("nan"), dtype=F64)], 1)
    mask = torch.arange(21).expand(2, 21) < 13
    torch.testing.assert_close(net(padded, mask), net(x), rtol=0, atol=1e-12)


def test_batch_norm_learns_from_valid_frames_only():
    norm = FrameNorm(3, "batch").double()
    x = torch.randn(2, 3, 7, dtype=F64)
    mask = torch.rand(2, 7, generator=torch.Generator().manual_seed(0)) < 0.6
    other = torch.where(mask[:, None], x, 1e6)
    valid = x.transpose(1, 2)[mask]
    want = (valid - valid.mean(0)) / (valid.var(0, unbiased=False) + 1e-5).sqrt()
    got = norm(other, mask)
    torch.testing.assert_close(got.transpose(1, 2)[mask], want)
    assert not got.transpose(1, 2)[~mask].any()
    torch.testing.assert_close(norm.batch.running_mean, 0.1 * valid.mean(0))


def test_an_action_may_come_later():
    net = made(SkeletonConvNet, 3, 5, widths=(4, 6, 6), kernel_size=8, norm="batch")
    action = torch.randn(1, 20, 3, dtype=F64)
    logits = []
    for start in (120, 124, 136):
        x = torch.zeros(1, 300, 3, dtype=F64)
        x[:, start : start + 20] = action
        logits.append(net(x))
    torch.testing.assert_close(logits[1], logits[0], rtol=0, atol=1e-9)
    torch.testing.assert_close(logits[2], logits[0], rtol=0, atol=1e-9)


def test_product_of_experts():
    p = torch.rand(3, 4, 5, dtype=F64).softmax(-1)
    product = p.prod(0)
    want = product / product.sum(-1, keepdim=True)
    torch.testing.assert_close(product_of_experts(p.log()).exp(), want)
    torch.testing.assert_close(product_of_experts(p.log()[[2, 0, 1]]).exp(), want)
    uniform = torch.full((1, 4, 5), 0.2, dtype=F64)
    torch.testing.assert_close(product_of_experts(torch.cat([p, uniform]).log()).exp(), want)
    tiny = torch.tensor([[[1e-30, 1.0]], [[1.0, 1e-30]]], dtype=F64)
    assert product_of_experts(tiny.log()).exp().tolist() == [pytest.approx([0.5, 0.5])]


GROUPS = [[0, 2], [1, 4], [3]]


def body():
    return BodyPartNet(GROUPS, [SkeletonConvNet(2 * len(g), 3, **SMALL) for g in GROUPS])


def test_names_of_joints_do_not_matter():
    net = made(body)
    x, order = torch.randn(2, 9, 5, 2, dtype=F64), [3, 0, 4, 2, 1]
    want = net(x)
    net.groups = [[order.index(joint) for joint in group] for group in GROUPS]
    torch.testing.assert_close(net(x[:, :, order]), want, rtol=0, atol=1e-12)


def test_a_part_sees_its_joints():
    net = made(body)
    x = torch.randn(2, 9, 5, 2, dtype=F64, requires_grad=True)
    (grad,) = torch.autograd.grad(net.nets[1](x[:, :, GROUPS[1]].flatten(2)).sum(), x)
    assert grad.abs().sum((0, 1, 3)).nonzero().squeeze(1).tolist() == [1, 4]
    alone = torch.stack([n(x[:, :, g].flatten(2)) for g, n in zip(GROUPS, net.nets)])
    torch.testing.assert_close(net(x), product_of_experts(alone))
    with pytest.raises(GraphError, match="one for each group"):
        BodyPartNet(GROUPS, [])


def test_differences():
    x = torch.tensor([[1.0, 4.0, 9.0, 100.0, 2.0]])[..., None]
    mask = torch.tensor([[True, True, True, False, True]])
    assert frame_differences(x)[0, :, 0].tolist() == [0, 3, 5, 91, -98]
    assert frame_differences(x, mask)[0, :, 0].tolist() == [0, 3, 5, 0, 0]
    assert frame_differences(x, mask, 2)[0, :, 0].tolist() == [0, 0, 8, 0, -7]
    net = made(FrameDiffNet, SkeletonConvNet(3, 4, **SMALL))
    x = torch.randn(2, 9, 3, dtype=F64)
    torch.testing.assert_close(net(x + 5), net(x), rtol=0, atol=1e-11)


def test_two_streams():
    nets = SkeletonConvNet(6, 3, **SMALL), SkeletonConvNet(12, 3, **SMALL)
    net = made(TwoStreamNet, *nets, frames=12)
    x = torch.randn(2, 12, 6, dtype=F64)
    assert torch.equal(net.turn(x).transpose(1, 2), x)
    both = torch.stack([nets[0](x), nets[1](x.transpose(1, 2))])
    torch.testing.assert_close(net(x), product_of_experts(both))
    longer = torch.cat([x, torch.ones(2, 5, 6, dtype=F64)], 1)
    mask = torch.arange(17).expand(2, 17) < 12
    torch.testing.assert_close(net(longer, mask), net(x), rtol=0, atol=1e-12)


def test_attention():
    y = torch.randn(2, 7, 4, dtype=F64)
    mask = torch.arange(7) < torch.tensor([[7], [3]])
    net = made(FrameAttention, 4)
    torch.testing.assert_close(net.weights(y, mask).sum(1), torch.ones(2, dtype=F64))
    assert not net.weights(y, mask)[1, 3:].any()
    torch.testing.assert_close(net(y, mask)[1:, :3], net(y[1:, :3]), rtol=0, atol=1e-12)
    # The authors' softmax runs over the one score of a frame: it weighs nothing.
    legacy = torch.softmax(net.lin2(net.lin1(y).relu()), -1)
    assert torch.equal(y * legacy, y)
    with torch.no_grad():
        net.lin2.weight.zero_()
    torch.testing.assert_close(net(y), y)  # equal weights change nothing
    weighed = made(FeatureAttention, 4)(y) / y
    torch.testing.assert_close(weighed.sum(-1), torch.ones(2, 7, dtype=F64))


def test_features_do_not_know_place_and_size():
    features = SkeletonFeatures(5, 2).double()
    assert features.out_channels == 5 * 2 * 3 + 10
    x = torch.randn(2, 8, 5, 2, dtype=F64)
    mask = torch.arange(8) < torch.tensor([[8], [5]])
    want = features(x, mask)
    assert want.shape == (2, 8, features.out_channels)
    torch.testing.assert_close(features(3 * x + 7, mask), want, rtol=0, atol=1e-9)
    noise = torch.where(mask[..., None, None], x, 1e6)
    torch.testing.assert_close(features(noise, mask), want, rtol=0, atol=1e-12)
    assert not want[1, 5:].any()
    first, second = torch.triu_indices(5, 5, 1)
    size = torch.cdist(x[0], x[0])[:, first, second].mean()
    torch.testing.assert_close(want[0, :, 10], (x[0, :, 0] - x[0, :, 1]).norm(dim=-1) / size)
    with pytest.raises(GraphError, match="no feature is left"):
        SkeletonFeatures(5, 2, coordinates=False, distances=False, velocities=False)


def test_gradcheck():
    net = made(SkeletonConvNet, 2, 3, widths=(2,), strides=(1,), kernel_size=3, convs=1)
    mask = torch.arange(5) < torch.tensor([[5], [3]])
    x = torch.randn(2, 5, 2, dtype=F64, requires_grad=True)
    assert torch.autograd.gradcheck(lambda v: net(v, mask), x)


def test_masked_mean():
    x = torch.tensor([[[1.0], [3.0], [float("nan")]], [[float("nan")]] * 3])
    mask = torch.tensor([[True, True, False], [False] * 3])
    assert masked_mean(x, mask).tolist() == [[2.0], [0.0]]


def test_l1_and_errors():
    net = ResidualCNN(2, (3,), 2, (1,))
    convs = [m for m in net.modules() if isinstance(m, torch.nn.Conv1d)]
    assert len(convs) == 4
    assert net.l1().item() == pytest.approx(sum(c.weight.abs().sum().item() for c in convs))
    with pytest.raises(GraphError, match="strides"):
        ResidualCNN(2, (3, 4), 2, (1,))
    with pytest.raises(UnknownNameError, match="norm"):
        FrameNorm(3, "layer")
