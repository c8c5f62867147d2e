from __future__ import annotations

import math

import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

from graphkit.errors import GraphError
from graphkit.nn.stream import TimeEncoder, num_buckets, recency_bucket


def test_geometric_frequencies():
    encoder = TimeEncoder(4)
    expected = [[math.cos(gap * 10.0**-k) for k in (0, 3, 6, 9)] for gap in (0, 1, 5000)]
    out = encoder(torch.tensor([0, 1, 5000]))
    torch.testing.assert_close(out, torch.tensor(expected), rtol=0, atol=2e-4)
    assert out.dtype == torch.float32


def test_one_frequency():
    assert TimeEncoder(1)(torch.tensor([[2.0]])).item() == pytest.approx(math.cos(2.0))


def test_uniform_is_pygs_encoder():
    from torch_geometric.nn.models.tgn import TimeEncoder as PyGTimeEncoder

    torch.manual_seed(0)
    ours, theirs = TimeEncoder(6, init="uniform"), PyGTimeEncoder(6)
    assert ours.weight.abs().max() <= 1
    with torch.no_grad():
        theirs.lin.weight.copy_(ours.weight.unsqueeze(1))
        theirs.lin.bias.copy_(ours.bias)
    gap = torch.rand(10) * 20
    torch.testing.assert_close(ours(gap), theirs(gap))


def test_shapes_and_learnable():
    assert TimeEncoder(5)(torch.zeros(2, 3, dtype=torch.float64)).shape == (2, 3, 5)
    assert all(p.requires_grad for p in TimeEncoder(5).parameters())
    assert not any(p.requires_grad for p in TimeEncoder(5, learnable=False).parameters())


def test_unknown_start():
    with pytest.raises(GraphError, match="uniform"):
        TimeEncoder(3, init="normal")


I64 = torch.iinfo(torch.int64)


def by_logarithm(age: float) -> int:
    steps = 1 + max(age, 0)
    k = math.floor(math.log2(steps))
    return min(num_buckets() - 1, 2 * k + (steps >= 1.5 * 2.0**k))


def test_integers_one_by_one():
    age = torch.arange(70_000)
    assert recency_bucket(age).tolist() == [by_logarithm(a) for a in age.tolist()]


@pytest.mark.parametrize("k", range(1, 25))
def test_borders_of_every_bucket(k: int):
    border = [2**k - 1, 2**k + 2 ** (k - 1) - 1]  # age = steps - 1
    age = torch.tensor([b + d for b in border for d in (-1, 0, 1)])
    assert recency_bucket(age).tolist() == [by_logarithm(a) for a in age.tolist()]


def test_first_buckets_by_hand():
    age = torch.tensor([0, 1, 2, 3, 4, 5, 6, 7])
    assert recency_bucket(age).tolist() == [0, 2, 3, 4, 4, 5, 5, 6]


def test_every_bucket_is_reached_but_the_one_between_one_and_two_steps():
    """No integer lies in [1.5, 2); fractions do."""
    found = recency_bucket(2 ** torch.arange(26)).unique().tolist()
    assert found[0] == 2
    assert max(found) == num_buckets() - 1
    assert recency_bucket(torch.tensor(0.6)).item() == 1
    steps = torch.linspace(0, 24, 4000, dtype=torch.float64).exp2()
    assert recency_bucket(steps - 1).unique().tolist() == list(range(num_buckets()))


def test_huge_and_negative_ages():
    age = torch.tensor([I64.max, I64.max - 1, 2**40, 2**25, -1, -(2**40), I64.min])
    assert recency_bucket(age).tolist() == [num_buckets() - 1] * 4 + [0] * 3
    age = torch.tensor([1e300, math.inf, -0.5, -1.0, -7.0, -1e300, -math.inf], dtype=torch.float64)
    assert recency_bucket(age).tolist() == [num_buckets() - 1] * 2 + [0] * 5


@given(st.lists(st.floats(0, 2.0**26), min_size=1, max_size=30), st.sampled_from([1.0, 0.5, 1e3]))
def test_floats_away_from_borders(ages: list[float], tick: float):
    got = recency_bucket(torch.tensor(ages, dtype=torch.float64), tick).tolist()
    for age, bucket in zip(ages, got):
        near = {by_logarithm(age / tick + s * (1 + age / tick) * 2e-7) for s in (-1, 0, 1)}
        assert bucket in near


@given(st.lists(st.integers(0, 2**45), min_size=1, max_size=30), st.sampled_from([1000, 60.0]))
def test_integers_in_ticks(ages: list[int], tick: float):
    got = recency_bucket(torch.tensor(ages), tick).tolist()
    for age, bucket in zip(ages, got):
        near = {by_logarithm(age / tick + s * (1 + age / tick) * 2e-7) for s in (-1, 0, 1)}
        assert bucket in near


def test_shape_dtype_and_argument_untouched():
    age = torch.tensor([[3, -4], [0, 2**33]])
    kept = age.clone()
    out = recency_bucket(age)
    assert out.dtype == torch.int64
    assert out.shape == age.shape
    assert torch.equal(age, kept)
    assert recency_bucket(age.to(torch.int32)[:, :1]).tolist() == [[4], [0]]
    assert recency_bucket(torch.empty(0, dtype=torch.int64)).shape == (0,)


@pytest.mark.parametrize("dtype", [torch.float64, torch.float32])
def test_float_argument_untouched(dtype: torch.dtype):
    age = torch.tensor([3.0, 5.5], dtype=dtype)
    assert recency_bucket(age).tolist() == [4, 5]
    assert age.tolist() == [3.0, 5.5]
