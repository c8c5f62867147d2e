"""Intervals from resampled groups."""

import pytest
import torch

from graphkit.metrics.bootstrap import bootstrap_over_groups
from graphkit.metrics.classification import balanced_accuracy
from graphkit.metrics.ordinal import tri_p


def test_bootstrap_over_subjects():
    """Subjects that are all right or all wrong: the interval is that of a share of subjects."""
    subject = torch.arange(20).repeat_interleave(50)
    y = torch.zeros(1000, dtype=torch.int64)
    scores = torch.eye(2)[(subject < 5).long()]
    mean, low, high = bootstrap_over_groups(balanced_accuracy, scores, y, subject, repeats=2000)
    assert mean == 0.75
    assert low == pytest.approx(0.55, abs=0.06)
    assert high == pytest.approx(0.95, abs=0.06)
    # As if windows were drawn, it would be about 0.72 to 0.78.
    again = bootstrap_over_groups(balanced_accuracy, scores, y, subject, repeats=2000)
    assert again == (mean, low, high)
    one = bootstrap_over_groups(tri_p, scores, y, torch.zeros_like(y))
    assert one == (1.0, 1.0, 1.0)
