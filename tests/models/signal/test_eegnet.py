"""EEGNet: the published numbers of parameters, and a slow reading with conv2d."""

import pytest
import torch
import torch.nn.functional as F

from graphkit.errors import GraphError, UnknownNameError
from graphkit.models.signal.eegnet import VARIANTS, EEGNet


def count(model):
    return sum(p.numel() for p in model.parameters())


def test_number_of_parameters():
    """EEGNet-8,2 and -4,2 on 64 electrodes, 1 s at 128 Hz, two classes (Lawhern et al. 2018)."""
    assert count(EEGNet(2, 64, 128)) == 2258
    assert count(EEGNet(2, 64, 128, F1=4)) == 1066
    # What HiSTN's authors compared with, on 14 electrodes and five classes.
    settings = VARIANTS["histn"]
    assert count(EEGNet(5, 14, 128, **settings)) == 3717


def test_equals_conv2d():
    torch.manual_seed(0)
    model = EEGNet(3, 6, 130, kernel_size=16).eval()
    with torch.no_grad():
        for name, value in model.state_dict().items():
            if "running_var" in name:
                value.uniform_(0.5, 2)
            elif "running" in name or "bias" in name:
                value.normal_(0, 0.3)
        model.spatial.mul_(3)
        model.lin.weight.mul_(3)
    x = torch.randn(4, 130, 6, 1)

    def norm(y, layer):
        state = layer.running_mean, layer.running_var, layer.weight, layer.bias
        return F.batch_norm(y, *state, False, 0.0, 1e-3)

    y = F.pad(x.permute(0, 3, 2, 1), (7, 8))
    y = norm(F.conv2d(y, model.temporal.view(8, 1, 1, 16)), model.norm1)
    w = model.spatial / model.spatial.norm(dim=-1, keepdim=True).clamp_min(1)
    y = F.conv2d(y, w.reshape(16, 1, 6, 1), groups=8)
    y = F.avg_pool2d(F.elu(norm(y, model.norm2)), (1, 4))
    y = F.conv2d(F.pad(y, (7, 8)), model.depthwise.view(16, 1, 1, 16), groups=16)
    y = F.conv2d(y, model.pointwise.view(16, 16, 1, 1))
    y = F.avg_pool2d(F.elu(norm(y, model.norm3)), (1, 8)).flatten(1)
    w = model.lin.weight
    w = w * (0.25 / w.norm(dim=1, keepdim=True).clamp_min(0.25))
    torch.testing.assert_close(model(x), y @ w.T + model.lin.bias, atol=1e-5, rtol=1e-4)


def test_refuses():
    with pytest.raises(GraphError, match="pooling"):
        EEGNet(2, 4, 31)
    with pytest.raises(GraphError, match="windows for this model"):
        EEGNet(2, 4, 64)(torch.randn(1, 63, 4, 1))
    with pytest.raises(UnknownNameError):
        EEGNet(2, 4, 64, activation="gelu")
