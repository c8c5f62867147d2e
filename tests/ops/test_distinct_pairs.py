"""Pairs without repetition: both paths against a loop with a set."""

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from graphkit.ops import counter_rng
from graphkit.ops.distinct_pairs import distinct_pairs
from graphkit.ops.distinct_pairs import op as module


def by_hand(sources, targets, forbidden, num_nodes, wanted, *at):
    """Draw by draw, remembering what has been seen."""
    seen, found = set(forbidden.tolist()), []
    for i in range(int(wanted * 64) + 16):
        if len(found) == wanted:
            break
        src = int(sources[counter_rng.integers(len(sources), *at, 0, torch.tensor([i]))])
        dst = int(targets[counter_rng.integers(len(targets), *at, 1, torch.tensor([i]))])
        key = src * num_nodes + dst
        if src != dst and key not in seen:
            seen.add(key)
            found.append([src, dst])
    return torch.tensor(found, dtype=torch.int64).reshape(-1, 2).t()


@pytest.fixture(params=["torch", "compiled"])
def path(request, monkeypatch):
    if request.param == "torch":
        monkeypatch.setattr(module, "use_compiled", lambda *tensors: False)


def by_both_paths(*arguments):
    """The pairs of the compiled loop and those of the tensor operations."""
    fast = distinct_pairs(*arguments)
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(module, "use_compiled", lambda *tensors: False)
        return fast, distinct_pairs(*arguments)


@pytest.mark.parametrize("n, wanted", [(3, 2), (6, 9), (4, 20), (40, 60), (70, 1)])
def test_equals_a_loop_with_a_set(path, n, wanted):
    draw = torch.Generator().manual_seed(n + wanted)
    sources = torch.randint(n, (9,), generator=draw)
    targets = torch.randint(n, (15,), generator=draw)
    forbidden = torch.randint(n * n, (7,), generator=draw)
    got = distinct_pairs(sources, targets, forbidden, n, wanted, 3, 1, 4)
    assert got.dtype == torch.int64
    assert torch.equal(got, by_hand(sources, targets, forbidden, n, wanted, 3, 1, 4))


def test_nothing_to_draw(path):
    node, none = torch.tensor([0]), torch.zeros(0, dtype=torch.int64)
    assert distinct_pairs(node, node, none, 1, 5, 0).shape == (2, 0)  # a self pair is all there is
    assert distinct_pairs(node, node, none, 1, 0, 0).shape == (2, 0)
    assert distinct_pairs(none, node, none, 1, 5, 0).shape == (2, 0)
    assert distinct_pairs(node, torch.tensor([1]), torch.tensor([1]), 2, 5, 0).shape == (2, 0)


@settings(max_examples=20)
@given(st.integers(2, 12), st.integers(1, 30), st.integers(0, 2**62))
def test_both_paths_draw_the_same(n, wanted, seed):
    draw = torch.Generator().manual_seed(wanted)
    sources, targets = torch.randint(n, (2, 8), generator=draw)
    forbidden = torch.randint(n * n, (4,), generator=draw)
    fast, slow = by_both_paths(sources, targets, forbidden, n, wanted, seed)
    assert torch.equal(fast, slow)


@pytest.mark.parametrize("sizes", [(1, 2), (3, 1), (4096, 7), (65_537, 999_983), (1 << 20, 600)])
def test_both_paths_draw_the_same_from_lists_of_any_length(sizes):
    draw = torch.Generator().manual_seed(1)
    sources, targets = (torch.randint(3000, (size,), generator=draw) for size in sizes)
    none, seed = torch.zeros(0, dtype=torch.int64), -(2**63)
    fast, slow = by_both_paths(sources, targets, none, 3000, 4000, seed)
    assert fast.shape[1] > 0
    assert torch.equal(fast, slow)


def test_more_pairs_than_fit_into_bits(monkeypatch):
    sources, targets = torch.arange(5), torch.arange(5)
    none = torch.zeros(0, dtype=torch.int64)
    want = distinct_pairs(sources, targets, none, 5, 10, 1)
    monkeypatch.setattr(module, "_MOST_BITS", 3)
    assert torch.equal(distinct_pairs(sources, targets, none, 5, 10, 1), want)
