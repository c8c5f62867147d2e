"""The mixer against its equations row by row; windows counted from the end."""

from __future__ import annotations

import torch
from torch.nn.functional import gelu, layer_norm, linear

from graphkit.encoders.sequence import Mixer
from graphkit.encoders.sequence.masks import align_end, ends_valid


def plain(encoder: Mixer, x: torch.Tensor) -> torch.Tensor:
    """One row of valid positions."""
    width = encoder.hidden_channels
    rows = [linear(v, encoder.project_in.weight, encoder.project_in.bias) for v in x]
    out = []
    while rows:
        cut = (len(rows) - 1) % encoder.length + 1 if not out else encoder.length
        window, rows = rows[:cut], rows[cut:]
        empty = [torch.zeros(width, dtype=x.dtype)] * (encoder.length - cut)
        z = torch.stack(empty + window)
        for block in encoder.blocks:
            for norm, mlp, turn in (
                (block.token_norm, block.tokens, True),
                (block.channel_norm, block.channels, False),
            ):
                h = layer_norm(z, (width,), norm.weight, norm.bias)
                h = h.T if turn else h
                h = gelu(h @ mlp[0].weight.T + mlp[0].bias) @ mlp[3].weight.T + mlp[3].bias
                z = z + (h.T if turn else h)
        h = layer_norm(z, (width,), encoder.norm.weight, encoder.norm.bias)
        out.extend((h @ encoder.project_out.weight.T + encoder.project_out.bias)[-cut:])
    return torch.stack(out)


def test_equations_and_windows() -> None:
    encoder = Mixer(3, 2, length=4, hidden_channels=6).double()
    x = torch.randn(2, 9, 3, dtype=torch.float64)
    mask = torch.tensor([[1, 0, 1, 1, 0, 0, 1, 1, 1], [0, 0, 0, 1, 0, 0, 0, 1, 0]]).bool()
    y = encoder(x, mask)
    for row in range(2):
        torch.testing.assert_close(y[row, mask[row]], plain(encoder, x[row, mask[row]]))
        torch.testing.assert_close(encoder(x)[row], plain(encoder, x[row]))


def test_rows_that_end_with_their_valid_positions_stay_where_they_are() -> None:
    encoder = Mixer(3, 2, length=4, hidden_channels=6).double()
    x = torch.randn(3, 8, 3, dtype=torch.float64, requires_grad=True)
    mask = torch.arange(8) >= torch.tensor([[0], [5], [8]])
    assert ends_valid(mask)
    y = encoder(x, mask)
    for row in range(2):
        torch.testing.assert_close(y[row, mask[row]], plain(encoder, x[row, mask[row]]))
    assert not y[~mask].any()
    y.square().sum().backward()
    assert not x.grad[~mask].any()


def test_ends_valid() -> None:
    assert ends_valid(None)
    assert ends_valid(torch.zeros(0, 3, dtype=torch.bool))
    assert ends_valid(torch.tensor([[False, True], [False, False], [True, True]]))
    assert not ends_valid(torch.tensor([[True, True], [True, False]]))


def test_align_end() -> None:
    x = torch.arange(1.0, 7).view(1, 6, 1)
    moved, slot = align_end(x, None, 4)
    assert moved.flatten().tolist() == [0, 0, 1, 2, 3, 4, 5, 6]
    mask = torch.tensor([[True, False, False, True, True, False]])
    moved, slot = align_end(x, mask, 4)
    assert moved.flatten().tolist() == [0, 0, 0, 0, 0, 1, 4, 5]
    assert slot[mask].tolist() == [5, 6, 7]
