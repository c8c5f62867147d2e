"""Streams: state of models, samplers and negatives, against dictionaries and lists."""

from __future__ import annotations

from collections import defaultdict
from typing import Any

import torch
from torch import Tensor

from benchmarks.reliability._case import RIGHT, Case
from benchmarks.reliability._dictionary_cache import DictionaryCache, updated
from graphkit import TemporalGraph
from graphkit.models.stream.edgebank import EdgeBank
from graphkit.nn.stream import MessageStore, NCache, PairTable, RecentNeighbors
from graphkit.sampling.negatives import (
    HistoricalNegatives,
    InductiveNegatives,
    RandomNegatives,
)
from graphkit.sampling.neighbors import NeighborSampler

SHARE = 1.5
Event = tuple[int, int, int, int]
"""Source, destination, number, time."""


def _batches(case: Case, nodes: int) -> list[list[Event]]:
    """A stream in batches of any size, with ties in time and self loops; rows of a batch mixed."""
    now, number, found = case.draw.choice([0, 2**40, -(2**50)]), 0, []
    for _ in range(case.draw.randint(1, 4)):
        batch = []
        for _ in range(case.draw.randint(1, 2 * case.size)):
            now += case.draw.choice([0, 0, 1, 5])
            batch.append((case.draw.randrange(nodes), case.draw.randrange(nodes), number, now))
            number += case.draw.choice([1, 1, 1, 7])
        case.draw.shuffle(batch)
        found.append(batch)
    case.tell(nodes=nodes, batches=found)
    return found


def _columns(batch: list[Event], dtype: torch.dtype = torch.int64) -> list[Tensor]:
    src, dst, number, t = (torch.tensor(column) for column in zip(*batch))
    return [src, dst, number, t.to(dtype)]


def n_cache(case: Case) -> str:
    """Every slot of every node after every batch."""
    nodes = case.draw.choice([3, 8, 40])
    slots = case.draw.choice([(32, 16), (4, 3), (2, 0), (1, 1)])
    chance, itself = case.draw.choice([0.0, 0.5, 1.0]), case.chance(0.5)
    seed = case.draw.choice([0, 3, 2**40])
    case.tell(num_slots=slots, replace_prob=chance, allow_self=itself, seed=seed)
    cache = NCache(nodes, 2, slots, chance, keep_time=True, allow_self=itself, seed=seed)
    truth = DictionaryCache(slots, 2, chance, itself, seed)
    for batch in _batches(case, nodes):
        src, dst, number, t = _columns(batch)
        node, row = torch.cat([src, dst]).unique(return_inverse=True)
        rows = cache.read(node)
        new = updated(rows.vector, rows.key.unsqueeze(1), (rows.stamp >> 1).unsqueeze(1))
        new[:, :, 1 + slots[0] :] = rows.vector[:, :, 1 + slots[0] :]
        new = (new * (rows.key >= 0).unsqueeze(1)).transpose(0, 1).contiguous()
        cache.write(rows, new, row[: len(batch)], row[len(batch) :], number, t)
        truth.write(batch)
        case.check(_of_cache(cache, slots[0]) == _of_dictionary(truth), "a slot differs")
    return RIGHT


def _of_cache(cache: NCache, m1: int) -> set[tuple[Any, ...]]:
    key, stamp, time = cache.key.tolist(), cache.stamp.tolist(), cache.time.tolist()
    vector = cache.vector.transpose(1, 2).tolist()
    found = set()
    for owner, column in (cache.key >= 0).nonzero().tolist():
        hop = int(column > 0) + int(column > m1)
        slot = column - (0, 1, 1 + m1)[hop]
        told = (stamp[owner][column], time[owner][column], tuple(vector[owner][column]))
        found.add((hop, owner, slot, key[owner][column], *told))
    return found


def _of_dictionary(truth: DictionaryCache) -> set[tuple[Any, ...]]:
    return {
        (hop, owner, truth.slot(hop, key), key, *entry)
        for hop, owners in enumerate(truth.hops)
        for owner, table in owners.items()
        for key, entry in table.items()
    }


def recent_neighbors(case: Case) -> str:
    """The last k events of every node."""
    nodes, size = case.draw.choice([2, 6, 40]), case.draw.randint(1, 5)
    dtype = case.draw.choice([torch.int64, torch.float64])
    case.tell(size=size, dtype=str(dtype))
    ring, lists = RecentNeighbors(nodes, size, dtype), defaultdict(list)
    for batch in _batches(case, nodes):
        src, dst, number, t = _columns(batch, dtype)
        ring.insert(src, dst, t, number)
        for u, v, n, time in sorted(batch, key=lambda event: (event[3], event[2])):
            lists[u].append((v, time, n))
            if u != v:
                lists[v].append((u, time, n))
        rows = ring(torch.arange(nodes))
        for node in range(nodes):
            mask = rows.mask[node]
            kept = (rows.node, rows.time, rows.event_id)
            got = list(zip(*(column[node][mask].tolist() for column in kept)))
            case.check(got == lists[node][-size:], f"node {node}: {got}")
    return RIGHT


def message_store(case: Case) -> str:
    """The messages of the last batch of every node."""
    nodes, slots = case.draw.choice([2, 6, 40]), case.draw.randint(1, 3)
    case.tell(slots=slots)
    store, last = MessageStore(nodes, slots), {}
    for batch in _batches(case, nodes):
        src, dst, number, t = _columns(batch)
        store.insert(src, dst, t, number)
        mine = defaultdict(list)
        for u, v, n, time in sorted(batch, key=lambda event: (event[3], event[2])):
            mine[u].append((v, time, n))
            if u != v:
                mine[v].append((u, time, n))
        last |= {node: messages[::-1][:slots] for node, messages in mine.items()}
        pending = store(torch.arange(nodes))
        for node in range(nodes):
            mask = pending.mask[node]
            kept = (pending.other, pending.time, pending.event_id)
            got = list(zip(*(column[node][mask].tolist() for column in kept)))
            case.check(got == last.get(node, []), f"node {node}: {got}")
    return RIGHT


def pair_table(case: Case) -> str:
    """Count and latest time of every pair, also of pairs never seen."""
    nodes = case.draw.choice([3, 50, 2**32 - 1])
    table, truth = PairTable(nodes), {}
    for batch in _batches(case, nodes):
        src, dst, _, t = _columns(batch)
        table.insert(src, dst, t)
        for u, v, _, time in batch:
            count, latest = truth.get((u, v), (0, time))
            truth[u, v] = (count + 1, max(latest, time))
        asked = [*truth, *((v, u) for u, v in truth)]
        u, v = torch.tensor(asked).t()
        got = list(zip(*(column.tolist() for column in table(u, v))))
        case.check(got == [truth.get(pair, (0, 0)) for pair in asked], f"{asked}: {got}")
    case.check(len(table) == len(truth), f"{len(table)} pairs, not {len(truth)}")
    return RIGHT


def edgebank(case: Case) -> str:
    """Which pairs are known, with every memory."""
    nodes = case.draw.choice([2, 5, 9])
    settings = case.draw.choice(
        [{}, {"undirected": True}, {"min_repeats": 2}, {"memory": "time_window", "window": 4},
         {"memory": "time_window", "window_fraction": 0.5}]
    )  # fmt: skip
    case.tell(settings=settings)
    model, events = EdgeBank(nodes, **settings), []
    every = torch.cartesian_prod(torch.arange(nodes), torch.arange(nodes))
    for batch in _batches(case, nodes):
        batch = sorted(batch, key=lambda event: event[2])
        graph = TemporalGraph(*([e[at] for e in batch] for at in (0, 1, 3)), num_nodes=nodes)
        model.observe(next(iter(graph.batches(size=len(batch)))))
        events += [(u, v, time) for u, v, _, time in batch]
        got = model.score(every[:, 0], every[:, 1], graph.t[-1:].expand(len(every))) > 0
        times = [time for _, _, time in events]
        start = None
        if settings.get("memory") == "time_window":
            last = len(times) - 1
            back = int(round(settings.get("window_fraction", 0.15) * last, 9))
            start = times[-1] - settings["window"] if "window" in settings else times[last - back]
        for (u, v), known in zip(every.tolist(), got.tolist()):
            ends = [{(u, v)}, {(u, v), (v, u)}][settings.get("undirected", False)]
            mine = [time for a, b, time in events if (a, b) in ends]
            seen = len(mine) >= settings.get("min_repeats", 1)
            case.check(known == (seen and (start is None or max(mine) >= start)), f"pair {u}, {v}")
    return RIGHT


def _graph(case: Case, nodes: int) -> tuple[TemporalGraph, list[tuple[int, int, int]]]:
    """A graph, and its events in the order in which it holds them."""
    rows = [(u, v, t) for batch in _batches(case, nodes) for u, v, _, t in batch]
    graph = TemporalGraph(*(list(column) for column in zip(*rows)), num_nodes=nodes)
    return graph, sorted(rows, key=lambda row: row[2])


def t_csr(case: Case) -> str:
    """Rows of the temporal adjacency, in every direction."""
    nodes = case.draw.choice([2, 6, 40])
    graph, events = _graph(case, nodes)
    direction = case.draw.choice(["both", "out", "in"])
    case.tell(direction=direction)
    csr, rows = graph.csr.directed(direction), defaultdict(list)
    for place, (u, v, t) in enumerate(events):
        if direction != "in":
            rows[u].append((v, t, place))
        if direction == "in" or (direction == "both" and u != v):
            rows[v].append((u, t, place))
    entries = list(zip(csr.neighbor.tolist(), csr.time.tolist(), csr.event.tolist()))
    for node in range(nodes):
        got = entries[csr.indptr[node] : csr.indptr[node + 1]]
        case.check(got == rows[node], f"node {node}: {got}")
    return RIGHT


def neighbors(case: Case) -> str:
    """Recent and uniform neighbours at any time: strictly earlier, within the window."""
    nodes, size = case.draw.choice([2, 6, 40]), case.draw.randint(1, 5)
    graph, events = _graph(case, nodes)
    strategy = case.draw.choice(["recent", "uniform"])
    window = case.draw.choice([None, 1, 6])
    start = case.draw.randrange(len(events))
    case.tell(k=size, strategy=strategy, window=window, start=start)
    sampler = NeighborSampler(graph[start:], size, strategy, window=window)
    times = sorted({t for _, _, t in events})
    asked = [(n, case.draw.choice([*times, times[-1] + 1])) for n in range(nodes)]
    found = sampler.sample(*torch.tensor(asked).t())
    for row, (node, now) in enumerate(asked):
        seen = []
        for place, (u, v, t) in enumerate(events):
            inside = t < now and (window is None or t >= now - window)
            if place >= start and inside and node in (u, v):
                seen.append((v if u == node else u, t, place))
        mask = found.mask[row]
        kept = (found.node, found.time, found.event_id)
        got = list(zip(*(column[row][mask].tolist() for column in kept)))
        if strategy == "recent" or len(seen) <= size:
            case.check(got == seen[-size:], f"node {node} at {now}: {got}, not {seen[-size:]}")
        else:
            case.check(len(set(got)) == size and set(got) <= set(seen), f"{node} at {now}: {got}")
    return RIGHT


def negatives(case: Case) -> str:
    """Random, historical and inductive negatives are drawn from their pools and never true."""
    nodes = case.draw.choice([4, 9, 30])
    graph, events = _graph(case, nodes)
    kind = case.draw.choice([RandomNegatives, HistoricalNegatives, InductiveNegatives])
    cut = case.draw.randint(1, len(events))
    seed, num = case.draw.randrange(9), case.draw.randint(1, 4)
    case.tell(kind=kind.__name__, train=cut, seed=seed, num=num)
    sampler = kind(graph, train=graph[:cut], seed=seed, pool="nodes")
    now = defaultdict(set)
    for u, v, t in events:
        now[u, t].add(v)
    (batch,) = graph.batches(size=len(events))
    if any(len(true) == nodes for true in now.values()):
        return RIGHT  # nothing is left to draw
    drawn = sampler.sample(batch, num)
    again = torch.cat([sampler.sample(part, num) for part in graph.batches(size=3)])
    case.check(torch.equal(drawn, again), "the draw depends on the batches")
    end = events[cut - 1][2]
    trained = {(u, v) for u, v, _ in events[:cut]}
    for (u, _, t), row in zip(events, drawn.tolist()):
        met = {b for a, b, s in events if a == u and s < t}
        if kind is InductiveNegatives:
            met = {b for a, b, s in events if a == u and end < s < t and (a, b) not in trained}
        pool = met - now[u, t] if kind is not RandomNegatives else set()
        pool = pool or set(range(nodes)) - now[u, t]
        case.check(set(row) <= pool, f"{row} of source {u} at {t}, from {sorted(pool)}")
    return RIGHT


KINDS = {
    "n_cache": n_cache,
    "recent_neighbors": recent_neighbors,
    "message_store": message_store,
    "pair_table": pair_table,
    "edgebank": edgebank,
    "t_csr": t_csr,
    "neighbors": neighbors,
    "negatives": negatives,
}
