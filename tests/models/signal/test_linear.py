"""DLinear, number by number."""

import pytest
import torch

from graphkit import GraphError
from graphkit.models.signal import DLinear


@pytest.mark.parametrize("individual", [False, True])
@pytest.mark.parametrize("kernel", [1, 5])
def test_against_loops(individual, kernel):
    torch.manual_seed(0)
    model = DLinear(7, 3, 4, target_channels=[1], individual=individual, kernel_size=kernel)
    for p in model.parameters():
        torch.nn.init.normal_(p).requires_grad_(False)
    x = torch.randn(2, 7, 4, 2)
    out = model(x)
    assert out.shape == (2, 3, 4, 1)
    for b in range(2):
        for n in range(4):
            series = x[b, :, n, 1].tolist()
            half, node = kernel // 2, n if individual else 0
            trend = [
                sum(series[min(max(t + k, 0), 6)] for k in range(-half, half + 1)) / kernel
                for t in range(7)
            ]
            for step in range(3):
                want = float(model.bias[node, step])
                for t in range(7):
                    want += float(model.trend[node, step, t]) * trend[t]
                    want += float(model.rest[node, step, t]) * (series[t] - trend[t])
                assert float(out[b, step, n, 0]) == pytest.approx(want, abs=1e-4)


def test_starts_as_the_mean_of_the_window():
    x = torch.randn(2, 7, 4, 1)
    out = DLinear(7, 3, 4)(x)
    torch.testing.assert_close(out, x.mean(1, keepdim=True).expand(-1, 3, -1, -1))
    with pytest.raises(GraphError, match="odd"):
        DLinear(7, 3, 4, kernel_size=4)
