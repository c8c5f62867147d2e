"""The top-k summary against the paper's formula, with ties, few and no active nodes."""

import pytest
import torch
from torch.nn import functional as F

from graphkit.nn.snapshot import Columns, TopKSummary


def by_hand(x, active, p, k):
    """Sort (score, node id) pairs in Python; repeat the last one."""
    y = (x @ p / p.norm()).tolist()
    nodes = sorted((i for i in range(len(y)) if active[i]), key=lambda i: (-y[i], i))[:k]
    if not nodes:
        return torch.zeros(x.shape[1], k)
    nodes += [nodes[-1]] * (k - len(nodes))
    return torch.stack([x[i] * torch.tanh(torch.tensor(y[i])) for i in nodes], dim=1)


@pytest.mark.parametrize("active", [9, 4, 3, 1, 0])
@pytest.mark.parametrize("ties", [False, True])
def test_equals_the_formula(active, ties):
    torch.manual_seed(active)
    x = torch.randint(-1, 2, (9, 5)).float() if ties else torch.randn(9, 5)
    if ties:
        x[4:] = x[:5].clone()
    mask = torch.zeros(9, dtype=torch.bool)
    mask[torch.randperm(9)[:active]] = True
    summary = TopKSummary(5, 4)
    if ties:
        summary.scorer.data = torch.tensor([1.0, 1, 1, 1, 0])  # norm 2: exact sums, ties stay ties
    torch.testing.assert_close(summary(x, mask), by_hand(x, mask, summary.scorer.detach(), 4))


def test_all_tied_takes_the_lowest_ids():
    x = torch.ones(6, 1)
    marked = torch.cat([x, torch.arange(6.0).unsqueeze(1)], dim=1)
    summary = TopKSummary(2, 3)
    summary.scorer.data = torch.tensor([1.0, 0.0])
    mask = torch.tensor([False, True, True, False, True, True])
    got = summary(marked, mask)[1] / torch.tanh(torch.tensor(1.0))
    assert got.tolist() == pytest.approx([1, 2, 4])


@pytest.mark.parametrize("active", [6, 2, 0])
def test_one_hot_rows(active):
    torch.manual_seed(0)
    summary = TopKSummary(4, 3)
    x, mask = torch.randint(4, (6,)), torch.arange(6) < active
    got = summary(x, mask)
    assert isinstance(got, Columns)
    dense = torch.zeros(4, 3)
    dense[got.index, torch.arange(3)] = got.value
    torch.testing.assert_close(dense, summary(F.one_hot(x, 4).float(), mask))


def test_scale_of_the_scorer_does_not_matter_and_its_gradient_is_finite():
    torch.manual_seed(0)
    summary = TopKSummary(5, 3)
    x, mask = torch.randn(7, 5), torch.ones(7, dtype=torch.bool)
    before = summary(x, mask)
    before.square().sum().backward()
    assert bool(summary.scorer.grad.isfinite().all())
    assert bool(summary.scorer.grad.any())
    with torch.no_grad():
        summary.scorer.mul_(3)
    torch.testing.assert_close(summary(x, mask), before)
    with torch.no_grad():
        summary.scorer.zero_()
    assert bool(summary(x, mask).isfinite().all())
