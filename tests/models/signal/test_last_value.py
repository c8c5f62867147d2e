"""The last valid reading, found by a loop."""

import torch

from graphkit.models.signal import LastValue


def test_against_a_loop():
    x, mask = torch.randn(4, 6, 5, 3), torch.rand(4, 6, 5, 3) < 0.4
    mask[0, :, 0, 0] = False
    out = LastValue(2, [2, 0])(x.masked_fill(~mask, 0), None, mask)
    assert out.shape == (4, 2, 5, 2)
    for b in range(4):
        for n in range(5):
            for place, c in enumerate([2, 0]):
                valid = [float(x[b, t, n, c]) for t in range(6) if mask[b, t, n, c]]
                want = valid[-1] if valid else 0.0
                assert out[b, :, n, place].tolist() == [want, want]
    assert torch.equal(LastValue(3)(x), x[:, -1:].expand(-1, 3, -1, -1))
