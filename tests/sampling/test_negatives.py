"""Negatives against candidate sets collected with Python sets, one event at a time."""

from __future__ import annotations

import hashlib
import json
from collections import Counter

import numpy as np
import pytest
import torch
from hypothesis import assume, given, settings
from hypothesis import strategies as st
from scipy import stats

from graphkit import TemporalGraph
from graphkit.errors import GraphError, UnknownNameError
from graphkit.registry import names
from graphkit.sampling import negatives

NUM_NODES = 8
EVENTS = st.lists(
    st.tuples(st.integers(0, 7), st.integers(0, 7), st.integers(0, 6)), min_size=2, max_size=40
)
KINDS = ("random", "historical", "inductive")


def build(events, num_nodes=NUM_NODES):
    src, dst, t = (torch.tensor(c) for c in zip(*events))
    return TemporalGraph(src, dst, t, num_nodes=num_nodes)


def everything(g):
    return g.batches(size=len(g))[0]


def rows(g):
    return list(zip(g.src.tolist(), g.dst.tolist(), g.t.tolist()))


def true_now(g, u, t):
    return {w for a, w, when in rows(g) if a == u and when == t}


def candidates(kind, g, train, u, t, pool=None):
    """What may be drawn for source u at time t, and whether it had to be random."""
    pool = {w for _, w, _ in rows(g)} if pool is None else pool
    if kind == "historical":
        past = {w for a, w, when in rows(g) if a == u and when < t}
    elif kind == "inductive":
        seen = {(a, w) for a, w, _ in rows(train)}
        last = max(when for _, _, when in rows(train))
        past = {w for a, w, when in rows(g) if a == u and last < when < t and (a, w) not in seen}
    else:
        return pool - true_now(g, u, t), False
    past -= true_now(g, u, t)
    return (past, False) if past else (pool - true_now(g, u, t), True)


def triadic(num_events=3_000, num_nodes=40, num_times=300, seed=0):
    """Skewed sources, many ties."""
    generator = torch.Generator().manual_seed(seed)
    src = (torch.rand(num_events, generator=generator) ** 2 * num_nodes).long()
    dst = (torch.rand(num_events, generator=generator) ** 2 * num_nodes).long()
    t = torch.randint(num_times, (num_events,), generator=generator)
    return TemporalGraph(src, dst, t, num_nodes=num_nodes)


@settings(max_examples=150, deadline=None)
@given(EVENTS, st.sampled_from(KINDS), st.floats(0.1, 0.9), st.integers(0, 3))
def test_every_draw_is_allowed_and_every_candidate_is_drawn(events, kind, share, seed):
    g = build(events)
    train = g[: max(1, int(share * len(g)))]
    train = g.between(None, train.t_max + 1)  # events of one time are not parted
    allowed = [candidates(kind, g, train, u, t) for u, _, t in rows(g)]
    assume(all(found for found, _ in allowed))
    sampler = negatives.create(kind, g, train=train, seed=seed)
    drawn = sampler.sample(everything(g), 400)
    assert drawn.shape == (len(g), 400)
    assert drawn.dtype == torch.int64
    for row, (found, _) in zip(drawn.tolist(), allowed):
        assert set(row) == found
    if kind != "random":
        expected = sum(random for _, random in allowed) / len(g)
        assert sampler.pool["fallback_fraction"] == pytest.approx(expected)


@settings(max_examples=60, deadline=None)
@given(EVENTS, st.sampled_from(KINDS))
def test_allow_true_draws_from_the_whole_pool(events, kind):
    g = build(events)
    train = g[: max(1, len(g) // 2)]
    sampler = negatives.create(kind, g, train=train, allow_true=True)
    drawn = sampler.sample(everything(g), 400)
    everywhere = set(g.dst.tolist())
    for row, (u, _, t) in zip(drawn.tolist(), rows(g)):
        if kind == "historical":
            past = {w for a, w, when in rows(g) if a == u and when < t}
            assert set(row) == (past or everywhere)
        elif kind == "random":
            assert set(row) == everywhere


@pytest.mark.parametrize("kind", KINDS)
def test_draws_are_uniform_over_what_is_allowed(kind):
    g = triadic(num_events=600, num_nodes=20, num_times=30)
    train = g.split().train
    sampler = negatives.create(kind, g, train=train, seed=3)
    drawn = sampler.sample(everything(g), 600)
    pvalues = []
    for row, (u, _, t) in list(zip(drawn.tolist(), rows(g)))[::20]:
        found, _ = candidates(kind, g, train, u, t)
        counts = Counter(row)
        assert set(counts) <= found
        if len(found) > 1:
            pvalues.append(stats.chisquare([counts[w] for w in sorted(found)]).pvalue)
    assert len(pvalues) > 10
    assert min(pvalues) > 1e-4
    assert stats.kstest(pvalues, "uniform").pvalue > 1e-3


@pytest.mark.parametrize("kind", KINDS)
def test_draws_do_not_depend_on_batches_order_or_number_of_columns(kind):
    g = triadic()
    train = g.split().train
    sampler = negatives.create(kind, g, train=train, seed=1)
    whole = sampler.sample(everything(g), 3)
    for size in (1, 7, 200):
        subset = list(g[:900].batches(size=size))
        parts = torch.cat([sampler.sample(b, 3) for b in subset])
        assert torch.equal(parts, whole[:900])
    order = torch.randperm(len(g), generator=torch.Generator().manual_seed(0))
    assert torch.equal(sampler.sample(everything(g)[order], 3), whole[order])
    assert torch.equal(sampler.sample(everything(g), 1), whole[:, :1])
    again = negatives.create(kind, g, train=train, seed=1)
    assert torch.equal(again.sample(g[100:150].batches(size=50)[0], 3), whole[100:150])


@pytest.mark.parametrize("kind", KINDS)
def test_epochs_and_seeds_change_the_draws_and_come_back(kind):
    g = triadic()
    train = g.split().train
    sampler = negatives.create(kind, g, train=train, seed=1)
    first = sampler.sample(everything(g), 2)
    sampler.reset(epoch=1)
    second = sampler.sample(everything(g), 2)
    sampler.reset(epoch=0)
    assert torch.equal(sampler.sample(everything(g), 2), first)
    other = negatives.create(kind, g, train=train, seed=2).sample(everything(g), 2)
    for changed in (second, other):
        assert float((changed != first).double().mean()) > 0.5
    # columns of a row are draws of their own, too
    assert float((first[:, 0] != first[:, 1]).double().mean()) > 0.5


def test_kinds_with_one_seed_are_not_the_same_draws():
    g = triadic()
    drawn = [
        negatives.create(kind, g, train=g.split().train, seed=0).sample(everything(g), 1)
        for kind in KINDS
    ]
    assert not torch.equal(drawn[0], drawn[1])
    assert not torch.equal(drawn[0], drawn[2])


def test_the_largest_destination_is_drawn_and_nodes_outside_the_pool_are_not():
    g = build([(0, 5, 0), (1, 6, 1), (0, 7, 2)])
    sampler = negatives.create("random", g)
    assert sorted(sampler.sample(everything(g), 200)[1].unique().tolist()) == [5, 7]
    nodes = negatives.create("random", g, pool="nodes")
    assert sorted(nodes.sample(everything(g), 400)[1].unique().tolist()) == [0, 1, 2, 3, 4, 5, 7]
    chosen = negatives.create("random", g, pool=torch.tensor([7, 2]))
    assert sorted(chosen.sample(everything(g), 100)[1].unique().tolist()) == [2, 7]
    assert chosen.sample(everything(g), 100)[2].unique().tolist() == [2]


def test_node_0_has_no_phantom_history():
    g = build([(3, 4, 0), (0, 5, 1), (0, 6, 1), (3, 5, 2), (0, 5, 3)])
    sampler = negatives.create("historical", g)
    drawn = sampler.sample(everything(g), 200)
    # node 0 has met nobody before time 1: random, and never what is true at time 1
    assert set(drawn[1].tolist()) == set(drawn[2].tolist()) == {4}
    assert set(drawn[3].tolist()) == {4}
    assert set(drawn[4].tolist()) == {6}
    assert sampler.pool["fallback_fraction"] == 3 / 5
    sampler.reset()
    assert sampler.pool["fallback_fraction"] is None


def test_history_of_the_training_part_only():
    g = build([(0, 1, 0), (0, 2, 1), (0, 3, 5), (0, 4, 6), (0, 5, 7)])
    train = g[:2]
    last = g[4:].batches(size=1)[0]
    past = negatives.create("historical", g, train=train)
    assert set(past.sample(last, 200).flatten().tolist()) == {1, 2, 3, 4}
    only = negatives.create("historical", g, train=train, history="train")
    assert set(only.sample(last, 200).flatten().tolist()) == {1, 2}
    inductive = negatives.create("inductive", g, train=train)
    assert set(inductive.sample(last, 200).flatten().tolist()) == {3, 4}


def test_inductive_with_held_out_nodes_leaves_out_pairs_of_training():
    # (0, 4) lies in the training period but was held out of training: it is no training pair,
    # nor first seen after training until it occurs there
    g = build([(0, 1, 0), (0, 4, 1), (0, 2, 1), (0, 4, 5), (0, 1, 6), (0, 3, 7), (0, 5, 9)])
    train = g[:3].filter_events(g[:3].dst != 4)
    sampler = negatives.create("inductive", g, train=train)
    assert set(sampler.sample(g[6:].batches(size=1)[0], 200).flatten().tolist()) == {3, 4}


def test_inductive_leaves_out_less_than_dyglib():
    """Both rules with sets: theirs drops every pair up to a time, ours the pairs of training."""
    events = [
        (0, 1, 0),
        (0, 4, 1),
        (0, 2, 1),
        (0, 4, 5),
        (0, 3, 6),
        (0, 6, 7),
        (0, 5, 8),
        (0, 2, 9),
    ]
    g = build(events)
    train = g[:3].filter_events(g[:3].dst != 4)  # node 4 is held out
    trained, last = {1, 2}, 1
    found = {}
    for name, asked, end in (("validation", 5, last), ("test", 7, 7)):
        _, true, now = events[asked]
        met = {v for _, v, t in events if last < t < now}
        observed = {v for _, v, t in events if t <= end}
        ours = met - trained - {true}
        theirs = {v for _, v, t in events if t < now} - observed - {true}
        sampler = negatives.create("inductive", g, train=train)
        drawn = sampler.sample(g[asked : asked + 1].batches(size=1)[0], 200)
        assert set(drawn.flatten().tolist()) == ours
        found[name] = ours, theirs
    assert found == {"validation": ({3, 4}, {3}), "test": ({3, 4, 5, 6}, {5})}


def test_without_graph_the_whole_storage_is_known():
    g = triadic()
    split = g.split()
    for kind in KINDS:
        whole = negatives.create(kind, g, train=split.train, seed=5)
        short = negatives.create(kind, train=split.train, seed=5)
        batch = everything(split.test)
        assert torch.equal(whole.sample(batch, 4), short.sample(batch, 4))
        whole.reset()
        short.reset()
        assert whole.pool == short.pool


def test_an_event_that_is_not_known_is_refused():
    g = triadic()
    split = g.split()
    sampler = negatives.create("random", split.train)
    assert sampler.sample(everything(split.train), 1).shape == (len(split.train), 1)
    with pytest.raises(
        GraphError, match=r"row 0.*not in the graph.*Build the negatives with graph="
    ):
        sampler.sample(everything(split.test), 1)
    loose = negatives.create("random", split.train, allow_true=True)
    assert loose.sample(everything(split.test), 2).shape == (len(split.test), 2)


def test_a_pool_that_is_all_true_is_refused():
    g = build([(0, 1, 0), (0, 2, 0), (3, 1, 1)])
    sampler = negatives.create("random", g)
    assert sampler.sample(g[2:].batches(size=1)[0], 5).tolist() == [[2] * 5]
    with pytest.raises(GraphError, match=r"row 0.*true one.*allow_true"):
        sampler.sample(everything(g), 1)


def test_refusals():
    g = triadic()
    with pytest.raises(UnknownNameError, match="historical"):
        negatives.create("historicl", g)
    with pytest.raises(GraphError, match="need the graph"):
        negatives.create("random")
    for kind in ("inductive",):
        with pytest.raises(GraphError, match="training subset"):
            negatives.create(kind, g)
    with pytest.raises(GraphError, match="training subset"):
        negatives.create("historical", g, history="train")
    with pytest.raises(GraphError, match="not a history"):
        negatives.create("historical", g, history="future")
    for pool in (torch.tensor([1.0]), torch.tensor([], dtype=torch.int64), "items"):
        with pytest.raises(GraphError, match="pool"):
            negatives.create("random", g, pool=pool)
    with pytest.raises(GraphError, match="no such node"):
        negatives.create("random", g, pool=torch.tensor([0, 999]))
    with pytest.raises(GraphError, match="twice"):
        negatives.create("random", g, pool=torch.tensor([3, 1, 3]))
    batch = everything(g)
    wrong = type(batch)(batch.src, batch.dst, batch.t.double(), batch.event_id)
    with pytest.raises(GraphError, match="another type"):
        negatives.create("random", g).sample(wrong, 1)


def test_registered_names():
    assert set(names("negatives")) >= {"random", "historical", "inductive", "fixed"}


@pytest.mark.parametrize("kind", KINDS)
def test_the_pool_is_a_plain_record(kind):
    g = triadic()
    train = g.split().train
    sampler = negatives.create(kind, g, train=train, seed=4)
    sampler.sample(everything(g), 1)
    pool = sampler.pool
    assert json.loads(json.dumps(pool)) == pool
    assert pool["kind"] == kind
    assert pool["seed"] == 4
    assert len(pool["sha256"]) == 64
    if kind == "random":
        members = np.unique(g.dst.numpy()).astype("<i8")
        digest = hashlib.sha256(repr(members.shape).encode() + members.tobytes())
        assert pool["size"] == members.size
        assert pool["sha256"] == digest.hexdigest()
    elif kind == "historical":
        assert pool["size"] == len({(u, v) for u, v, _ in rows(g)})
    else:
        seen = {(u, v) for u, v, _ in rows(train)}
        assert pool["size"] == len({(u, v) for u, v, _ in rows(g)} - seen)
    smaller = negatives.create(kind, g[: len(g) - 300], train=train, seed=4).pool
    if kind != "random":
        assert smaller["sha256"] != pool["sha256"]


def test_fixed_lists_are_looked_up_by_event(tmp_path):
    g = triadic()
    test = g.split().test
    source = negatives.create("random", g, seed=7)
    lists = negatives.FixedNegatives.draw(source, test, 20, chunk=1_000)
    direct = source.sample(everything(test), 20)
    assert torch.equal(lists.sample(everything(test)), direct)
    order = torch.randperm(len(test))
    assert torch.equal(lists.sample(everything(test)[order], 5), direct[order, :5])
    path = lists.save(tmp_path / "lists.npz")
    assert [p.name for p in tmp_path.iterdir()] == ["lists.npz"]
    sha256 = lists.pool["sha256"]
    read = negatives.create("fixed", path, graph=g, sha256=sha256, seed=3)
    read.reset(epoch=9)
    assert torch.equal(read.sample(everything(test), 20), direct)
    assert read.pool == {
        "kind": "fixed",
        "size": 20,
        "events": len(test),
        "seed": None,
        "drawn_from": "lists.npz",
        "sha256": sha256,
    }


def test_fixed_lists_are_checked(tmp_path):
    g = build([(0, 1, 0), (0, 2, 0), (3, 1, 1)])
    lists = torch.tensor([[3, 4], [5, 6], [2, 3]])
    create = negatives.FixedNegatives
    assert create(lists, graph=g).sample(everything(g), 1).tolist() == [[3], [5], [2]]
    bad = lists.clone()
    bad[1, 1] = 1  # (0, 1) happens at the same time as event 1
    with pytest.raises(GraphError, match=r"true event.*event id 1, column 1.*allow_true"):
        create(bad, graph=g)
    assert create(bad, graph=g, allow_true=True).pool["events"] == 3
    assert create(bad).pool["events"] == 3
    with pytest.raises(GraphError, match="too large"):
        create(lists + 5, graph=g)
    with pytest.raises(GraphError, match="negative"):
        create(lists - 3)
    with pytest.raises(GraphError, match="asked for"):
        create(lists, sha256="0" * 64)
    with pytest.raises(GraphError, match="listed twice"):
        create(lists, torch.tensor([4, 5, 4]))
    with pytest.raises(GraphError, match="one event per list"):
        create(lists, torch.tensor([4, 5]))
    with pytest.raises(GraphError, match="int64"):
        create(lists.double())
    with pytest.raises(GraphError, match="need their lists"):
        negatives.create("fixed", train=g)
    few = create(lists[:2], torch.tensor([0, 2]))
    with pytest.raises(GraphError, match=r"row 1.*no list"):
        few.sample(everything(g), 1)
    with pytest.raises(GraphError, match="shorter"):
        few.sample(everything(g), 3)
    np.savez(tmp_path / "wrong.npz", negatives=lists.numpy())
    with pytest.raises(GraphError, match="event_id"):
        create(tmp_path / "wrong.npz")
    with pytest.raises(GraphError, match="no file"):
        create(tmp_path / "absent.npz")
    for wrong in (lists.double() + 0.5, lists.bool()):
        np.savez(tmp_path / "wrong.npz", negatives=wrong.numpy(), event_id=np.arange(3))
        with pytest.raises(GraphError, match=r"wrong\.npz holds no node ids"):
            create(tmp_path / "wrong.npz")
    np.savez(
        tmp_path / "wrong.npz", negatives=lists.numpy(), event_id=np.array([0, 1, 2**63], "u8")
    )
    with pytest.raises(GraphError, match=r"'event_id'.*integers of 64 bits; got uint64"):
        create(tmp_path / "wrong.npz")
    (tmp_path / "wrong.npz").write_bytes(b"no zip archive")
    with pytest.raises(GraphError, match=r"wrong\.npz' cannot be read"):
        create(tmp_path / "wrong.npz")


@pytest.mark.skipif(not torch.cuda.is_available(), reason="needs a GPU")
@pytest.mark.parametrize("kind", KINDS)
def test_gpu_equals_cpu(kind):
    g = triadic()
    train = g.split().train
    here = negatives.create(kind, g, train=train, seed=1).sample(everything(g), 5)
    far, far_train = g.to("cuda"), train.to("cuda")
    there = negatives.create(kind, far, train=far_train, seed=1)
    assert torch.equal(there.sample(everything(far), 5).cpu(), here)
    assert torch.equal(there.sample(everything(g), 5), here)  # a batch from the other device
