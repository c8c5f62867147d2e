"""Correlation edges against numpy."""

import numpy as np
import pytest
import torch

from graphkit.data.correlation import correlation_edges


def test_against_numpy():
    draw = torch.Generator().manual_seed(0)
    base = torch.randn(60, 3, generator=draw)
    series = torch.cat([base, base + 0.5 * torch.randn(60, 3, generator=draw)], dim=1)
    edge_index, weight = correlation_edges(series, num_neighbors=2)
    full = np.corrcoef(series.numpy().T)
    np.fill_diagonal(full, -1)
    found = {tuple(e): float(w) for e, w in zip(edge_index.T.tolist(), weight)}
    for src in range(6):
        best = np.argsort(-full[src])[:2]
        want = {(src, int(dst)): full[src, dst] for dst in best if full[src, dst] > 1e-6}
        mine = {e: w for e, w in found.items() if e[0] == src}
        assert mine == pytest.approx(want, abs=1e-5)
        assert int(best[0]) == (src + 3) % 6


def test_the_daily_rhythm_does_not_count():
    draw = torch.Generator().manual_seed(1)
    step = torch.arange(24 * 40)
    day = 10 * torch.sin(step * 2 * torch.pi / 24).unsqueeze(1)
    shock = torch.randn(len(step), 2, generator=draw)
    series = day + shock[:, [0, 0, 1, 1]] + 0.3 * torch.randn(len(step), 4, generator=draw)
    plain = correlation_edges(series, num_neighbors=3)[1]
    assert bool((plain > 0.9).all())
    edge_index, _ = correlation_edges(series, num_neighbors=1, phase=step % 24)
    assert edge_index.tolist() == [[0, 1, 2, 3], [1, 0, 3, 2]]
    unrelated = correlation_edges(series, num_neighbors=3, phase=step % 24)[1]
    assert int((unrelated > 0.5).sum()) == 4


def test_missing_readings():
    draw = torch.Generator().manual_seed(2)
    clean = torch.randn(500, 1, generator=draw).expand(-1, 2) + 0.1 * torch.randn(
        500, 2, generator=draw
    )
    mask = torch.rand(500, 2, generator=draw) < 0.7
    broken = torch.where(mask, clean, 100.0)
    edge_index, weight = correlation_edges(broken, mask=mask)
    assert edge_index.tolist() == [[0, 1], [1, 0]]
    assert bool((weight > 0.97).all())
    constant = correlation_edges(torch.ones(5, 3))
    assert constant[0].shape == (2, 0)
