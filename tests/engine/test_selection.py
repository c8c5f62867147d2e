"""Which epoch is kept, and when to stop."""

import torch
from torch import nn

from graphkit.engine.selection import Selection, copy_state


def play(values, **options):
    selection = Selection(**options)
    kept = []
    for epoch, value in enumerate(values):
        if selection.update(epoch, value):
            kept.append(epoch)
        if selection.exhausted:
            break
    return selection, kept, epoch


def test_keeps_every_improvement_and_the_first_of_equals():
    selection, kept, _ = play([0.5, 0.4, 0.6, 0.6, 0.59], patience=None)
    assert kept == [0, 2]
    assert (selection.best_epoch, selection.best_value) == (2, 0.6)


def test_tolerance_is_relative_and_only_for_patience():
    # Each step is better, and kept, but none by more than 1 %.
    values = [0.5, 0.502, 0.504, 0.505, 0.506]
    _, kept, last = play(values, patience=3, tolerance=0.01)
    assert kept == [0, 1, 2, 3]
    assert last == 3
    # Small steps that add up to more than the tolerance renew it.
    _, _, last = play([0.5, 0.503, 0.5051, 0.506, 0.507, 0.508], patience=3, tolerance=0.01)
    assert last == 5


def test_negative_metrics():
    _, kept, last = play([-2.0, -1.0, -1.5, -1.5], patience=2, tolerance=0.1)
    assert kept == [0, 1]
    assert last == 3


def test_state_comes_back():
    one = Selection(patience=2)
    for epoch, value in enumerate([0.3, 0.5, 0.4]):
        one.update(epoch, value)
    two = Selection(patience=2)
    two.load_state_dict(one.state_dict())
    assert two == one
    assert not two.exhausted
    two.update(3, 0.4)
    assert two.exhausted


def test_a_copy_of_the_state_is_a_copy():
    model = nn.BatchNorm1d(3)
    copy = copy_state(model)
    storage = copy["running_mean"].data_ptr()
    model.running_mean += 1
    assert torch.equal(copy["running_mean"], torch.zeros(3))
    again = copy_state(model, into=copy)
    assert torch.equal(again["running_mean"], torch.ones(3))
    assert again["running_mean"].data_ptr() == storage
    model.running_mean = torch.arange(5.0)  # a buffer that has grown
    assert torch.equal(copy_state(model, into=again)["running_mean"], torch.arange(5.0))


def test_mean_window_is_the_rule_of_the_papers():
    """After half the epochs, stop when the metric is below its mean over the window before."""
    import random

    draw = random.Random(3)
    values = [draw.random() for _ in range(40)]
    selection = Selection(None, mean_window=5, settled=20)
    stopped = None
    for epoch, value in enumerate(values):
        selection.update(epoch, value)
        if selection.exhausted:
            stopped = epoch
            break
    expected = next(
        epoch for epoch in range(20, 40) if values[epoch] < sum(values[epoch - 5 : epoch]) / 5
    )
    assert stopped == expected
    assert selection.best_value == max(values[: stopped + 1])
    again = Selection(None, mean_window=5, settled=20)
    again.load_state_dict(selection.state_dict())
    assert again.exhausted
    old = {k: v for k, v in selection.state_dict().items() if k not in ("recent", "declined")}
    Selection().load_state_dict(old)


def test_smaller_is_better():
    errors = [0.5, 0.6, 0.4, 0.4, 0.41, 0.399]
    down, kept, last = play(errors, patience=3, tolerance=0.01, mode="min")
    up, kept_up, last_up = play([-e for e in errors], patience=3, tolerance=0.01)
    assert kept == kept_up == [0, 2, 5]
    assert last == last_up == 5
    assert down.exhausted == up.exhausted is True
    again = Selection(3, 0.01, mode="min")
    again.load_state_dict(down.state_dict())
    assert again == down
