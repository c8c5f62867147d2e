"""NAT the plain way, as its authors lay it out: the baseline of ``benchmarks/speed/nat.py``.

Luo and Li, "Neighborhood-aware Scalable Temporal Network Representation Learning", LoG 2022
(arXiv 2209.01084). Every dictionary is one float matrix of rows ``[key, edge, time, vector]``,
addressed ``owner * slots + slot``; the two dictionaries of a pair are joined by ``torch.unique``;
writes are indexed assignments. Ids start at 1, 0 is padding. It keeps the traits of the authors'
layout that :class:`graphkit.models.stream.NAT` lists as departures (float ids, a hash that wants an
odd seed, an undefined winner among events of one node in one batch), and their sizes.
"""

from __future__ import annotations

from dataclasses import dataclass

import torch
import torch.nn.functional as F
from torch import Tensor, nn

__all__ = ["PlainNAT"]

KEY, EDGE, TIME, VECTOR = 0, 1, 2, 3  # columns of a stored row; the vector is the rest


@dataclass
class Entries:
    """What one hop of the caches holds for some nodes, events applied: ``[R, M]``."""

    key: Tensor
    edge: Tensor
    time: Tensor
    vector: Tensor  # [R, M, F]


class PlainNAT(nn.Module):
    """NAT with dictionaries as float rows and a join by sorting.

    Args:
        num_nodes: Number of nodes, the padding node not counted.
        num_edges: Number of events of the whole stream, the padding event not counted.
        num_slots: Slots of hops 1 and 2.
        neighbor_channels, self_channels, time_channels, code_channels: Sizes.
        feature_channels: Width of the (zero) node and edge features, and of the readout.
        replace_prob: Chance that a new key evicts another one.
        dropout: On the readout.
        heads: Averaged maps of the readout.
        seed: Of the hash; should be odd.
    """

    def __init__(
        self,
        num_nodes: int,
        num_edges: int,
        *,
        num_slots: tuple[int, int] = (32, 16),
        neighbor_channels: int = 4,
        self_channels: int = 72,
        time_channels: int = 1,
        code_channels: int = 16,
        feature_channels: int = 1,
        replace_prob: float = 0.9,
        dropout: float = 0.1,
        heads: int = 2,
        seed: int = 7,
    ) -> None:
        super().__init__()
        self.num_rows, self.num_slots = num_nodes + 1, (1, *num_slots)
        self.neighbor_channels, self.self_channels = neighbor_channels, self_channels
        self.replace_prob, self.dropout, self.heads, self.seed = replace_prob, dropout, heads, seed
        self.register_buffer("x", torch.zeros(self.num_rows, feature_channels))
        self.register_buffer("edge_attr", torch.zeros(num_edges + 1, feature_channels))
        inputs = self_channels + feature_channels + time_channels
        self.frequency = nn.Parameter(10.0 ** -torch.linspace(0, 9, time_channels))
        self.phase = nn.Parameter(torch.zeros(time_channels))
        self.neighbor_lin = nn.Linear(inputs, neighbor_channels, bias=False)
        self.neighbor_gru = nn.GRUCell(neighbor_channels, neighbor_channels)
        self.self_lin = nn.Linear(inputs, self_channels, bias=False)
        self.self_gru = nn.GRUCell(self_channels, self_channels)
        self.code = nn.Embedding(64, code_channels)
        width = feature_channels + neighbor_channels + code_channels
        self.readout_lin = nn.Linear(width, heads * feature_channels, bias=False)
        self.readout_bias = nn.Parameter(torch.zeros(feature_channels))
        width = feature_channels + 2 * self_channels
        self.score = nn.Sequential(nn.Linear(width, width), nn.ReLU(), nn.Linear(width, 1))
        nn.init.xavier_uniform_(self.readout_lin.weight)
        nn.init.xavier_normal_(self.score[0].weight)
        nn.init.xavier_normal_(self.score[2].weight)
        for hop, slots in enumerate(self.num_slots):
            row = torch.zeros(self.num_rows * slots, VECTOR + neighbor_channels)
            self.register_buffer(f"store{hop}", row)
        self.register_buffer("self_vector", torch.zeros(self.num_rows, self_channels))
        self.register_buffer("pending", torch.zeros(self.num_rows, 3))
        self.reset_state()

    @property
    def stores(self) -> list[Tensor]:
        """The packed dictionaries of the three hops."""
        return [self.store0, self.store1, self.store2]

    @property
    def bytes_per_node(self) -> int:
        """Bytes of stream state per node."""
        state = [*self.stores, self.self_vector, self.pending]
        return sum(s.numel() * s.element_size() for s in state) // self.num_rows

    def reset_state(self) -> None:
        """Forget every event."""
        for store in self.stores:
            store.zero_()
            nn.init.xavier_uniform_(store[:, VECTOR:])
        self.self_vector.zero_()
        self.pending.zero_()

    # ------------------------------------------------------------------ one batch
    def contrast(
        self, src: Tensor, dst: Tensor, negative: Tensor, t: Tensor, edge: Tensor
    ) -> tuple[Tensor, Tensor]:
        """Probabilities ``[B]`` of the events and of their negatives; then enters the events.

        ``negative`` is ``[B]``, or ``[B, C]`` for probabilities ``[B, C]``.
        """
        size = src.numel()
        nodes = torch.cat([src, dst, negative.reshape(-1)])
        self.store0[nodes, KEY] = nodes.to(torch.float)
        hops = [self.read(nodes, hop) for hop in range(3)]
        vectors = self.read_self(nodes)
        first = torch.arange(size)
        positive = self.pair(hops, vectors, first, first + size)
        other = torch.arange(2 * size, nodes.numel())
        candidates = negative.numel() // size
        against = self.pair(hops, vectors, first.repeat_interleave(candidates), other)
        self.write(src, dst, t, edge, hops, vectors)
        return positive, against.view(negative.shape)

    def encode(self, other: Tensor, edge: Tensor, time: Tensor) -> Tensor:
        """The input of both GRUs: self vector of the other node, edge features, cosine of time."""
        clock = torch.cos(time.unsqueeze(-1) * self.frequency + self.phase)
        return torch.cat([self.self_vector[other], self.edge_attr[edge], clock], dim=-1)

    def read(self, nodes: Tensor, hop: int) -> Entries:
        """All slots of one hop, with the pending event of each entry applied."""
        slots = self.num_slots[hop]
        address = (nodes.unsqueeze(1) * slots + torch.arange(slots)).view(-1)
        rows = self.stores[hop][address]
        key, edge, time = rows[:, KEY].long(), rows[:, EDGE].long(), rows[:, TIME]
        inputs = self.neighbor_lin(self.encode(key, edge, time))
        vector = self.neighbor_gru(inputs, rows[:, VECTOR:])
        vector = vector * (time != 0).unsqueeze(1)
        shape = (nodes.numel(), slots)
        return Entries(key.view(shape), edge.view(shape), time.view(shape), vector.view(*shape, -1))

    def read_self(self, nodes: Tensor) -> Tensor:
        """``[R, S]``: the nodes' own vectors, with their last event applied."""
        pending = self.pending[nodes]
        inputs = self.encode(pending[:, 0].long(), pending[:, 1].long(), pending[:, 2])
        return self.self_gru(self.self_lin(inputs), self.self_vector[nodes])

    def pair(self, hops: list[Entries], vectors: Tensor, a: Tensor, b: Tensor) -> Tensor:
        """Probability of each pair of rows ``(a, b)``: join of the dictionaries, readout, MLP."""
        pair, key, bits, vector = [], [], [], []
        for hop, entries in enumerate(hops):
            for side, rows in ((0, a), (1, b)):
                keys = entries.key[rows]
                found = keys != 0
                pair.append(torch.nonzero(found)[:, 0])
                key.append(keys[found])
                bits.append(torch.full_like(key[-1], 1 << (hop + 3 * side)))
                vector.append(entries.vector[rows][found])
        pairs_and_keys = torch.stack([torch.cat(pair), torch.cat(key)], dim=1)
        unique, place = torch.unique(pairs_and_keys, dim=0, return_inverse=True)
        code = torch.zeros(len(unique), dtype=torch.long).index_add(0, place, torch.cat(bits))
        total = torch.zeros(len(unique), self.neighbor_channels)
        total = total.index_add(0, place, torch.cat(vector))
        feature = torch.zeros(len(unique), self.x.shape[1])
        feature = feature.index_add(0, place, self.x[torch.cat(key)])
        rows = torch.cat([feature, total, self.code(code)], dim=1)
        rows = F.dropout(rows, self.dropout, self.training)
        rows = F.dropout(self.readout_lin(rows), self.dropout, self.training)
        pooled = torch.zeros(len(a), rows.shape[1]).index_add(0, unique[:, 0], rows)
        pooled = pooled.view(len(a), self.heads, -1).mean(1) + self.readout_bias
        joint = torch.cat([pooled, vectors[a], vectors[b]], dim=1)
        return torch.sigmoid(self.score(joint)).squeeze(1)

    # ------------------------------------------------------------------ write-back
    @torch.no_grad()
    def write(
        self,
        src: Tensor,
        dst: Tensor,
        t: Tensor,
        edge: Tensor,
        hops: list[Entries],
        vectors: Tensor,
    ) -> None:
        """Enters the events, after their scoring: self vectors, then hops 2, 1 and 0."""
        size = src.numel()
        owner, partner = torch.cat([src, dst]), torch.cat([dst, src])
        row = torch.arange(2 * size)
        partner_row = row.roll(size)
        event = torch.cat([edge, edge]).to(torch.float)
        time = torch.cat([t, t]).to(torch.float)
        self.self_vector[owner] = vectors[: 2 * size]
        self.pending[owner] = torch.stack([partner.to(torch.float), event, time], dim=1)

        hop1 = hops[1]
        offered = hop1.key[partner_row]
        given = offered != 0
        to = owner.unsqueeze(1).expand_as(offered)[given]
        self.insert(
            2,
            to,
            offered[given],
            hop1.edge[partner_row][given].to(torch.float),
            hop1.time[partner_row][given],
            hop1.vector[partner_row][given],
        )
        slot = self.slot(partner, 1)
        carried = hop1.vector[row, slot] * (hop1.key[row, slot] == partner).unsqueeze(1)
        self.insert(1, owner, partner, event, time, carried)
        self.insert(0, owner, owner, event, time, hops[0].vector[row, 0])

    def slot(self, key: Tensor, hop: int) -> Tensor:
        """The slot of each key, the same for every owner."""
        return (key * self.seed + key * key * (self.seed + 1)) % self.num_slots[hop]

    def insert(
        self, hop: int, owner: Tensor, key: Tensor, edge: Tensor, time: Tensor, vector: Tensor
    ) -> None:
        """Writes rows; one that would evict another key is written only if its coin falls well."""
        store = self.stores[hop]
        address = owner * self.num_slots[hop] + self.slot(key, hop)
        held = store[address, KEY].long()
        coin = torch.rand(held.shape) < self.replace_prob
        passes = (held == 0) | (held == key) | coin
        head = torch.stack([key.to(torch.float), edge, time], dim=1)
        store[address[passes]] = torch.cat([head, vector], dim=1)[passes]
