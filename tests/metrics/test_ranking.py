"""Ranks against scipy, scikit-learn and a rank counted by hand."""

import numpy as np
import pytest
import torch
from scipy.stats import rankdata
from sklearn.metrics import label_ranking_average_precision_score, top_k_accuracy_score

from graphkit.errors import GraphError
from graphkit.metrics import hits_at_k, mrr, ranks


def brute_force_rank(row: list[float]) -> float:
    """The mean of the places that the first entry could take in a descending order."""
    before = sum(v > row[0] for v in row[1:])
    places = [before + 1 + m for m in range(1 + sum(v == row[0] for v in row[1:]))]
    return sum(places) / len(places)


def test_by_hand():
    scores = torch.tensor([[3.0, 1.0, 2.0], [1.0, 1.0, 2.0], [0.0, 0.0, 0.0], [1.0, 2.0, 3.0]])
    assert ranks(scores).tolist() == [1.0, 2.5, 2.0, 3.0]
    assert mrr(scores) == pytest.approx((1 + 1 / 2.5 + 1 / 2 + 1 / 3) / 4)
    assert hits_at_k(scores, 1) == 0.25
    assert hits_at_k(scores, 2) == 0.5  # 2.5 is not among the first two
    assert hits_at_k(scores, 3) == 1.0


@pytest.mark.parametrize("levels", [None, 2])
@pytest.mark.parametrize("columns", [1, 2, 11, 101])
def test_dense_equals_brute_force_and_scipy(columns, levels):
    scores = torch.randn(50, columns, generator=torch.Generator().manual_seed(columns))
    if levels:
        scores = (scores * levels).round()
    expected = [brute_force_rank(row) for row in scores.tolist()]
    assert ranks(scores).tolist() == expected
    assert [rankdata(-row, method="average")[0] for row in scores.numpy()] == expected


def test_equals_scikit_learn_without_ties():
    scores = torch.rand(200, 21, generator=torch.Generator().manual_seed(0))
    truth = np.zeros((200, 21), dtype=int)
    truth[:, 0] = 1
    expected = label_ranking_average_precision_score(truth, scores.numpy())
    assert mrr(scores) == pytest.approx(expected)
    for k in (1, 3, 10):
        top = top_k_accuracy_score(np.zeros(200), scores.numpy(), k=k, labels=np.arange(21))
        assert hits_at_k(scores, k) == pytest.approx(top)


@pytest.mark.parametrize("seed", range(5))
def test_ragged_equals_row_by_row(seed):
    generator = torch.Generator().manual_seed(seed)
    sizes = torch.randint(1, 9, (40,), generator=generator)
    offsets = torch.cat([torch.zeros(1, dtype=torch.long), sizes.cumsum(0)])
    values = torch.randint(0, 5, (int(offsets[-1]),), generator=generator).float()
    expected = [brute_force_rank(row.tolist()) for row in values.split(sizes.tolist())]
    assert ranks(values, offsets).tolist() == expected
    assert mrr(values, offsets) == pytest.approx(np.mean([1 / r for r in expected]))
    assert hits_at_k(values, 2, offsets) == pytest.approx(np.mean([r <= 2 for r in expected]))


def test_ragged_equals_dense():
    scores = torch.randn(30, 7, generator=torch.Generator().manual_seed(1)).round()
    offsets = torch.arange(0, 211, 7)
    assert torch.equal(ranks(scores), ranks(scores.flatten(), offsets))


def test_large_integers_in_scores_do_not_lose_ties():
    assert ranks(torch.tensor([[2.0**24 + 2, 2.0**24]])).tolist() == [1.0]


def test_refusals():
    nan = torch.tensor([[1.0, 2.0], [float("nan"), 0.0]])
    with pytest.raises(GraphError, match="row 1: 1 of 4 scores are NaN"):
        mrr(nan)
    with pytest.raises(GraphError, match=r"expected \[B, 1 \+ K\]"):
        ranks(torch.rand(4))
    with pytest.raises(GraphError, match="nothing to rank"):
        mrr(torch.rand(0, 3))
    with pytest.raises(GraphError, match="k >= 1"):
        hits_at_k(torch.rand(2, 3), 0)
    with pytest.raises(GraphError, match="0 first and 4 last"):
        ranks(torch.rand(4), torch.tensor([0, 3]))
    with pytest.raises(GraphError, match="'offsets', row 1: a row without its positive"):
        ranks(torch.rand(4), torch.tensor([0, 2, 2, 4]))
