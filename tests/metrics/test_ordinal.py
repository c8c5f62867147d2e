"""Ordinal metrics: items 10 and 11 of the acceptance list, scikit-learn, loops."""

import warnings

import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from sklearn.metrics import balanced_accuracy_score, f1_score

from graphkit.errors import GraphError
from graphkit.metrics.bootstrap import bootstrap_over_groups
from graphkit.metrics.classification import (
    balanced_accuracy,
    confusion_matrix,
    top_k_accuracy,
    weighted_f1,
)
from graphkit.metrics.ordinal import adjacency_rate, seq2hr, tri_p


def draw(seed, rows=200, classes=5):
    g = torch.Generator().manual_seed(seed)
    return torch.randn(rows, classes, generator=g), torch.randint(classes, (rows,), generator=g)


def test_seq2hr_by_hand():
    one = torch.tensor([[0.1, 0.5, 0.3, 0.05, 0.05]])
    assert seq2hr(one, torch.tensor([2])) == 1
    assert seq2hr(one, torch.tensor([0])) == 0
    apart = torch.tensor([[0.5, 0.1, 0.4, 0.0, 0.0]])
    assert seq2hr(apart, torch.tensor([0])) == 0
    assert adjacency_rate(one) == 1
    assert adjacency_rate(apart) == 0
    assert adjacency_rate(one, torch.tensor([2])) == 0
    assert adjacency_rate(one, torch.tensor([1])) == 1


@given(st.integers(0, 10_000), st.integers(2, 7))
def test_seq2hr_is_at_most_top2_and_adjacency(seed, classes):
    scores, y = draw(seed, 30, classes)
    scores = scores.round(decimals=1)  # ties too
    assert seq2hr(scores, y) <= top_k_accuracy(scores, y, 2) + 1e-12
    assert seq2hr(scores, y) <= adjacency_rate(scores) + 1e-12


def test_against_loops():
    scores, y = draw(1)
    rows = list(zip(scores.tolist(), y.tolist()))
    order = [sorted(range(5), key=lambda k: -s[k]) for s, _ in rows]
    two = [(o[0], o[1], t) for o, (_, t) in zip(order, rows)]
    assert tri_p(scores, y) == sum(abs(a - t) <= 1 for a, _, t in two) / 200
    assert seq2hr(scores, y) == sum(abs(a - b) == 1 and t in (a, b) for a, b, t in two) / 200
    assert top_k_accuracy(scores, y, 2) == sum(t in (a, b) for a, b, t in two) / 200
    assert top_k_accuracy(scores, y, 9) == 1
    counts = confusion_matrix(scores, y)
    assert counts[2, 3] == sum(t == 2 and a == 3 for a, _, t in two)


@pytest.mark.parametrize("absent", [(), (0,), (0, 3)])
def test_against_scikit_learn_whatever_classes_occur(absent):
    scores, y = draw(2)
    keep = ~torch.isin(y, torch.tensor(absent, dtype=torch.int64))
    scores, y = scores[keep], y[keep]
    said = scores.argmax(1)
    expected = f1_score(y, said, labels=range(5), average="weighted", zero_division=0)
    assert weighted_f1(scores, y) == pytest.approx(expected)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        expected = balanced_accuracy_score(y, said)
    assert balanced_accuracy(scores, y) == pytest.approx(expected)


def test_tri_p_does_not_depend_on_which_classes_occur():
    """Without rows of class 1, a prediction of 2 for a truth of 0 is still two levels off."""
    scores = torch.eye(5)[[2, 0, 4]]
    assert tri_p(scores, torch.tensor([0, 0, 4])) == pytest.approx(2 / 3)
    assert confusion_matrix(scores, torch.tensor([0, 0, 4])).shape == (5, 5)


def test_nothing_is_written_to():
    scores, y = draw(3)
    before = scores.clone(), y.clone()
    counts = confusion_matrix(scores, y)
    kept = counts.clone()
    for metric in (weighted_f1, balanced_accuracy, top_k_accuracy, tri_p, seq2hr, adjacency_rate):
        metric(scores, y)
    assert torch.equal(scores, before[0])
    assert torch.equal(y, before[1])
    assert torch.equal(counts, kept)


def test_refuses():
    scores, y = draw(4)
    with pytest.raises(GraphError, match="out of range"):
        seq2hr(scores, y + 1)
    with pytest.raises(GraphError, match="NaN"):
        tri_p(torch.full((2, 3), torch.nan), torch.zeros(2, dtype=torch.int64))
    with pytest.raises(GraphError, match="one class for each row"):
        weighted_f1(scores, y[:-1])
    with pytest.raises(GraphError, match="two classes"):
        seq2hr(scores[:, :1], 0 * y)
    with pytest.raises(GraphError, match="one for each row"):
        bootstrap_over_groups(tri_p, scores, y, y[:3])
