"""Taxi trips: the tensor, entry by entry, and the real file."""

import numpy as np
import pytest
import torch
from scipy.io import savemat

from graphkit.datasets import load


@pytest.mark.filterwarnings("ignore:.*not the published:UserWarning")
def test_small_file(tmp_path, no_data):
    tensor = np.random.default_rng(0).integers(0, 3, size=(3, 3, 4)).astype(np.uint16)
    savemat(tmp_path / "tensor.mat", {"tensor": tensor})
    graph = load("nyc_taxi_od", tmp_path, download=False)
    first = int(graph.signal_t[0])
    found = {
        (s, d, (t - first) // 3600): w
        for s, d, t, w in zip(graph.src.tolist(), graph.dst.tolist(), graph.t.tolist(),
                              graph.edge_weight.tolist())
    }  # fmt: skip
    want = {
        (s, d, h): float(tensor[s, d, h])
        for s in range(3) for d in range(3) for h in range(4) if tensor[s, d, h]
    }  # fmt: skip
    assert found == want
    for h in range(4):
        assert graph.signal[h, :, 0].tolist() == tensor[:, :, h].sum(1).tolist()
        assert graph.signal[h, :, 1].tolist() == tensor[:, :, h].sum(0).tolist()


def test_real_file(real):
    graph = real("nyc_taxi_od")
    assert graph.signal.shape == (1464, 30, 2)
    assert float(graph.edge_weight.double().sum()) == 10_803_343
    assert torch.equal(graph.signal.sum((1,))[:, 0], graph.signal.sum((1,))[:, 1])
    by_day = graph.signal[..., 0].sum(1).view(61, 24).sum(1)
    assert int(by_day.argmin()) == 27  # Memorial Day, 2018-05-28
