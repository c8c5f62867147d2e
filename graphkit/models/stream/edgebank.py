r"""EdgeBank: an edge comes back if it has been there before.

Farimah Poursafaei, Shenyang Huang, Kellin Pelrine, Reihaneh Rabbany, "Towards Better Evaluation for
Dynamic Link Prediction", NeurIPS 2022 Datasets and Benchmarks, arXiv 2207.10128.

The model has no parameters. It keeps a bank :math:`M_t` of the pairs seen before :math:`t` and
predicts

.. math::
    \hat y(u, v, t) = [\, (u, v) \in M_t \,]

with two memories:

- ``"unlimited"`` (EdgeBank-infinity): every pair ever seen;
- ``"time_window"`` (EdgeBank-tw): pairs with an event in the recent past. The window reaches back
  from the latest event to the time of the quantile :math:`1 - f` of all events so far
  (:math:`f` = ``window_fraction``, 0.15 in the paper, the share of the test split), as in the
  authors' code, which calls it "fixed proportion"; or it is a fixed span, ``window``.

Pairs are directed, as in the paper. Departures, each an option: ``min_repeats`` asks that a pair be
seen more than once (default 1, the paper's rule); ``undirected`` takes (u, v) for (v, u).
The quantile is an event's own time, where the authors interpolate between two.
"""

from __future__ import annotations

import math
from typing import Any

import torch
from torch import Tensor

from graphkit.checks import check_choice, check_share
from graphkit.errors import GraphError
from graphkit.nn.stream import EventColumns, NodeTables, StreamClock, check_node_ids, check_pairs
from graphkit.nn.stream.event_times import EventTimes
from graphkit.nn.stream.pair_table import PairTable
from graphkit.registry import register

__all__ = ["EdgeBank"]

_MEMORIES = ("unlimited", "time_window")
_LOGIT = 10.0


@register("model", "edgebank", view="stream", tasks=("link_prediction",))
class EdgeBank(NodeTables):
    r"""EdgeBank (Poursafaei et al. 2022): remembers the pairs that have interacted.

    When to use:
        As a baseline for every link prediction result: it has no parameters and predicts that
        pairs interact again. A trained model should exceed it.

    Args:
        num_nodes: Number of nodes :math:`N`.
        memory: ``"unlimited"`` or ``"time_window"``.
        window_fraction: Share of the latest events whose time span is the window.
        window: Length of the window in ticks of time; takes the place of ``window_fraction``.
        min_repeats: Events of a pair that make it known.
        undirected: Whether (u, v) and (v, u) are one pair.
        time_dtype: int64 or float64, what the times of the stream are.

    Shapes:
        - **score:** ``src`` :math:`(B)`, ``dst`` :math:`(B)` or :math:`(B, C)`, ``t`` :math:`(B)`;
          output of the shape of ``dst``: logit +10 for a known pair, -10 for another.

    Memory: 60 to 130 bytes per distinct pair, and 8 to 16 per event for the quantile.
    A query or an event costs the same however long the stream was. With ``memory="unlimited"``
    events may come in any order of time (``accepts_late``).

    Raises:
        GraphError: An option is out of range; a node id is, or an event comes too late (looked at
            on the CPU only); or float times reach a model for integer times.
    """

    def __init__(
        self,
        num_nodes: int,
        *,
        memory: str = "unlimited",
        window_fraction: float = 0.15,
        window: float | None = None,
        min_repeats: int = 1,
        undirected: bool = False,
        time_dtype: torch.dtype = torch.int64,
    ) -> None:
        super().__init__(num_nodes)
        check_choice(memory, "memory", _MEMORIES)
        problem = "the window is a share of the events so far"
        check_share(window_fraction, "window_fraction", problem, zero=False, one=True)
        if window is not None and window <= 0:
            raise GraphError("window", "the window is empty", expected="> 0", got=window)
        if min_repeats < 1:
            raise GraphError("min_repeats", "is too small", expected=">= 1", got=min_repeats)
        self.memory = memory
        self.window_fraction = window_fraction
        self.window = window
        self.min_repeats = min_repeats
        self.undirected = undirected
        # A pair that was seen stays seen; only the window looks at the order of events.
        self.accepts_late = memory == "unlimited"
        self.stream_clock = StreamClock(time_dtype, self.accepts_late)
        self.pairs = PairTable(num_nodes, time_dtype)
        self.times = EventTimes(time_dtype) if memory == "time_window" else None

    @classmethod
    def from_graph(cls, graph: Any, **settings: Any) -> EdgeBank:
        """A model for the nodes and the kind of time of ``graph``; nothing else is read."""
        return cls(graph.num_nodes, **{"time_dtype": graph.t.dtype, **settings})

    @classmethod
    def from_task(cls, task: Any, **settings: Any) -> EdgeBank:
        """A model for the graph of a task, see :meth:`from_graph`."""
        return cls.from_graph(task.graph, **settings)

    def reset_parameters(self) -> None:
        """Does nothing: there are no parameters."""

    def reset_state(self) -> None:
        """Forgets the stream."""
        self.stream_clock.reset_state()
        self.pairs.reset_state()
        if self.times is not None:
            self.times.reset_state()

    def window_start(self) -> Tensor | None:
        """Earliest time that counts (0-dimensional), ``None`` if all of the past does."""
        if self.times is None or len(self.times) == 0:
            return None
        last = len(self.times) - 1
        if self.window is not None:
            # Whole ticks for integer times: a float would pull them into float32.
            exact = self.times.time_dtype == torch.float64
            return self.times.at(last) - (self.window if exact else math.floor(self.window))
        # The first event at or after the quantile 1 - f; rounding guards against 0.1 + 0.2.
        return self.times.at(last - int(round(self.window_fraction * last, 9)))

    @torch.no_grad()
    def score(self, src: Tensor, dst: Tensor, t: Tensor) -> Tensor:
        """Logits of the pairs at time ``t``, of the shape of ``dst``."""
        check_pairs(src, dst, t)
        u, v = self._ends(src if dst.dim() == 1 else src.unsqueeze(1).expand_as(dst), dst)
        count, latest = self.pairs(u, v)
        known = count >= self.min_repeats
        start = self.window_start()
        if start is not None:
            known &= latest >= start
        return torch.where(known, _LOGIT, -_LOGIT)

    @torch.no_grad()
    def observe(self, batch: Any) -> None:
        """Writes the events of a batch (``src``, ``dst``, ``t``) into the bank."""
        events = EventColumns.of(batch)
        if len(events) == 0:
            return
        self.stream_clock.number(events)  # refuses late ones
        self.pairs.insert(*self._ends(events.src, events.dst), events.t)
        if self.times is not None:
            self.times.append(events.t)
        self.stream_clock.advance(events)

    def _ends(self, u: Tensor, v: Tensor) -> tuple[Tensor, Tensor]:
        for ids in (u, v):  # the key of an id out of range is that of another pair
            check_node_ids(ids, self.num_nodes)
        return (torch.minimum(u, v), torch.maximum(u, v)) if self.undirected else (u, v)

    def extra_repr(self) -> str:
        return f"{self.num_nodes}, memory={self.memory!r}, min_repeats={self.min_repeats}"
