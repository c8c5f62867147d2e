"""The causal convolution by its sum, over valid positions."""

from __future__ import annotations

import pytest
import torch

from graphkit.encoders.sequence import CausalConv
from graphkit.errors import GraphError


def by_hand(layer: CausalConv, x: torch.Tensor) -> torch.Tensor:
    """``[L, C]`` of one row, position by position; the last tap is the present."""
    taps, found = layer.weight.squeeze(1), []
    for t in range(len(x)):
        y = layer.bias.clone()
        for back in range(min(t + 1, layer.kernel_size)):
            y = y + taps[:, layer.kernel_size - 1 - back] * x[t - back]
        found.append(y)
    return torch.stack(found)


@pytest.mark.parametrize("kernel_size", [1, 3, 9])
def test_by_hand(kernel_size: int) -> None:
    torch.manual_seed(0)
    layer, x = CausalConv(4, kernel_size).double(), torch.randn(2, 7, 4, dtype=torch.float64)
    want = torch.stack([by_hand(layer, row) for row in x])
    torch.testing.assert_close(layer(x), want)
    mask = torch.tensor([[True, False, True, True, False, False, True]]).expand(2, -1)
    torch.testing.assert_close(layer(x, mask)[0, mask[0]], by_hand(layer, x[0, mask[0]]))


def test_the_state_is_the_last_inputs() -> None:
    layer, x = CausalConv(2, 3), torch.randn(1, 5, 2)
    mask = torch.tensor([[True, True, False, True, False]])
    _, state = layer(x, mask, return_state=True)
    torch.testing.assert_close(state.last, x[:, [1, 3]])


def test_refusal() -> None:
    with pytest.raises(GraphError, match="kernel_size"):
        CausalConv(2, 0)
