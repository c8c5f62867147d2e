r"""NAT: link prediction from joint neighbourhoods stored in per-node caches.

Yuhong Luo and Pan Li, "Neighborhood-aware Scalable Temporal Network Representation Learning",
LoG 2022, arXiv 2209.01084. Models with one vector per node cannot detect that two nodes share a
recent neighbour. NAT stores, per node, a few small dictionaries from neighbour to vector (the
N-cache, :class:`~graphkit.nn.stream.NCache`) and joins the dictionaries of both endpoints of a
queried pair.

For a query (u, v):

.. math::
    \tilde Z^{(k)}_u[a] &= \mathrm{GRU}_n\big([\, s_a \,\|\, e \,\|\, \tau \,],\;
        Z^{(k)}_u[a]\big) & \text{read, hops 0 and 1} \\
    \tilde s_u &= \mathrm{GRU}_s\big([\, s_b \,\|\, e \,\|\, \tau \,],\; s_u\big)
        & \text{(u, b, e): the last event of u} \\
    z_{uv} &= \mathrm{readout}\big(\{(a,\; \text{hops that hold } a,\; \tilde Z[a])\}\big) \\
    \mathrm{score} &= w^\top \mathrm{ReLU}\big(z_{uv} + W_1 \tilde s_u + W_2 \tilde s_v + b\big)

:math:`s` are self vectors, :math:`e` the features of the pending event, :math:`\tau` its time.
``score`` computes these without changing the state; ``observe`` stores them for the endpoints of
real events (negatives are never stored).

**Time.** In the authors' code the GRUs read the absolute time of an event, and the time of the
query is not used (``clock="absolute"``: one encoder for both GRUs, and time 0 for a node without an
event, as in their code). With ``clock="time"`` they read the age of the event in seconds, and with
``clock="events"`` (default) the number of events of the stream since then. The activity of a
network varies; an age in events keeps its meaning when it does, an age in seconds does not. The
readouts with ages count them in events, except with ``clock="time"``. See docs/design.md for the
measured differences.

**Readouts.** ``readout="recency"`` (default, :class:`~graphkit.nn.stream.RecencyReadout`)
distinguishes entries by code and age; ``"code"`` is the authors' sum over keys with one embedding
per distance-encoding code; ``"attention"`` weights the keys of a pair by a softmax, which is
described in the paper but missing in the authors' code.

Deliberate departures from the authors' code, where it is wrong or unspecified:

- Ids and times are integers, and validity is explicit: an event at time 0 or of id 0 is history.
- The hash uses every slot for every seed (in the authors' code, only a quarter of the slots for
  even seeds).
- If a node has several events in a batch, the latest one is stored, as a whole row, on every
  device.
- A rejected write changes nothing (in the authors' code it is written to row 0); with
  ``replace_prob=0`` empty slots are still filled.
- The vectors of hop-2 entries already include their event, so it is not applied again
  (``hop2_pending=True`` for the authors' code), and no node is in its own hop 2
  (``allow_self=True`` for the authors' code).
- The GRUs project their input once, not through a second, narrower matrix. Similarly, the linear
  map of the readout and the first layer of the score head, which are consecutive, are one map.
- Node features are used once per entry; the readout has its own width.
- All state is in buffers; empty slots contain zeros, not noise.
- Hop-1 entries count their events, and nodes have an activity (``counts=False``,
  ``half_lives=()`` for the authors' code).

``directed=True`` also distinguishes entries whose event was sent by the owner from those whose
event was received; this did not improve the measured results.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

import torch
from torch import Tensor, nn

from graphkit.checks import check_choice, check_count, check_share
from graphkit.errors import GraphError
from graphkit.nn.caching.unchanged import unchanged_block
from graphkit.nn.stream import (
    EventColumns,
    EventFeatures,
    NodeTables,
    StreamClock,
    TimeEncoder,
    check_node_ids,
    check_pairs,
    feature_width,
    refuse_feature_table,
)
from graphkit.nn.stream.joint_readout import (
    AttentionReadout,
    CodeReadout,
    JointView,
    RecencyReadout,
    strength,
)
from graphkit.nn.stream.n_cache import CacheRows, NCache
from graphkit.nn.stream.time_encoding import num_buckets, recency_bucket
from graphkit.nn.stream.timed_gru import TimedGRU
from graphkit.ops.compiled import use_compiled
from graphkit.ops.n_cache.loops import read_rows
from graphkit.registry import register

__all__ = ["NAT"]

_READOUTS = {"recency": RecencyReadout, "code": CodeReadout, "attention": AttentionReadout}
_CLOCKS = ("events", "time", "absolute")


@dataclass(frozen=True, eq=False)
class _Reading:
    """Caches of nodes with pending events applied: ``R`` rows, ``W`` columns."""

    rows: CacheRows
    group: Tensor  # int64 [R, W], age groups
    vector_sum: Tensor  # [F, R]
    self_vector: Tensor  # [R, S]
    row_of: Tensor  # int64, the row of each queried node
    now: Tensor | None = None  # query time of each row; None: one row per node for all times
    valid: Tensor | None = None  # [R, W], 1 in occupied slots, otherwise 0
    vector: Tensor | None = None  # [F, R, W]; or in list form, as
    cell: Tensor | None = None  # int64 [n], row * W + column, and
    entry: Tensor | None = None  # [F, n]
    places: tuple[Tensor, Tensor] | None = None  # see JointView

    def updated(self, channels: int) -> Tensor:
        """Return the updated vectors for writing, ``[F, R, W]``."""
        if self.vector is not None:
            return self.vector[:channels]
        dense = self.entry.new_zeros(channels, self.group.numel())
        dense.scatter_(1, self.cell.expand(channels, -1), self.entry.detach())
        return dense.view(channels, *self.group.shape)


@register("model", "nat", view="stream", tasks=("link_prediction",))
class NAT(NodeTables):
    """NAT (Luo and Li 2022): joint neighbourhoods from per-node dictionaries.

    When to use:
        For link prediction on large streams, in particular on a CPU: the memory per node and
        the cost of a query are bounded, and the recent neighbourhoods of both nodes are
        compared.

    Args:
        num_nodes: Number of nodes :math:`N`.
        edge_dim: Number of features per event, given as ``edge_attr`` in batches.
        x: ``[N, D_n]`` node features, or ``None``.
        num_slots: Numbers of slots of hop 1 and hop 2; hop 2 may have 0.
        neighbor_channels: Size of the cached vectors, ``F``.
        self_channels: Size of the self vectors, ``S``.
        time_channels: Size of the time encoding, with ``clock="absolute"``.
        hidden_channels: Size of the readout and of the hidden layer of the score head.
        clock: ``"events"``, ``"time"`` or ``"absolute"``, see above.
        readout: ``"recency"``, ``"code"`` or ``"attention"``.
        replace_prob: Probability that a new key replaces another one.
        dropout: Dropout probability of the readout.
        directed: Whether to distinguish entries whose event was sent by the owner from those whose
            event was received.
        hop2_pending: Whether to apply events to hop-2 entries when they are read.
        allow_self: Whether a node can be in its own hop 2.
        counts: Whether to count the events of a node with each key of its hop 1 (used by the
            recency readout).
        half_lives: Half-lives, in events, of the activity of a node, which is the decayed number of
            events sent and received. Empty for no activity.
        tick: Number of ticks per step of the age scale, with ``clock="time"``.
        time_dtype: ``torch.int64`` or ``torch.float64``.
        seed: Seed of the hash and of the random replacements (not of the parameters).

    Raises:
        GraphError: An option is out of range; a node id is out of range or an event is late (both
            checked on the CPU only, because the host would have to wait for other devices);
            features are missing; or float times are passed to a model for integer times.

    Shapes:
        - **score:** ``src [B]``, ``dst [B]`` or ``[B, C]``, ``t [B]``; logits of the shape of
          ``dst``
        - **observe:** an event batch with ``src``, ``dst``, ``t``, each ``[B]``, and ``edge_attr``
    """

    accepts_late = False

    def __init__(
        self,
        num_nodes: int,
        *,
        edge_dim: int = 0,
        x: Tensor | None = None,
        num_slots: tuple[int, int] = (32, 16),
        neighbor_channels: int = 4,
        self_channels: int = 32,
        time_channels: int = 1,
        hidden_channels: int = 32,
        clock: str = "events",
        readout: str = "recency",
        replace_prob: float = 1.0,
        dropout: float = 0.3,
        directed: bool = False,
        hop2_pending: bool = False,
        allow_self: bool = False,
        counts: bool = True,
        half_lives: Sequence[float] = (100.0, 1000.0, 10000.0),
        tick: float = 1.0,
        time_dtype: torch.dtype = torch.int64,
        seed: int = 0,
        edge_attr: None = None,
    ) -> None:
        super().__init__(num_nodes)
        refuse_feature_table(edge_attr)
        check_choice(clock, "clock", _CLOCKS)
        check_choice(readout, "readout", _READOUTS)
        for name, size in {
            "neighbor_channels": neighbor_channels,
            "self_channels": self_channels,
            "time_channels": time_channels,
            "hidden_channels": hidden_channels,
        }.items():
            check_count(size, name)
        check_share(dropout, "dropout")
        if not tick > 0:
            raise GraphError("tick", "is a span of time", expected="> 0", got=tick)
        self.clock, self.tick, self.edge_dim = clock, float(tick), edge_dim
        self.neighbor_channels, self.self_channels = neighbor_channels, self_channels
        self.hop2_pending, self.dropout, self.directed = hop2_pending, dropout, directed
        self.num_groups = num_buckets() * (2 if directed else 1)
        self.cache = NCache(
            num_nodes,
            neighbor_channels,
            num_slots,
            replace_prob,
            keep_time=clock != "events",
            time_dtype=time_dtype,
            keep_count=counts,
            half_lives=half_lives,
            allow_self=allow_self,
            seed=seed,
        )
        self.stream_clock = StreamClock(time_dtype)
        self.features = EventFeatures(edge_dim, self._referred) if edge_dim else None
        self.add_table("self_vector", self_channels)
        node_channels = self.add_node_features(x)
        feature_channels = min(node_channels, neighbor_channels)
        num_ages = 0 if clock == "absolute" else self.num_groups
        self.time_encoder = None if num_ages else TimeEncoder(time_channels)
        self.neighbor_cell = TimedGRU(
            self_channels, edge_dim, time_channels, neighbor_channels, num_ages
        )
        self.self_cell = TimedGRU(self_channels, edge_dim, time_channels, self_channels, num_ages)
        if x is not None:
            self.feature_lin = nn.Linear(node_channels, feature_channels, bias=False)
        self.readout = _READOUTS[readout](
            neighbor_channels + feature_channels, hidden_channels, self.num_groups
        )
        head_channels = self_channels + 2 * len(half_lives) + node_channels
        self.node_lin = nn.Linear(head_channels, 2 * hidden_channels)
        self.score_lin = nn.Linear(hidden_channels, 1)
        self._memo: tuple[int, _Reading, object, tuple[int, ...]] | None = None
        self.reset_parameters()

    @classmethod
    def from_graph(cls, graph: Any, **settings: Any) -> NAT:
        """Create a model for the nodes, features, time dtype and tick length of a graph."""
        unit = graph.time_unit.nanoseconds
        found = {
            "edge_dim": feature_width(graph.tables.edge_attr),
            "x": graph.x,
            "time_dtype": graph.t.dtype,
            "tick": 1.0 if unit is None else max(1.0, 1e9 / unit),
        }
        return cls(graph.num_nodes, **{**found, **settings})

    @classmethod
    def from_task(cls, task: Any, **settings: Any) -> NAT:
        """Create a model for the graph of a task, see :meth:`from_graph`."""
        return cls.from_graph(task.graph, **settings)

    def reset_parameters(self) -> None:
        """Reset all learnable parameters."""
        for module in self.children():
            if module is not self.cache and hasattr(module, "reset_parameters"):
                module.reset_parameters()
        for module in (self.node_lin, self.score_lin):
            nn.init.xavier_normal_(module.weight)

    def reset_state(self) -> None:
        """Reset the stream state."""
        self.cache.reset_state()
        self.stream_clock.reset_state()
        if self.features is not None:
            self.features.reset_state()
        self.reset_tables()
        self._memo = None

    def _resize(self, num_nodes: int) -> None:
        super()._resize(num_nodes)
        self._memo = None

    # ---------------------------------------------------------------- score
    def score(self, src: Tensor, dst: Tensor, t: Tensor) -> Tensor:
        """Return the logits of an event from ``src`` to ``dst`` at ``t``, without changing the
        state."""
        check_pairs(src, dst, t)
        candidates = dst.unsqueeze(1) if dst.dim() == 1 else dst
        num_events, num_candidates = candidates.shape
        nodes = torch.cat([src, candidates.reshape(-1)])
        reading = self._read(nodes, lambda: torch.cat([t, t.repeat_interleave(num_candidates)]))
        self._memo = None
        block = unchanged_block()
        if block is not None:  # without it, writes to the state or a weight may go unnoticed
            self._memo = (num_candidates, reading, block, self._versions())
        u, v = reading.row_of[:num_events], reading.row_of[num_events:]
        if num_candidates != 1:
            u = u.unsqueeze(1).expand(-1, num_candidates).reshape(-1)
        z = self.readout(self._join(reading, u, v))
        z = nn.functional.dropout(z, self.dropout, self.training)
        node = [reading.self_vector, self.cache.fading(reading.rows).log1p()]
        if self.x is not None:
            node.append(self.x.index_select(0, reading.rows.node))
        node_u, node_v = self.node_lin(torch.cat(node, dim=1)).chunk(2, dim=1)
        hidden = z + node_u.index_select(0, u) + node_v.index_select(0, v)
        return self.score_lin(hidden.relu_()).view(dst.shape)

    def embed(self, nodes: Tensor, t: Tensor | None = None) -> Tensor:
        """Return the self vectors of nodes with their last event applied, as used by ``score``,
        ``[Q, self_channels]``, without changing the state.

        Args:
            nodes: Ids of the nodes, int64 ``[Q]``.
            t: Times of the queries, ``[Q]``; by default the time of the latest event. Used only
                with ``clock="time"``.
        """
        reading = self._read(nodes, lambda: self.stream_clock.times(nodes, t))
        return reading.self_vector.index_select(0, reading.row_of)

    def _join(self, reading: _Reading, u: Tensor, v: Tensor) -> JointView:
        key = reading.rows.key.clone()
        key[:, 0] = reading.rows.node  # a node is its own key even before its first event
        return JointView(
            key=key,
            group=reading.group,
            num_groups=self.num_groups,
            valid=reading.valid,
            vector=reading.vector,
            vector_sum=reading.vector_sum,
            u=u,
            v=v,
            num_slots=self.cache.num_slots,
            slot1=self.cache.slot1,
            places=reading.places,
            strength=None if reading.rows.count is None else strength(reading.rows.count),
        )

    # ---------------------------------------------------------------- observe
    @torch.no_grad()
    def observe(self, batch: Any) -> None:
        """Add scored events to the state; the only method that writes the state."""
        events = EventColumns.of(batch, self.edge_dim)
        if len(events) == 0:
            return
        number = self.stream_clock.number(events)
        src_row, dst_row, reading = self._recall(events)
        row = self.cache.write(
            reading.rows,
            reading.updated(self.neighbor_channels),
            src_row,
            dst_row,
            number,
            events.t,
            reading.now is None,
        )
        self.self_vector.index_copy_(
            0, reading.rows.node[row], reading.self_vector.index_select(0, row)
        )
        self.stream_clock.advance(events)
        if self.features is not None:
            self.features.append(number, events.edge_attr)
        self._memo = None

    def _recall(self, batch: EventColumns) -> tuple[Tensor, Tensor, _Reading]:
        """Return the reading of the nodes of a batch, reusing that of ``score`` if it is valid."""
        size = len(batch)
        if self._memo is not None and batch.src.device.type == "cpu":
            stride, reading, *made = self._memo
            row, node = reading.row_of, reading.rows.node
            same = made == [unchanged_block(), self._versions()]
            if stride and row.numel() == size * (1 + stride) and same:
                # Contiguous, so that the compiled loop is called with one layout only.
                src_row, dst_row = row[:size], row[size::stride].contiguous()
                if (
                    (reading.now is None or torch.equal(reading.now[:size], batch.t))
                    and torch.equal(node.index_select(0, src_row), batch.src)
                    and torch.equal(node.index_select(0, dst_row), batch.dst)
                ):
                    return src_row, dst_row, reading
        reading = self._read(torch.cat([batch.src, batch.dst]), lambda: batch.t.repeat(2))
        return reading.row_of[:size], reading.row_of[size:], reading

    def _versions(self) -> tuple[int, ...]:
        """Version numbers that change whenever the inputs of a reading change."""
        cells = (self.neighbor_cell.in_weight, self.neighbor_cell.age, self.self_cell.in_weight)
        state = (self.cache.key, self.cache.stamp, self.cache.vector, self.self_vector)
        return tuple(tensor._version for tensor in (*cells, *state))

    def __getstate__(self) -> dict[str, Any]:
        return {**self.__dict__, "_memo": None}  # copies and pickles contain no autograd graph

    # ---------------------------------------------------------------- read
    def _read(self, nodes: Tensor, now: Callable[[], Tensor]) -> _Reading:
        """Read the caches of ``nodes [Q]``; ``now`` returns the times ``[Q]`` if they are used."""
        shared = self.clock != "time" and nodes.device.type == "cpu"
        if not shared:
            check_node_ids(nodes, self.num_nodes)
            row_of = torch.arange(nodes.numel(), device=nodes.device)
            return self._read_dense(nodes, row_of, now())
        # The cache of a node does not depend on the query, so every node is read once.
        node, row_of = torch.unique(nodes, return_inverse=True)
        check_node_ids(node[:: max(1, len(node) - 1)], self.num_nodes)  # node is sorted
        listed = (
            self.clock == "events"
            and not isinstance(self.readout, AttentionReadout)
            and self.x is None
            and self.cache.vector.dtype == torch.float32
        )
        if listed and use_compiled(self.self_vector, node):
            return self._read_listed(node, row_of)
        return self._read_dense(node, row_of, None)

    def _read_listed(self, node: Tensor, row_of: Tensor) -> _Reading:
        """Read occupied slots only."""
        cache, channels = self.cache, self.neighbor_channels
        width = cache.key.shape[1]
        found = read_rows(
            *(v.numpy() for v in (cache.key, cache.stamp, cache.vector, node)),
            cache.clock.item(),
            cache.num_slots[0],
            width if self.hop2_pending else 1 + cache.num_slots[0],
            num_buckets(),
            self.directed,
        )
        key, stamp, group, rest, *places, cell, owner, entry_key, entry_group, state = (
            torch.from_numpy(v) for v in found
        )
        partner = cache.partner.index_select(0, node)
        count = None if cache.count is None else cache.count.index_select(0, node)
        activity = cache.activity.index_select(0, node)
        rows = CacheRows(node, key, stamp, None, partner, None, count, activity)
        entry_stamp = None
        if self.features is not None:
            entry_stamp = stamp.view(-1).index_select(0, cell)
        entry = self._apply_events(entry_key, entry_group, state, None, entry_stamp, None)
        return _Reading(
            rows=rows,
            group=group,
            vector_sum=rest.scatter_add(1, owner.expand(channels, -1), entry),
            self_vector=self._self_vectors(rows, group[:, 0]),
            row_of=row_of,
            cell=cell,
            entry=entry,
            places=tuple(places),
        )

    def _read_dense(self, node: Tensor, row_of: Tensor, now: Tensor | None) -> _Reading:
        """Read all slots, with static shapes and without waiting for the device."""
        rows = self.cache.read(node)
        channels, width = self.neighbor_channels, rows.key.shape[1]
        valid = (rows.key >= 0).to(rows.vector.dtype)
        if self.clock == "time":
            age = now.to(rows.time.dtype).unsqueeze(1) - rows.time
            group = recency_bucket(age, self.tick)
        else:
            group = recency_bucket(self.cache.clock - (rows.stamp >> 1))
        if self.directed:
            group = group + num_buckets() * (rows.stamp & 1)
        group = group * (rows.key >= 0)
        stored = rows.vector.transpose(0, 1)
        pending = slice(0, width if self.hop2_pending else 1 + self.cache.num_slots[0])
        vector = self._apply_events(
            rows.key[:, pending].clamp(min=0).reshape(-1),
            group[:, pending].reshape(-1),
            stored[:, :, pending].reshape(channels, -1),
            valid[:, pending].reshape(-1),
            rows.stamp[:, pending].reshape(-1),
            None if rows.time is None else rows.time[:, pending].reshape(-1),
        ).view(channels, node.numel(), pending.stop)
        if vector.shape[2] < width:
            vector = torch.cat([vector, stored[:, :, vector.shape[2] :]], dim=2)
        if self.x is not None:
            feature = self.feature_lin(self.x).t().index_select(1, rows.key.clamp(min=0).view(-1))
            vector = torch.cat([vector, feature.view(feature.shape[0], *valid.shape) * valid])
        return _Reading(
            rows=rows,
            group=group,
            vector_sum=vector.sum(2),
            self_vector=self._self_vectors(rows, group[:, 0]),
            row_of=row_of,
            now=now,
            valid=valid,
            vector=vector,
        )

    def _apply_events(
        self,
        key: Tensor,
        group: Tensor,
        state: Tensor,
        valid: Tensor | None,
        stamp: Tensor | None,
        time: Tensor | None,
    ) -> Tensor:
        """Apply the GRU step to entries with a pending event, ``[F, E]``."""
        return self.neighbor_cell.look_up(
            self.self_vector, key, group, state, valid, self._features(stamp), self._encoded(time)
        )

    def _self_vectors(self, rows: CacheRows, group: Tensor) -> Tensor:
        """Return the self vectors with the last event of each node applied, ``[R, S]``."""
        state = self.self_vector.index_select(0, rows.node).t().contiguous()
        known = rows.partner >= 0
        partner = self.self_vector.index_select(0, rows.partner.clamp(min=0)) * known.unsqueeze(1)
        age = torch.where(known, group, self.num_groups)
        time = None if rows.time is None else rows.time[:, 0]
        feature = self._features(rows.stamp[:, 0])
        return self.self_cell(partner, age, state, known, feature, self._encoded(time)).t()

    def _features(self, stamp: Tensor | None) -> Tensor | None:
        """Return the features of the stamped events, ``[E, D_e]``, if the model reads features."""
        return None if self.features is None else self.features(stamp >> 1)

    def _encoded(self, time: Tensor | None) -> Tensor | None:
        """Return the encodings of absolute times, ``[E, T]``, with one encoder for both GRUs."""
        return None if self.time_encoder is None else self.time_encoder(time)

    def _referred(self) -> Tensor:
        """Return the numbers of the events whose features may still be read."""
        pending = self.cache.key.shape[1] if self.hop2_pending else 1 + self.cache.num_slots[0]
        number = self.cache.stamp[:, :pending] >> 1
        return number.masked_fill(self.cache.key[:, :pending] < 0, -1)

    def __repr__(self) -> str:
        return (
            f"{type(self).__name__}({self.num_nodes}, num_slots={self.cache.num_slots}, "
            f"clock={self.clock!r}, readout={type(self.readout).__name__})"
        )
