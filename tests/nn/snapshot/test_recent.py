"""The last steps as state: as many as asked for, carried over by a state dict of any length."""

import pytest
import torch
from torch import nn

from graphkit.nn.snapshot.recent import RecentSteps


@pytest.mark.parametrize("size", [0, 1, 3])
def test_keeps_the_last(size):
    recent, all_steps = RecentSteps(size), []
    for step in range(12):
        tensors = (torch.arange(step), torch.full((1, step), step))
        all_steps.append(tensors)
        recent.append(*tensors)
        wanted = all_steps[-size:] if size else []
        found = recent.steps()
        assert len(found) == len(recent) == len(wanted)
        for one, other in zip(found, wanted):
            assert all(torch.equal(a, b) for a, b in zip(one, other, strict=True))
    recent.reset_state()
    assert recent.steps() == []
    assert not recent.state_dict()


@pytest.mark.parametrize("kept", [0, 1, 2, 12])
@pytest.mark.parametrize("there", [0, 2])
def test_a_state_dict_has_what_there_is(kept, there):
    class Holder(nn.Module):
        def __init__(self):
            super().__init__()
            self.recent = RecentSteps(12)

    one, other = Holder(), Holder()
    for step in range(kept):
        one.recent.append(torch.full((step + 1,), step), torch.tensor(float(step)))
    for _ in range(there):
        other.recent.append(torch.zeros(3))
    saved = one.state_dict()
    assert len(saved) == 2 * kept
    other.load_state_dict(saved)
    for a, b in zip(other.recent.steps(), one.recent.steps(), strict=True):
        assert all(torch.equal(x, y) for x, y in zip(a, b, strict=True))
    other.recent.append(torch.zeros(1))
    assert len(one.recent.steps()) == kept


def test_changing_what_is_kept():
    recent = RecentSteps(2)
    for step in range(3):
        recent.append(torch.full((2,), step), torch.tensor(7))
    recent.change(lambda a, b: (torch.cat([a, a + 1]), b))
    assert [a.tolist() for a, _ in recent.steps()] == [[1, 1, 2, 2], [2, 2, 3, 3]]
    assert all(int(b) == 7 for _, b in recent.steps())
    recent.append(torch.zeros(4), torch.tensor(8))
    assert [int(b) for _, b in recent.steps()] == [7, 8]


def test_steps_share_a_tensor_after_loading_too():
    one, other = RecentSteps(3), RecentSteps(3)
    shared = torch.rand(4)
    for tensor in (shared, shared, torch.rand(4)):
        one.append(tensor, torch.zeros(0))
    other.load_state_dict(one.state_dict())
    first, second, third = (a for a, _ in other.steps())
    assert first.data_ptr() == second.data_ptr() != third.data_ptr()
    assert first.data_ptr() != shared.data_ptr()
    assert torch.equal(first, shared)
