"""The plain DAGNN computes what graphkit's does; the benchmark beside it runs."""

import pytest
import torch


@pytest.fixture
def task():
    from benchmarks.speed.dagnn import citations
    from graphkit.tasks import NodeClassification

    sizes = {"train_per_class": 5, "num_val": 10, "num_test": 10}
    return NodeClassification(
        citations(quick=True), split="random", normalize_features=True, **sizes
    )


def plain_run(task):
    from benchmarks.speed._plain_dagnn import PlainDAGNN, PlainRun

    torch.manual_seed(3)
    graph = task.graph
    model = PlainDAGNN(40, 16, 7, K=4, dropout=0.5)
    x = graph.x / graph.x.sum(1, keepdim=True)
    return PlainRun(model, x, graph.static().edge_index, graph.y, task.split, 0.05, 1e-3)


def test_one_model(task):
    from graphkit.models.static import DAGNN

    plain = plain_run(task)
    ours = DAGNN(40, 16, 7, K=4, dropout=0.5).eval()
    ours.load_state_dict(
        {k.replace("prop.", "conv."): v for k, v in plain.model.state_dict().items()}
    )
    expected = plain.model.eval()(plain.x, plain.edge_index)
    found = ours(plain.x, plain.edge_index)
    torch.testing.assert_close(found.log_softmax(1), expected, rtol=1e-4, atol=1e-5)
    query = next(task.stream("val").start())
    metrics = task.metrics(task.score(ours, query).detach(), "val")
    told = plain.evaluate()
    assert metrics["log_likelihood"] == pytest.approx(-told["val_loss"], rel=1e-4)
    assert metrics["accuracy"] == pytest.approx(told["val_accuracy"])


def test_the_plain_model_learns(task):
    plain = plain_run(task)
    before = plain.evaluate()["train_loss"]
    for _ in range(40):
        plain.epoch()
    assert plain.evaluate()["train_loss"] < 0.9 * before
    assert plain.best[0] < float("inf")


def test_rows():
    from benchmarks.speed import dagnn

    state = torch.get_rng_state()
    rows = dagnn.run(quick=True)
    assert torch.equal(torch.get_rng_state(), state)
    assert [row["target"] for row in rows] == [">= 3x", None, ">= 10x"]
    for row in rows:
        assert {"name", "ours_s", "baseline_s", "ratio", "target", "unit", "note"} == row.keys()
        assert row["ratio"] == pytest.approx(row["baseline_s"] / row["ours_s"])
