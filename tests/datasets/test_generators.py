"""The triadic stream: what it promises about joint neighbourhoods, and its arguments."""

from __future__ import annotations

import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from sklearn.metrics import roc_auc_score

from graphkit.datasets import load, triadic
from graphkit.datasets.generators import _MEMORY, _Memory
from graphkit.errors import GraphError

SMALL = dict(num_events=8_000, num_nodes=600, num_communities=3)


def closure_rate(src: list[int], dst: list[int]) -> float:
    """Share of the new pairs that have a partner in common among their last eight."""
    partners: dict[int, list[int]] = {}
    new = closed = 0
    for a, b in zip(src, dst):
        of_a, of_b = partners.setdefault(a, []), partners.setdefault(b, [])
        if b not in of_a:
            new += 1
            closed += bool(set(of_a[-8:]) & set(of_b[-8:]))
        of_a.append(b)
        of_b.append(a)
    return closed / new


def test_columns():
    graph = triadic(**SMALL)
    assert graph.num_events == 8_000
    assert graph.num_nodes == 600
    assert graph.t.dtype == torch.int64
    assert graph.t[0] == 0
    assert bool((graph.t[1:] >= graph.t[:-1]).all())
    assert not (graph.src == graph.dst).any()
    assert graph.y.bincount().min() > 100
    assert graph.t[-1].item() / 8_000 == pytest.approx(60, rel=0.05)
    assert load("triadic", **SMALL).src.equal(graph.src)


def test_same_seed_same_stream():
    one, two, other = triadic(**SMALL), triadic(**SMALL), triadic(**SMALL, seed=1)
    for column in ("src", "dst", "t", "y"):
        assert torch.equal(getattr(one, column), getattr(two, column))
    assert not torch.equal(one.src, other.src)
    assert not torch.equal(one.t, other.t)


def test_triangles_close_more_than_in_a_shuffled_stream():
    graph = triadic(**SMALL)
    src, dst = graph.src.numpy(), graph.dst.numpy()
    rate = closure_rate(src.tolist(), dst.tolist())
    mixed = np.random.default_rng(0).permutation(dst)
    assert rate > 2 * closure_rate(src.tolist(), mixed.tolist())
    without = triadic(**SMALL, p_closure=0.0)
    assert rate > 2 * closure_rate(without.src.tolist(), without.dst.tolist())


def test_joint_neighbourhoods_matter():
    """Against a stranger of the same community, both memories tell more than either node."""
    graph = triadic(20_000, 1_000, 4)
    rng = np.random.default_rng(0)
    community = graph.y.numpy()
    members = [np.flatnonzero(community == c) for c in range(4)]
    recent: list[list[int]] = [[] for _ in range(graph.num_nodes)]
    degree = np.zeros(graph.num_nodes)

    def joint(a: int, b: int) -> int:
        of_a, of_b = recent[a][-20:], recent[b][-20:]
        return len(set(of_a) & set(of_b)) + 3 * ((b in of_a) + (a in of_b))

    scores: dict[str, tuple[list[float], list[float]]] = {"degree": ([], []), "joint": ([], [])}
    for i, (a, b) in enumerate(zip(graph.src.tolist(), graph.dst.tolist())):
        if i > 14_000:
            stranger = a
            while stranger == a or not recent[stranger]:
                stranger = int(rng.choice(members[community[a]]))
            for k, candidate in enumerate((b, stranger)):
                scores["degree"][k].append(degree[candidate])
                scores["joint"][k].append(joint(a, candidate))
        recent[a].append(b)
        recent[b].append(a)
        degree[[a, b]] += 1
    auc = {
        name: roc_auc_score([1] * len(pos) + [0] * len(neg), pos + neg)
        for name, (pos, neg) in scores.items()
    }
    assert auc["degree"] < 0.62
    assert auc["joint"] > 0.76


def test_nodes_arrive_until_the_end():
    graph = triadic(**SMALL, initial=0.25)
    first = np.full(600, 8_000)
    ends = torch.stack([graph.src, graph.dst], dim=1).numpy()
    for i in range(7_999, -1, -1):
        first[ends[i]] = i
    late = first[150:]
    # later ids arrive at their time, evenly spread, as sources, in their community
    assert late.tolist() == [(k * 8_000) // 450 - 1 for k in range(1, 451)]
    assert ends[late, 0].tolist() == list(range(150, 600))
    home = graph.y.numpy()
    meets = ends[late]
    assert (home[meets[:, 0]] == home[meets[:, 1]]).all()


def test_bursts_share_the_source_and_are_quick():
    graph = triadic(**SMALL, p_burst=0.6)
    same = (graph.src[1:] == graph.src[:-1]).numpy()
    gap = np.diff(graph.t.numpy())
    assert same.mean() == pytest.approx(0.6, abs=0.06)
    assert gap[same].mean() < 0.15 * gap[~same].mean()
    calm = triadic(**SMALL, p_burst=0.0)
    assert (calm.src[1:] == calm.src[:-1]).double().mean() < 0.05


def test_shares():
    graph = triadic(**SMALL, p_repeat=1.0, p_closure=0.0, p_random=0.0, initial=1.0)
    pairs = {frozenset(pair) for pair in zip(graph.src.tolist(), graph.dst.tolist())}
    assert len(pairs) < 700  # one meeting per node at most, then the same partners again
    graph = triadic(**SMALL, p_repeat=0.0, p_closure=0.0, p_random=0.0)
    same = (graph.y[graph.src] == graph.y[graph.dst]).double().mean()
    assert same > 0.98  # the few that would meet themselves may leave their community
    graph = triadic(**SMALL, p_repeat=0.0, p_closure=0.0, p_random=1.0)
    same = (graph.y[graph.src] == graph.y[graph.dst]).double().mean()
    assert same < 0.45


@given(seed=st.integers(0, 1_000), num_events=st.integers(1, 60))
def test_memory_keeps_the_last_partners_in_order(seed, num_events):
    rng = np.random.default_rng(seed)
    memory, diary = _Memory(5), [[] for _ in range(5)]
    for _ in range(3):
        src = rng.integers(5, size=num_events)
        dst = (src + rng.integers(1, 5, size=num_events)) % 5
        memory.store(src, dst)
        for a, b in zip(src.tolist(), dst.tolist()):
            diary[a].append(b)
            diary[b].append(a)
    for node, partners in enumerate(diary):
        assert memory.count[node] == len(partners)
        kept = partners[::-1][:_MEMORY]
        draws = (np.arange(len(kept)) + 0.5) / max(len(kept), 1)
        assert memory.recall(np.full(len(kept), node), draws).tolist() == kept


@given(
    num_events=st.integers(1, 400),
    num_nodes=st.integers(2, 60),
    num_communities=st.integers(1, 60),
    p_repeat=st.floats(0, 1),
    p_closure=st.floats(0, 1),
    p_random=st.floats(0, 1),
    p_burst=st.floats(0, 1),
    initial=st.floats(0, 1),
    mean_gap=st.floats(0, 1e6),
    seed=st.integers(0, 2**31 - 1),
)
def test_any_arguments_give_a_stream_or_a_clear_error(num_events, num_nodes, **settings):
    try:
        graph = triadic(num_events, num_nodes, **settings)
    except GraphError as error:
        if error.column not in ("num_communities", "num_events", "p_closure"):
            raise
        return
    assert graph.num_events == num_events
    assert graph.num_nodes == num_nodes
    assert not (graph.src == graph.dst).any()
    assert graph.t[0] == 0
    assert int(graph.src.max()) < num_nodes
    assert int(graph.dst.max()) < num_nodes


@pytest.mark.parametrize(
    ("settings", "column"),
    [
        (dict(num_events=0), "num_events"),
        (dict(num_events=10, num_nodes=1_000), "num_events"),
        (dict(num_nodes=1), "num_nodes"),
        (dict(num_nodes=2.5), "num_nodes"),
        (dict(num_communities=0), "num_communities"),
        (dict(num_communities=3_000), "num_communities"),
        (dict(p_repeat=0.8, p_closure=0.8), "p_closure"),
        (dict(p_repeat=-0.1), "p_repeat"),
        (dict(p_burst=float("nan")), "p_burst"),
        (dict(mean_gap=-1.0), "mean_gap"),
        (dict(mean_gap=float("inf")), "mean_gap"),
        (dict(seed=-1), "seed"),
    ],
)
def test_bad_arguments(settings, column):
    with pytest.raises(GraphError) as caught:
        triadic(**settings)
    assert caught.value.column == column


def test_a_larger_stream_uses_all_nodes():
    graph = triadic(300_000, 30_000, 50, seed=3)
    assert graph.num_events == 300_000
    assert len(torch.unique(torch.cat([graph.src, graph.dst]))) > 0.99 * 30_000
