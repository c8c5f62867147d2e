"""Node classification: splits, loss and metrics against loops; trained by fit unchanged."""

import pytest
import torch
from torch.nn import functional as F

from graphkit import TemporalGraph, fit
from graphkit.engine import evaluate, fit_many, seed_everything
from graphkit.errors import GraphError, UnknownNameError
from graphkit.models.static import DAGNN, GCN
from graphkit.tasks import NodeClassification
from graphkit.tasks.answer import Answer
from graphkit.tasks.node_splits import largest_component, random_split


def blocks(n=90, classes=3, extra=0):
    """Blocks on a ring; ``extra`` more nodes form a component of their own."""
    draw = torch.Generator().manual_seed(1)
    y = torch.arange(n) % classes
    src = torch.randint(n, (400,), generator=draw)
    same = torch.rand(400, generator=draw) < 0.85
    step = torch.where(same, classes, 1) * torch.randint(1, 9, (400,), generator=draw)
    dst = (src + step) % n
    if extra:
        y = torch.cat([y, torch.arange(extra) % classes])
        ring = n + torch.arange(extra)
        src, dst = torch.cat([src, ring]), torch.cat([dst, n + (ring - n + 1) % extra])
    total = n + extra
    x = F.one_hot(y, classes).float() * 0.6 + torch.rand(total, classes, generator=draw)
    both = torch.cat([torch.stack([src, dst]), torch.stack([dst, src])], dim=1)
    order = torch.randperm(total, generator=draw)  # ids say nothing about class or component
    new = torch.empty_like(order)
    new[order] = torch.arange(total)
    t = torch.zeros(both.shape[1], dtype=torch.long)
    return TemporalGraph(*new[both], t, x=x[order], y=y[order], num_nodes=total, name="blocks")


SMALL = {"split": "random", "train_per_class": 5, "num_val": 20, "num_test": 30}


@pytest.mark.parametrize("seed", [0, 1])
def test_random_split(seed):
    graph = blocks(extra=12)
    inside = largest_component(graph)
    assert len(inside) == 90
    task = NodeClassification(
        graph,
        split="random",
        component="largest",
        train_per_class=6,
        val_per_class=4,
        num_test=None,
        seed=seed,
    )
    train, val, test = task.split
    assert graph.y[train].bincount().tolist() == [6, 6, 6], "balanced inside the component"
    assert graph.y[val].bincount().tolist() == [4, 4, 4]
    together = torch.cat([train, val, test])
    assert torch.equal(together.sort().values, inside), "everything inside, nothing outside, once"
    again = NodeClassification(
        graph,
        split="random",
        component="largest",
        train_per_class=6,
        val_per_class=4,
        num_test=None,
        seed=seed,
    )
    assert again.protocol() == task.protocol()
    other = random_split(graph, train_per_class=6, num_val=9, num_test=10, seed=seed + 1)
    assert not torch.equal(other.train, train)
    assert [len(part) for part in other] == [18, 9, 10]


def test_nodes_without_a_label_stay_out():
    graph = blocks()
    y = graph.y.clone()
    y[::2] = -1
    graph = TemporalGraph(graph.src, graph.dst, graph.t, x=graph.x, y=y)
    split = random_split(graph, train_per_class=4, num_val=5, num_test=None)
    assert bool((graph.y[torch.cat(list(split))] >= 0).all())


def test_public_split(graphkit_data):
    from graphkit import load

    task = NodeClassification(load("cora", download=False))
    assert task.protocol()["nodes"] == {"train": 140, "val": 500, "test": 1000}
    with pytest.raises(GraphError, match=r"blocks comes with no split.*cora"):
        NodeClassification(blocks())


def test_loss_and_metrics():
    graph = blocks()
    task = NodeClassification(graph, **SMALL)
    query = next(task.stream("val", 100).start())
    logits = torch.randn(graph.num_nodes, 3, requires_grad=True)
    answer = task.answer(logits, query)
    assert torch.equal(answer.prediction, logits[task.split.val])
    assert torch.equal(answer.target, graph.y[task.split.val])
    expected = F.cross_entropy(logits[task.split.val], graph.y[task.split.val])
    torch.testing.assert_close(task.loss(answer, len(query)), expected)
    parts = [query.shard(rank, 3) for rank in range(3)]
    assert [p.first for p in parts] == [0, 6, 13]
    shared = sum(task.loss(task.answer(logits, p), len(query)) for p in parts)
    torch.testing.assert_close(shared, expected)
    found = task.metrics(answer.detach(), "val")
    right = logits.argmax(1)[task.split.val] == graph.y[task.split.val]
    assert found["accuracy"] == pytest.approx(float(right.double().mean()))
    assert found["log_likelihood"] == pytest.approx(-expected.item(), rel=1e-6)
    y = torch.randint(3, (20,))
    assert task.metrics(Answer(torch.zeros(20, 3), y))["accuracy"] == pytest.approx(1 / 3)
    assert task.metrics(answer[:0]) == {}
    with pytest.raises(GraphError, match="NaN"):
        task.metrics(Answer(torch.full((2, 3), float("nan")), y[:2]))


def test_what_the_model_is_given():
    graph = blocks()
    seen = {}

    class Look(torch.nn.Module):
        def forward(self, x, edge_index):
            seen["x"] = x
            return torch.zeros(graph.num_nodes, 3)

    task = NodeClassification(graph, normalize_features=True, **SMALL)
    task.score(Look(), next(task.stream("test").start()))
    torch.testing.assert_close(seen["x"].sum(1), torch.ones(graph.num_nodes))
    raw = NodeClassification(graph, **SMALL)
    raw.score(Look(), next(raw.stream("test").start()))
    assert torch.equal(seen["x"], graph.x)


@pytest.mark.parametrize(
    ("options", "error", "message"),
    [
        ({"split": "publik"}, UnknownNameError, "'public'"),
        ({"selection": "acc"}, UnknownNameError, "'accuracy'"),
        ({"component": "big"}, UnknownNameError, "component"),
        ({"split": "random", "train_per_klass": 3}, UnknownNameError, "train_per_class"),
        ({"split": "random", "train_per_class": 31}, GraphError, "class 0 has too few nodes"),
        ({"split": "random", "num_test": 200}, GraphError, "num_test"),
        ({"split": ([0], [0], [1])}, GraphError, "twice"),
        ({"split": ([0], [1], [90])}, GraphError, "no such node"),
        ({"split": ([], [1], [2])}, GraphError, "train"),
    ],
)
def test_wrong_arguments(options, error, message):
    options = {"split": "random", "num_val": 5, "num_test": 5, **options}
    if not isinstance(options["split"], str):
        options["split"] = tuple(torch.tensor(part, dtype=torch.long) for part in options["split"])
        del options["num_val"], options["num_test"]
    with pytest.raises(error, match=message):
        NodeClassification(blocks(), **options)


def test_graphs_without_features_or_labels():
    graph = blocks()
    with pytest.raises(GraphError, match="'x'"):
        NodeClassification(TemporalGraph(graph.src, graph.dst, graph.t, y=graph.y))
    with pytest.raises(GraphError, match="'y'"):
        NodeClassification(TemporalGraph(graph.src, graph.dst, graph.t, x=graph.x))


@pytest.mark.parametrize(
    ("y", "says"),
    [
        (torch.rand(60), r"'y': not classes; expected integers"),
        (torch.full((60,), 10**12), r"'y', row 0: a class out of range.*fewer classes than rows"),
        (torch.ones(60, 2, dtype=torch.int64), "'y'"),
    ],
)
def test_labels_that_are_no_classes(y, says):
    graph = blocks()
    n = graph.num_nodes
    y = y[:n] if n <= 60 else y.repeat(2, *[1] * (y.dim() - 1))[:n]
    graph = TemporalGraph(graph.src, graph.dst, graph.t, x=graph.x, y=y)
    with pytest.raises(GraphError, match=says):
        NodeClassification(graph, **SMALL)
    with pytest.raises(GraphError, match="'y'"):
        GCN.from_graph(graph)


@pytest.mark.parametrize("dtype", [torch.int32, torch.int8, torch.uint8])
def test_labels_of_any_integer_type(dtype):
    graph = blocks()
    other = TemporalGraph(graph.src, graph.dst, graph.t, x=graph.x, y=graph.y.to(dtype))
    found = []
    for one in (graph, other):
        seed_everything(0)
        task = NodeClassification(one, **SMALL)
        found.append(fit(GCN.from_graph(one), task, epochs=2, seed=0, **KEYS).metrics)
    assert found[0] == found[1]


def test_a_model_with_fewer_outputs_than_classes():
    graph = blocks()
    task = NodeClassification(graph, **SMALL)
    with pytest.raises(GraphError, match="'model': it has fewer outputs than there are classes"):
        fit(GCN(graph.x.shape[1], 4, 2), task, epochs=1, **KEYS)


def test_the_size_of_a_feature_can_tell_the_class():
    draw = torch.Generator().manual_seed(0)
    n = 120
    y = torch.arange(n) % 2
    x = (1 + 2 * y).unsqueeze(1) * (1 + 0.1 * torch.rand(n, 4, generator=draw))
    src = torch.arange(n)
    graph = TemporalGraph(src, src, torch.zeros(n, dtype=torch.int64), x=x, y=y)
    sizes = {"split": "random", "train_per_class": 20, "num_val": 20, "num_test": 50}
    found = {}
    for normalize in (None, True):
        options = {} if normalize is None else {"normalize_features": normalize}
        task = NodeClassification(graph, **sizes, **options)
        seed_everything(0)
        result = fit(GCN.from_graph(graph, dropout=0.0), task, epochs=100, seed=0, **KEYS)
        found[normalize] = result.metrics["test"]["accuracy"]
    assert found[None] > 0.95
    assert found[True] < 0.75


KEYS = {"lr": 0.02, "weight_decay": 5e-4, "patience": None, "device": "cpu", "progress": False}


def test_fit_reports_the_weights_it_returns():
    graph = blocks()
    task = NodeClassification(graph, **SMALL)
    seed_everything(0)
    model = GCN.from_graph(graph)
    result = fit(model, task, epochs=40, seed=0, **KEYS)
    assert result.metrics["test"]["accuracy"] > 0.6
    assert evaluate(model, task, "test", device="cpu") == result.metrics["test"]
    assert evaluate(model, task, "val", device="cpu") == result.metrics["val"]
    curve = result.curves["val_log_likelihood"]
    assert result.curves["best_epoch"] == max(range(40), key=curve.__getitem__)
    assert result.model == "gcn"


@pytest.mark.parametrize("own_splits", [False, True])
def test_many_runs_as_one(own_splits):
    """A stacked job gives what single runs give, in weights, curves and metrics."""
    graph, seeds = blocks(), [0, 5, 6]
    tasks = [NodeClassification(graph, **SMALL, seed=s if own_splits else 0) for s in seeds]

    def build(seed):
        seed_everything(seed)
        return DAGNN.from_graph(graph, hidden_channels=8, K=4, dropout=0.3)

    options = {"epochs": 30, "mean_window": 4, **KEYS}
    singles, alone = [], []
    for seed, task in zip(seeds, tasks):
        alone.append(build(seed))
        singles.append(fit(alone[-1], task, seed=seed, **options))
    models = [build(seed) for seed in seeds]
    many = fit_many(models, tasks, seeds=seeds, **options)
    for single, one, model, other in zip(singles, many, models, alone):
        assert len(one.curves["val_loss"]) == len(single.curves["val_loss"])
        for name, curve in single.curves.items():
            assert one.curves[name] == pytest.approx(curve, rel=1e-3, abs=1e-4), name
        assert one.metrics["test"]["accuracy"] == pytest.approx(
            single.metrics["test"]["accuracy"], abs=0.04
        )
        assert (one.seed, one.model) == (single.seed, "dagnn")
        for a, b in zip(model.parameters(), other.parameters()):
            torch.testing.assert_close(a, b, rtol=1e-2, atol=1e-3)
    assert min(len(one.timing["epoch_s"]) for one in many) >= 15
    for model, task, result in zip(models, tasks, many):
        assert evaluate(model, task, "test", device="cpu") == result.metrics["test"]


def test_many_runs_refuses():
    graph = blocks()
    task = NodeClassification(graph, **SMALL)
    with pytest.raises(GraphError, match=r"no stack\(\)"):
        fit_many([GCN.from_graph(graph)], [task], seeds=[0], **KEYS)
    with pytest.raises(GraphError, match="one task and one seed"):
        fit_many([DAGNN.from_graph(graph)], [task, task], seeds=[0], **KEYS)


@pytest.mark.slow
def test_cora_smoke(graphkit_data):
    """Two short runs on Cora come close to the published accuracy."""
    from graphkit import load

    graph = load("cora", download=False)
    task = NodeClassification(graph, normalize_features=True)
    models = []
    for seed in (0, 1):
        seed_everything(seed)
        models.append(DAGNN.from_graph(graph, K=10, dropout=0.8))
    options = {"epochs": 120, "lr": 0.01, "weight_decay": 0.005, "patience": None}
    for result in fit_many(models, [task] * 2, seeds=[0, 1], progress=False, **options):
        assert 0.8 < result.metrics["test"]["accuracy"] < 0.87
