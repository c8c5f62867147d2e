"""The compiled loops: compiled and as plain Python they say the same, and what tensors say.

``write_records`` against dictionaries is in tests/nn/stream/test_n_cache.py, ``find_shared_keys``
against sets in test_membership.py.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
import pytest
import torch

import graphkit.nn.stream.n_cache as n_cache
from graphkit.nn.stream import NCache, num_buckets, recency_bucket
from graphkit.ops.n_cache import loops as cache_loops

SLOTS = [(8, 4), (8, 5), (4, 0), (4, 8)]


def plain(function: Callable[..., Any]) -> Callable[..., Any]:
    """The loop and those that it calls as Python; unsigned products wrap around in silence."""

    def run(*args: Any) -> Any:
        with np.errstate(over="ignore"), pytest.MonkeyPatch.context() as patch:
            for name in ("absorb", "unit"):
                patch.setattr(cache_loops, name, getattr(cache_loops, name).__wrapped__)
            return function.__wrapped__(*args)

    return run


def filled(num_slots: tuple[int, int], start: int = 0, loops: Any = cache_loops) -> NCache:
    """A cache after a few batches of random events, with vectors that grow."""
    cache = NCache(20, 3, num_slots, 0.6, keep_time=True, keep_count=True, half_lives=(3.0,))
    draw = torch.Generator().manual_seed(0)
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(n_cache, "write_records", loops.write_records)
        for i in range(6):
            pair = torch.randint(18, (2, 15), generator=draw)  # 18 and 19 stay alone
            event = torch.arange(15) + 15 * i + start
            node, row = pair.flatten().unique(return_inverse=True)
            rows = cache.read(node)
            new = (rows.vector * 0.5 + 1 + rows.key.unsqueeze(1)).transpose(0, 1)
            new = (new * (rows.key >= 0)).contiguous()
            cache.write(rows, new, row[:15], row[15:], event, event * 3)
    return cache


class Plain:
    write_records = staticmethod(plain(cache_loops.write_records))


@pytest.mark.parametrize("num_slots", SLOTS, ids=str)
def test_writing_in_plain_python_is_the_same(num_slots):
    a, b = filled(num_slots), filled(num_slots, loops=Plain)
    for (name, x), (_, y) in zip(a.state_dict().items(), b.state_dict().items()):
        if name == "activity":
            torch.testing.assert_close(x, y)
        else:
            assert torch.equal(x, y), name


@pytest.mark.parametrize("directed", [True, False])
@pytest.mark.parametrize("start", [0, 2**40])
@pytest.mark.parametrize("num_slots", SLOTS, ids=str)
def test_reading_is_gathering_and_counting(num_slots, start: int, directed: bool):
    cache = filled(num_slots, start)
    m1, m2 = num_slots
    width, groups = 1 + m1 + m2, num_buckets() * (2 if directed else 1)
    node = torch.tensor([0, 3, 7, 17, 19])
    clock = int(cache.clock) + 5
    for pending in (1 + m1, width):
        args = (cache.key, cache.stamp, cache.vector, node)
        args = (*(x.numpy() for x in args), clock, m1, pending, num_buckets(), directed)
        found = cache_loops.read_rows(*args)
        for a, b in zip(found, plain(cache_loops.read_rows)(*args)):
            assert a.dtype == b.dtype
            np.testing.assert_array_equal(a, b)
        key, stamp, group, rest, place, place_row, cell, owner, entry_key, bucket, state = (
            torch.from_numpy(x) for x in found
        )
        rows = cache.read(node)
        held = rows.key >= 0
        assert torch.equal(key, rows.key)
        assert torch.equal(stamp, rows.stamp)
        expected = recency_bucket(clock - (rows.stamp >> 1))
        if directed:
            expected = expected + num_buckets() * (rows.stamp & 1)
        assert torch.equal(group, expected * held)
        occupied = held.nonzero().tolist()
        hop = [(c > 0) + (c > m1) for _, c in occupied]
        expected = [h * groups + int(group[r, c]) for h, (r, c) in zip(hop, occupied)]
        assert place.tolist() == expected
        assert place_row.tolist() == [r for r, _ in occupied]
        masked = rows.vector * held.unsqueeze(1)
        torch.testing.assert_close(rest, masked[:, :, pending:].sum(2).t())
        listed = held[:, :pending].nonzero()
        assert cell.tolist() == [r * width + c for r, c in listed.tolist()]
        r, c = listed.unbind(1)
        assert torch.equal(owner, r)
        assert torch.equal(entry_key, rows.key[r, c])
        assert torch.equal(bucket, group[r, c])
        assert torch.equal(state, rows.vector[r, :, c].t())


def test_reading_no_rows():
    cache = filled((8, 4))
    none = np.empty(0, dtype=np.int64)
    tensors = (cache.key, cache.stamp, cache.vector)
    found = cache_loops.read_rows(*(x.numpy() for x in tensors), none, 7, 8, 9, num_buckets(), True)
    assert [a.shape for a in found[:4]] == [(0, 13), (0, 13), (0, 13), (3, 0)]
    assert all(a.shape[-1] == 0 for a in found[4:])


@pytest.mark.parametrize("age", [0, 1, 2, 3, 2**24 - 1, 2**24, 2**40, -5])
def test_ages_fall_into_the_documented_buckets(age: int):
    cache = NCache(2, 1, (1, 0))
    cache.key[0, 0] = 0
    args = (cache.key, cache.stamp, cache.vector, torch.tensor([0]))
    found = cache_loops.read_rows(*(x.numpy() for x in args), age, 1, 2, num_buckets(), False)
    assert found[2][0, 0] == recency_bucket(torch.tensor(age))
