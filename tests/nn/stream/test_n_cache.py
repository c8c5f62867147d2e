"""The N-cache against dictionaries, on the torch path and on the compiled one.

The dictionaries (``naive_nat.py``) are written from the rules of the batch: reads see the state
before it; the latest passing candidate of a slot is written as a whole.
"""

from __future__ import annotations

import contextlib
import importlib.util
import math
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy import stats
from torch import Tensor

import graphkit.nn.stream.n_cache as n_cache
from graphkit.errors import GraphError
from graphkit.nn.stream import NCache

_spec = importlib.util.spec_from_file_location("naive_nat", Path(__file__).parent / "naive_nat.py")
naive = sys.modules["naive_nat"] = importlib.util.module_from_spec(_spec)
_spec.loader.exec_module(naive)
Event, DictCache = naive.Event, naive.DictCache

SLOTS = [(32, 16), (8, 5), (4, 0), (16, 32)]
PATHS = ["compiled", "torch", "torch, a row per query"]
HALF_LIVES = (3.0, 40.0)


@contextlib.contextmanager
def on(path: str) -> Iterator[None]:
    with pytest.MonkeyPatch.context() as patch:
        if path != "compiled":
            patch.setattr(n_cache, "use_compiled", lambda *tensors: False)
        yield


def step(vector: Tensor, key: Tensor, event: Tensor, now: Tensor) -> Tensor:
    """The known update, the same bits for scalars and for tensors. Never zero, for key 0 too."""
    return vector * 0.5 + (1 + key % 17) + (event % 13) * 0.25 + (now % 8) * 0.125


def naive_update(owner: int, hop: int, key: int, entry: naive.Entry, now: float) -> Tensor:
    if hop == 2:
        return entry.vector
    channel = torch.arange(entry.vector.numel())
    return step(entry.vector, torch.tensor(key), torch.tensor(entry.event), int(now)) + channel


def updated(cache: NCache, rows: n_cache.CacheRows, now: Tensor) -> Tensor:
    """``[F, R, W]``; ``now`` ``[R, 1]`` is when each row was read."""
    vector, m1 = rows.vector.clone(), cache.num_slots[0]
    event = (rows.stamp >> 1).unsqueeze(1)
    new = step(vector, rows.key.unsqueeze(1), event, now.long().unsqueeze(1))
    new = new + torch.arange(cache.channels).unsqueeze(1)
    vector[:, :, : 1 + m1] = new[:, :, : 1 + m1]
    return (vector * (rows.key >= 0).unsqueeze(1)).transpose(0, 1).contiguous()


def write(cache: NCache, events: list[Event], path: str = "compiled", extra: int = 0) -> None:
    """Reads the rows of a batch (and of ``extra`` nodes besides) and writes it."""
    src, dst = (torch.tensor([getattr(e, c) for e in events]) for c in ("src", "dst"))
    event_id = torch.tensor([e.id for e in events])
    t = torch.tensor([e.t for e in events], dtype=torch.float64)
    if cache.time is not None:
        t = t.to(cache.time.dtype)
    asked = torch.cat([src, dst, torch.arange(extra) % cache.num_nodes])
    now = torch.cat([t, t, t.new_zeros(extra)])
    with on(path):
        if path == PATHS[2]:
            row, node = torch.arange(asked.numel()), asked
        else:
            node, row = asked.unique(return_inverse=True)
            now = torch.zeros(node.numel())
        rows = cache.read(node)
        size = len(events)
        new = updated(cache, rows, now.unsqueeze(1))
        said = cache.write(
            rows, new, row[:size], row[size : 2 * size], event_id, t, path != PATHS[2]
        )
    owners = torch.cat([src, dst])
    assert torch.equal(node[said], owners)
    if path == PATHS[2]:  # the row of the latest event of each owner
        ids = torch.cat([event_id, event_id])
        for owner, place in zip(owners.tolist(), said.tolist()):
            assert ids[place] == ids[owners == owner].max()


def dictionaries(cache: NCache) -> list[dict]:
    """The tensors as dictionaries ``hop -> owner -> key -> (slot, event, side, t, vector, count)``;
    whatever stands in an empty slot must be nothing."""
    m1, _ = cache.num_slots
    empty = cache.key < 0
    assert bool((cache.key[empty] == -1).all())
    assert not bool(cache.stamp[empty].any())
    assert not bool(cache.vector.transpose(1, 2)[empty].any())
    assert cache.time is None or not bool(cache.time[empty].any())
    assert cache.count is None or not bool(cache.count[empty[:, 1 : 1 + m1]].any())
    hops: list[dict] = [{}, {}, {}]
    key, stamp = cache.key.tolist(), cache.stamp.tolist()
    vector = cache.vector.transpose(1, 2).tolist()
    time = None if cache.time is None else cache.time.tolist()
    counts = None if cache.count is None else cache.count.tolist()
    for owner, column in (~empty).nonzero().tolist():
        hop = (column > 0) + (column > m1)
        slot = column - (0, 1, 1 + m1)[hop]
        a, word = key[owner][column], stamp[owner][column]
        t = None if time is None else time[owner][column]
        count = 0 if hop != 1 or counts is None else counts[owner][slot]
        table = hops[hop].setdefault(owner, {})
        assert a not in table, "a key stands twice in one row"
        table[a] = (slot, word >> 1, word & 1, t, vector[owner][column], count)
    return hops


def same(cache: NCache, truth: DictCache) -> None:
    expected: list[dict] = [{}, {}, {}]
    for k, owners in enumerate(truth.hop):
        for owner, table in owners.items():
            for a, e in table.items():
                t = None if cache.time is None else e.t
                count = e.count if k == 1 and cache.count is not None else 0
                entry = (truth.slot(k, a), e.event, e.side, t, e.vector.tolist(), count)
                expected[k].setdefault(owner, {})[a] = entry
    assert dictionaries(cache) == expected
    assert cache.clock.item() == truth.clock
    assert cache.num_superseded.item() == truth.superseded
    nodes = range(cache.num_nodes)
    assert cache.partner.tolist() == [truth.partner.get(n, -1) for n in nodes]
    none = [[0.0] * len(truth.half_lives)] * 2
    activity = torch.tensor([truth.activity.get(n, none) for n in nodes])
    torch.testing.assert_close(cache.activity, activity, rtol=1e-5, atol=1e-6)


@st.composite
def streams(draw: st.DrawFn) -> tuple[int, list[Event], int]:
    """Nodes, events and a batch size: hubs, repeats, self loops, collisions; ids with gaps."""
    num_nodes = draw(st.sampled_from([2, 5, 12, 60]))
    num_events = draw(st.integers(1, 50))
    random = draw(st.randoms(use_true_random=False))
    start, t0 = draw(st.sampled_from([0, 2**24 + 1, 2**40])), draw(st.sampled_from([0, 2**41]))
    events, event_id, t = [], start, t0
    for _ in range(num_events):
        src, dst = (
            random.randrange(min(3, num_nodes) if random.random() < 0.4 else num_nodes)
            for _ in range(2)
        )
        if random.random() < 0.1:
            dst = src
        events.append(Event(src, dst, event_id, t))
        event_id += random.choice([1, 1, 1, 4])
        t += random.choice([0, 0, 1, 5])
    return num_nodes, events, draw(st.sampled_from([1, 3, 11, 50]))


@pytest.mark.parametrize("path", PATHS)
@pytest.mark.parametrize("num_slots", SLOTS, ids=str)
@settings(max_examples=15)
@given(
    streams(),
    st.sampled_from([0.0, 0.5, 1.0]),
    st.booleans(),
    st.sampled_from([0, 1, 2, 97, -5, 2**63, -(2**63)]),
    st.sampled_from([None, torch.int64, torch.float64]),
    st.booleans(),
    st.randoms(use_true_random=False),
)
def test_equals_dictionaries(
    num_slots, path, stream, replace_prob, allow_self, seed, time_dtype, keep_count, random
):
    num_nodes, events, batch_size = stream
    half_lives = HALF_LIVES if keep_count else ()
    cache = NCache(
        num_nodes,
        3,
        num_slots,
        replace_prob,
        keep_time=time_dtype is not None,
        time_dtype=time_dtype or torch.int64,
        keep_count=keep_count,
        half_lives=half_lives,
        allow_self=allow_self,
        seed=seed,
    )
    truth = DictCache(num_slots, 3, replace_prob, allow_self, seed, half_lives)
    update = naive_update
    if path != PATHS[2]:  # rows shared by all queries know of no single time

        def update(*args):
            return naive_update(*args[:-1], 0.0)

    for i in range(0, len(events), batch_size):
        batch = events[i : i + batch_size]
        truth.write(batch, update)
        random.shuffle(batch)  # the order inside a batch does not matter
        write(cache, batch, path, extra=random.choice([0, 3]))
        same(cache, truth)


@pytest.mark.parametrize("path", PATHS)
def test_one_event_per_batch_is_the_plain_sequence(path: str):
    """Without collisions, dictionaries that a reader of the paper would write in five lines."""
    cache = NCache(40, 1, (128, 128), seed=3)
    nodes, slots = [], set()
    for a in range(40):
        if cache.slot(torch.tensor(a), 1).item() not in slots:
            slots.add(cache.slot(torch.tensor(a), 1).item())
            nodes.append(a)
    draw = torch.Generator().manual_seed(0)
    pairs = torch.randint(len(nodes), (150, 2), generator=draw).tolist()
    partners = {n: {} for n in nodes}
    second = {n: {} for n in nodes}
    for i, (a, b) in enumerate(pairs):
        u, v = nodes[a], nodes[b]
        write(cache, [Event(u, v, i, 0)], path)
        offer_u = {k: e for k, e in partners[v].items() if k != u}
        offer_v = {k: e for k, e in partners[u].items() if k != v}
        second[u] |= offer_u
        second[v] |= offer_v
        partners[u][v] = i
        partners[v][u] = i
    found = dictionaries(cache)
    for n in nodes:
        assert {a: e[1] for a, e in found[1].get(n, {}).items()} == partners[n]
        assert {a: e[1] for a, e in found[2].get(n, {}).items()} == second[n]
    assert cache.num_superseded.item() == sum(a == b for a, b in pairs)


@pytest.mark.parametrize("path", PATHS)
def test_worked_example(path: str):
    """(1,3), (1,5), (2,3) where 3 and 5 collide, 1 stands apart; one event per batch."""
    cache = NCache(6, 1, (2, 2), 1.0, seed=next(_seeds_where(lambda s: s[3] == s[5] != s[1])))
    for i, (u, v) in enumerate([(1, 3), (1, 5), (2, 3)]):
        write(cache, [Event(u, v, i, 0)], path)
    one, two = ({o: set(d) for o, d in hop.items()} for hop in dictionaries(cache)[1:])
    assert one[1] == {5}
    assert one[2] == {3}
    assert one[5] == {1}
    expected = {1, 2}
    if cache.slot(torch.tensor(1), 1) == cache.slot(torch.tensor(2), 1):
        expected = {2}
    assert one[3] == expected
    assert two == {5: {3}, 2: {1}}  # 3 is offered nothing: 2 had no partners


def _seeds_where(holds) -> Iterator[int]:
    for seed in range(1000):
        cache = NCache(6, 1, (2, 2), seed=seed)
        if holds([cache.slot(torch.tensor(a), 1).item() for a in range(6)]):
            yield seed


def _colliding(cache: NCache, key: int, num: int) -> list[int]:
    slot = cache.slot1[key]
    return [a for a in range(key + 1, cache.num_nodes) if cache.slot1[a] == slot][:num]


@pytest.mark.parametrize("path", PATHS)
@pytest.mark.parametrize("replace_prob", [0.0, 1.0])
def test_insertion_rule(path: str, replace_prob: float):
    cache = NCache(400, 1, (8, 4), replace_prob, keep_count=True)
    first, *others = [10, *_colliding(cache, 10, 5)]
    column = 1 + int(cache.slot1[first])
    write(cache, [Event(0, first, 0, 0)], path)
    assert cache.key[0, column] == first, "an empty slot is always filled"
    write(cache, [Event(0, first, 1, 0)], path)
    assert cache.stamp[0, column] == 2, "the same key is always overwritten"
    for i, other in enumerate(others, 2):
        write(cache, [Event(0, other, i, 0)], path)
        expected = other if replace_prob else first
        assert cache.key[0, column] == expected
        assert cache.count[0, column - 1] == (1 if replace_prob else 2)
        assert cache.key[other, 1 + int(cache.slot1[0])] == 0
    # a rejected write leaves every other row alone, row 0 and the padding of others included
    touched = {0, first, *others}
    rest = [n for n in range(400) if n not in touched]
    assert bool((cache.key[rest] == -1).all())
    assert not bool(cache.stamp[rest].any())


@pytest.mark.parametrize("path", PATHS)
@pytest.mark.parametrize("alpha", [0.2, 0.9])
def test_rate_of_eviction(path: str, alpha: float):
    """Binomial: one collision per owner, 1000 owners."""
    owners = 1000
    cache = NCache(owners + 300, 1, (8, 0), alpha)
    first = owners
    other = _colliding(cache, first, 1)[0]
    write(cache, [Event(o, first, o, 0) for o in range(owners)], path)
    write(cache, [Event(o, other, owners + o, 0) for o in range(owners)], path)
    evicted = int((cache.key[:owners, 1 + int(cache.slot1[first])] == other).sum())
    assert stats.binomtest(evicted, owners, alpha).pvalue > 1e-4


def test_coins_differ_by_hop_owner_event_and_key():
    """Events that share all but one of these do not share their fate."""
    cache = NCache(10, 1, (8, 4), 0.5)
    n = 2000
    held, ids = torch.zeros(n), torch.arange(n)
    one = torch.ones(n, dtype=torch.int64)
    draws = [
        cache._passes(1, held, 9 * one, one, ids),
        cache._passes(2, held, 9 * one, one, ids),
        cache._passes(1, held, 9 * one, 2 * one, ids),
        cache._passes(1, held, 8 * one, one, ids),
        cache._passes(1, held, 9 * one, one, ids + 1),
    ]
    for i, a in enumerate(draws):
        for b in draws[:i]:
            assert abs(int((a == b).sum()) - n / 2) < 6 * math.sqrt(n / 4)


def test_slots_are_used_evenly_for_every_seed():
    """Chi-square over 100 seeds and four sizes; the authors' hash uses a quarter for even seeds."""
    keys = torch.arange(20_000)
    p_values = []
    for seed in [*range(97), -1, 2**31, 2**63 - 1]:
        for m in (8, 16, 20, 32):
            cache = NCache(1, 1, (m, m), seed=seed)
            for hop in (1, 2):
                if hop == 1:
                    slot = (n_cache.hash64(cache.seed, keys) & 0x7FFFFFFF) % m
                else:
                    slot = cache.slot(keys, 2)
                counts = slot.bincount(minlength=m)
                assert counts.numel() == m
                assert int(counts.min()) > 0
                p_values.append(stats.chisquare(counts.numpy()).pvalue)
    assert min(p_values) > 1e-6
    assert stats.kstest(p_values, "uniform").pvalue > 1e-5


@pytest.mark.parametrize("num_slots", SLOTS, ids=str)
def test_slots_are_the_documented_hash(num_slots):
    cache = NCache(300, 1, num_slots, seed=11)
    truth = DictCache(num_slots, 1, seed=11)
    keys = torch.arange(300)
    assert cache.slot(keys, 1).tolist() == [truth.slot(1, a) for a in range(300)]
    if num_slots[1]:
        assert cache.slot(keys, 2).tolist() == [truth.slot(2, a) for a in range(300)]


@pytest.mark.parametrize("path", PATHS)
def test_reads_are_idempotent_and_change_nothing(path: str):
    cache = NCache(9, 2, (8, 4), keep_time=True, keep_count=True, half_lives=HALF_LIVES)
    write(cache, [Event(i % 5, (3 * i) % 9, i, i) for i in range(40)], path)
    before = {k: v.clone() for k, v in cache.state_dict().items()}
    nodes = torch.tensor([3, 3, 8, 0])
    a, b = cache.read(nodes), cache.read(nodes)
    cache.fading(a)
    for name in ("key", "stamp", "vector", "partner", "time", "count", "activity"):
        assert torch.equal(getattr(a, name), getattr(b, name))
        assert torch.equal(getattr(a, name)[0], getattr(a, name)[1])
        getattr(a, name).fill_(1)  # rows are copies
    assert all(torch.equal(v, before[k]) for k, v in cache.state_dict().items())


@pytest.mark.parametrize("path", PATHS)
def test_times_and_event_ids_keep_their_digits(path: str):
    big = 2**53 + 1  # beyond float64's integers, let alone float32's
    cache = NCache(5, 1, (4, 2), keep_time=True)
    write(cache, [Event(0, 1, 2**40 + 1, 0)], path)
    rows = cache.read(torch.tensor([0, 1]))
    at = torch.tensor([0]), torch.tensor([1])
    with on(path):
        new = torch.zeros(1, 2, 7)
        cache.write(rows, new, *at, torch.tensor([big]), torch.tensor([big]), path != PATHS[2])
    assert cache.time[0, 0] == big
    assert cache.stamp[0, 0] >> 1 == big
    assert cache.clock == big + 1
    cache = NCache(5, 1, (4, 2), keep_time=True, time_dtype=torch.float64)
    write(cache, [Event(0, 1, 0, 2.0**31 + 0.25)], path)
    assert cache.time[1, 0].item() == 2.0**31 + 0.25


@pytest.mark.usefixtures("plain_memory")
@pytest.mark.parametrize("path", PATHS)
def test_node_ids_above_two_to_the_24(path: str):
    """Float32 cannot tell these ids apart. The state is on pages that are never touched."""
    num_nodes = 2**24 + 8
    cache = NCache(4, 1, (2, 2), keep_count=True)
    cache.num_nodes = num_nodes
    for name, value in {"key": -1, "stamp": 0, "vector": 0, "count": 0, "activity": 0}.items():
        old = getattr(cache, name)
        setattr(cache, name, torch.empty(num_nodes, *old.shape[1:], dtype=old.dtype))
        getattr(cache, name)[:4] = getattr(cache, name)[-8:] = value
    cache.partner = torch.full((num_nodes,), -1, dtype=torch.int32)
    cache.slot1 = torch.zeros(num_nodes, dtype=torch.uint8)
    high = 2**24 + 1
    write(cache, [Event(high, high + 2, 0, 0), Event(3, high, 1, 0)], path)
    write(cache, [Event(3, high + 1, 2, 0)], path)
    write(cache, [Event(2, 3, 3, 0)], path)
    assert cache.key[high, 1] == 3
    assert cache.key[high + 2, 1] == high
    assert cache.key[3, 1] == 2
    assert high + 1 in cache.key[2, 3:].tolist()
    assert cache.partner[high + 1] == 3
    assert cache.key[high + 1, 0] == high + 1


@pytest.mark.parametrize("path", PATHS)
def test_event_0_at_time_0_between_node_0_and_itself_is_history(path: str):
    cache = NCache(3, 1, (4, 2), keep_time=True, keep_count=True)
    write(cache, [Event(0, 0, 0, 0)], path)
    assert cache.key[0, 0] == 0
    assert cache.key[0, 1 + int(cache.slot1[0])] == 0
    assert cache.partner[0] == 0
    assert int((cache.key >= 0).sum()) == 2
    assert cache.count.sum() == 2  # the loop is met from both of its ends
    write(cache, [Event(0, 1, 1, 0)], path)
    assert bool(cache.vector[0, :, 0].any()), "its vector has been updated"


@pytest.mark.parametrize("path", PATHS)
def test_counts_stop_at_255_and_do_not_wrap(path: str):
    cache = NCache(3, 1, (4, 2), keep_count=True)
    write(cache, [Event(0, 1, i, 0) for i in range(200)], path)
    assert cache.count[0, int(cache.slot1[1])] == 200
    write(cache, [Event(0, 1, 200 + i, 0) for i in range(200)], path)
    assert cache.count[0, int(cache.slot1[1])] == 255
    assert cache.num_superseded == 4 * 199


def test_fading_halves_after_a_half_life():
    cache = NCache(6, 1, (4, 0), half_lives=(8.0, 2.0))
    write(cache, [Event(0, 1, 0, 0)])
    write(cache, [Event(2, 3, 8, 0)])
    fading = cache.fading(cache.read(torch.tensor([0, 1, 5])))
    late = 9  # the clock stands one behind the latest event
    sent = [2 ** (-late / 8), 2 ** (-late / 2)]
    assert fading[0].tolist() == pytest.approx([*sent, 0, 0])
    assert fading[1].tolist() == pytest.approx([0, 0, *sent])
    assert fading[2].tolist() == [0] * 4


@pytest.mark.parametrize("path", PATHS)
def test_reset_and_state_dict(path: str):
    def fresh() -> NCache:
        settings = {"keep_time": True, "keep_count": True, "half_lives": HALF_LIVES}
        return NCache(9, 2, (8, 4), 0.5, **settings)

    events = [Event(i % 5, (3 * i) % 9, i, i) for i in range(60)]
    cache, other = fresh(), fresh()
    empty = {k: v.clone() for k, v in cache.state_dict().items()}
    write(cache, events[:30], path)
    write(other, events[40:], path)
    other.load_state_dict(cache.state_dict())
    for c in (cache, other):
        write(c, events[30:], path)
    end = {k: v.clone() for k, v in cache.state_dict().items()}
    assert all(torch.equal(v, end[k]) for k, v in other.state_dict().items())
    cache.reset_state()
    assert all(torch.equal(v, empty[k]) for k, v in cache.state_dict().items())
    write(cache, events[:30], path)
    write(cache, events[30:], path)
    assert all(torch.equal(v, end[k]) for k, v in cache.state_dict().items())


def test_bytes_per_node_is_what_the_buffers_take():
    cache = NCache(64, 4, (32, 16), keep_time=True, keep_count=True, half_lives=(1.0,))
    tables = [b for b in cache.buffers() if b.dim() and b.shape[0] == 64]
    assert cache.bytes_per_node * 64 == sum(b.numel() * b.element_size() for b in tables)
    lean = NCache(64, 4, (32, 16))
    assert lean.bytes_per_node < cache.bytes_per_node


def test_an_empty_batch_writes_nothing():
    cache = NCache(4, 1, (4, 2))
    before = {k: v.clone() for k, v in cache.state_dict().items()}
    none = torch.empty(0, dtype=torch.int64)
    cache.write(cache.read(none), torch.empty(1, 0, 7), none, none, none, none)
    assert all(torch.equal(v, before[k]) for k, v in cache.state_dict().items())


@pytest.mark.parametrize(
    ("settings", "names"),
    [
        ({"num_nodes": 0}, "num_nodes"),
        ({"num_nodes": 2**31}, "num_nodes"),
        ({"num_slots": (0, 4)}, "num_slots"),
        ({"num_slots": (129, 4)}, "num_slots"),
        ({"num_slots": (8, -1)}, "num_slots"),
        ({"num_slots": (8,)}, "num_slots"),
        ({"replace_prob": 1.5}, "replace_prob"),
        ({"replace_prob": float("nan")}, "replace_prob"),
        ({"time_dtype": torch.float32}, "time_dtype"),
        ({"half_lives": (0.0,)}, "half_lives"),
    ],
    ids=str,
)
def test_refusals(settings: dict, names: str):
    with pytest.raises(GraphError, match=names) as caught:
        NCache(**{"num_nodes": 5, **settings})
    assert "expected" in str(caught.value)


def test_times_are_checked():
    cache = NCache(4, 1, (4, 2), keep_time=True)
    rows, new, at = cache.read(torch.tensor([0, 1])), torch.zeros(1, 2, 7), torch.tensor([0])
    with pytest.raises(GraphError, match="Pass t="):
        cache.write(rows, new, at, at + 1, at)
    with pytest.raises(GraphError, match="integer times"):
        cache.write(rows, new, at, at + 1, at, torch.tensor([0.5]))
    assert bool((cache.key == -1).all())


def test_repr():
    assert repr(NCache(4, 1, (4, 2))).startswith("NCache(4, channels=1, num_slots=(4, 2)")


def test_gpu_equals_cpu(cuda: torch.device):
    draw = torch.Generator().manual_seed(0)
    here = NCache(30, 3, (8, 4), 0.5, keep_time=True, keep_count=True, half_lives=HALF_LIVES)
    there = NCache(30, 3, (8, 4), 0.5, keep_time=True, keep_count=True, half_lives=HALF_LIVES)
    there.to(cuda)
    for start in range(0, 600, 60):
        nodes = torch.randint(30, (120,), generator=draw)
        ids = torch.arange(start, start + 60)
        for cache in (here, there):
            at = nodes.to(cache.key.device)
            rows = cache.read(at)
            new = rows.vector.transpose(0, 1) * 0.5 + rows.key
            new = (new * (rows.key >= 0)).contiguous()
            row = torch.arange(120, device=at.device)
            e = ids.to(at.device)
            cache.write(rows, new, row[:60], row[60:], e, e * 7, False)
    for name, value in here.state_dict().items():
        torch.testing.assert_close(value, there.state_dict()[name].cpu(), rtol=1e-5, atol=1e-5)
        if not value.is_floating_point():
            assert torch.equal(value, there.state_dict()[name].cpu())
