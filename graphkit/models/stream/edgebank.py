r"""EdgeBank: an edge is predicted if it has occurred before.

Farimah Poursafaei, Shenyang Huang, Kellin Pelrine, Reihaneh Rabbany, "Towards Better Evaluation for
Dynamic Link Prediction", NeurIPS 2022 Datasets and Benchmarks, arXiv 2207.10128.

The model has no parameters. It stores a bank :math:`M_t` of the pairs observed before :math:`t` and
predicts

.. math::
    \hat y(u, v, t) = [\, (u, v) \in M_t \,]

with one of two memories:

- ``"unlimited"`` (EdgeBank-infinity): all pairs observed so far;
- ``"time_window"`` (EdgeBank-tw): pairs with an event in the recent past. The window extends from
  the time of the quantile :math:`1 - f` of all events so far to the latest event
  (:math:`f` = ``window_fraction``, 0.15 in the paper, the share of the test split), as in the
  authors' code, where it is called "fixed proportion"; or it has a fixed length, ``window``.

Pairs are directed, as in the paper. Departures, each an option: ``min_repeats`` requires that a
pair has occurred more than once (default 1, as in the paper); ``undirected`` identifies (u, v) with
(v, u). The quantile is the time of an event, while the authors interpolate between two events.
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
    r"""EdgeBank (Poursafaei et al. 2022): predicts the pairs that have interacted before.

    When to use:
        As a baseline for every link prediction result: it has no parameters and predicts that
        pairs interact again. A trained model should exceed it.

    Args:
        num_nodes: Number of nodes :math:`N`.
        memory: ``"unlimited"`` or ``"time_window"``.
        window_fraction: Fraction of the events, counted from the latest, whose time span is the
            window.
        window: Length of the window in ticks; replaces ``window_fraction``.
        min_repeats: Minimum number of events of a pair for a positive prediction.
        undirected: Whether (u, v) and (v, u) are the same pair.
        time_dtype: Dtype of the times of the stream, int64 or float64.

    Shapes:
        - **score:** ``src`` :math:`(B)`, ``dst`` :math:`(B)` or :math:`(B, C)`, ``t`` :math:`(B)`;
          output of the shape of ``dst``: logit +10 for a pair in the bank, -10 for other pairs.

    Memory: 60 to 130 bytes per distinct pair, and 8 to 16 bytes per event for the quantile.
    The cost of a query or an event does not depend on the length of the stream. With
    ``memory="unlimited"``, events may be observed in any order of time (``accepts_late``).

    Raises:
        GraphError: An option is out of range; a node id is out of range or an event is late (both
            checked on the CPU only); or float times are passed to a model for integer times.
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
        # The unlimited bank does not depend on the order of events, only the window does.
        self.edge_dim, self.accepts_late = 0, memory == "unlimited"
        self.stream_clock = StreamClock(time_dtype, self.accepts_late)
        self.pairs = PairTable(num_nodes, time_dtype)
        self.times = EventTimes(time_dtype) if memory == "time_window" else None

    @classmethod
    def from_graph(cls, graph: Any, **settings: Any) -> EdgeBank:
        """Create a model for the nodes and the time dtype of ``graph``; nothing else is read."""
        return cls(graph.num_nodes, **{"time_dtype": graph.t.dtype, **settings})

    @classmethod
    def from_task(cls, task: Any, **settings: Any) -> EdgeBank:
        """Create a model for the graph of a task, see :meth:`from_graph`."""
        return cls.from_graph(task.graph, **settings)

    def reset_parameters(self) -> None:
        """Has no effect, because there are no parameters."""

    def reset_state(self) -> None:
        """Reset the stream state."""
        self.stream_clock.reset_state()
        self.pairs.reset_state()
        if self.times is not None:
            self.times.reset_state()

    def window_start(self) -> Tensor | None:
        """Return the start of the window (0-dimensional), ``None`` if there is no window."""
        if self.times is None or len(self.times) == 0:
            return None
        last = len(self.times) - 1
        if self.window is not None:
            # Integer ticks for integer times, because a float would convert them to float32.
            exact = self.times.time_dtype == torch.float64
            return self.times.at(last) - (self.window if exact else math.floor(self.window))
        # The first event at or after the quantile 1 - f; rounding guards against 0.1 + 0.2.
        return self.times.at(last - int(round(self.window_fraction * last, 9)))

    @torch.no_grad()
    def score(self, src: Tensor, dst: Tensor, t: Tensor) -> Tensor:
        """Return the logits of the pairs at time ``t``, of the shape of ``dst``."""
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
        """Add the events of a batch (``src``, ``dst``, ``t``) to the bank."""
        events = EventColumns.of(batch)
        if len(events) == 0:
            return
        self.stream_clock.number(events)  # raises for late events
        self.pairs.insert(*self._ends(events.src, events.dst), events.t)
        if self.times is not None:
            self.times.append(events.t)
        self.stream_clock.advance(events)

    def _ends(self, u: Tensor, v: Tensor) -> tuple[Tensor, Tensor]:
        for ids in (u, v):  # an id out of range would have the key of another pair
            check_node_ids(ids, self.num_nodes)
        return (torch.minimum(u, v), torch.maximum(u, v)) if self.undirected else (u, v)

    def extra_repr(self) -> str:
        return f"{self.num_nodes}, memory={self.memory!r}, min_repeats={self.min_repeats}"
