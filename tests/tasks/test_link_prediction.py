"""LinkPrediction: split, negatives, loss, metrics, and the inductive protocol."""

import json

import numpy as np
import pytest
import torch
from sklearn.metrics import average_precision_score, roc_auc_score
from torch import nn

from graphkit import LinkPrediction, TemporalGraph, registry
from graphkit.errors import GraphError, UnknownNameError
from graphkit.metrics import average_precision, batch_mean, ranks
from graphkit.sampling.negatives import FixedNegatives, create
from graphkit.tasks.answer import Answer

KINDS = ("random", "historical", "inductive")


@pytest.fixture(scope="module")
def graph():
    generator = torch.Generator().manual_seed(1)
    src = torch.randint(0, 30, (1000,), generator=generator)
    dst = (src + torch.randint(1, 5, (1000,), generator=generator)) % 40
    t = torch.randint(0, 3, (1000,), generator=generator).cumsum(0)
    return TemporalGraph(src, dst, t, num_nodes=45, name="ring")


def columns(task, split, final=False, epoch=0, batch_size=64):
    stream = task.stream(split, batch_size, epoch=epoch, final=final)
    return torch.cat([q.dst for q in stream])


def test_is_registered():
    assert registry.get("task", "link_prediction") is LinkPrediction


def test_split_by_time(graph):
    task = LinkPrediction(graph, val=0.2, test=0.1)
    expected = graph.split(val=0.2, test=0.1)
    assert [len(p) for p in task.split] == [len(p) for p in expected]
    assert task.split.train.t_max < task.split.val.t_min
    assert [len(g) for g in task.past("test")] == [len(expected.train), len(expected.val)]
    assert [len(g) for g in task.past("val")] == [len(expected.train)]
    assert task.past("train") == []


@pytest.mark.parametrize("kind", KINDS)
def test_negatives_are_honoured_in_every_split(graph, kind):
    """The pool of each split, and the draws, are those of the negatives that were asked for."""
    task = LinkPrediction(graph, negatives=kind, num_train_negatives=2)
    assert columns(task, "train").shape[1] == 3
    assert columns(task, "val").shape[1] == 2
    assert task.protocol()["negatives"] == dict.fromkeys(("train", "val", "test"), kind)
    others = [k for k in KINDS if k != kind]
    for split in ("train", "val", "test"):
        mine = columns(task, split)
        assert torch.equal(mine, columns(task, split, batch_size=7))
        for other in others:
            theirs = LinkPrediction(graph, negatives=other, num_train_negatives=2)
            assert not torch.equal(mine, columns(theirs, split)), (split, other)


def test_every_set_in_one_pass(graph):
    task = LinkPrediction(graph, eval_negatives=KINDS, candidates=9)
    drawn = columns(task, "test", final=True)
    assert drawn.shape == (len(task.split.test), 1 + 3 + 9)
    assert torch.equal(drawn[:, 0], task.split.test.dst)
    for column, kind in enumerate(KINDS, start=1):
        alone = columns(LinkPrediction(graph, negatives=kind), "test", final=True)
        assert torch.equal(alone[:, 1], drawn[:, column]), kind
    # Validation, which selects the epoch, scores no more than it needs.
    assert columns(task, "val").shape[1] == 2


def test_draws_depend_on_seed_and_in_training_on_the_epoch(graph):
    task = LinkPrediction(graph)
    assert torch.equal(columns(task, "train", epoch=3), columns(task, "train", epoch=3))
    assert not torch.equal(columns(task, "train", epoch=3), columns(task, "train", epoch=4))
    assert torch.equal(columns(task, "test", epoch=3), columns(task, "test", epoch=4))
    other = LinkPrediction(graph, seed=1)
    assert not torch.equal(columns(task, "test"), columns(other, "test"))


def test_loss_is_the_mean_over_positives_plus_the_mean_over_negatives(graph):
    task = LinkPrediction(graph)
    logits = torch.randn(20, 4, generator=torch.Generator().manual_seed(0), requires_grad=True)
    bce = nn.BCEWithLogitsLoss()
    positive, negative = logits[:, 0], logits[:, 1:]
    expected = bce(positive, torch.ones(20)) + bce(negative, torch.zeros(20, 3))
    loss = task.loss(Answer(logits), 20)
    assert loss.item() == pytest.approx(expected.item(), rel=1e-6)
    grad = torch.autograd.grad(loss, logits)[0]
    assert torch.allclose(grad, torch.autograd.grad(expected, logits)[0], atol=1e-7)
    # The losses of the shares of a batch add up to the loss of the batch.
    parts = task.loss(Answer(logits[:7]), 20) + task.loss(Answer(logits[7:]), 20)
    assert parts.item() == pytest.approx(loss.item(), rel=1e-6)
    assert task.loss(Answer(logits.bfloat16()), 20).dtype == torch.float32


def test_metrics_equal_scikit_learn_column_by_column(graph):
    task = LinkPrediction(graph, eval_negatives=KINDS, candidates=20)
    count = len(task.split.test)
    scores = torch.randn(count, 24, generator=torch.Generator().manual_seed(0))
    scores[:, 0] += 1
    found = task.metrics(Answer(scores), "test")
    y = np.r_[np.ones(count), np.zeros(count)]
    for column, suffix in enumerate(("", "_historical", "_inductive"), start=1):
        s = torch.cat([scores[:, 0], scores[:, column]]).numpy()
        assert found[f"ap{suffix}"] == pytest.approx(average_precision_score(y, s), abs=1e-6)
        assert found[f"auc{suffix}"] == pytest.approx(roc_auc_score(y, s), abs=1e-6)
    place = ranks(torch.cat([scores[:, :1], scores[:, 4:]], dim=1))
    assert found["mrr"] == pytest.approx(float((1 / place).mean()))
    assert found["hits@10"] == pytest.approx(float((place <= 10).double().mean()))
    assert len(found) == 8


def test_the_suffix_follows_the_chosen_negatives(graph):
    task = LinkPrediction(graph, negatives="historical", eval_negatives=("random", "historical"))
    found = task.metrics(Answer(torch.rand(len(task.split.test), 3)), "test")
    assert list(found) == ["ap", "auc", "ap_random", "auc_random"]


def test_true_events_may_be_drawn_only_when_asked(graph):
    """With few destinations, blind draws hit events of the same source and time; others never."""
    events = set(zip(graph.src.tolist(), graph.dst.tolist(), graph.t.tolist(), strict=True))

    def hits(task):
        test = task.split.test
        drawn = columns(task, "test")[:, 1]
        rows = zip(test.src.tolist(), drawn.tolist(), test.t.tolist(), strict=True)
        return sum(row in events for row in rows)

    blind = LinkPrediction(graph, allow_true=True)
    assert hits(LinkPrediction(graph)) == 0 < hits(blind)
    assert blind.protocol()["true_events_as_negatives"] is True
    assert blind.identity() != LinkPrediction(graph).identity()


def test_within_a_batch_models_that_can_get_its_events(graph):
    class Model(torch.nn.Module):
        reads_earlier = True

        def score(self, src, dst, t, earlier=None):
            self.earlier = earlier
            return torch.zeros(dst.shape)

    model = Model()
    for within_batch in (False, True):
        task = LinkPrediction(graph, within_batch=within_batch)
        query = next(iter(task.stream("train", 50)))
        task.score(model, query.shard(0, 2))
        assert model.earlier is (query.events if within_batch else None)
        assert task.identity()["within_batch"] is within_batch
    with pytest.raises(GraphError, match="EdgeBank knows what it has observed"):
        task.score(registry.get("model", "edgebank").from_graph(graph), query)


def test_batch_means_only_under_their_own_name(graph):
    task = LinkPrediction(graph, batch_mean=True)
    scores = torch.rand(len(task.split.test), 2)
    found = task.metrics(Answer(scores), "test")
    assert list(found) == ["ap", "auc", "ap_batch_mean_32", "auc_batch_mean_32"]
    mean = batch_mean(average_precision, scores[:, 0], scores[:, 1], 32)
    assert found["ap_batch_mean_32"] == mean != found["ap"]


def test_inductive_protocol(graph):
    task = LinkPrediction(graph, inductive=True, hold_out=0.2, num_train_negatives=2)
    held = set(task.held_out.nodes.tolist())
    assert held
    for split in ("train", "val"):
        part = getattr(task.split, split)
        assert not held & set(part.src.tolist())
        assert not held & set(columns(task, split).flatten().tolist()), "not even as a negative"
    full = graph.split()
    assert len(task.split.test) == len(full.test)
    assert [len(g) for g in task.past("test")] == [len(full.train), len(full.val)]
    assert not task.continues("test")
    assert task.continues("val")
    stream = task.stream("test", 50)
    touching = [
        (s, d)
        for s, d in zip(full.test.src.tolist(), full.test.dst.tolist())
        if s in held or d in held
    ]
    assert stream.num_queries == len(touching) > 0
    asked = [(s, d) for q in stream for s, d in zip(q.src.tolist(), q.dst[:, 0].tolist())]
    assert asked == touching
    # Times of the two splits agree, though training has fewer events.
    assert task.split.train.t_max <= full.train.t_max
    assert full.val.t_min <= task.split.val.t_min


def test_protocol_is_plain_and_complete(graph):
    task = LinkPrediction(graph, eval_negatives=KINDS, candidates=5)
    protocol = task.protocol()
    assert json.loads(json.dumps(protocol)) == protocol
    assert protocol["events"] == {s: len(getattr(task.split, s)) for s in ("train", "val", "test")}
    assert protocol["candidates"] == 5
    assert protocol["also_tested_on"] == ["historical", "inductive"]
    assert list(protocol["pools"]) == [
        "train, random",
        "val, random",
        "test, random",
        "test, historical",
        "test, inductive",
        "test, random, ranking",
    ]
    known = protocol["pools"]["train, random"]
    assert known["size"] == task.split.train.dst.unique().numel()
    assert protocol["pools"]["test, random"]["size"] == graph.dst.unique().numel()
    columns(task, "test", final=True)
    assert task.identity() == {k: v for k, v in protocol.items() if k not in ("summary", "pools")}
    # Every source has met others before, and no pair is new after training.
    pools = task.protocol()["pools"]
    assert pools["test, historical"]["fallback_fraction"] == 0
    assert pools["test, inductive"]["fallback_fraction"] == 1
    assert protocol["stream_sha256"] == LinkPrediction(graph).protocol()["stream_sha256"]
    assert protocol["stream_sha256"] != LinkPrediction(graph[1:]).protocol()["stream_sha256"]
    assert protocol["stream_sha256"] != LinkPrediction(graph, val=0.1).protocol()["stream_sha256"]
    assert "random negatives" in repr(task)


def test_fixed_lists_of_candidates(graph):
    test = graph.split().test
    sampler = create("random", graph=graph, seed=9)
    lists = FixedNegatives.draw(sampler, test, 13)
    task = LinkPrediction(graph, candidates=lists)
    assert task.candidates == 13
    assert torch.equal(
        columns(task, "test", final=True)[:, 2:],
        lists.sample(next(iter(test.batches(size=len(test)))), 13),
    )
    assert task.protocol()["pools"]["test, fixed, ranking"]["sha256"] == lists.pool["sha256"]
    assert "fixed lists" in task.protocol()["computed"]["mrr"]


def test_refusals(graph):
    with pytest.raises(UnknownNameError, match="Did you mean 'historical'"):
        LinkPrediction(graph, negatives="historic")
    with pytest.raises(UnknownNameError, match="Did you mean 'inductive'"):
        LinkPrediction(graph, eval_negatives=("inductiv",))
    with pytest.raises(GraphError, match="num_train_negatives"):
        LinkPrediction(graph, num_train_negatives=0)
    with pytest.raises(GraphError, match="candidates"):
        LinkPrediction(graph, candidates=-1)
    with pytest.raises(GraphError, match="nothing to train on"):
        LinkPrediction(graph, val=0.5, test=0.5)
    with pytest.raises(GraphError, match="batch_size"):
        LinkPrediction(graph).stream("train", 0)
    task = LinkPrediction(graph)
    for call in (task.past, lambda split: task.stream(split, 10)):
        with pytest.raises(UnknownNameError, match="Did you mean 'val'"):
            call("valid")


@pytest.mark.parametrize("value", [None, 5.5, -1, True, "random"])
def test_candidates_that_are_no_number_are_refused(graph, value):
    with pytest.raises(GraphError, match="candidates"):
        LinkPrediction(graph, candidates=value)


def test_counts_are_whole_numbers_of_any_kind(graph):
    assert LinkPrediction(graph, candidates=np.int64(5)).candidates == 5
    assert LinkPrediction(graph, candidates=0).candidates == 0
    with pytest.raises(GraphError, match="num_train_negatives"):
        LinkPrediction(graph, num_train_negatives=1.5)
    for wrong in (10.5, "100", 0):
        with pytest.raises(GraphError, match="batch_size"):
            LinkPrediction(graph).stream("train", wrong)


def test_answers_name_the_column_of_the_true_destination(graph):
    class Model(torch.nn.Module):
        def score(self, src, dst, t):
            return torch.arange(dst.numel(), dtype=torch.bfloat16).view(dst.shape)

    task = LinkPrediction(graph, candidates=3)
    query = next(iter(task.stream("test", 50, final=True)))
    answer = task.score(Model(), query)
    assert answer.target.dtype == torch.int64
    true = query.dst.gather(1, answer.target.unsqueeze(1)).squeeze(1)
    assert torch.equal(true, task.split.test.dst[:50])
    assert answer.mask is None
    assert answer.group is None


def test_metrics_of_a_list_are_those_of_all_rows(graph):
    task = LinkPrediction(graph, eval_negatives=KINDS)
    whole = Answer(torch.randn(len(task.split.test), 4))
    assert task.metrics([whole[:70], whole[70:71], whole[71:]]) == task.metrics(whole)
    with pytest.raises(GraphError, match=r"expected 2 candidates.*got 4"):
        task.metrics(whole, final=False)
    last = Answer(whole.prediction, torch.full((len(whole),), 3))
    with pytest.raises(GraphError, match="not in the first column"):
        task.metrics(last)
