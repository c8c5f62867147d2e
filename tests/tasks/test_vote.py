"""Votes of windows against a loop over recordings."""

import pytest
import torch

from graphkit.tasks.vote import vote


@pytest.mark.parametrize("classes", [2, 5])
def test_mean_log_probability(classes):
    logits, recording = torch.randn(9, classes) * 3, torch.tensor([4, 4, 2, 2, 2, 9, 4, 9, 2])
    number, voted, row = vote(logits, recording)
    assert number.tolist() == [2, 4, 9]
    assert number[row].tolist() == recording.tolist()
    assert voted.dtype == torch.float64
    for place, which in enumerate(number.tolist()):
        mine = [logits[w].double() for w in range(9) if recording[w] == which]
        want = sum(x - x.exp().sum().log() for x in mine) / len(mine)
        torch.testing.assert_close(voted[place], want)
