"""NAT as plain Python: dictionaries, loops and unbounded integers. Not a test, the tests' truth.

Written from the rules, not from the tensors: reads see the state before the batch; of all
candidates for one (owner, hop, slot) that pass their coin the latest in (event, key) is written.
"""

from __future__ import annotations

import copy
import functools
from collections.abc import Callable, Iterable
from dataclasses import dataclass, field, replace
from typing import Any

import torch
from torch import Tensor

MASK = (1 << 64) - 1


@functools.cache
def splitmix(*ints: int) -> int:
    """The hash of ``graphkit.ops.counter_rng`` on unbounded integers."""
    h = 0
    for x in ints:
        z = ((h ^ (x & MASK)) + 0x9E3779B97F4A7C15) & MASK
        z = ((z ^ (z >> 30)) * 0xBF58476D1CE4E5B9) & MASK
        z = ((z ^ (z >> 27)) * 0x94D049BB133111EB) & MASK
        h = z ^ (z >> 31)
    return h


@dataclass(frozen=True)
class Event:
    src: int
    dst: int
    id: int
    t: float


@dataclass(frozen=True)
class Entry:
    """A key with its vector before ``event``; ``side`` is 1 if the owner was the destination."""

    event: int
    side: int
    t: float
    vector: Tensor
    count: int = 0


@dataclass(frozen=True)
class Record:
    owner: int
    partner: int
    event: int
    side: int
    t: float


Update = Callable[[int, int, int, Entry, float], Tensor]
"""(owner, hop, key, entry, now) to the vector with the entry's event applied."""


@dataclass
class DictCache:
    """``hop[k][owner]`` is the dictionary from key to :class:`Entry`."""

    num_slots: tuple[int, int]
    channels: int
    replace_prob: float = 1.0
    allow_self: bool = False
    seed: int = 0
    half_lives: tuple[float, ...] = ()
    hop: list[dict[int, dict[int, Entry]]] = field(default_factory=lambda: [{}, {}, {}])
    partner: dict[int, int] = field(default_factory=dict)
    activity: dict[int, list[list[float]]] = field(default_factory=dict)
    clock: int = 0
    superseded: int = 0

    def slot(self, k: int, key: int) -> int:
        return 0 if k == 0 else (splitmix(self.seed, key) & 0x7FFFFFFF) % self.num_slots[k - 1]

    def entries(self, owner: int, k: int) -> dict[int, Entry]:
        return self.hop[k].get(owner, {})

    def holder(self, owner: int, k: int, slot: int) -> int | None:
        found = [key for key in self.entries(owner, k) if self.slot(k, key) == slot]
        assert len(found) <= 1, "two keys in one slot"
        return found[0] if found else None

    def passes(self, k: int, held: int | None, key: int, record: Record) -> bool:
        if held is None or held == key:
            return True
        coin = splitmix(self.seed, k, record.owner, record.event, key) >> 11
        return coin * 2.0**-53 < self.replace_prob

    def write(self, events: Iterable[Event], update: Update) -> None:
        """Enters a batch; ``update`` reads the state before it."""
        records = []
        for e in sorted(events, key=lambda e: e.id):
            records.append(Record(e.src, e.dst, e.id, 0, e.t))
            records.append(Record(e.dst, e.src, e.id, 1, e.t))
        if not records:
            return
        before = copy.copy(self)
        before.hop = [{o: dict(d) for o, d in hop.items()} for hop in self.hop]
        offers: dict[tuple[int, int, int], list[tuple[Any, int, Entry]]] = {}

        def offer(k: int, record: Record, key: int, entry: Entry) -> None:
            slot = self.slot(k, key)
            if before.passes(k, before.holder(record.owner, k, slot), key, record):
                order = (record.event, record.side, key)
                offers.setdefault((record.owner, k, slot), []).append((order, key, entry))

        for r in records:
            for k, key in ((0, r.owner), (1, r.partner)):
                held = before.entries(r.owner, k).get(key)
                vector = torch.zeros(self.channels)
                if held is not None:
                    vector = update(r.owner, k, key, held, r.t)
                offer(k, r, key, Entry(r.event, r.side, r.t, vector))
            if self.num_slots[1]:
                for key, held in before.entries(r.partner, 1).items():
                    if key != r.owner or self.allow_self:
                        vector = update(r.partner, 1, key, held, r.t)
                        offer(2, r, key, replace(held, vector=vector, count=0))

        touched = {(r.owner, self.slot(1, r.partner)) for r in records}
        for (owner, k, slot), candidates in offers.items():
            _, key, entry = max(candidates, key=lambda c: c[0])
            old = before.holder(owner, k, slot)
            table = self.hop[k].setdefault(owner, {})
            if old is not None:
                del table[old]
            table[key] = entry
        for owner, slot in touched:  # every meeting counts, whatever of it was overruled
            key = self.holder(owner, 1, slot)
            held = before.entries(owner, 1).get(key)
            met = sum(r.owner == owner and r.partner == key for r in records)
            count = min(255, met + (held.count if held else 0))
            self.hop[1][owner][key] = replace(self.hop[1][owner][key], count=count)
        for owner in {r.owner for r in records}:
            mine = [r for r in records if r.owner == owner]
            last = mine[-1].event
            old_entry = before.entries(owner, 0).get(owner)
            activity = [[0.0 for _ in self.half_lives] for _ in range(2)]
            for side in range(2):
                for h, life in enumerate(self.half_lives):
                    if old_entry is not None:
                        old = self.activity[owner][side][h]
                        activity[side][h] = old * 2.0 ** (-(last - old_entry.event) / life)
                    for r in mine:
                        if r.side == side:
                            activity[side][h] += 2.0 ** (-(last - r.event) / life)
            self.activity[owner] = activity
            self.partner[owner] = mine[-1].partner
            self.superseded += len(mine) - 1
        self.clock = max(self.clock, max(r.event for r in records) + 1)

    def keys(self, node: int, k: int) -> set[int]:
        """Keys for the join: a node is its own key even before its first event."""
        return {node} if k == 0 else set(self.entries(node, k))

    def bits(self, key: int, node: int) -> int:
        """Bit ``k``: hop ``k`` of the node holds the key."""
        return sum((key in self.keys(node, k)) << k for k in range(3))


@dataclass(frozen=True)
class Item:
    """An entry as a readout sees it."""

    hop: int
    key: int
    vector: Tensor
    group: int
    count: int


def readout_recency(module: Any, cache: DictCache, items: Any, u: int, v: int) -> Tensor:
    """Every entry told by its code and age; ``items(node)`` lists the entries of a node."""
    f, out, groups = module.channels, module.out_channels, module.num_groups
    coarse = groups // 2
    z = torch.zeros(out)
    for side, (own, other) in enumerate(((u, v), (v, u))):
        table = module.node_table[:, side * out : (side + 1) * out]
        seen = set()
        for item in items(own):
            seen.add((item.hop, item.key))
            z = z + item.vector @ table[:f] + table[f + item.hop * groups + item.group]
            bits = cache.bits(item.key, other)
            if bits:
                cell = ((side * 3 + item.hop) * 8 + bits) * coarse + item.group // 2
                z = z + module.joint_table[cell]
                if item.hop == 1 and item.count:
                    strength = min(5, item.count.bit_length() - 1)
                    z = z + module.joint_table[48 * coarse + (side * 8 + bits) * 6 + strength]
        if (0, own) not in seen and cache.bits(own, other):  # before its first event
            z = z + module.joint_table[(side * 3 * 8 + cache.bits(own, other)) * coarse]
    return z


def codes(cache: DictCache, u: int, v: int) -> dict[int, int]:
    """The distance encoding of every key of a pair: hops of u low, hops of v high."""
    keys = set().union(*(cache.keys(n, k) for n in (u, v) for k in range(3)))
    return {a: cache.bits(a, u) | cache.bits(a, v) << 3 for a in keys}


def readout_code(module: Any, cache: DictCache, items: Any, u: int, v: int) -> Tensor:
    """Sum over unique keys, row by row; no histogram."""
    code = codes(cache, u, v)
    z = module.lin.bias
    for a, c in code.items():
        vectors = [i.vector for n in (u, v) for i in items(n) if i.key == a]
        width = module.lin.in_features - module.code.embedding_dim
        row = torch.cat([sum(vectors, torch.zeros(width)), module.code.weight[c]])
        z = z + module.lin.weight @ row
    return z


def readout_attention(module: Any, cache: DictCache, items: Any, u: int, v: int) -> Tensor:
    """A softmax over the entries, one head after the other."""
    code = codes(cache, u, v)
    entries = [*items(u), *items(v)]
    out = module.lin.out_features
    if not entries:
        return torch.zeros(out)
    rows = [
        torch.cat([i.vector, module.code.weight[code[i.key]] + module.age.weight[i.group]])
        for i in entries
    ]
    values = torch.stack([module.lin.weight @ row for row in rows])
    size, heads = out // module.heads, []
    for h in range(module.heads):
        value = values[:, h * size : (h + 1) * size]
        logit = torch.nn.functional.leaky_relu(value @ module.att[h], 0.2)
        weight = (logit - logit.max()).exp()
        heads.append((weight / weight.sum()) @ value)
    return torch.cat(heads)


READOUTS = {
    "RecencyReadout": readout_recency,
    "CodeReadout": readout_code,
    "AttentionReadout": readout_attention,
}


def bucket(age: float) -> int:
    """Two to every doubling of ``1 + age``."""
    steps = 1 + max(age, 0)
    k = 0
    while steps >= 2 ** (k + 1):
        k += 1
    return min(47, 2 * k + (steps >= 1.5 * 2**k))


def gru(cell: Any, gates: Tensor, state: Tensor) -> Tensor:
    """One step of :class:`torch.nn.GRUCell` from projected input."""
    h = cell.state_weight @ state + cell.state_bias
    x_r, x_z, x_n = gates.chunk(3)
    h_r, h_z, h_n = h.chunk(3)
    z = torch.sigmoid(x_z + h_z)
    return (1 - z) * torch.tanh(x_n + torch.sigmoid(x_r + h_r) * h_n) + z * state


class NaiveNAT:
    """A NAT, node by node, with the parameters of a model and its own state in dictionaries.

    ``edge_attr`` are the features of the whole stream, by number.
    """

    def __init__(self, model: Any, edge_attr: Tensor | None = None) -> None:
        self.m, self.edge_attr = model, edge_attr
        c = model.cache
        self.cache = DictCache(
            c.num_slots,
            c.channels,
            c.replace_prob,
            c.allow_self,
            c.seed,
            tuple(c.half_lives.tolist()),
        )
        self.self_vector: dict[int, Tensor] = {}

    def stored(self, node: int) -> Tensor:
        return self.self_vector.get(node, torch.zeros(self.m.self_channels))

    def group(self, entry: Entry, now: float) -> int:
        age = (now - entry.t) / self.m.tick if self.m.clock == "time" else None
        b = bucket(self.cache.clock - entry.event if age is None else age)
        return b + 48 * entry.side * self.m.directed

    def gates(self, cell: Any, partner: int, entry: Entry, now: float) -> Tensor:
        gates = cell.in_weight @ self.stored(partner)
        if self.m.clock == "absolute":
            gates = gates + cell.age[:, 0]
            gates = gates + cell.time_weight @ self.m.time_encoder(torch.tensor(entry.t))
        else:
            gates = gates + cell.age[:, self.group(entry, now)]
        if self.edge_attr is not None:
            gates = gates + cell.edge_weight @ self.edge_attr[entry.event]
        return gates

    def update(self, owner: int, k: int, key: int, entry: Entry, now: float) -> Tensor:
        if k == 2 and not self.m.hop2_pending:
            return entry.vector
        cell = self.m.neighbor_cell
        return gru(cell, self.gates(cell, key, entry, now), entry.vector)

    def self_of(self, node: int, now: float) -> Tensor:
        cell = self.m.self_cell
        entry = self.cache.entries(node, 0).get(node)
        if entry is None:
            never = 0 if self.m.clock == "absolute" else self.m.num_groups
            gates = cell.age[:, never]
            if self.m.clock == "absolute":  # the authors' code encodes time 0 here
                gates = gates + cell.time_weight @ self.m.time_encoder(torch.tensor(0))
        else:
            gates = self.gates(cell, self.cache.partner[node], entry, now)
        return gru(cell, gates, self.stored(node))

    def items(self, node: int, now: float) -> list[Item]:
        items = []
        for k in range(3):
            for key, entry in self.cache.entries(node, k).items():
                vector = self.update(node, k, key, entry, now)
                if self.m.x is not None:
                    vector = torch.cat([vector, self.m.feature_lin(self.m.x[key])])
                count = 0 if self.m.cache.count is None else entry.count
                items.append(Item(k, key, vector, self.group(entry, now), count))
        return items

    def head(self, node: int, now: float) -> Tensor:
        parts = [self.self_of(node, now)]
        entry = self.cache.entries(node, 0).get(node)
        for side in range(2):
            for h, life in enumerate(self.cache.half_lives):
                level = 0.0
                if entry is not None:
                    late = self.cache.clock - entry.event
                    level = self.cache.activity[node][side][h] * 2.0 ** (-late / life)
                parts.append(torch.tensor([level]).log1p())
        if self.m.x is not None:
            parts.append(self.m.x[node])
        return torch.cat(parts)

    @torch.no_grad()
    def score(self, u: int, v: int, now: float) -> float:
        readout = READOUTS[type(self.m.readout).__name__]
        z = readout(self.m.readout, self.cache, lambda node: self.items(node, now), u, v)
        width = z.numel()
        weight, bias = self.m.node_lin.weight, self.m.node_lin.bias
        z = z + weight[:width] @ self.head(u, now) + bias[:width]
        z = z + weight[width:] @ self.head(v, now) + bias[width:]
        return float(self.m.score_lin(z.relu()))

    @torch.no_grad()
    def observe(self, events: list[Event]) -> None:
        new = {}
        for e in sorted(events, key=lambda e: e.id):
            for node in (e.src, e.dst):
                new[node] = self.self_of(node, e.t)
        self.cache.write(events, self.update)
        self.self_vector.update(new)
