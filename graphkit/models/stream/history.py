r"""Link prediction from the latest events of both nodes, with any sequence encoder.

The common form of two published models:

- Cong et al., "Do We Really Need Complicated Model Architectures For Temporal Networks?", ICLR
  2023, arXiv 2302.11636 (GraphMixer): an MLP-Mixer reads the last events of a node, each with its
  features and a fixed cosine encoding of its age; the mean of the outputs is the embedding of the
  node.
- Yu et al., "Towards Better Dynamic Graph Learning: New Architecture and Unified Library", NeurIPS
  2023, arXiv 2303.13047 (DyGFormer): each event also has the numbers of occurrences of its
  neighbour in the histories of both nodes; consecutive events are joined to patches; one
  Transformer reads the patches of both nodes, and the mean over the patches of a node is its
  embedding.

For a query (u, v) at t, with :math:`n_l, t_l, e_l` the neighbour, time and features of event l:

.. math::
    h^u_l &= A[t - t_l,\, \mathrm{direction}_l] + C_1[\#_u(n_l)] + C_2[\#_v(n_l)]
        + W_e\, e_l + W_x\, x_{n_l}   && \text{one position per event, then u itself} \\
    z_u &= \mathrm{pool}\big(\mathrm{encoder}(\mathrm{patches}(h^u_1, h^u_2, \ldots))\big) \\
    s_{uv} &= w^\top \mathrm{ReLU}\big(W_1 [z_u \| a_u] + W_2 [z_v \| a_v] + p_{uv} + b\big)

:math:`\#_u(n)` is the number of occurrences of n in the history of u, and :math:`a_u` is the
activity of u (events sent and received, decayed with the given half-lives).

**Pairing** determines where the two histories are combined. With ``"head"`` (default), the encoder
reads one node at a time (without :math:`C_2`), so that every node of a batch is encoded once, and
the term of the pair is

.. math::
    p_{uv} = \sum_{l:\ \#_v(n_l) > 0} S[\text{side},\ n_l = v,\ \mathrm{direction}_l,\ t - t_l]

over the events of both sides whose neighbour also occurs in the history of the other side. With
``"tokens"``, the encoder reads both histories of every pair, including :math:`C_2`. With
``"joint"``, it reads them as one sequence, as in DyGFormer. With ``"none"``, the histories are not
compared (GraphMixer).

**Walks** (``walk_hops > 0``) add to :math:`p_{uv}` a perceptron of the products of the projected
temporal walk matrices of both nodes (:class:`~graphkit.nn.stream.TemporalWalks`), the pair features
of TPNet (arXiv 2410.04013): the number of temporal walks of up to two times ``walk_hops`` events
between the two nodes, with higher weights for recent ones.

**Earlier events of the batch.** The events of the scored batch can be passed to ``score``
(``earlier``). The history for a query at t then contains every event strictly before t, as in
DyGLib, where histories are searched by time, and does not depend on the batch size. Activity and
walks are those at the start of the batch.

Departures from GraphMixer: a learned position for the node itself is appended to the sequence and
replaces its node encoder (own features; the mean over the features of neighbours is left to the
encoder). Departures from DyGFormer: the parts of a position are added, not concatenated, before the
encoder; counts are embedded by a table up to ``max_count`` instead of a perceptron; the node itself
is the last position, not the first. Departures from both: ages are groups, two per doubling,
counted in events of the stream (``clock="events"``), for the reason given for NAT in
docs/design.md; ``clock="time"`` with ``ages="fixed_cosine"`` or ``"cosine"`` is their choice. Sent
and received events are distinguished, which is not the case in either model. The settings closest
to each model are named in benchmarks/configs/link_pred/history.json.
"""

from __future__ import annotations

import functools
import inspect
from collections.abc import Callable, Sequence
from typing import Any

import torch
from torch import Tensor, nn

from graphkit.checks import check_choice
from graphkit.encoders.sequence import BlockStack, FeedForward, SequenceEncoder
from graphkit.errors import GraphError
from graphkit.nn.stream import (
    EventColumns,
    EventFeatures,
    NodeTables,
    StreamClock,
    check_node_ids,
    check_pairs,
    feature_width,
    refuse_feature_table,
)
from graphkit.nn.stream.event_history import EventHistory, HistoryRows
from graphkit.nn.stream.fading_table import FadingTable
from graphkit.nn.stream.history_tokens import HistoryTokens, Patches, keys
from graphkit.nn.stream.temporal_walks import TemporalWalks
from graphkit.ops.co_occurrence import co_occurrence
from graphkit.ops.joint_bag import joint_bag
from graphkit.registry import get, register

__all__ = ["HistoryLinkPredictor"]

_PAIRINGS = ("head", "tokens", "joint", "none")
_POOLS = ("last", "mean")


@register("model", "history", view="stream", tasks=("link_prediction",))
class HistoryLinkPredictor(NodeTables):
    r"""Sequence encoder over the last events of both nodes (GraphMixer, DyGFormer, ...).

    When to use:
        For link prediction with any sequence encoder (`encoder=`), from the latest events of
        both nodes and their common neighbours. With `within_batch` of the task, predictions
        also use the strictly earlier events of the same batch.

    Args:
        num_nodes: Number of nodes :math:`N`.
        encoder: Name of a sequence encoder, see :mod:`graphkit.encoders.sequence`; a class or
            function of ``in_channels`` that returns an encoder; or an encoder module, which is used
            unchanged.
        edge_dim: Number of features per event, given as ``edge_attr`` in batches.
        x: ``[N, F_x]`` node features, or ``None``.
        length: Number of positions per node: the node itself and its latest ``length - 1`` events.
        hidden_channels: Width of positions, of the encoder and of the head.
        num_layers: Number of layers of the encoder, if it has such an argument; otherwise the
            number of stacked encoders, each with a norm before it, a residual connection around it
            and a two-layer perceptron after it. ``length`` is passed to the encoder in the same
            way.
        encoder_settings: Additional arguments of the encoder.
        patch_size: Number of positions that are joined to a patch.
        pairing: ``"head"``, ``"tokens"``, ``"joint"`` or ``"none"``, see above.
        pool: ``"last"`` for the output at the node itself, or ``"mean"`` over all valid outputs.
        clock: Unit of ages: ``"events"`` of the stream or ``"time"``.
        ages: Encoding of ages in positions, see :class:`~graphkit.nn.stream.HistoryTokens`.
        time_channels: Number of cosines for ages.
        max_count: Maximum count; larger counts are treated as equal to it.
        half_lives: Half-lives of the activity, in events; may be empty.
        walk_hops: Length of the longest projected walk; 0 disables walks.
        walk_half_lives: Half-lives of walks, in events.
        walk_channels: Width of the projection.
        dropout: Dropout probability before the score and in the perceptrons between encoders.
        tick: Number of ticks that count as one step, for ``ages="buckets"`` with ``clock="time"``.
        time_dtype: Dtype of the times of the stream, int64 or float64.
        seed: Seed of the random codes of walks.

    Shapes:
        - **score:** ``src`` :math:`(B)`, ``dst`` :math:`(B)` or :math:`(B, C)`, ``t`` :math:`(B)`;
          output: logits of the shape of ``dst``.

    State per node: 25 bytes per stored event, 16 bytes, 8 bytes per half-life, and the state of the
    walks; in addition, the features of the stored events.

    Raises:
        GraphError: An option is out of range; a node id is out of range or an event is late (both
            checked on the CPU only); features are missing; or float times are passed to a model for
            integer times.
        UnknownNameError: There is no option or encoder of that name.
    """

    reads_earlier = True  # score accepts the events of its batch
    accepts_late = False
    _count = staticmethod(co_occurrence)

    def __init__(
        self,
        num_nodes: int,
        *,
        encoder: str | SequenceEncoder | Callable[..., SequenceEncoder] = "gru",
        edge_dim: int = 0,
        x: Tensor | None = None,
        length: int = 16,
        hidden_channels: int = 32,
        num_layers: int = 1,
        encoder_settings: dict[str, Any] | None = None,
        patch_size: int = 1,
        pairing: str = "head",
        pool: str = "last",
        clock: str = "events",
        ages: str = "buckets",
        time_channels: int = 100,
        max_count: int = 15,
        half_lives: Sequence[float] = (100.0, 1_000.0, 10_000.0),
        walk_hops: int = 0,
        walk_half_lives: Sequence[float] = (1_000.0, 10_000.0),
        walk_channels: int = 128,
        dropout: float = 0.1,
        tick: float = 1.0,
        time_dtype: torch.dtype = torch.int64,
        seed: int = 0,
        edge_attr: None = None,
    ) -> None:
        super().__init__(num_nodes)
        refuse_feature_table(edge_attr)
        check_choice(pairing, "pairing", _PAIRINGS)
        check_choice(pool, "pool", _POOLS)
        for name, value, least in (
            ("length", length, 2),
            ("hidden_channels", hidden_channels, 1),
            ("num_layers", num_layers, 1),
            ("patch_size", patch_size, 1),
            ("max_count", max_count, 1),
            ("walk_hops", walk_hops, 0),
        ):
            if value < least:
                raise GraphError(name, "is too small", expected=f">= {least}", got=value)
        if pairing == "joint" and pool == "last":
            raise GraphError(
                "pool",
                "the last position of a joint sequence belongs to one of the two nodes",
                expected="'mean' with pairing='joint'",
                got=repr(pool),
            )
        self.length, self.pairing, self.pool = length, pairing, pool
        self.edge_dim = edge_dim
        node_channels = self.add_node_features(x)
        self.features = EventFeatures(edge_dim, self._referred) if edge_dim else None

        self.history = EventHistory(num_nodes, length - 1, clock, time_dtype)
        self.activity = FadingTable(num_nodes, half_lives, 2) if half_lives else None
        self.tokens = HistoryTokens(
            hidden_channels,
            edge_dim,
            node_channels,
            ages=ages,
            time_channels=time_channels,
            tick=tick,
            max_count=max_count,
            pairs=pairing in ("tokens", "joint"),
        )
        self.patches = Patches(hidden_channels, patch_size) if patch_size > 1 else None
        self.encoder = _stack(
            encoder,
            encoder_settings,
            channels=hidden_channels,
            length=-(-length * (2 if pairing == "joint" else 1) // patch_size),
            num_layers=num_layers,
            dropout=dropout,
        )
        head_channels = self.encoder.out_channels + 2 * len(half_lives)
        self.shared = None
        if pairing == "head":
            self.shared = nn.Parameter(torch.empty(8 * self.tokens.num_ages, hidden_channels))
        self.walks = self.walk_lin = None
        if walk_hops:
            self.walks = TemporalWalks(num_nodes, walk_channels, walk_hops, walk_half_lives, seed)
            rows = self.walks.num_rows
            head_channels += rows - 1
            self.walk_lin = nn.Sequential(
                nn.Linear(rows * rows, hidden_channels),
                nn.ReLU(),
                nn.Linear(hidden_channels, hidden_channels, bias=False),
            )
        self.node_lin = nn.Linear(head_channels, 2 * hidden_channels)
        self.dropout = nn.Dropout(dropout)
        self.score_lin = nn.Linear(hidden_channels, 1)
        self.reset_parameters()

    @classmethod
    def from_graph(cls, graph: Any, **settings: Any) -> HistoryLinkPredictor:
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
    def from_task(cls, task: Any, **settings: Any) -> HistoryLinkPredictor:
        """Create a model for the graph of a task, see :meth:`from_graph`."""
        return cls.from_graph(task.graph, **settings)

    @property
    def stream_clock(self) -> StreamClock:
        """Number of observed events, and the time of the last one."""
        return self.history.stream_clock

    def reset_parameters(self) -> None:
        """Reset all learnable parameters."""
        for module in (self.tokens, self.patches, self.node_lin, self.score_lin):
            if module is not None:
                module.reset_parameters()
        _reset(self.encoder)
        if self.walk_lin is not None:
            _reset(self.walk_lin)
        if self.shared is not None:
            nn.init.normal_(self.shared, std=0.1)

    def reset_state(self) -> None:
        """Reset the stream state."""
        for module in (self.history, self.activity, self.walks, self.features):
            if module is not None:
                module.reset_state()

    # ---------------------------------------------------------------- score
    def score(self, src: Tensor, dst: Tensor, t: Tensor, earlier: Any | None = None) -> Tensor:
        """Return the logits of an event from ``src`` to ``dst`` at ``t``, of the shape of ``dst``,
        without changing the state.

        Args:
            src: Sources, int64 ``[B]``.
            dst: Destinations, int64 ``[B]`` or ``[B, C]``.
            t: Times, ``[B]``.
            earlier: Events (``src``, ``dst``, ``t``, ``edge_attr``) that the model has not observed
                yet. A query at t uses those strictly before t.
        """
        check_pairs(src, dst, t)
        candidates = dst.unsqueeze(1) if dst.dim() == 1 else dst
        num_events, num_candidates = candidates.shape
        nodes = torch.cat([src, candidates.reshape(-1)])
        check_node_ids(nodes, self.num_nodes)
        when = torch.cat([t, t.repeat_interleave(num_candidates)])
        rows = self._rows(nodes, when, earlier)
        u, v = rows.row_of[:num_events], rows.row_of[num_events:]
        u = u.repeat_interleave(num_candidates)
        hidden = self._score_hidden(rows, u, v)
        return self.score_lin(self.dropout(hidden.relu())).view(dst.shape)

    def embed(self, nodes: Tensor, t: Tensor | None = None) -> Tensor:
        """Return the encodings of nodes used by ``score``, ``[Q, C]``, without changing the state.

        Args:
            nodes: Ids of the nodes, int64 ``[Q]``.
            t: Times of the queries, ``[Q]``; by default the time of the latest event. No effect
                with ``clock="events"``.

        Raises:
            GraphError: The encoder reads pairs of nodes (``pairing="tokens"`` or ``"joint"``).
        """
        if self.pairing not in ("head", "none"):
            raise GraphError(
                "pairing",
                "the encoder reads both nodes of a pair, so that one node has no encoding",
                expected="a model with pairing='head' or 'none'",
                got=repr(self.pairing),
            )
        check_node_ids(nodes, self.num_nodes)
        rows = self._rows(nodes, self.stream_clock.times(nodes, t))
        return self._encode_nodes(rows, keys(rows)).index_select(0, rows.row_of)

    def _rows(self, nodes: Tensor, t: Tensor, earlier: Any | None = None) -> HistoryRows:
        """Return histories with the features of their events, including those of ``earlier``."""
        if earlier is not None:
            earlier = EventColumns.of(earlier, self.edge_dim)
        rows = self.history(nodes, t, earlier)
        if self.features is None:
            return rows
        ahead = None
        if earlier is not None:
            ahead = self.stream_clock.num_events, earlier.edge_attr
        return rows._replace(features=functools.partial(self.features, ahead=ahead))

    def _referred(self) -> Tensor:
        """Return the numbers of the events whose features may still be read."""
        return self.history.recent.numbers()

    def _score_hidden(self, rows: HistoryRows, u: Tensor, v: Tensor) -> Tensor:
        key = keys(rows)
        of_node = self._of_node(rows.node)
        hidden: Tensor | float = 0.0
        if self.walks is not None:
            node, row_of = torch.unique(rows.node, return_inverse=True)
            walks = self.walks(node, self.stream_clock.num_events)
            of_node.append(walks[:, 1:].square().sum(2).log1p()[row_of])
            hidden = self._of_walks(walks, row_of[u], row_of[v])
        if self.pairing in ("head", "none"):
            z = self._encode_nodes(rows, key)
            h_u, h_v = self.node_lin(torch.cat([z, *of_node], 1)).chunk(2, 1)
            hidden = hidden + h_u[u] + h_v[v]
            if self.shared is not None:
                hidden = hidden + self._of_shared(rows, key, u, v)
            return hidden
        tokens, mask, time = self._read(rows, key)
        count_u, count_v = self._count(key, u, v)
        side_u = tokens[u] + self.tokens.of_other(count_u)
        side_v = tokens[v] + self.tokens.of_other(count_v)
        z_u, z_v = self._encode_pairs(side_u, side_v, mask[u], mask[v], time[u], time[v])
        weight_u, weight_v = self.node_lin.weight.chunk(2)
        bias = self.node_lin.bias.view(2, -1).sum(0)
        of = torch.cat(of_node, 1) if of_node else tokens.new_zeros(len(key), 0)
        hidden = hidden + torch.addmm(bias, torch.cat([z_u, of[u]], 1), weight_u.t())
        return torch.addmm(hidden, torch.cat([z_v, of[v]], 1), weight_v.t())

    def _of_node(self, node: Tensor) -> list[Tensor]:
        """Return the activity ``[R, 2 H]`` of the nodes of rows, if it is used."""
        if self.activity is None:
            return []
        return [self.activity(node, self.stream_clock.num_events).flatten(1).log1p()]

    def _of_walks(self, walks: Tensor, u: Tensor, v: Tensor) -> Tensor:
        products = torch.bmm(walks[u], walks[v].transpose(1, 2)).flatten(1)
        return self.walk_lin(products.relu().log1p())

    def _of_shared(self, rows: HistoryRows, key: Tensor, u: Tensor, v: Tensor) -> Tensor:
        """Sum over the events whose neighbour is in the other history, ``[P, hidden_channels]``."""
        size = rows.age.size(1)
        counts = torch.cat([count[:, :size] for count in self._count(key, u, v)], 1)
        group = self.tokens.group(rows)  # direction * num_ages + age
        ends = torch.stack([u, v], 1)
        nodes = rows.node

        def index(pair: Tensor, column: Tensor) -> Tensor:
            side = column // size
            row, other = ends[pair, side], ends[pair, 1 - side]
            cell = row * size + (column - side * size)
            met = rows.recent.node.view(-1)[cell] == nodes[other]
            return (side * 2 + met) * 2 * self.tokens.num_ages + group.view(-1)[cell]

        return joint_bag(self.shared, counts > 0, index)

    def _read(self, rows: HistoryRows, key: Tensor) -> tuple[Tensor, Tensor, Tensor]:
        """Return positions ``[R, L, C]``, the mask of valid ones, and their times (0 is now)."""
        every = torch.arange(len(key), device=key.device)
        count = self._count(key, every, every)[0]
        edge_attr = None if rows.features is None else rows.features(rows.recent.event_id)
        tokens = self.tokens(rows, count, edge_attr, self.x)
        mask = torch.nn.functional.pad(rows.recent.mask, (0, 1), value=True)
        return tokens, mask, -torch.nn.functional.pad(rows.age, (0, 1)).double()

    def _encode_nodes(self, rows: HistoryRows, key: Tensor) -> Tensor:
        """Encode nodes to ``[R, C]``. Nodes without events share one row."""
        seen = rows.recent.mask[:, -1]
        if self.x is not None or seen.device.type != "cpu" or bool(seen.all()):
            return self._encode(*self._read(rows, key))
        some = seen.nonzero().flatten()
        pick = torch.cat([some, (~seen).nonzero()[0]])
        z = self._encode(*self._read(rows.select(pick), key.index_select(0, pick)))
        return z.index_select(0, torch.where(seen, seen.cumsum(0) - 1, some.numel()))

    def _encode(self, tokens: Tensor, mask: Tensor, time: Tensor) -> Tensor:
        """Encode and pool positions to ``[R, C]``."""
        tokens, mask, time = self._patched(tokens, mask, time)
        if self.pool == "last":
            return self.encoder.last(tokens, mask=mask, time=time)
        return _mean(self.encoder(tokens, mask=mask, time=time), mask)

    def _encode_pairs(
        self, a: Tensor, b: Tensor, mask_a: Tensor, mask_b: Tensor, time_a: Tensor, time_b: Tensor
    ) -> tuple[Tensor, Tensor]:
        """Encode pairs to ``[P, C]`` for each side."""
        if self.pairing == "tokens":
            z = self._encode(
                torch.cat([a, b]), torch.cat([mask_a, mask_b]), torch.cat([time_a, time_b])
            )
            return z.split(len(a))
        (a, mask_a, time_a) = self._patched(a, mask_a, time_a)
        (b, mask_b, time_b) = self._patched(b, mask_b, time_b)
        mask = torch.cat([mask_a, mask_b], 1)
        out = self.encoder(torch.cat([a, b], 1), mask=mask, time=torch.cat([time_a, time_b], 1))
        width = a.size(1)
        return _mean(out[:, :width], mask_a), _mean(out[:, width:], mask_b)

    def _patched(self, tokens: Tensor, mask: Tensor, time: Tensor) -> tuple[Tensor, Tensor, Tensor]:
        return (tokens, mask, time) if self.patches is None else self.patches(tokens, mask, time)

    # ---------------------------------------------------------------- observe
    @torch.no_grad()
    def observe(self, batch: Any) -> None:
        """Add a scored batch (``src``, ``dst``, ``t``, ``edge_attr``) to the state."""
        events = EventColumns.of(batch, self.edge_dim)
        if len(events) == 0:
            return
        check_node_ids(self.history.records(events).node, self.num_nodes)
        records = self.history.write(events)
        now = self.stream_clock.num_events
        if self.features is not None:
            number = torch.arange(len(events), device=now.device) + (now - len(events))
            self.features.append(number, events.edge_attr)
        if self.activity is not None:
            value = self.activity(records.node, now)
            column = records.sent.long()
            hit = value.new_zeros(len(records.node), 2)
            hit.index_put_((records.group, column), value.new_ones(()), accumulate=True)
            self.activity.write(records.node, value + hit.unsqueeze(1), now)
        if self.walks is not None:
            self.walks.insert(events.src, events.dst, now)

    def extra_repr(self) -> str:
        return (
            f"{self.num_nodes}, length={self.length}, pairing={self.pairing!r}, pool={self.pool!r}"
        )


def _stack(
    encoder: Any,
    settings: dict[str, Any] | None,
    channels: int,
    length: int,
    num_layers: int,
    dropout: float,
) -> SequenceEncoder:
    if isinstance(encoder, nn.Module):
        return encoder
    make = get("sequence_encoder", encoder) if isinstance(encoder, str) else encoder
    settings = {"in_channels": channels, **(settings or {})}
    takes = inspect.signature(make).parameters
    for name, value in (("length", length), ("num_layers", num_layers)):
        if name in takes:
            settings.setdefault(name, value)
    if num_layers == 1 or "num_layers" in takes:
        return make(**settings)
    return BlockStack(
        channels,
        None,
        None,
        num_layers,
        join=lambda _: make(**settings),
        perceptron=lambda hidden: FeedForward(hidden, dropout=dropout),
        norm="layer",
        dropout=dropout,
    )


def _reset(module: nn.Module) -> None:
    """Reset the parameters of a module and of all its submodules."""
    for part in module.modules():
        if hasattr(part, "reset_parameters"):
            part.reset_parameters()


def _mean(values: Tensor, mask: Tensor) -> Tensor:
    """Mean over the valid positions, ``[R, C]``; values at other positions must be 0."""
    return values.sum(1) / mask.sum(1, keepdim=True).clamp(min=1)
