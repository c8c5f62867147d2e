"""Node classification over snapshots: who is asked about, metrics against loops, whole runs."""

import pytest
import torch
from sklearn.metrics import f1_score

import graphkit
from graphkit.data import NodeEvents, TemporalGraph
from graphkit.datasets.sbm import sbm
from graphkit.engine import evaluate
from graphkit.errors import GraphError
from graphkit.models.snapshot import GCNGRU, EvolveGCNH, EvolveGCNO, SnapshotGCN
from graphkit.tasks import SnapshotNodeClassification
from graphkit.tasks.answer import Answer

MODELS = (EvolveGCNO, EvolveGCNH, SnapshotGCN, GCNGRU)


def stream(steps=12, num_nodes=30, **columns):
    draw = torch.Generator().manual_seed(0)
    src, dst = torch.randint(num_nodes - 2, (2, 25 * steps), generator=draw)  # two nodes are idle
    return TemporalGraph(
        src, dst, torch.arange(25 * steps) // 25, num_nodes=num_nodes, time_unit="step", **columns
    )


def asked_by_hand(task, graph, labels):
    """Nodes with an edge in the step and a class, per step."""
    for step in range(len(task.timeline)):
        here = graph.t == step
        active = set(graph.src[here].tolist()) | set(graph.dst[here].tolist())
        nodes = [v for v in sorted(active) if labels[step][v] >= 0]
        first, second, label = task.asked(step)
        assert first.tolist() == second.tolist() == nodes
        assert label.tolist() == [labels[step][v] for v in nodes]


def test_static_classes():
    y = torch.arange(30) % 3 - 1  # a third of them is not known
    graph = stream(y=y)
    task = SnapshotNodeClassification(graph, every=1, history=2)
    asked_by_hand(task, graph, [y.tolist()] * 12)
    assert task.num_classes == 2
    query = next(iter(task.stream("train")))
    assert (query.step, len(query.snapshots)) == (2, 3)
    assert bool((y[query.src] >= 0).all())
    unknown = query.snapshots[-1].edge_index.unique()
    assert len(unknown) > len(query.src), "those whose class is not known stay in the graph"


def test_classes_that_change():
    """A class holds from its event to the next one; before the first there is none."""
    node = torch.tensor([4, 5, 4, 7])
    events = NodeEvents(node=node, t=torch.tensor([0, 0, 6, 9]), y=torch.tensor([1, 0, 0, 1]))
    graph = stream(node_events=events)
    task = SnapshotNodeClassification(graph, every=1, history=1)
    labels = [[-1] * 30 for _ in range(12)]
    for step in range(12):
        for v, t, y in zip(node.tolist(), events.t.tolist(), events.y.tolist()):
            if t <= step:
                labels[step][v] = y
    asked_by_hand(task, graph, labels)


def test_metrics():
    y = torch.arange(30) % 3
    task = SnapshotNodeClassification(stream(y=y), every=1, history=0, target=2)
    draw = torch.Generator().manual_seed(1)
    logits = torch.randn(90, 3, generator=draw)
    label = torch.randint(3, (90,), generator=draw)
    step = torch.randint(10, 12, (90,), generator=draw)
    answer = Answer(logits, label, group=step)
    found, guess = task.metrics(answer), logits.argmax(dim=1)
    assert found["f1"] == pytest.approx(f1_score(label, guess, labels=[2], average="macro"))
    assert found["f1_micro"] == pytest.approx(f1_score(label, guess, average="micro"))
    for at in (10, 11):
        here = step == at
        one = f1_score(label[here], guess[here], labels=[2], average="macro")
        assert found[f"f1@{at}"] == pytest.approx(one)
        right = (guess == label)[here].double().mean().item()
        assert found[f"f1_micro@{at}"] == pytest.approx(right)
    assert "f1@10" not in task.metrics(answer, "val", final=False)
    expected = torch.nn.functional.cross_entropy(logits, label)
    torch.testing.assert_close(task.loss(answer, 90), expected)


def test_rarest_class_and_split_of_elliptic():
    y = torch.zeros(30, dtype=torch.long)
    y[:4] = 1
    graph = stream(steps=49, y=y)
    task = SnapshotNodeClassification(graph, every=1, history=5, train=0.65, val=0.1)
    assert task.target == 1
    parts = [task.timeline.steps(split, 0) for split in ("train", "val", "test")]
    assert [(p.start, p.stop) for p in parts] == [(5, 31), (31, 36), (36, 49)]


@pytest.mark.parametrize("mode", ["window", "carry"])
@pytest.mark.parametrize("make", MODELS)
def test_runs_learn_communities(make, mode):
    """In the engine, from noisy features: better than chance; evaluate() repeats it."""
    graph = sbm(60, 12, p_in=0.3, p_out=0.02, migrating=3, feature_noise=1.0)
    task = SnapshotNodeClassification(graph, every=1, history=1, features="x", mode=mode)
    torch.manual_seed(0)
    model = make.from_task(task, hidden_channels=6, classifier_channels=8)
    result = graphkit.fit(
        model, task, epochs=12, patience=None, lr=0.02, threads=1, progress=False, device="cpu"
    )
    test = result.metrics["test"]
    assert {"f1", "f1_micro", "f1@11", "f1_micro@11"} <= test.keys()
    assert test["f1_micro"] > 0.7
    if mode == "window":  # a carried state went along while the parameters changed
        again = evaluate(model, task, threads=1, device="cpu")
        assert again == pytest.approx(test)


def test_errors():
    with pytest.raises(GraphError, match=r"'y'.*need a class"):
        SnapshotNodeClassification(stream(), every=1, history=1)
    with pytest.raises(GraphError, match="need a class"):
        SnapshotNodeClassification(stream(y=torch.rand(30)), every=1, history=1)
    with pytest.raises(GraphError, match="no node that has an edge"):
        SnapshotNodeClassification(stream(y=torch.full((30,), -1)), every=1, history=1)
    y = torch.arange(30) % 3
    with pytest.raises(GraphError, match="one for each class"):
        SnapshotNodeClassification(stream(y=y), every=1, history=1, class_weights=(1.0, 2.0))
