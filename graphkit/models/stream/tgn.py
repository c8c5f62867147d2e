r"""TGN: a memory per node and attention over the latest neighbours.

Emanuele Rossi, Ben Chamberlain, Fabrizio Frasca, Davide Eynard, Federico Monti, Michael Bronstein,
"Temporal Graph Networks for Deep Learning on Dynamic Graphs", arXiv 2006.10637. Built from the
components of PyG as in its ``examples/tgn.py`` (``TransformerConv`` embedding, identity messages,
link predictor).

An event :math:`(i, j, t, e_{ij})` sends a message to each endpoint; the latest message (or the
mean) of a node updates its memory :math:`s`; the embedding :math:`z` is computed from the memory of
the neighbours:

.. math::
    m_i &= s_i \,\|\, s_j \,\|\, e_{ij} \,\|\, \phi(t - t_i^-)            && \text{message} \\
    \bar m_i &= \mathrm{agg}(m_i(t_1), \ldots, m_i(t_b))                   && \text{aggregation} \\
    s_i' &= \mathrm{GRU}(\bar m_i, s_i)                                    && \text{memory} \\
    h_i &= s_i' + W_x x_i                                                  && \text{features} \\
    z_i &= \mathrm{TransformerConv}\big(h_i, \{h_j \,\|\, e_{ij} \,\|\,
           \phi(\Delta t_{ij})\}_{j \in \text{last } k}\big)               && \text{embedding} \\
    \hat y_{ij} &= w^\top \mathrm{relu}(W_s z_i + W_d z_j + b)             && \text{logit}

with :math:`t_i^-` the time of the last event in :math:`s_i`. Messages of a batch are stored and
enter the memory with the next batch, so that the loss of the next batch trains the time encoding
and the memory cell. ``score`` computes the updated memory without changing the state; only
``observe`` stores it, for the nodes of its batch.

Departures from the paper and from PyG:

- A message reads the memory of the other node when it is used, not at the time of the event (as in
  PyG; the paper stores a copy). The two differ only if the other node has had events with further
  nodes in between.
- ``time_gap="query"`` (default) is :math:`\Delta t_{ij} = t - t_{ij}` as in the paper, the age of a
  neighbour at the time of the query; a node is embedded once per query time. ``"last_update"`` is
  the choice of PyG: the last update of the neighbour minus :math:`t_{ij}`. It does not depend on
  the query, so a node is embedded once per batch, which is faster but less accurate.
- A node without pending messages keeps its memory. (PyG 2.8 runs the memory cell on a zero message,
  or without torch-scatter on the message of another node, and resets the time of the last update to
  0.) The first time gap of a node is counted from the start of the stream. (PyG counts from time 0,
  which for Unix times dominates every later gap.)
- Messages are dropped once they are in the memory. (The store of PyG may apply a message again if
  the node has only been at the other endpoint of events since then.) Evaluation is as lazy as
  training: there is no point at which all nodes are updated at once. A self loop is one message
  and one neighbour.
- The mean is over the latest ``message_slots`` messages of the last batch of the node.
- The message store and the last-k neighbours are stored in buffers and are always exact; see
  :class:`~graphkit.nn.stream.message_store.MessageStore` and
  :class:`~graphkit.nn.stream.recent_neighbors.RecentNeighbors` for the two errors of PyG that they
  fix.
"""

from __future__ import annotations

from typing import Any

import torch
from torch import Tensor, nn
from torch_geometric.nn import TransformerConv

from graphkit.checks import check_choice
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
from graphkit.nn.stream.event_records import grouped_records
from graphkit.nn.stream.exact_time import check_time_dtype, pack_time, unpack_time
from graphkit.nn.stream.message_store import MessageStore
from graphkit.nn.stream.recent_neighbors import RecentNeighbors
from graphkit.nn.stream.time_encoding import TimeEncoder
from graphkit.registry import register

__all__ = ["TGN"]

_AGGREGATORS = ("last", "mean")
_CELLS = {"gru": nn.GRUCell, "rnn": nn.RNNCell}
_GAPS = ("query", "last_update")


@register("model", "tgn", view="stream", tasks=("link_prediction",))
class TGN(NodeTables):
    r"""Temporal Graph Network (Rossi et al. 2020): node memory and attention over neighbours.

    When to use:
        For comparison with the literature, where it is the most common reference: a recurrent
        memory per node, and attention over its latest neighbours.

    Args:
        num_nodes: Number of nodes :math:`N`.
        edge_dim: Number of features per event, given as ``edge_attr`` in batches.
        x: ``[N, F_x]`` node features, or ``None``.
        memory_channels: Width of the memory.
        time_channels: Width of the time encoding.
        embedding_channels: Width of the embedding; a multiple of ``heads``.
        num_neighbors: Number of latest neighbours that a node attends to.
        heads: Number of attention heads.
        dropout: Dropout probability of the attention weights.
        aggregator: Aggregation of the messages of a node, ``"last"`` or ``"mean"``.
        message_slots: Number of messages stored per node for ``"mean"``.
        memory_cell: ``"gru"`` or ``"rnn"``.
        time_gap: ``"query"`` or ``"last_update"``, see the docstring of the module.
        time_init: Initial frequencies of the time encoding, see
            :class:`~graphkit.nn.stream.time_encoding.TimeEncoder`.
        time_dtype: Dtype of the times of the stream, int64 or float64.

    Shapes:
        - **score:** ``src`` :math:`(B)`, ``dst`` :math:`(B)` or :math:`(B, C)`, ``t`` :math:`(B)`;
          output: logits of the shape of ``dst``. A node that occurs several times is computed once.

    State per node: the memory and :math:`24 k + 49` bytes; in addition, the features of the events
    that are still referred to. The cost of a batch depends on its nodes and their neighbours, not
    on :math:`N`.

    Raises:
        GraphError: An option is out of range; a node id is out of range or an event is late (both
            checked on the CPU only); features are missing; or float times are passed to a model for
            integer times.
    """

    memory: Tensor
    last_update: Tensor
    updated: Tensor
    start: Tensor
    accepts_late = False

    def __init__(
        self,
        num_nodes: int,
        *,
        edge_dim: int = 0,
        x: Tensor | None = None,
        memory_channels: int = 100,
        time_channels: int = 100,
        embedding_channels: int = 100,
        num_neighbors: int = 10,
        heads: int = 2,
        dropout: float = 0.1,
        aggregator: str = "last",
        message_slots: int = 8,
        memory_cell: str = "gru",
        time_gap: str = "query",
        time_init: str = "geometric",
        time_dtype: torch.dtype = torch.int64,
        edge_attr: None = None,
    ) -> None:
        super().__init__(num_nodes)
        refuse_feature_table(edge_attr)
        check_choice(aggregator, "aggregator", _AGGREGATORS)
        check_choice(memory_cell, "memory_cell", _CELLS)
        check_choice(time_gap, "time_gap", _GAPS)
        if embedding_channels % heads:
            raise GraphError(
                "embedding_channels",
                "the heads share the embedding evenly",
                expected=f"a multiple of heads={heads}",
                got=embedding_channels,
            )
        self.memory_channels = memory_channels
        self.aggregator = aggregator
        self.time_gap = time_gap
        self.time_dtype = check_time_dtype(time_dtype)
        self.edge_dim = edge_dim
        node_channels = self.add_node_features(x)
        self.features = EventFeatures(edge_dim, self._referred) if edge_dim else None

        self.time_encoder = TimeEncoder(time_channels, init=time_init)
        message_channels = 2 * memory_channels + edge_dim + time_channels
        self.cell = _CELLS[memory_cell](message_channels, memory_channels)
        self.lin_x = None
        if self.x is not None:
            self.lin_x = nn.Linear(node_channels, memory_channels, bias=False)
        self.conv = TransformerConv(
            memory_channels,
            embedding_channels // heads,
            heads=heads,
            dropout=dropout,
            edge_dim=edge_dim + time_channels,
        )
        self.lin_src = nn.Linear(embedding_channels, embedding_channels)
        self.lin_dst = nn.Linear(embedding_channels, embedding_channels)
        self.lin_final = nn.Linear(embedding_channels, 1)

        self.messages = MessageStore(
            num_nodes, 1 if aggregator == "last" else message_slots, time_dtype
        )
        self.neighbors = RecentNeighbors(num_nodes, num_neighbors, time_dtype)
        self.stream_clock = StreamClock(time_dtype)
        self.add_table("memory", memory_channels)
        self.add_table("last_update", dtype=torch.int64)
        self.add_table("updated", dtype=torch.bool)
        self.register_buffer("start", torch.zeros((), dtype=torch.int64))

    @classmethod
    def from_graph(cls, graph: Any, **settings: Any) -> TGN:
        """Create a model for the nodes, number of features and time dtype of ``graph``."""
        width = feature_width(graph.tables.edge_attr)
        found = {"edge_dim": width, "x": graph.x, "time_dtype": graph.t.dtype}
        return cls(graph.num_nodes, **{**found, **settings})

    @classmethod
    def from_task(cls, task: Any, **settings: Any) -> TGN:
        """Create a model for the graph of a task, see :meth:`from_graph`."""
        return cls.from_graph(task.graph, **settings)

    def reset_parameters(self) -> None:
        """Reset all learnable parameters."""
        for module in self.children():
            if any(True for _ in module.parameters()):
                module.reset_parameters()

    def reset_state(self) -> None:
        """Reset the stream state."""
        for module in (self.messages, self.neighbors, self.stream_clock, self.features):
            if module is not None:
                module.reset_state()
        self.reset_tables()
        self.start.zero_()

    def score(self, src: Tensor, dst: Tensor, t: Tensor) -> Tensor:
        """Return the logits of an event from ``src`` to ``dst`` at ``t``, of the shape of
        ``dst``."""
        check_pairs(src, dst, t)
        nodes, row = torch.unique(torch.cat([src, dst.flatten()]), return_inverse=True)
        check_node_ids(nodes, self.num_nodes)
        if self.time_gap == "query":
            # One row per (node, query time), while memories are still computed once per node.
            times, column = torch.unique(t, return_inverse=True)
            if dst.dim() == 2:
                column = torch.cat([column, column.repeat_interleave(dst.size(1))])
            else:
                column = column.repeat(2)
            pair, row = torch.unique(row * times.numel() + column, return_inverse=True)
            which = pair.div(max(times.numel(), 1), rounding_mode="floor")
            z = self._embed(nodes, which, times[pair - which * times.numel()])
        else:
            z = self._embed(nodes)
        row_src, row_dst = row[: src.numel()], row[src.numel() :].view(dst.shape)
        h_src, h_dst = self.lin_src(z)[row_src], self.lin_dst(z)[row_dst]
        h = (h_src if dst.dim() == 1 else h_src.unsqueeze(1)) + h_dst
        return self.lin_final(h.relu()).squeeze(-1)

    @torch.no_grad()
    def observe(self, batch: Any) -> None:
        """Add a scored batch (``src``, ``dst``, ``t``, ``edge_attr``) to the state.

        Pending messages of earlier batches enter the memory of the nodes in the batch; the events
        of the batch become their pending messages and latest neighbours.
        """
        events = EventColumns.of(batch, self.edge_dim)
        if len(events) == 0:
            return
        number = self.stream_clock.number(events)
        records = grouped_records(events.src, events.dst, events.t, number)
        nodes = records.node
        check_node_ids(nodes, self.num_nodes)
        memory, last_update = self._updated_memory(nodes)
        self.memory[nodes] = memory.to(self.memory.dtype)
        self.updated[nodes] |= self.messages.count[nodes] > 0
        self.last_update[nodes] = pack_time(last_update, self.time_dtype)
        first = pack_time(events.t[0], self.time_dtype)
        self.start.copy_(torch.where(self.stream_clock.num_events > 0, self.start, first))
        self.messages.write(records)
        self.neighbors.write(records)
        self.stream_clock.advance(events)
        if self.features is not None:
            self.features.append(number, events.edge_attr)

    def embed(self, nodes: Tensor, t: Tensor | None = None) -> Tensor:
        """Return the embeddings :math:`z` used by ``score``, ``[Q, embedding_channels]``, without
        changing the state.

        Args:
            nodes: Ids of the nodes, int64 ``[Q]``.
            t: Times of the queries, ``[Q]``; by default the time of the latest event. No effect
                with ``time_gap="last_update"``.
        """
        check_node_ids(nodes, self.num_nodes)
        every, row = torch.unique(nodes, return_inverse=True)
        if self.time_gap == "query":
            return self._embed(every, row, self.stream_clock.times(nodes, t))
        return self._embed(every)[row]

    def _referred(self) -> Tensor:
        """Return the numbers of the events whose features may still be read."""
        of_messages = self.messages.numbers().flatten()
        return torch.cat([of_messages, self.neighbors.numbers().flatten()])

    def _updated_memory(self, nodes: Tensor) -> tuple[Tensor, Tensor]:
        """Return the memory ``[U, M]`` and the times of the last update ``[U]`` with pending
        messages applied."""
        memory = self.memory[nodes]
        last_update = torch.where(self.updated[nodes], self.last_update[nodes], self.start)
        last_update = unpack_time(last_update, self.time_dtype)
        pending = self.messages(nodes)
        parts = [
            memory.unsqueeze(1).expand(-1, self.messages.slots, -1),
            self.memory[pending.other],
        ]
        if self.features is not None:
            parts.append(self.features(pending.event_id))
        parts.append(self.time_encoder(pending.time - last_update.unsqueeze(1)))
        message = torch.cat(parts, dim=-1)
        if self.messages.slots == 1:
            message = message.squeeze(1)
        else:
            share = pending.mask / pending.mask.sum(1, keepdim=True).clamp(min=1)
            message = (message * share.unsqueeze(-1)).sum(1)
        waiting = pending.mask[:, 0]
        memory = torch.where(waiting.unsqueeze(1), self.cell(message, memory), memory)
        return memory, torch.where(waiting, pending.time[:, 0], last_update)

    def _embed(self, nodes: Tensor, which: Tensor | None = None, t: Tensor | None = None) -> Tensor:
        """Embed ``nodes`` ``[U]``, or ``nodes[which]`` at times ``t``, both ``[P]``."""
        recent = self.neighbors(nodes)
        if which is None:
            target, slot = recent.mask.nonzero(as_tuple=True)
            source = target
        else:
            target, slot = recent.mask[which].nonzero(as_tuple=True)
            source = which[target]
        event_time = recent.time[source, slot]
        # Padding refers to the node itself, so that shapes are dense and no other node is computed.
        around = torch.where(recent.mask, recent.node, nodes.unsqueeze(1))
        everyone, row = torch.unique(
            torch.cat([nodes.unsqueeze(1), around], dim=1), return_inverse=True
        )
        own, neighbor = row[:, 0], row[source, slot + 1]
        h, last_update = self._updated_memory(everyone)
        if self.lin_x is not None:
            h = h + self.lin_x(self.x[everyone])
        gap = (last_update[neighbor] if t is None else t[target]) - event_time
        edge_attr = self.time_encoder(gap)
        if self.features is not None:
            edge_attr = torch.cat([edge_attr, self.features(recent.event_id[source, slot])], -1)
        own = own if which is None else own[which]
        return self.conv((h, h[own]), torch.stack([neighbor, target]), edge_attr)

    def extra_repr(self) -> str:
        return (
            f"{self.num_nodes}, memory_channels={self.memory_channels}, "
            f"aggregator={self.aggregator!r}, time_gap={self.time_gap!r}"
        )
