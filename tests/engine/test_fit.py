"""fit: the order of the loop, selection, early stopping, and what the result holds."""

import math

import pytest
import torch
from torch import nn

from graphkit import LinkPrediction, evaluate, fit, load, seed_everything
from graphkit.errors import GraphError, UnknownNameError
from graphkit.tasks.answer import Answer

CPU = {"device": "cpu", "progress": False, "threads": 1}


def test_never_observes_a_batch_before_scoring_it(toy):
    graph = toy.stream(300)
    task = LinkPrediction(graph)
    spy = toy.Spy()
    fit(spy, task, epochs=2, batch_size=40, **CPU)
    known: set[tuple] = set()
    scored = None
    resets = 0
    for what, _, grad, rows, _ in spy.diary:
        if what == "reset":
            known, scored = set(), None
            resets += 1
        elif what == "score":
            assert scored is None, "a batch was scored twice, or not observed"
            scored = rows
        else:
            assert rows == scored, "a batch was observed that was not the one just scored"
            assert not grad, "observe() must not build a graph"
            known.update(rows)
            scored = None
    assert resets == 2  # one per epoch: validation and test go on with the state
    observed = [row for what, _, _, rows, _ in spy.diary if what == "observe" for row in rows]
    events = list(zip(graph.src.tolist(), graph.dst.tolist(), graph.t.tolist()))
    train_and_val = events[: len(task.split.train) + len(task.split.val)]
    assert observed == train_and_val * 2 + events[len(train_and_val) :]


def test_modes_and_gradients(toy):
    task = LinkPrediction(toy.stream(300))
    spy = toy.Spy()
    fit(spy, task, epochs=1, batch_size=50, **CPU)
    batches = len(task.stream("train", 50))
    entries = [(training, grad) for what, training, grad, _, _ in spy.diary if what == "score"]
    assert entries[:batches] == [(True, True)] * batches
    assert set(entries[batches:]) == {(False, False)}


def test_training_negatives_change_with_the_epoch_and_test_negatives_do_not(toy):
    task = LinkPrediction(toy.stream(300))

    def candidates(epochs):
        spy = toy.Spy()
        fit(spy, task, epochs=epochs, batch_size=50, patience=None, **CPU)
        return torch.cat([dst for what, *_, dst in spy.diary if what == "score"])

    one, two = candidates(1), candidates(2)
    train, val = len(task.split.train), len(task.split.val)
    assert torch.equal(two[:train], one[:train])
    again = two[train + val :]
    assert torch.equal(again[:train, 0], one[:train, 0])
    assert not torch.equal(again[:train, 1], one[:train, 1])
    assert torch.equal(again[train:], one[train:])  # validation and test


def test_learns_and_keeps_the_best_epoch(toy):
    graph = toy.stream()
    task = LinkPrediction(graph, candidates=10)
    seed_everything(0)
    model = toy.Toy(graph.num_nodes)
    result = fit(model, task, epochs=12, batch_size=50, lr=2e-2, patience=None, **CPU)
    losses, values = result.curves["train_loss"], result.curves["val_ap"]
    assert len(losses) == len(values) == len(result.timing["epoch_s"]) == 12
    assert losses[-1] < losses[0] - 0.1
    assert result.curves["best_epoch"] == max(range(12), key=values.__getitem__)
    assert result.metrics["val"]["ap"] == max(values)
    assert set(result.metrics["test"]) == {"ap", "auc", "mrr", "hits@10"}


def test_test_continues_from_the_state_of_the_best_epoch(toy):
    """A later, worse epoch leaves no trace: as many epochs as up to the best give the same."""
    graph = toy.stream()
    task = LinkPrediction(graph)

    def run(epochs):
        seed_everything(0)
        model = toy.Fading(graph.num_nodes)
        settings = {"batch_size": 50, "lr": 0.02, "patience": None}
        return fit(model, task, epochs=epochs, **settings, **CPU), model

    long, model = run(5)
    best = long.curves["best_epoch"]
    assert best < 3, "the test needs a run that gets worse"
    short, other = run(best + 1)
    assert long.metrics == short.metrics
    for name, value in model.state_dict().items():
        assert torch.equal(value, other.state_dict()[name]), name


def test_stops_early(toy):
    task = LinkPrediction(toy.stream(300))
    result = fit(toy.Spy(), task, epochs=30, batch_size=100, lr=1e-9, patience=3, **CPU)
    assert len(result.curves["train_loss"]) == 4  # the first sets the mark, three do not beat it


def test_the_loss_is_the_mean_over_events(toy):
    """Batches of unequal size weigh by their events."""
    graph = toy.stream(311)
    task = LinkPrediction(graph)
    spy = toy.Spy()
    result = fit(spy, task, epochs=1, batch_size=64, lr=1e-12, **CPU)
    assert result.curves["train_loss"][0] == pytest.approx(2 * math.log(2), rel=1e-6)
    assert result.curves["val_loss"][0] == pytest.approx(2 * math.log(2), rel=1e-6)


def test_equals_a_loop_written_by_hand(toy):
    graph = toy.stream(400)
    task = LinkPrediction(graph, num_train_negatives=3)
    seed_everything(5)
    model = toy.Toy(graph.num_nodes)
    result = fit(model, task, epochs=3, batch_size=32, lr=1e-2, seed=5, patience=None, **CPU)

    seed_everything(5)
    other = toy.Toy(graph.num_nodes)
    optimizer = torch.optim.Adam(other.parameters(), lr=1e-2)
    losses = []
    for epoch in range(3):
        other.reset_state()
        total = 0.0
        for query in task.stream("train", 32, epoch=epoch):
            logits = other.score(query.src, query.dst, query.t)
            positive = nn.functional.softplus(-logits[:, 0]).mean()
            negative = nn.functional.softplus(logits[:, 1:]).mean()
            (positive + negative).backward()
            total += (positive + negative).item() * len(query)
            with torch.no_grad():
                other.observe(query.events)
            optimizer.step()
            optimizer.zero_grad()
        losses.append(total / len(task.split.train))
    assert result.curves["train_loss"] == pytest.approx(losses, rel=1e-5)


def test_a_model_without_parameters_goes_through_once(toy):
    graph = toy.stream()
    task = LinkPrediction(graph, candidates=5)
    model = toy.Counter(graph.num_nodes)
    result = fit(model, task, epochs=9, **CPU)
    assert "train_loss" not in result.curves
    assert len(result.curves["val_ap"]) == 1
    assert torch.equal(model.count, torch.bincount(graph.dst, minlength=60).float())
    # A count that is known in closed form: the events before each batch.
    scores = []
    count = torch.bincount(torch.cat([g.dst for g in task.past("test")]), minlength=60).float()
    for query in task.stream("test", 100, final=True):
        scores.append(count[query.dst])
        count += torch.bincount(query.events.dst, minlength=60)
    assert result.metrics["test"] == task.metrics(Answer(torch.cat(scores)), "test")


def test_inductive_test_replays_the_whole_history(toy):
    graph = toy.stream()
    task = LinkPrediction(graph, inductive=True, hold_out=0.15)
    spy = toy.Spy()
    fit(spy, task, epochs=1, batch_size=50, **CPU)
    held = set(task.held_out.nodes.tolist())
    last_reset = max(i for i, entry in enumerate(spy.diary) if entry[0] == "reset")
    before, after = spy.diary[:last_reset], spy.diary[last_reset:]
    for _, _, _, rows, dst in before:
        assert not any(s in held or d in held for s, d, _ in rows)
        assert dst is None or not held & set(dst.flatten().tolist())
    events = list(zip(graph.src.tolist(), graph.dst.tolist(), graph.t.tolist()))
    assert [row for what, *_, rows, _ in after if what == "observe" for row in rows] == events
    asked = [row for what, *_, rows, _ in after if what == "score" for row in rows]
    late = events[sum(map(len, task.past("test"))) :]
    assert asked == [row for row in late if row[0] in held or row[1] in held]
    assert asked


def test_an_unused_parameter_does_no_harm(toy):
    graph = toy.stream(300)
    model = toy.Toy(graph.num_nodes)
    model.unused = nn.Parameter(torch.ones(3))
    fit(model, LinkPrediction(graph), epochs=1, **CPU)
    assert torch.equal(model.unused.data, torch.ones(3))


def test_double_precision(toy):
    graph = toy.stream(300)
    model = toy.Toy(graph.num_nodes)
    result = fit(model, LinkPrediction(graph), epochs=1, precision="64-true", **CPU)
    assert model.mix.weight.dtype == torch.float64
    assert result.settings["precision"] == "64-true"


def test_mixed_precision(toy):
    graph = toy.stream(300)
    seed_everything(0)
    full = fit(toy.Toy(60), LinkPrediction(graph), epochs=2, lr=1e-2, **CPU)
    seed_everything(0)
    mixed = fit(
        toy.Toy(60), LinkPrediction(graph), epochs=2, lr=1e-2, precision="bf16-mixed", **CPU
    )
    assert mixed.curves["train_loss"] == pytest.approx(full.curves["train_loss"], rel=0.02)
    assert mixed.curves["train_loss"] != full.curves["train_loss"]


def test_without_validation_the_last_epoch_stays(toy):
    graph = toy.stream(300)
    result = fit(toy.Toy(60), LinkPrediction(graph, val=0.0), epochs=3, **CPU)
    assert result.metrics["val"] == {}
    assert result.curves["best_epoch"] == 2
    assert "ap" in result.metrics["test"]


def test_options_of_the_optimizer(toy):
    graph = toy.stream(300)

    def run(**options):
        seed_everything(0)
        model = toy.Toy(60)
        fit(model, LinkPrediction(graph), epochs=1, lr=1e-2, **options, **CPU)
        return model.mix.weight.detach().clone()

    plain = run()
    by_function = run(optimizer=lambda p: torch.optim.Adam(p, lr=1e-2, fused=True))
    assert torch.equal(plain, by_function)
    assert not torch.equal(plain, run(optimizer="sgd"))
    assert not torch.equal(plain, run(clip_norm=1e-3))
    assert not torch.equal(plain, run(optimizer="adamw", weight_decay=0.5))


def test_same_seed_same_result_and_threads_are_given_back(toy):
    graph = toy.stream(300)
    before = torch.get_num_threads()

    def run(seed):
        seed_everything(seed)
        model = toy.Toy(60, dropout=0.3)
        return fit(model, LinkPrediction(graph), epochs=2, seed=seed, **CPU).curves["train_loss"]

    assert run(1) == run(1)
    assert run(1) != run(2)
    assert torch.get_num_threads() == before


def test_refusals(toy):
    graph = toy.stream(300)
    task = LinkPrediction(graph)
    with pytest.raises(GraphError, match="'epochs'"):
        fit(toy.Toy(60), task, epochs=0, **CPU)
    with pytest.raises(GraphError, match="resume needs the folder"):
        fit(toy.Toy(60), task, resume=True, **CPU)
    with pytest.raises(UnknownNameError, match="Did you mean 'adam'"):
        fit(toy.Toy(60), task, optimizer="adm", **CPU)
    with pytest.raises(UnknownNameError, match="no precision named '16'"):
        fit(toy.Toy(60), task, precision="16", **CPU)
    with pytest.raises(UnknownNameError, match="Did you mean 'cuda'"):
        fit(toy.Toy(60), task, **{**CPU, "device": "coda"})
    with pytest.raises(GraphError, match="'lr'"):
        fit(toy.Toy(60), task, lr=0, **CPU)
    with pytest.raises(GraphError, match="'threads'"):
        fit(toy.Toy(60), task, **{**CPU, "threads": 0})
    if not torch.cuda.is_available():
        with pytest.raises(GraphError, match="'device': 'cuda' cannot be used"):
            fit(toy.Toy(60), task, **{**CPU, "device": "cuda"})


def test_a_loss_that_is_not_finite_is_an_error(toy):
    graph = toy.stream(300)
    model = toy.Toy(60)
    nn.init.constant_(model.mix.weight, float("nan"))
    with pytest.raises(GraphError, match="'loss': it is nan after epoch 1"):
        fit(model, LinkPrediction(graph), epochs=1, **CPU)


def test_progress_lines(toy, capsys):
    graph = toy.stream(300)
    fit(toy.Toy(60), LinkPrediction(graph), epochs=2, device="cpu", name="toy")
    lines = capsys.readouterr().err.splitlines()
    assert len(lines) == 2
    assert lines[0].startswith("toy  epoch 1  loss ")
    assert "val ap 0." in lines[1]


@pytest.mark.parametrize(
    ("settings", "message"),
    [
        ({"lr": "1e-3"}, r"'lr': not a number.*got '1e-3'"),
        ({"lr": float("nan")}, "'lr'"),
        ({"lr": True}, "'lr'"),
        ({"weight_decay": -1}, "'weight_decay'.*>= 0"),
    ],
)
def test_rates_are_numbers(toy, settings, message):
    task = LinkPrediction(load("triadic", num_events=200, num_nodes=20))
    with pytest.raises(GraphError, match=message):
        fit(toy.Toy(20), task, epochs=1, **settings, **CPU)


def test_a_name_is_not_a_model(toy):
    task = LinkPrediction(load("triadic", num_events=200, num_nodes=20))
    with pytest.raises(GraphError, match=r"'model'.*registry.get\('model', 'nat'\)"):
        fit("nat", task, **CPU)
    with pytest.raises(GraphError, match=r"'model'.*Toy.from_task"):
        fit(toy.Toy, task, **CPU)
    with pytest.raises(GraphError, match="'model'"):
        evaluate("nat", task)


def test_what_is_no_task():
    graph = load("triadic", num_events=200, num_nodes=20)
    model = torch.nn.Linear(1, 1)
    for wrong in (None, graph, LinkPrediction, "link_prediction"):
        with pytest.raises(GraphError, match="'task': not a task"):
            fit(model, wrong, **CPU)
        with pytest.raises(GraphError, match="'task': not a task"):
            evaluate(model, wrong)
    with pytest.raises(GraphError, match=r"LinkPrediction\(graph\)"):
        fit(model, graph, **CPU)


@pytest.mark.parametrize(
    "write",
    [
        lambda value: value.data.mul_(2),
        lambda value: value.detach().numpy().fill(3),
        lambda value: value.requires_grad_(False).mul_(2),
    ],
    ids=["data", "numpy", "in place"],
)
def test_a_predictor_of_a_run_whose_model_was_written_to_is_refused(write):
    from graphkit import TemporalGraph
    from graphkit.models.static import GCN
    from graphkit.tasks import NodeClassification

    ids = torch.arange(12)
    graph = TemporalGraph(ids, ids.roll(1), 0 * ids, x=torch.rand(12, 3), y=ids % 2)
    task = NodeClassification(graph, split=(ids[:4], ids[4:8], ids[8:]))
    model = GCN.from_task(task)
    result = fit(model, task, epochs=1, device="cpu", progress=False)
    assert result.predictor is not None
    result = fit(model, task, epochs=1, device="cpu", progress=False)
    write(model.convs[1].bias)
    with pytest.raises(GraphError, match="the model has changed since the run"):
        _ = result.predictor
