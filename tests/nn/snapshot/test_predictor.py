"""The carried state: in buffers, moved by observe only, the same as one long call. Answers."""

from types import SimpleNamespace

import pytest
import torch

from graphkit.errors import GraphError
from graphkit.metrics.snapshot_ranking import rank_all_pairs, rank_drawn
from graphkit.models.snapshot import GCNGRU, EvolveGCNH, EvolveGCNO
from graphkit.nn.snapshot import (
    NodeMLP,
    PairHistory,
    PairMLP,
    SnapshotPredictor,
    as_snapshot,
    detach_state,
)
from graphkit.testing.snapshot_model import random_snapshots


def predictor(make, carry):
    torch.manual_seed(0)
    return SnapshotPredictor(make(5, 4), PairMLP(4, 3), 11 if carry else None).eval()


def test_carried_equals_one_long_call():
    snapshots = [as_snapshot(s) for s in random_snapshots(6)]
    for make in (EvolveGCNO, EvolveGCNH, GCNGRU):
        model = predictor(make, carry=True)
        want, _ = model.encoder(snapshots, outputs="all")
        for t in range(5):  # two snapshots with gradient, the earlier ones from the state
            out = model(snapshots[t : t + 2])
            torch.testing.assert_close(out, want[t + 1])
            torch.testing.assert_close(model(snapshots[t : t + 2]), out)  # pure
            model.observe(snapshots[t])
        saved = {k: v.clone() for k, v in model.state_dict().items()}
        other = predictor(make, carry=True)
        other.load_state_dict(saved)
        torch.testing.assert_close(other(snapshots[5:]), want[5])
        model.reset_state()
        assert model.state is None
        torch.testing.assert_close(model(snapshots[:1]), want[0])


def test_a_window_begins_afresh():
    snapshots = [as_snapshot(s) for s in random_snapshots(4)]
    model = predictor(EvolveGCNH, carry=False)
    before = model(snapshots)
    model.observe(snapshots[0])
    model.observe(None)
    assert torch.equal(model(snapshots), before)
    assert not dict(model.named_buffers())


def test_detach_state():
    _, state = EvolveGCNO(5, 4, cell="lstm")(random_snapshots(2))
    assert state[0][0].requires_grad
    assert all(not leaf.requires_grad for layer in detach_state(state) for leaf in layer)


def shared_snapshots():
    return [as_snapshot(s).shared() for s in random_snapshots(4, one_hot=True)]


def asked(num_true=4):
    draw = torch.Generator().manual_seed(2)
    pair = torch.randperm(121, generator=draw)[:9]
    label = (torch.arange(9) < num_true).long()
    return SimpleNamespace(src=pair // 11, dst=pair % 11, label=label, snapshots=shared_snapshots())


def every_logit(model, snapshots):
    """``[11, 11]``, with the offsets of pairs that have met written out."""
    h = model(snapshots)
    h = h if len(h) == 11 else h[snapshots[-1].position]
    node = torch.arange(11)
    both = model.head(h, node.repeat_interleave(11), node.repeat(11))
    scores = (both[:, 1] - both[:, 0]).view(11, 11).clone()
    if model.pair_history is not None:
        pairs = model.pair_history.pairs(snapshots)
        scores[pairs.sources, pairs.targets] += pairs.offsets
    return scores.detach()


@pytest.mark.parametrize("make", [EvolveGCNH, GCNGRU])
@pytest.mark.parametrize("steps", [None, 2])
def test_links_and_ranks_against_all_pairs(make, steps):
    torch.manual_seed(0)
    met = None if steps is None else PairHistory(steps)
    model = SnapshotPredictor(make(5, 4), PairMLP(4, 3), pair_history=met).eval()
    query = asked()
    scores = every_logit(model, query.snapshots)
    logits = model.link_logits(query.snapshots, query.src, query.dst)
    torch.testing.assert_close(logits, scores[query.src, query.dst])
    found = model.rank(query)
    torch.testing.assert_close(found.logits, logits)
    true = query.label == 1
    src, dst = query.src[true], query.dst[true]
    want = rank_all_pairs(lambda rows: scores[rows], 11, src, dst)
    assert found.ranking._fields == want._fields
    torch.testing.assert_close(list(found.ranking), list(want), atol=1e-6, rtol=1e-6)
    rivals = torch.randint(11, (4, 6), generator=torch.Generator().manual_seed(5))
    drawn = scores[src.unsqueeze(1), rivals]
    want = rank_drawn(scores[src, dst], drawn, src)
    found = model.rank(query, rivals).ranking
    torch.testing.assert_close(list(found), list(want), atol=1e-6, rtol=1e-6)


def test_classes_of_nodes_and_of_pairs():
    snapshots, (src, dst) = shared_snapshots(), torch.tensor([[0, 10, 3], [9, 10, 2]])
    for head, ends in ((NodeMLP(4, 3, 5), [src]), (PairMLP(4, 3, 5), [src, dst])):
        torch.manual_seed(1)
        model = SnapshotPredictor(EvolveGCNO(5, 4), head).eval()
        rows = snapshots[-1].position
        want = model.head(model(snapshots), *(rows[end] for end in ends))
        assert torch.equal(model.logits(snapshots, *ends), want)
        assert want.shape == (3, 5)


@pytest.mark.parametrize("make", [EvolveGCNO, EvolveGCNH, GCNGRU])
def test_nodes_that_come_later(make):
    """A carried state is that of a model that had the nodes, idle, from the beginning."""
    snapshots = random_snapshots(5)
    born = torch.rand(2, 5)
    with_new = []
    for step in snapshots:
        step = step.clone()
        step.x = torch.cat([step.x, born])
        with_new.append(as_snapshot(step))
    small = predictor(make, carry=True)
    torch.manual_seed(0)
    large = SnapshotPredictor(make(5, 4), PairMLP(4, 3), 13).eval()
    for old, new in zip(snapshots[:4], with_new):
        small.observe(as_snapshot(old))
        large.observe(new)
    held = [value.clone() for value in small.state_dict().values()]
    small.grow(13, born, 4)
    torch.testing.assert_close(small(with_new[4:]), large(with_new[4:]))
    other = predictor(make, carry=True)
    other.load_state_dict(small.state_dict())
    assert torch.equal(other(with_new[4:]), small(with_new[4:]))
    for before, after in zip(held, small.state_dict().values()):
        kept = after if after.shape == before.shape else after[:, :11]
        assert torch.equal(kept, before)  # numbers of old nodes stay the same
    if make is GCNGRU:
        with pytest.raises(RuntimeError, match="size mismatch"):
            small.load_state_dict(predictor(make, carry=True).state_dict())


def test_a_state_of_idle_nodes_over_many_steps():
    model = GCNGRU(5, 4).eval()
    x, nothing = torch.rand(3, 5), torch.zeros(2, 0, dtype=torch.int64)
    alone = as_snapshot(SimpleNamespace(x=x, edge_index=nothing))
    with torch.no_grad():
        for steps in (0, 1, 1500):
            state = model.start(3)
            for _ in range(steps):
                _, state = model([alone], state)
            torch.testing.assert_close(model.idle(x, steps)[0], state[0])


def test_who_cannot_take_in_nodes():
    model = predictor(GCNGRU, carry=True)
    with pytest.raises(GraphError, match=r"GCNGRU carries a state per node.*idle\(x, steps\)"):
        model.grow(12)
    assert model.carried_0.shape[1] == 11
    window = predictor(GCNGRU, carry=False)
    window.grow(12)  # there is nothing that would have to


def test_embeddings_of_nodes():
    snapshots = shared_snapshots()
    nodes = torch.tensor([10, 0, 0, 4])
    for make in (EvolveGCNH, GCNGRU):
        model = predictor(make, carry=False)
        h = model(snapshots)
        every = h if len(h) == 11 else h[snapshots[-1].position]
        assert torch.equal(model.embed(snapshots, nodes), every[nodes])
