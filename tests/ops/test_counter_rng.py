"""Counter-based random numbers: exact bits, distribution, broadcasting, errors."""

from __future__ import annotations

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy import stats

from graphkit.ops.counter_rng import hash64, integers, uniform
from graphkit.ops.counter_rng.loops import absorb, unit

MASK = (1 << 64) - 1
I64 = st.integers(-(2**63), 2**63 - 1)


def naive_hash(*ints: int) -> int:
    """SplitMix64 on unbounded Python integers."""
    h = 0
    for x in ints:
        z = ((h ^ (x & MASK)) + 0x9E3779B97F4A7C15) & MASK
        z = ((z ^ (z >> 30)) * 0xBF58476D1CE4E5B9) & MASK
        z = ((z ^ (z >> 27)) * 0x94D049BB133111EB) & MASK
        h = z ^ (z >> 31)
    return h


def test_first_output_of_splitmix64_is_the_published_one():
    # the widely quoted first output of splitmix64 seeded with 0
    assert int(hash64(0)) & MASK == 0xE220A8397B1DCDAF


@settings(max_examples=200, deadline=None)
@given(st.lists(I64, min_size=1, max_size=5), st.lists(st.booleans(), min_size=5, max_size=5))
def test_tensors_and_python_integers_give_the_same_bits_as_unbounded_arithmetic(ints, as_tensor):
    args = [torch.tensor([x]) if flag else x for x, flag in zip(ints, as_tensor)]
    assert int(hash64(*args)) & MASK == naive_hash(*ints)


@pytest.mark.parametrize("plain", [True, False])
@settings(max_examples=100, deadline=None)
@given(ints=st.lists(I64, min_size=1, max_size=5))
def test_loops_draw_the_same_bits(plain, ints):
    step, number = (f.__wrapped__ if plain else f for f in (absorb, unit))
    h = np.uint64(0)
    with np.errstate(over="ignore"):
        for x in ints:
            h = np.uint64(step(h, np.uint64(x & MASK)))
    assert int(h) == naive_hash(*ints)
    assert number(h) == uniform(*ints).item()


def test_python_integers_are_taken_modulo_two_to_the_64():
    assert torch.equal(hash64(2**64 + 5, torch.tensor(1)), hash64(5, torch.tensor(1)))
    assert torch.equal(hash64(torch.tensor(1), 2**64 - 1), hash64(torch.tensor(1), -1))


def test_broadcasts_and_does_not_depend_on_how_rows_are_grouped():
    event, column = torch.arange(50).unsqueeze(1), torch.arange(7)
    whole = hash64(3, 0, event, column)
    assert whole.shape == (50, 7)
    assert whole.dtype == torch.int64
    parts = torch.cat([hash64(3, 0, rows, column) for rows in event.split(13)])
    assert torch.equal(whole, parts)
    for e, c in [(0, 0), (17, 3), (49, 6)]:
        assert int(whole[e, c]) & MASK == naive_hash(3, 0, e, c)


def test_order_of_arguments_matters_and_zeros_are_absorbed():
    values = {int(hash64(*a)) for a in [(0,), (0, 0), (0, 0, 0), (1, 0), (0, 1), (1, 2), (2, 1)]}
    assert len(values) == 7


def test_no_collision_when_one_argument_differs():
    assert hash64(11, torch.arange(200_000), 5).unique().numel() == 200_000


@pytest.mark.parametrize("dtype", [torch.float64, torch.float32])
def test_uniform_is_uniform_and_in_the_half_open_interval(dtype):
    u = uniform(0, torch.arange(200_000), dtype=dtype)
    assert u.dtype == dtype
    assert float(u.min()) >= 0
    assert float(u.max()) < 1
    assert stats.kstest(u.double().numpy(), "uniform").pvalue > 1e-3
    v = uniform(1, torch.arange(200_000), dtype=dtype)
    assert abs(np.corrcoef(u.numpy(), v.numpy())[0, 1]) < 0.01
    assert abs(np.corrcoef(u[1:].numpy(), u[:-1].numpy())[0, 1]) < 0.01


def test_uniform_of_all_ones_stays_below_one():
    # all top bits set is the largest draw; the scaling of it must not round up
    assert ((1 << 53) - 1) * 2.0**-53 < 1
    assert np.float32((1 << 24) - 1) * np.float32(2.0**-24) < 1


@pytest.mark.parametrize("bit", [0, 1, 31, 32, 52, 63])
def test_every_input_bit_flips_half_of_the_output_bits(bit):
    x = torch.arange(2_000) * 7919
    flipped = (
        (hash64(x) ^ hash64(x ^ (-(2**63) if bit == 63 else 1 << bit))).numpy().view(np.uint64)
    )
    changed = np.unpackbits(flipped.view(np.uint8)).reshape(2_000, 64).mean()
    assert abs(changed - 0.5) < 0.01


@pytest.mark.parametrize("high", [1, 2, 3, 10, 97])
def test_integers_are_uniform_over_the_whole_range(high):
    draws = integers(high, 5, torch.arange(50_000))
    counts = torch.bincount(draws, minlength=high)
    assert counts.numel() == high
    assert int(counts.min()) > 0
    if high > 1:
        assert stats.chisquare(counts.numpy()).pvalue > 1e-3


def test_integers_with_a_bound_per_row():
    high = torch.tensor([0, -3, 1, 2, 1000])
    draws = integers(high.unsqueeze(1), 9, torch.arange(5).unsqueeze(1), torch.arange(4_000))
    assert draws.shape == (5, 4_000)
    assert (draws[:3] == 0).all()  # empty ranges draw 0, to be masked by the caller
    assert draws[3].unique().tolist() == [0, 1]
    assert int(draws[4].min()) >= 0
    assert int(draws[4].max()) == 999


def test_wide_bounds_do_not_overflow():
    draws = integers(2**63 - 1, torch.arange(1_000))
    assert int(draws.min()) >= 0
    assert float(draws.double().mean()) > 2.0**61


@pytest.mark.parametrize(
    "call", [lambda: hash64(), lambda: hash64(1.5), lambda: hash64(torch.rand(2))]
)
def test_anything_but_integers_is_refused(call):
    with pytest.raises(TypeError, match="integer"):
        call()


def test_bad_bounds_and_dtypes_are_refused():
    with pytest.raises(ValueError, match="high"):
        integers(0, 1)
    with pytest.raises(ValueError, match="high"):
        integers(2**63, 1)
    with pytest.raises(ValueError, match="float16"):
        uniform(1, dtype=torch.float16)


@pytest.mark.skipif(not torch.cuda.is_available(), reason="needs a GPU")
def test_gpu_gives_the_bits_of_the_cpu():
    event, column = torch.arange(1_000).unsqueeze(1), torch.arange(20)
    here, there = (event, column), (event.cuda(), column.cuda())
    assert torch.equal(hash64(1, 2, *here), hash64(1, 2, *there).cpu())
    assert torch.equal(uniform(1, 2, *here), uniform(1, 2, *there).cpu())
    assert torch.equal(integers(77, 1, *here), integers(77, 1, *there).cpu())
    high = event + 1
    assert torch.equal(integers(high, 1, *here), integers(high.cuda(), 1, *there).cpu())
