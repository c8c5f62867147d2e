"""Average precision and ROC-AUC against scikit-learn, which computes them another way."""

import numpy as np
import pytest
import torch
from sklearn.metrics import average_precision_score, roc_auc_score

from graphkit.errors import GraphError
from graphkit.metrics import average_precision, batch_mean, roc_auc


def scores(seed: int, positives: int, negatives: int, levels: int | None):
    generator = torch.Generator().manual_seed(seed)
    p = torch.randn(positives, generator=generator) + 0.7
    n = torch.randn(negatives, generator=generator)
    if levels is not None:  # few distinct values: many ties
        p, n = (p * levels).round(), (n * levels).round()
    return p, n


@pytest.mark.parametrize("levels", [None, 1, 3])
@pytest.mark.parametrize("positives, negatives", [(1, 1), (7, 5), (500, 500), (60, 2000)])
def test_equal_to_scikit_learn(positives, negatives, levels):
    p, n = scores(positives + negatives, positives, negatives, levels)
    y = np.r_[np.ones(positives), np.zeros(negatives)]
    s = torch.cat([p, n]).numpy()
    assert average_precision(p, n) == pytest.approx(average_precision_score(y, s), abs=1e-6)
    assert roc_auc(p, n) == pytest.approx(roc_auc_score(y, s), abs=1e-6)


def test_large_logits_keep_their_order():
    # A float32 sigmoid makes 30 and 40 both 1.0, and the order would be lost.
    p, n = torch.tensor([40.0, 50.0]), torch.tensor([30.0, -60.0])
    assert average_precision(p, n) == 1.0
    assert roc_auc(p, n) == 1.0
    assert roc_auc(p - 1000, n - 1000) == 1.0


def test_all_equal_is_chance():
    assert roc_auc(torch.zeros(5), torch.zeros(15)) == 0.5
    assert average_precision(torch.zeros(5), torch.zeros(15)) == pytest.approx(0.25)


def test_infinite_scores_are_ordered():
    inf = float("inf")
    assert roc_auc(torch.tensor([inf, 1.0]), torch.tensor([-inf, 0.0])) == 1.0


def test_batch_mean_is_the_mean_over_batches_and_differs_from_the_split():
    p, n = scores(3, 100, 100, None)
    p, n = p + torch.linspace(0, 5, 100), n + torch.linspace(0, 5, 100)  # a drift over time
    expected = []
    for a in range(0, 100, 32):
        s, m = p[a : a + 32], n[a : a + 32]
        y = np.r_[np.ones(len(s)), np.zeros(len(m))]
        expected.append(average_precision_score(y, torch.cat([s, m]).numpy()))
    value = batch_mean(average_precision, p, n, size=32)
    assert value == pytest.approx(np.mean(expected), abs=1e-6)
    assert abs(value - average_precision(p, n)) > 0.01


@pytest.mark.parametrize("metric", [average_precision, roc_auc])
def test_refusals(metric):
    ok = torch.rand(4)
    bad = torch.tensor([0.1, float("nan"), 0.3])
    with pytest.raises(GraphError, match="'negative', row 1: 1 of 3 scores are NaN"):
        metric(ok, bad)
    with pytest.raises(GraphError, match=r"'positive'.*nothing to score"):
        metric(torch.empty(0), ok)


def test_batch_mean_refuses_rows_that_do_not_match():
    with pytest.raises(GraphError, match="expected 3 rows; got 4 rows"):
        batch_mean(roc_auc, torch.rand(3), torch.rand(4))
    with pytest.raises(GraphError, match="nothing to score"):
        batch_mean(roc_auc, torch.rand(0), torch.rand(0))
