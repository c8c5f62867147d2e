"""History models the plain way, as DyGLib lays them out: the baseline of ``speed/history.py``.

Yu et al., "Towards Better Dynamic Graph Learning", NeurIPS 2023 (arXiv 2303.13047), and its library
DyGLib: every node has sorted arrays of its events; a Python loop over the nodes of a batch searches
them by time and copies the latest ones; a Python loop over the pairs counts common neighbours with
``numpy.unique`` and dictionaries; and a pair is a pair of sequences, so a source is read again for
every one of its destinations. The encoder gives an output for every position, of which the last is
taken. The network is that of
:class:`~graphkit.models.stream.history.HistoryLinkPredictor`, parameter by parameter.
"""

from __future__ import annotations

from typing import Any

import numpy as np
import torch
from torch import Tensor

from graphkit.models.stream.history import HistoryLinkPredictor
from graphkit.nn.stream.event_history import HistoryRows
from graphkit.nn.stream.recent_neighbors import RecentRows
from graphkit.nn.stream.table_rows import feature_table

__all__ = ["PlainHistory", "PlainSampler"]


class PlainSampler:
    """The events of every node in arrays of its own.

    Args:
        graph: The whole stream, with event ids from 0 on.
    """

    def __init__(self, graph: Any) -> None:
        events: list[list[tuple[float, int, int, bool]]] = [[] for _ in range(graph.num_nodes)]
        rows = zip(graph.src.tolist(), graph.dst.tolist(), graph.t.tolist())
        for event, (u, v, t) in enumerate(rows):
            events[u].append((t, event, v, True))
            if u != v:
                events[v].append((t, event, u, False))
        self.time, self.event, self.node, self.sent = [], [], [], []
        for own in events:
            own.sort(key=lambda row: row[:2])
            self.time.append(np.array([row[0] for row in own]))
            self.event.append(np.array([row[1] for row in own], dtype=np.int64))
            self.node.append(np.array([row[2] for row in own], dtype=np.int64))
            self.sent.append(np.array([row[3] for row in own], dtype=bool))

    def latest(self, nodes: np.ndarray, times: np.ndarray, size: int) -> tuple[np.ndarray, ...]:
        """Neighbours, times, event ids and directions ``[Q, size]`` strictly before ``times``."""
        node = np.full((len(nodes), size), -1, dtype=np.int64)
        event = np.full((len(nodes), size), -1, dtype=np.int64)
        time = np.zeros((len(nodes), size), dtype=times.dtype)
        sent = np.zeros((len(nodes), size), dtype=bool)
        for row, (own, now) in enumerate(zip(nodes, times)):
            stop = np.searchsorted(self.time[own], now)
            start = max(0, stop - size)
            if start < stop:
                place = slice(size - (stop - start), size)
                node[row, place] = self.node[own][start:stop]
                event[row, place] = self.event[own][start:stop]
                time[row, place] = self.time[own][start:stop]
                sent[row, place] = self.sent[own][start:stop]
        return node, time, event, sent


class PlainHistory(HistoryLinkPredictor):
    """The same network behind the plain pipeline; it has no state and needs no ``observe``."""

    def attach(self, graph: Any) -> None:
        """The stream that histories are searched in."""
        self.sampler = PlainSampler(graph)
        self.times = graph.t.numpy()
        self.event_attr = feature_table(graph.edge_attr)

    def score(self, src: Tensor, dst: Tensor, t: Tensor, earlier: Any | None = None) -> Tensor:
        """Logits ``[B, C]``: column by column, as a loop over positives and negatives would."""
        found = [self._column(src, column, t) for column in dst.unbind(1)]
        return torch.stack(found, dim=1)

    def _column(self, src: Tensor, dst: Tensor, t: Tensor) -> Tensor:
        both, times = torch.cat([src, dst]), torch.cat([t, t]).numpy()
        found = self.sampler.latest(both.numpy(), times, self.length - 1)
        node, time, event, sent = (torch.from_numpy(column) for column in found)
        if self.history.by_time:
            age = torch.from_numpy(times).unsqueeze(1) - time
        else:
            age = torch.from_numpy(np.searchsorted(self.times, times)).unsqueeze(1) - event
        row = torch.arange(both.numel())
        look_up = None if self.event_attr is None else lambda n: self.event_attr[n.clamp(min=0)]
        recent = RecentRows(node, time, event, node >= 0, sent)
        rows = HistoryRows(both, recent, age, row, look_up)
        hidden = self._score_hidden(rows, row[: src.numel()], row[src.numel() :])
        return self.score_lin(self.dropout(hidden.relu())).squeeze(1)

    def _encode_nodes(self, rows: HistoryRows, key: Tensor) -> Tensor:
        return self._encode(*self._read(rows, key))

    def _encode(self, tokens: Tensor, mask: Tensor, time: Tensor) -> Tensor:
        if self.pool != "last" or self.patches is not None:
            return super()._encode(tokens, mask, time)
        return self.encoder(tokens, mask, time)[:, -1]

    def _count(self, key: Tensor, u: Tensor, v: Tensor) -> tuple[Tensor, Tensor]:
        keys = key.numpy()
        if u is v:  # counts in one's own history: the dictionaries serve the pairs, too
            self.counts = []
            for row in keys:
                unique, count = np.unique(row, return_counts=True)
                self.counts.append(dict(zip(unique.tolist(), count.tolist())))
        of_u = [self._look(keys[a], self.counts[b]) for a, b in zip(u.tolist(), v.tolist())]
        if u is v:
            return torch.tensor(of_u), torch.tensor(of_u)
        of_v = [self._look(keys[b], self.counts[a]) for a, b in zip(u.tolist(), v.tolist())]
        return torch.tensor(of_u), torch.tensor(of_v)

    @staticmethod
    def _look(row: np.ndarray, counts: dict[int, int]) -> list[int]:
        return [counts.get(key, 0) if key >= 0 else 0 for key in row.tolist()]
