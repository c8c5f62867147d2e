"""The join by comparing columns against a join by looking through sets."""

from __future__ import annotations

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from torch import Tensor

from graphkit.ops.counter_rng import hash64
from graphkit.ops.membership import membership, membership_reference
from graphkit.ops.n_cache.loops import find_shared_keys

SLOTS = [(32, 16), (8, 5), (4, 0), (16, 32), (20, 8), (1, 1), (8, 8)]


def random_rows(num_rows: int, num_slots: tuple[int, int], nodes: Tensor, fill: float) -> Tensor:
    """Rows as a cache may hold them: every key in the slot that the hash says, or -1."""
    m1, m2 = num_slots
    rows = torch.full((num_rows, 1 + m1 + m2), -1, dtype=torch.int32)
    hashed = hash64(0, nodes) & 0x7FFFFFFF
    for row in rows:
        row[0] = nodes[torch.randint(len(nodes), ())]
        for size, start in ((m1, 1), (m2, 1 + m1)):
            for i in torch.randperm(len(nodes)).tolist():
                if size and torch.rand(()) < fill:
                    row[start + int(hashed[i]) % size] = nodes[i]
    return rows


def by_sets(u: Tensor, v: Tensor, num_slots: tuple[int, int]) -> Tensor:
    m1, _ = num_slots
    out = torch.zeros(u.shape, dtype=torch.uint8)
    for p in range(u.shape[0]):
        theirs = v[p].tolist()
        hops = [{theirs[0]}, set(theirs[1 : 1 + m1]), set(theirs[1 + m1 :])]
        for c, key in enumerate(u[p].tolist()):
            if key != -1:
                out[p, c] = sum(2**k for k in range(3) if key in hops[k])
    return out


@pytest.mark.parametrize("num_slots", SLOTS, ids=str)
@settings(max_examples=12)
@given(st.sampled_from([3, 12, 60]), st.sampled_from([0.0, 0.3, 1.0]), st.integers(0, 2**30))
def test_equals_a_look_through_sets(num_slots, num_nodes, fill, seed):
    torch.manual_seed(seed)
    offset = 0 if seed % 2 else 2**24 + 1  # beyond what float32 tells apart
    nodes = torch.arange(num_nodes) + offset
    u, v = (random_rows(6, num_slots, nodes, fill) for _ in range(2))
    v[0] = u[0]  # a node and itself
    kept = u.clone(), v.clone()
    bits_u, bits_v = membership(u, v, num_slots)
    assert torch.equal(u, kept[0])
    assert torch.equal(v, kept[1])
    assert bits_u.dtype == bits_v.dtype == torch.uint8
    assert torch.equal(bits_u, by_sets(u, v, num_slots))
    assert torch.equal(bits_v, by_sets(v, u, num_slots))
    swapped = membership(v, u, num_slots)
    assert torch.equal(swapped[0], bits_v)
    assert torch.equal(swapped[1], bits_u)
    expected = membership_reference(u, v, num_slots)
    assert torch.equal(expected[0], bits_u)
    assert torch.equal(expected[1], bits_v)


@pytest.mark.parametrize("num_slots", SLOTS, ids=str)
@settings(max_examples=8)
@given(st.sampled_from([3, 12, 60]), st.sampled_from([0.3, 1.0]), st.integers(0, 2**30))
def test_loops_list_the_same_cells(num_slots, num_nodes, fill, seed):
    torch.manual_seed(seed)
    m1, _ = num_slots
    nodes = torch.arange(num_nodes)
    key = random_rows(5, num_slots, nodes, fill)
    slot1 = ((hash64(0, nodes) & 0x7FFFFFFF) % m1).to(torch.uint8)
    groups, strengths = 10, 6 * (seed % 2)
    group = torch.randint(2 * groups, key.shape)
    strength = torch.randint(6, (5, m1), dtype=torch.uint8)
    u, v = torch.randint(5, (2, 9))
    expected = []
    for p, (a, b) in enumerate(zip(u.tolist(), v.tolist())):
        for side, (own, other) in enumerate(((a, b), (b, a))):
            bits = by_sets(key[own : own + 1], key[other : other + 1], num_slots)[0].tolist()
            for c, found in enumerate(bits):
                hop = (c > 0) + (c > m1)
                if not found:
                    continue
                cell = ((side * 3 + hop) * 8 + found) * groups + int(group[own, c]) // 2
                expected.append((p, cell))
                if strengths and hop == 1:
                    told = (side * 8 + found) * strengths + int(strength[own, c - 1])
                    expected.append((p, 48 * groups + told))
    tensors = (key, slot1, group, strength, u, v)
    pair, cell = find_shared_keys(*(x.numpy() for x in tensors), *num_slots, groups, 1, strengths)
    assert sorted(zip(pair.tolist(), cell.tolist())) == sorted(expected)


def test_two_empty_slots_share_nothing():
    row = torch.full((1, 7), -1, dtype=torch.int32)
    a, b = row.clone(), row.clone()
    a[0, 0], b[0, 0] = 1, 2
    bits = membership(a, b, (4, 2))
    assert not bool(bits[0].any())
    assert not bool(bits[1].any())


def test_by_hand():
    """u met a and v; v met a; one slot each is enough room."""
    u = torch.tensor([[7, 8, 9, -1]])
    v = torch.tensor([[8, 7, 9, 5]])
    bits_u, bits_v = membership(u, v, (2, 1))
    assert bits_u.tolist() == [[2, 1, 2, 0]]  # 7 is in v's hop 1, 8 is v, 9 in hop 1
    assert bits_v.tolist() == [[2, 1, 2, 0]]


def test_no_pairs():
    none = torch.empty(0, 7, dtype=torch.int32)
    assert [b.shape for b in membership(none, none, (4, 2))] == [(0, 7), (0, 7)]
