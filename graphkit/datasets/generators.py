"""Generated streams: the shape of real interaction data, without a file."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from graphkit.data import TemporalGraph
from graphkit.errors import GraphError
from graphkit.registry import register

__all__ = ["triadic"]

_MEMORY = 8  # partners that a node remembers
_TAIL = 0.4  # activities are Pareto with exponent 1 / 0.4
_MAX_CHUNK = 1 << 16


@register("dataset", "triadic")
def triadic(
    num_events: int = 60_000,
    num_nodes: int = 2_000,
    num_communities: int = 5,
    *,
    p_repeat: float = 0.4,
    p_closure: float = 0.45,
    p_random: float = 0.02,
    p_burst: float = 0.4,
    initial: float = 0.2,
    mean_gap: float = 60.0,
    seed: int = 0,
) -> TemporalGraph:
    r"""A generated message stream on which joint neighbourhoods matter.

    Every node belongs to a community and remembers its last 8 partners. An event is, in this
    order of precedence,

    * an **arrival**: a new node meets a node of its community. Arrivals are spread evenly over the
      stream, so the last events still bring nodes never seen in training;
    * a **repeat** (``p_repeat``): with a remembered partner, the newer the likelier;
    * a **closure** (``p_closure``): with a remembered partner of a remembered partner;
    * a **leap** (``p_random``): with any node;
    * otherwise a meeting with a node of the same community.

    Sources are drawn by an activity with a heavy tail; with ``p_burst`` an event goes on with the
    source of the event before and follows it closely in time. Destinations are drawn by who knows
    whom. A pair from the same community that has never met and has no common partner is therefore
    a hard negative for a model that looks at each node alone, and an easy one for a model that
    compares two neighbourhoods. (With the defaults, last 30 % of the events, one negative from the
    source's community: ROC AUC 0.57 by the degree of the destination, 0.71 by whether the pair has
    met, 0.84 by the partners that both had lately.)

    Events are made in chunks: memories are those at the start of an event's chunk. Chunks grow
    with the stream and hold at most 1/8 of the events before them, ``num_nodes / 8`` events and
    65,536 events (never fewer than 64), so a memory lags by about one event of its node. A repeat
    or closure for which the memory does not suffice becomes a meeting in the community.

    Args:
        num_events: ``E``.
        num_nodes: ``N``; ids are in order of arrival. A node that was there from the start may
            stay silent.
        num_communities: Communities, of even sizes in the mean.
        p_repeat, p_closure, p_random: Shares of the kinds of events.
        p_burst: Probability to go on with the source of the event before.
        initial: Share of the nodes that are there from the start.
        mean_gap: Mean time between events, in seconds.
        seed: Same arguments and seed, same stream.

    Returns:
        A graph with int64 times in seconds from 0 (ties occur) and, as ``y`` (int64 ``[N]``), the
        community of each node. No self loops.

    Raises:
        GraphError: A size or probability out of range, shares that sum to more than 1, or fewer
            events than nodes that arrive.
    """
    plan = _Plan(
        num_events=_size("num_events", num_events, 1),
        num_nodes=_size("num_nodes", num_nodes, 2),
        num_communities=_size("num_communities", num_communities, 1),
        p_repeat=_share("p_repeat", p_repeat),
        p_closure=_share("p_closure", p_closure),
        p_random=_share("p_random", p_random),
        p_burst=_share("p_burst", p_burst),
        initial=_share("initial", initial),
    )
    if not (np.isfinite(mean_gap) and 0 <= mean_gap * num_events < 2**53):
        raise GraphError("mean_gap", "out of range", expected="a number >= 0", got=mean_gap)
    if plan.num_communities > plan.num_nodes:
        raise GraphError(
            "num_communities", "too many", expected=f"at most {num_nodes}", got=num_communities
        )
    shares = plan.p_repeat + plan.p_closure + plan.p_random
    if shares > 1 + 1e-9:
        raise GraphError(
            "p_closure",
            "p_repeat + p_closure + p_random is more than 1",
            expected="at most 1",
            got=shares,
        )
    if plan.num_nodes - plan.num_initial > plan.num_events:
        raise GraphError(
            "num_events",
            "more nodes arrive than there are events",
            expected=f"at least {plan.num_nodes - plan.num_initial}",
            got=num_events,
            fix="Raise num_events or initial, or lower num_nodes.",
        )
    rng = np.random.default_rng(_size("seed", seed, 0))
    src, dst, burst, community = _events(plan, rng)
    return TemporalGraph(
        src,
        dst,
        _times(burst, mean_gap, rng),
        num_nodes=plan.num_nodes,
        y=community,
        time_unit="s",
        sort=False,
        name="triadic",
    )


@dataclass(frozen=True)
class _Plan:
    num_events: int
    num_nodes: int
    num_communities: int
    p_repeat: float
    p_closure: float
    p_random: float
    p_burst: float
    initial: float

    @property
    def num_initial(self) -> int:
        """Nodes at the start: one per community at least, and two in all."""
        least = max(2, self.num_communities)
        return min(self.num_nodes, max(least, round(self.initial * self.num_nodes)))

    def arrivals(self) -> np.ndarray:
        """Event at which each later node arrives: evenly spread, all different."""
        late = self.num_nodes - self.num_initial
        return (np.arange(1, late + 1) * self.num_events) // max(late, 1) - 1


class _Memory:
    """The last partners of every node, in rings of :data:`_MEMORY` slots."""

    def __init__(self, num_nodes: int) -> None:
        self.partner = np.zeros((num_nodes, _MEMORY), dtype=np.int32)
        self.count = np.zeros(num_nodes, dtype=np.int64)  # events of each node so far

    def recall(self, node: np.ndarray, draw: np.ndarray) -> np.ndarray:
        """A partner per node; a draw in [0, 1) picks from the newest (0) to the oldest."""
        count = self.count[node]
        age = (draw * np.minimum(count, _MEMORY)).astype(np.int64)
        return self.partner[node, (count - 1 - age) % _MEMORY]

    def store(self, src: np.ndarray, dst: np.ndarray) -> None:
        """Append events, in order, to the rings of both ends."""
        owner = np.stack([src, dst], axis=1).reshape(-1)
        other = np.stack([dst, src], axis=1).reshape(-1)
        # Sorting owner and position as one number is a stable sort by owner.
        key = np.sort(owner * len(owner) + np.arange(len(owner)))
        owner, at = np.divmod(key, len(key))
        first = np.flatnonzero(np.diff(owner, prepend=-1))
        size = np.diff(first, append=len(owner))
        rank = np.arange(len(owner)) - np.repeat(first, size)
        slot = (self.count[owner] + rank) % _MEMORY
        last = rank >= np.repeat(size, size) - _MEMORY  # a slot is written once
        self.partner[owner[last], slot[last]] = other[at[last]]
        self.count[owner[first]] += size


class _Communities:
    """Members of every community in order of arrival, and how many of them have arrived."""

    def __init__(self, community: np.ndarray, num_communities: int) -> None:
        self.community = community
        self.member = np.argsort(community, kind="stable")
        size = np.bincount(community, minlength=num_communities)
        self.start = np.cumsum(size) - size
        self.present = np.zeros(num_communities, dtype=np.int64)

    def arrive(self, nodes: slice) -> None:
        """Let some nodes, the next in order, take part."""
        self.present += np.bincount(self.community[nodes], minlength=len(self.present))

    def meet(self, node: np.ndarray, draw: np.ndarray) -> np.ndarray:
        """A member present in the community of each node."""
        home = self.community[node]
        return self.member[self.start[home] + (draw * self.present[home]).astype(np.int64)]


def _events(
    plan: _Plan, rng: np.random.Generator
) -> tuple[np.ndarray, np.ndarray, np.ndarray, np.ndarray]:
    """Source, destination and burst flag of every event; community of every node."""
    num_initial, arrivals = plan.num_initial, plan.arrivals()
    community = rng.integers(plan.num_communities, size=plan.num_nodes)
    community[: plan.num_communities] = np.arange(plan.num_communities)
    activity = np.cumsum((1.0 - rng.random(plan.num_nodes)) ** -_TAIL)
    memory, communities = _Memory(plan.num_nodes), _Communities(community, plan.num_communities)
    communities.arrive(slice(0, num_initial))

    src = np.empty(plan.num_events, dtype=np.int64)
    dst = np.empty(plan.num_events, dtype=np.int64)
    burst = np.empty(plan.num_events, dtype=bool)
    start, here = 0, num_initial  # events made, nodes present
    while start < plan.num_events:
        size = max(64, min(start // 8, plan.num_nodes // 8, _MAX_CHUNK))
        stop = min(start + size, plan.num_events)
        due = int(np.searchsorted(arrivals, stop))
        chunk = slice(start, stop)
        new = arrivals[here - num_initial : due] - start
        src[chunk], burst[chunk] = _sources(plan, rng, stop - start, activity[:here], new, here)
        dst[chunk] = _destinations(plan, rng, src[chunk], new, here, memory, communities)
        memory.store(src[chunk], dst[chunk])
        communities.arrive(slice(here, num_initial + due))
        start, here = stop, num_initial + due
    return src, dst, burst, community


def _sources(
    plan: _Plan,
    rng: np.random.Generator,
    size: int,
    activity: np.ndarray,
    new: np.ndarray,
    here: int,
) -> tuple[np.ndarray, np.ndarray]:
    """Sources of a chunk: arriving nodes, active nodes, and the source before in a burst."""
    draw = np.searchsorted(activity, rng.random(size) * activity[-1], side="right")
    src = np.minimum(draw, here - 1)
    burst = rng.random(size) < plan.p_burst
    burst[0] = False
    burst[new] = False
    src[new] = here + np.arange(len(new))
    leader = np.maximum.accumulate(np.where(burst, 0, np.arange(size)))
    return src[leader], burst


def _destinations(
    plan: _Plan,
    rng: np.random.Generator,
    src: np.ndarray,
    new: np.ndarray,
    here: int,
    memory: _Memory,
    communities: _Communities,
) -> np.ndarray:
    """Destinations of a chunk, given its sources."""
    size = len(src)
    kind, draw, step, again = rng.random((4, size))
    dst = communities.meet(src, draw)
    leap = rng.integers(here, size=size)
    known = memory.count[src] > 0
    known[new] = False
    bounds = np.cumsum([plan.p_repeat, plan.p_closure, plan.p_random])

    rows = np.flatnonzero(known & (kind < bounds[0]))
    dst[rows] = memory.recall(src[rows], draw[rows] ** 2)

    rows = np.flatnonzero(known & (kind >= bounds[0]) & (kind < bounds[1]))
    between = memory.recall(src[rows], draw[rows])
    third = memory.recall(between, step[rows])
    # Half of a friend's memory may be the source itself: draw once more before giving up.
    third = np.where(third == src[rows], memory.recall(between, again[rows]), third)
    dst[rows] = np.where(third == src[rows], communities.meet(src[rows], again[rows]), third)

    rows = np.flatnonzero((kind >= bounds[1]) & (kind < bounds[2]))
    rows = np.setdiff1d(rows, new, assume_unique=True)
    dst[rows] = leap[rows]

    # Whoever met itself meets another node that is present; a new node is not yet among them.
    alone = np.flatnonzero(dst == src)
    dst[alone] = (src[alone] + 1 + leap[alone] % (here - 1)) % here
    return dst


def _times(burst: np.ndarray, mean_gap: float, rng: np.random.Generator) -> np.ndarray:
    """Whole seconds from 0: exponential gaps, 20 times shorter within a burst."""
    gap = rng.standard_exponential(len(burst))
    gap[burst] *= 0.05
    gap[0] = 0.0
    share = burst.mean()
    time = np.cumsum(gap * (mean_gap / (1.0 - 0.95 * share)))
    return np.floor(time).astype(np.int64)


def _size(name: str, value: int, least: int) -> int:
    if isinstance(value, bool) or int(value) != value or not least <= value < 2**31:
        raise GraphError(name, "out of range", expected=f"an integer >= {least}", got=value)
    return int(value)


def _share(name: str, value: float) -> float:
    if not 0.0 <= value <= 1.0:
        raise GraphError(name, "not a share", expected="a number from 0 to 1", got=value)
    return float(value)
