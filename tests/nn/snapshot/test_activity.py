"""Fading degrees against a sum over the past."""

import math

import pytest
import torch

from graphkit.errors import GraphError
from graphkit.nn.snapshot import FadingDegrees, fading_degrees


def test_equals_a_sum_over_the_past():
    draw = torch.Generator().manual_seed(0)
    degrees = [torch.randint(5, (7,), generator=draw) * (t != 2) for t in range(6)]
    lives = (0, 0.5, 3)
    found = fading_degrees(degrees, lives, resolution=1 / 1024)
    for t, x in enumerate(found):
        assert x.shape == (7, 4)
        assert x.dtype == torch.float32
        for v in range(7):
            for i, life in enumerate(lives):
                total = sum(
                    int(degrees[k][v]) * (2 ** (-(t - k) / life) if life else float(k == t))
                    for k in range(t + 1)
                )
                assert float(x[v, i]) == pytest.approx(math.log2(1 + 16 * total) / 4, abs=6e-4)
            assert float(x[v, 3]) == any(int(d[v]) for d in degrees[: t + 1])


def test_kinds_of_degrees_side_by_side():
    draw = torch.Generator().manual_seed(1)
    kinds = [torch.randint(3, (6, 2), generator=draw) for _ in range(4)]
    found = fading_degrees(kinds, (0, 2))
    alone = [fading_degrees([k[:, i] for k in kinds], (0, 2)) for i in range(2)]
    for t, x in enumerate(found):
        assert torch.equal(x[:, :2], alone[0][t][:, :2])
        assert torch.equal(x[:, 2:4], alone[1][t][:, :2])
        assert torch.equal(x[:, 4], torch.maximum(alone[0][t][:, 2], alone[1][t][:, 2]))


def test_values_are_multiples_of_the_resolution_and_fade_to_nothing():
    degrees = [torch.tensor([9, 0])] + [torch.zeros(2, dtype=torch.int64)] * 60
    found = fading_degrees(degrees, (1, 4))
    assert all(torch.equal((x * 4).round() / 4, x) for x in found)
    assert found[-1].tolist() == [[0, 0, 1], [0, 0, 0]]


def test_later_steps_do_not_change_earlier_ones():
    degrees = [torch.arange(4) + t for t in range(5)]
    whole, part = fading_degrees(degrees, (2,)), fading_degrees(degrees[:3], (2,))
    assert all(torch.equal(a, b) for a, b in zip(whole, part))


@pytest.mark.parametrize("lives", [(), (1, -1), (float("nan"),), 5, "0,1"])
def test_half_lives_that_are_none(lives):
    with pytest.raises(GraphError, match="half_lives"):
        fading_degrees([torch.zeros(2, dtype=torch.int64)], lives)


def test_other_errors():
    with pytest.raises(GraphError, match="resolution"):
        fading_degrees([torch.zeros(2, dtype=torch.int64)], (1,), resolution=0)
    with pytest.raises(GraphError, match="degrees"):
        fading_degrees([], (1,))


def test_step_by_step_and_from_a_saved_state():
    draw = torch.Generator().manual_seed(4)
    degrees = [torch.randint(3, (6, 2), generator=draw) for _ in range(7)]
    wanted = fading_degrees(degrees, (0, 1.5))
    fading = FadingDegrees(6, 2, (0, 1.5))
    assert fading.out_channels == wanted[0].shape[1]
    for degree, want in zip(degrees, wanted):
        other = FadingDegrees(6, 2, (0, 1.5))
        other.load_state_dict(fading.state_dict())
        assert torch.equal(other(degree), want)
        assert torch.equal(fading(degree), want)
    fading.reset_state()
    assert torch.equal(fading(degrees[0]), wanted[0])


def test_nodes_that_come_later():
    draw = torch.Generator().manual_seed(1)
    degrees = [torch.randint(4, (7, 2), generator=draw) for _ in range(4)]
    early = [
        torch.cat([degree[:5], torch.zeros(2, 2, dtype=torch.int64)]) for degree in degrees[:2]
    ]
    small, large = FadingDegrees(5, 2, (0, 3)), FadingDegrees(7, 2, (0, 3))
    for degree in early:
        small(degree[:5])
        large(degree)
    small.grow(7)
    for degree in degrees[2:]:
        assert torch.equal(small(degree), large(degree))
    assert torch.equal(small.total, large.total)
