"""The code of positions by its formula, added at valid positions."""

from __future__ import annotations

import math

import torch

from graphkit.encoders.sequence import PositionCode, SequenceStack
from graphkit.encoders.sequence.position_code import sinusoidal_code


def test_code() -> None:
    code = sinusoidal_code(torch.tensor([0, 3]), 4, torch.float64)
    want = [[0, 0, 1, 1], [math.sin(3), math.sin(3e-4), math.cos(3), math.cos(3e-4)]]
    torch.testing.assert_close(code, torch.tensor(want, dtype=torch.float64))
    assert torch.equal(sinusoidal_code(torch.tensor([0, 3]), 3, torch.float64), code[:, :3])
    layer = PositionCode(4)
    mask, x = torch.tensor([[False, True, False, True]]), torch.randn(1, 4, 4)
    stack = SequenceStack([layer], norm="rms")
    assert sum(1 for _ in stack.norms.parameters()) == 0  # neither norm nor residual around it
    want = x[0, [1, 3]] + sinusoidal_code(torch.tensor([0, 1]), 4, x.dtype)
    torch.testing.assert_close(layer(x, mask)[0, [1, 3]], want)
    torch.testing.assert_close(stack(x, mask), stack.last_norm(layer(x, mask)))


def test_steps_go_on_counting() -> None:
    layer, x = PositionCode(6).double(), torch.randn(2, 5, 6, dtype=torch.float64)
    _, state = layer(x[:, :3], return_state=True)
    assert state.count.tolist() == [3, 3]
    y, state = layer.step(x[:, 3], state, torch.tensor([True, False]))
    assert state.count.tolist() == [4, 3]
    want = x[0, 3] + sinusoidal_code(torch.tensor(3), 6, x.dtype)
    torch.testing.assert_close(y[0], want)
    assert not y[1].any()
