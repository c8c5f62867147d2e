"""All pairs through the second layer: both paths against a loop."""

import pytest
import torch

from graphkit.ops.pair_scores import op as module
from graphkit.ops.pair_scores import pair_scores


@pytest.mark.parametrize("path", ["torch", "compiled"])
@pytest.mark.parametrize("dtype", [torch.float32, torch.float64])
@pytest.mark.parametrize("rows, columns, width", [(0, 3, 2), (3, 0, 2), (1, 1, 1), (7, 600, 5)])
def test_equals_a_loop(path, dtype, rows, columns, width, monkeypatch):
    if path == "torch":
        monkeypatch.setattr(module, "use_compiled", lambda *tensors: False)
        monkeypatch.setattr(module, "_CELLS", 4096)
    draw = torch.Generator().manual_seed(rows)
    a, b = (torch.randn(m, width, generator=draw).to(dtype) for m in (rows, columns))
    w = torch.randn(width, generator=draw).to(dtype)
    a.requires_grad_()
    found = pair_scores(a, b, w)
    assert found.shape == (rows, columns)
    assert not found.requires_grad
    a = a.detach()
    for u in range(rows):
        for v in range(0, columns, 97):
            want = sum(w[k] * max(float(a[u, k] + b[v, k]), 0) for k in range(width))
            assert float(found[u, v]) == pytest.approx(float(want), abs=1e-5)
