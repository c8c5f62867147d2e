"""Angles of time and space (acceptance items 2, 3, 4, 7, 8 and 19 of ST-LINK)."""

import cmath
import math

import pytest
import torch

from graphkit.errors import GraphError
from graphkit.nn.attention import SERotary, SpatialBasis, rotary_frequencies, rotate


def turned(x, angles):
    return rotate(x, angles.cos(), angles.sin())


def scores(q, k, angles):
    return torch.einsum("hld,hmd->hlm", turned(q, angles), turned(k, angles))


def opened(**settings):
    """Angles with open gates."""
    rotary = SERotary(8, heads=3, phase_channels=4, **settings).double()
    torch.nn.init.normal_(rotary.gate)
    return rotary


def test_rotation_of_complex_numbers():
    x, angle = torch.randn(2, 6).double(), torch.randn(2, 3).double()
    out = turned(x, angle)
    for row in range(2):
        for i in range(3):
            z = complex(x[row, i], x[row, i + 3]) * cmath.exp(1j * float(angle[row, i]))
            assert out[row, i].item() == pytest.approx(z.real)
            assert out[row, i + 3].item() == pytest.approx(z.imag)


def test_norms_are_preserved():
    q = torch.randn(3, 10, 8).double()
    angles = opened()(torch.arange(10.0), torch.randn(10, 4).double())
    torch.testing.assert_close(turned(q, angles).norm(dim=-1), q.norm(dim=-1), rtol=1e-6, atol=1e-6)


def test_closed_gates_are_plain_rotary_to_the_bit():
    q, time = torch.randn(3, 10, 8), torch.arange(10.0)
    rotary = SERotary(8, heads=3, phase_channels=4)
    inverse = 1.0 / 10_000.0 ** (torch.arange(0, 8, 2).float() / 8)
    angle = torch.cat([time[:, None] * inverse] * 2, dim=1)
    half = torch.cat([-q[..., 4:], q[..., :4]], dim=-1)
    expected = q * angle.cos() + half * angle.sin()
    assert torch.equal(turned(q, rotary(time, torch.randn(10, 4))), expected)
    assert torch.equal(turned(q, SERotary(8, heads=3)(time)), expected)


@pytest.mark.parametrize("split", [False, True])
def test_scores_are_relative(split):
    q, k = torch.randn(2, 3, 10, 8).double()
    rotary, time = opened(split=split), torch.randint(4, (10,)).double()
    basis = torch.randn(10, 4).double()
    before = scores(q, k, rotary(time, basis))
    torch.testing.assert_close(scores(q, k, rotary(time + 5, basis)), before, rtol=1e-5, atol=1e-5)
    moved = rotary(time, basis + torch.randn(4).double())  # shifts all phases alike
    assert not torch.allclose(moved, rotary(time, basis))
    torch.testing.assert_close(scores(q, k, moved), before, rtol=1e-5, atol=1e-5)


def test_same_place_same_rotation_and_near_scores_more():
    rotary = SERotary(8, heads=1, phase_channels=1).double()
    torch.nn.init.constant_(rotary.gate, 0.1)
    torch.nn.init.ones_(rotary.weight)
    basis = torch.tensor([[0.0], [0.0], [1.0], [2.0], [5.0]]).double()
    angles = rotary(torch.zeros(5), basis)
    assert torch.equal(angles[:, 0], angles[:, 1])
    q = torch.randn(1, 1, 8).double().expand(1, 5, 8)
    found = scores(q, q, angles)[0, 0]
    assert found[0] == found[1]
    assert bool((found[1:].diff() < 0).all())


def test_a_path_whose_phase_is_its_index_is_plain_rotary():
    rotary = SERotary(8, heads=2, phase_channels=1)
    with torch.no_grad():
        rotary.gate.copy_(rotary_frequencies(8).expand(2, -1))
        rotary.weight.fill_(1.0)
    place = torch.arange(12.0)
    angles = rotary(torch.zeros(12), place.unsqueeze(1))
    torch.testing.assert_close(angles, SERotary(8, heads=2)(place))


def test_time_then_space_is_the_sum():
    rotary, q = opened(), torch.randn(3, 10, 8).double()
    time, basis = torch.arange(10.0), torch.randn(10, 4).double()
    after = turned(turned(q, SERotary(8, heads=3)(time).double()), rotary.phases(basis))
    torch.testing.assert_close(after, turned(q, rotary(time, basis)), rtol=1e-6, atol=1e-6)


def test_split_keeps_time_and_space_apart():
    rotary = opened(split=True)
    time, basis = torch.arange(6.0), torch.randn(6, 4).double()
    base = rotary(time, basis)
    assert torch.equal(rotary(time + 1, basis)[..., 2:], base[..., 2:])
    assert torch.equal(rotary(time, basis + 1)[..., :2], base[..., :2])
    assert not torch.equal(rotary(time, basis + 1)[..., 2:], base[..., 2:])


def test_nodes_of_tokens():
    rotary, basis = opened(), torch.randn(3, 4).double()
    node, time = torch.tensor([0, 0, 2, 1]), torch.tensor([0.0, 1, 0, 1])
    expected = rotary(time, basis[node])
    torch.testing.assert_close(rotary(time, basis, node), expected)


def test_flipped_signs_with_flipped_weights():
    rotary, basis = opened(), torch.randn(5, 4).double()
    sign = torch.tensor([1.0, -1.0, -1.0, 1.0]).double()
    before = rotary(torch.zeros(5), basis)
    with torch.no_grad():
        rotary.weight.mul_(sign)
    assert torch.equal(rotary(torch.zeros(5), basis * sign), before)


def test_the_gates_and_weights_learn():
    rotary = SERotary(8, heads=3, phase_channels=4)
    q, k = torch.randn(2, 3, 6, 8)
    (scores(q, k, rotary(torch.zeros(6), torch.randn(6, 4))).softmax(-1) ** 2).sum().backward()
    assert bool(rotary.gate.grad.abs().min() > 0)
    assert bool((rotary.weight.grad == 0).all())  # behind a closed gate


def test_basis():
    fixed = torch.randn(6, 3)
    basis = SpatialBasis(6, fixed, learned_channels=2, flip_signs=True)
    assert basis.out_channels == 5
    still = basis.eval()()
    assert torch.equal(still, basis())
    assert torch.equal(still[:, :3].abs(), fixed.abs())
    largest = still[:, :3].gather(0, still[:, :3].abs().argmax(0, keepdim=True))
    assert bool((largest > 0).all())
    basis.train()
    seen = {tuple((basis()[0, :3] * still[0, :3] > 0).tolist()) for _ in range(60)}
    assert len(seen) == 8  # every combination of signs
    assert torch.equal(basis()[:, 3:], basis.learned)
    assert torch.equal(SpatialBasis(6, fixed).train()(), still[:, :3])
    assert SpatialBasis(6).out_channels == 0


def test_errors():
    with pytest.raises(GraphError, match="paired"):
        SERotary(7, heads=1)
    with pytest.raises(GraphError, match="need coordinates"):
        opened()(torch.zeros(2))
    with pytest.raises(GraphError, match="frequencies"):
        SERotary(8, heads=1, frequencies=torch.ones(3))
    with pytest.raises(GraphError, match="one row per node"):
        SpatialBasis(4, torch.zeros(3, 2))
    assert math.isclose(float(rotary_frequencies(4)[1]), 0.01, rel_tol=1e-6)
