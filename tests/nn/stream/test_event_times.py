from __future__ import annotations

import torch

from graphkit.nn.stream import EventTimes


def test_appends_sorts_and_grows():
    times = EventTimes(torch.float64)
    times.append(torch.tensor([2.5, 1.5]))
    times.append(torch.tensor([4.5, 4.25, 9.0]))
    assert len(times) == 5
    assert [times.at(i).item() for i in range(5)] == [1.5, 2.5, 4.25, 4.5, 9.0]


def test_state_dict_of_another_length_loads():
    times, other = EventTimes(), EventTimes()
    times.append(torch.arange(100) + 2**40)
    other.load_state_dict(times.state_dict())
    assert len(other) == 100
    other.append(torch.tensor([2**41]))
    assert other.at(100).item() == 2**41
    assert other.at(99).item() == 2**40 + 99
    other.reset_state()
    assert len(other) == 0
    assert other.time.shape == (0,)
