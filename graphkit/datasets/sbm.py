"""Generated snapshots: a stochastic block model whose nodes change their communities."""

from __future__ import annotations

import numpy as np

from graphkit.checks import check_share
from graphkit.data import NodeEvents, TemporalGraph
from graphkit.errors import GraphError
from graphkit.registry import register

__all__ = ["sbm"]


@register("dataset", "sbm")
def sbm(
    num_nodes: int = 1_000,
    num_steps: int = 50,
    num_communities: int = 2,
    *,
    p_in: float = 0.05,
    p_out: float = 0.005,
    migrating: int = 20,
    persistence: float = 0.0,
    feature_noise: float = 2.0,
    seed: int = 0,
) -> TemporalGraph:
    """Snapshots of a stochastic block model with migrating communities.

    At every step ``migrating`` nodes of the first community move to the next, and the communities
    change their roles in turn, so that the flow goes on. A pair of one community has an edge with
    ``p_in``, of two with ``p_out``, each direction on its own. Like the synthetic set of EvolveGCN
    (arXiv 1902.10191, section 4.1; made by the code of DynGEM, Goyal et al. 2018), which is denser:
    1,000 nodes, 50 steps, 97,000 edges a step.

    Args:
        num_nodes: ``N``.
        num_steps: Steps; the time of an event is its step, from 0.
        num_communities: Communities, of equal sizes at the start.
        p_in: Probability of an edge inside a community.
        p_out: Probability of an edge between communities.
        migrating: Nodes that move before each step but the first.
        persistence: Probability that a pair, neither end of which has moved, stays as it was
            instead of being drawn anew.
        feature_noise: Standard deviation of what is added to the features.
        seed: Same arguments and seed, same graph.

    Returns:
        A graph with time unit ``"step"``; ``node_events`` has the community of every node at every
        step as ``y``. No self loops.

    Raises:
        GraphError: A size or probability is out of range.
    """
    for name, value, least in (
        ("num_nodes", num_nodes, 2),
        ("num_steps", num_steps, 1),
        ("num_communities", num_communities, 1),
        ("migrating", migrating, 0),
    ):
        if isinstance(value, bool) or int(value) != value or value < least:
            raise GraphError(name, "not a size", expected=f"an integer >= {least}", got=value)
    for name, share in (("p_in", p_in), ("p_out", p_out), ("persistence", persistence)):
        check_share(share, name, "not a probability", one=True)
    if num_communities > num_nodes:
        raise GraphError("num_communities", "too many", expected=f"<= {num_nodes}")
    rng = np.random.default_rng(seed)
    community = np.arange(num_nodes) * num_communities // num_nodes
    edge = np.zeros((num_nodes, num_nodes), dtype=bool)
    moved = np.ones(num_nodes, dtype=bool)
    src, dst, times, history = [], [], [], []
    for step in range(num_steps):
        if step:
            moved[:] = False
            giver = (step - 1) % num_communities
            members = np.flatnonzero(community == giver)
            leaving = rng.choice(members, size=min(migrating, len(members)), replace=False)
            community[leaving] = (giver + 1) % num_communities
            moved[leaving] = True
        chance = np.where(community[:, None] == community, p_in, p_out)
        drawn = rng.random((num_nodes, num_nodes), dtype=np.float32) < chance
        if step and persistence:
            stay = rng.random((num_nodes, num_nodes), dtype=np.float32) < persistence
            stay &= ~(moved[:, None] | moved)
            drawn = np.where(stay, edge, drawn)
        edge = drawn
        np.fill_diagonal(edge, False)
        a, b = np.nonzero(edge)
        src.append(a)
        dst.append(b)
        times.append(np.full(len(a), step))
        history.append(community.copy())
    if not feature_noise >= 0:
        raise GraphError("feature_noise", "not a size", expected=">= 0", got=feature_noise)
    y = np.concatenate(history)
    x = np.random.default_rng([seed, 1]).normal(size=(len(y), num_communities)) * feature_noise
    x[np.arange(len(y)), y] += 1
    return TemporalGraph(
        np.concatenate(src),
        np.concatenate(dst),
        np.concatenate(times),
        num_nodes=num_nodes,
        node_events=NodeEvents(
            node=np.tile(np.arange(num_nodes), num_steps),
            t=np.repeat(np.arange(num_steps), num_nodes),
            x=x.astype(np.float32),
            y=y,
        ),
        time_unit="step",
        sort=False,
        name="sbm",
    )
