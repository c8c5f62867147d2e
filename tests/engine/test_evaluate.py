"""evaluate: replay, scores and metrics of one split."""

import pytest
import torch

from graphkit import LinkPrediction, evaluate, seed_everything
from graphkit.errors import UnknownNameError
from graphkit.tasks.answer import Answer


def by_hand(model, task, split, batch_size):
    model.eval()
    model.reset_state()
    with torch.no_grad():
        for stretch in task.past(split):
            for batch in stretch.batches(size=batch_size):
                model.observe(batch)
        answers = []
        for query in task.stream(split, batch_size, final=True):
            logits = model.score(query.src, query.dst, query.t)
            answers.append(Answer(logits, torch.zeros(len(query), dtype=torch.int64)))
            model.observe(query.events)
    return task.metrics(answers, split)


@pytest.mark.parametrize("split", ["train", "val", "test"])
@pytest.mark.parametrize("inductive", [False, True])
def test_equals_a_loop_written_by_hand(toy, split, inductive):
    graph = toy.stream()
    task = LinkPrediction(
        graph, candidates=7, inductive=inductive, eval_negatives=("random", "historical")
    )
    seed_everything(1)
    model = toy.Toy(graph.num_nodes, dropout=0.5)
    expected = by_hand(model, task, split, 70)
    assert {"ap", "ap_historical", "mrr"} <= set(expected)
    assert evaluate(model, task, split, batch_size=70, device="cpu") == expected
    # Again, from whatever state the model is in now.
    assert evaluate(model, task, split, batch_size=70, device="cpu") == expected


def test_keep_state_goes_on(toy):
    graph = toy.stream()
    task = LinkPrediction(graph)
    seed_everything(1)
    model = toy.Toy(graph.num_nodes)
    expected = evaluate(model, task, "test", device="cpu")
    evaluate(model, task, "val", device="cpu")
    assert evaluate(model, task, "test", device="cpu", keep_state=True) == expected
    assert evaluate(model, task, "test", device="cpu", keep_state=True) != expected


def test_parameters_do_not_change_and_no_gradient_is_left(toy):
    graph = toy.stream(300)
    model = toy.Toy(graph.num_nodes)
    before = {n: p.detach().clone() for n, p in model.named_parameters()}
    evaluate(model, LinkPrediction(graph), device="cpu")
    for name, p in model.named_parameters():
        assert torch.equal(p, before[name])
        assert p.grad is None


def test_an_empty_split_has_no_metrics(toy):
    graph = toy.stream(300)
    assert evaluate(toy.Toy(60), LinkPrediction(graph, test=0.0), device="cpu") == {}


def test_unknown_split(toy):
    with pytest.raises(UnknownNameError, match="Did you mean 'val'"):
        evaluate(toy.Toy(60), LinkPrediction(toy.stream(300)), "valid", device="cpu")
