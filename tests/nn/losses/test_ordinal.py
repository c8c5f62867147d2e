"""Ordinal label smoothing: item 8 of the acceptance list, and the losses built on it."""

import math

import pytest
import torch
import torch.nn.functional as F
from hypothesis import given
from hypothesis import strategies as st

from graphkit.errors import GraphError
from graphkit.metrics.ordinal import seq2hr
from graphkit.nn.losses.ordinal import OrdinalSmoothing, ordinal_loss, ordinal_smooth


def test_the_published_values():
    q = ordinal_smooth(torch.arange(5), 5)
    expected = torch.tensor([0.8805, 0.1192, 0.0003, 0.0, 0.0])
    torch.testing.assert_close(q[0], expected, atol=1e-4, rtol=0)
    expected = torch.tensor([0.0003, 0.1064, 0.7866, 0.1064, 0.0003])
    torch.testing.assert_close(q[2], expected, atol=1e-4, rtol=0)
    torch.testing.assert_close(q[4], q[0].flip(0))


@given(st.integers(2, 9), st.floats(0.05, 3), st.data())
def test_rows_are_distributions_around_their_class(classes, s, data):
    y = data.draw(st.integers(0, classes - 1))
    q = ordinal_smooth(torch.tensor([y]), classes, s, dtype=torch.float64)[0]
    assert float(q.sum()) == pytest.approx(1)
    assert int(q.argmax()) == y
    for step in range(1, min(y, classes - 1 - y) + 1):
        assert float(q[y - step]) == pytest.approx(float(q[y + step]))


def test_a_narrow_width_gives_one_hot():
    y = torch.tensor([0, 3])
    q = ordinal_smooth(y, 5, 0.05)
    torch.testing.assert_close(q, torch.nn.functional.one_hot(y, 5).float())


def test_the_loss_is_the_cross_entropy_with_these_targets():
    logits, y = torch.randn(6, 5), torch.tensor([0, 1, 2, 3, 4, 2])
    total = 0.0
    for row, label in zip(logits.double(), y.tolist()):
        weight = [math.exp(-((j - label) ** 2) / (2 * 0.7**2)) for j in range(5)]
        log_p = row - row.exp().sum().log()
        total -= sum(w / sum(weight) * float(p) for w, p in zip(weight, log_p))
    assert float(ordinal_loss(logits, y, 0.7)) == pytest.approx(total / 6, rel=1e-5)


def test_width_per_class_and_learnt_width():
    y = torch.tensor([0, 4])
    mixed = ordinal_smooth(y, 5, torch.tensor([0.5, 1.0, 1.0, 1.0, 0.1]))
    torch.testing.assert_close(mixed[0], ordinal_smooth(y, 5, 0.5)[0])
    torch.testing.assert_close(mixed[1], ordinal_smooth(y, 5, 0.1)[1])
    loss = OrdinalSmoothing(5, learnable=True, per_class=True)
    logits = ordinal_smooth(torch.arange(5), 5, 1.2).log()
    optimizer = torch.optim.Adam(loss.parameters(), lr=0.05)
    for _ in range(400):
        optimizer.zero_grad()
        value = loss(logits, torch.arange(5))
        value.backward()
        optimizer.step()
    # Answers with a spread of 1.2 classes teach that width: the divergence is zero there.
    torch.testing.assert_close(loss.s, torch.full((5,), 1.2), atol=0.02, rtol=0)
    assert float(value) == pytest.approx(0, abs=1e-3)
    loss.reset_parameters()
    torch.testing.assert_close(loss.s, torch.full((5,), 0.5))


def rated(n, g):
    """Six noisy features of a level 0 to 4, and ratings of it, most of which miss by one."""
    level = torch.randint(5, (n,), generator=g)
    angle = level.unsqueeze(1) * torch.tensor([0.4, 0.8, 1.2])
    x = torch.cat([angle.cos(), angle.sin()], 1) + 0.3 * torch.randn(n, 6, generator=g)
    up, missed = torch.rand(n, generator=g) < 0.5, torch.rand(n, generator=g) < 0.6
    return x, (level + torch.where(up, 1, -1) * missed).clamp(0, 4)


def test_smoothing_raises_seq2hr_where_ratings_are_noisy():
    """Item 13: mean of five seeds, against one-hot targets."""
    found = {}
    for s in (None, 0.5):
        rates = []
        for seed in range(5):
            g = torch.Generator().manual_seed(seed)
            (x, y), (x_test, y_test) = rated(150, g), rated(500, g)
            torch.manual_seed(seed)
            model = torch.nn.Sequential(
                torch.nn.Linear(6, 32), torch.nn.ReLU(), torch.nn.Linear(32, 5)
            )
            optimizer = torch.optim.Adam(model.parameters(), lr=0.01, fused=True)
            for _ in range(250):
                optimizer.zero_grad()
                logits = model(x)
                loss = F.cross_entropy(logits, y) if s is None else ordinal_loss(logits, y, s)
                loss.backward()
                optimizer.step()
            rates.append(seq2hr(model(x_test).detach(), y_test))
        found[s] = sum(rates) / 5
    assert found[0.5] > found[None] + 0.01


@pytest.mark.parametrize(
    ("y", "s", "match"),
    [
        (torch.tensor([5]), 0.5, "out of range"),
        (torch.tensor([-1]), 0.5, "out of range"),
        (torch.tensor([0.5]), 0.5, "integers"),
        (torch.tensor([0]), 0.0, "width"),
        (torch.tensor([0]), float("nan"), "width"),
    ],
)
def test_refuses(y, s, match):
    with pytest.raises(GraphError, match=match):
        ordinal_smooth(y, 5, s)
