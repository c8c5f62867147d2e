"""The predictor of static graphs against the model called by hand, and what it refuses."""

from __future__ import annotations

import copy
import json
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
import torch
from torch import nn
from torch_geometric.data import Data, HeteroData

from graphkit import TemporalGraph
from graphkit.engine.predictor import Predictor, StaticPredictor
from graphkit.engine.predictor.class_table import class_table
from graphkit.errors import GraphError
from graphkit.json_record import sealed
from graphkit.models.static import DAGNN, GCN, MLP
from graphkit.tasks import NodeClassification

FEATURES = ["age", "height", "weight", "size"]


def graph(n=12, seed=0, weighted=False, named=True, features=tuple(FEATURES), **more):
    draw = torch.Generator().manual_seed(seed)
    src, dst = torch.randint(n, (2, 4 * n), generator=draw)
    names = {"node_names": [f"n{seed}-{i}" for i in range(n)],
             "column_names": {"x": features}, "class_names": {"y": ["no", "yes"]}}  # fmt: skip
    return TemporalGraph(
        src, dst, torch.zeros(4 * n), x=torch.rand(n, len(features), generator=draw) + 0.1,
        y=torch.arange(n) % 2, edge_weight=torch.rand(4 * n, generator=draw) if weighted else None,
        num_nodes=n, **(names if named else {}), **more,
    )  # fmt: skip


def build(model=GCN, **options):
    g, ids = graph(**options), torch.arange(12)
    task = NodeClassification(g, split=(ids[:4], ids[4:8], ids[8:]), normalize_features=True)
    made = model.from_task(task, hidden_channels=5).eval()
    return Predictor(made, task), made


def by_hand(model, g, x=None, weight=None):
    x = g.x if x is None else x
    x = x / x.sum(1, keepdim=True)
    with torch.no_grad():
        return model(x, torch.stack([g.src, g.dst]), weight).softmax(1).double().numpy()


# ------------------------------------------------------------------ values
@pytest.mark.parametrize("model", [GCN, DAGNN, MLP])
def test_other_graphs(model):
    predictor, made = build(model)
    assert isinstance(predictor, StaticPredictor)
    for seed, n in ((0, 12), (1, 12), (2, 5), (1, 12)):
        g = graph(n, seed)
        found, want = predictor.predict(g), by_hand(made, g)
        assert found.columns.tolist() == ["class", "no", "yes"]
        assert found.index.tolist() == [f"n{seed}-{i}" for i in range(n)]
        np.testing.assert_allclose(found[["no", "yes"]].to_numpy(), want, rtol=1e-5)
        assert found["class"].tolist() == [["no", "yes"][c] for c in want.argmax(1)]


def test_features_by_name():
    predictor, made = build()
    g = graph(7, 5)
    want = by_hand(made, g)
    order = [2, 0, 3, 1]
    extra = torch.cat([g.x[:, order], torch.full((7, 1), 9.0)], dim=1)
    other = TemporalGraph(
        g.src, g.dst, g.t, x=extra, num_nodes=7,
        column_names={"x": [FEATURES[c] for c in order] + ["shoe"]},
    )  # fmt: skip
    found = predictor.predict(other)
    np.testing.assert_allclose(found[["no", "yes"]].to_numpy(), want, rtol=1e-5)
    assert found.index.tolist() == list(range(7))
    lost = TemporalGraph(
        g.src, g.dst, g.t, x=g.x, num_nodes=7, column_names={"x": [*FEATURES[:3], "shoe"]}
    )
    with pytest.raises(GraphError, match="'x': the nodes have no feature 'size'"):
        predictor.predict(lost)


@pytest.mark.parametrize("weighted", [False, True])
def test_data_of_pyg_and_other_types_of_numbers(weighted, recwarn):
    predictor, made = build(weighted=weighted)
    g = graph(9, 4, weighted=weighted)
    want = by_hand(made, g, weight=g.edge_weight)
    data = Data(x=g.x.double(), edge_index=torch.stack([g.src, g.dst]), train_mask=g.y > 0, y=g.y)
    if weighted:
        data.edge_weight = g.edge_weight.double()
    found = predictor.predict(data)
    np.testing.assert_allclose(found[["no", "yes"]].to_numpy(), want, rtol=1e-5)
    assert found.index.tolist() == list(range(9))
    whole = Data(x=(g.x * 9).int() + 1, edge_index=data.edge_index, edge_weight=data.edge_weight)
    assert predictor.predict(whole).shape == (9, 3)
    assert not recwarn


def test_classes_without_names():
    predictor, made = build(named=False)
    g = graph(named=False)
    found = predictor.predict(g)
    assert found.columns.tolist() == ["class", 0, 1]
    assert found["class"].tolist() == by_hand(made, g).argmax(1).tolist()


def test_embed():
    class Embedding(nn.Module):
        def __init__(self):
            super().__init__()
            self.lin = nn.Linear(4, 2)

        def embed(self, x, edge_index, edge_weight=None):
            return x * 2

        def forward(self, x, edge_index, edge_weight=None):
            return self.lin(self.embed(x, edge_index))

    g, ids = graph(), torch.arange(12)
    task = NodeClassification(g, split=(ids[:4], ids[4:8], ids[8:]), normalize_features=True)
    predictor = Predictor(Embedding(), task)
    found = predictor.embed(g, ["n0-3", "n0-1"])
    want = 2 * g.x / g.x.sum(1, keepdim=True)
    assert found.index.tolist() == ["n0-3", "n0-1"]
    np.testing.assert_allclose(found.to_numpy(), want[[3, 1]].numpy(), rtol=1e-6)
    assert predictor.embed(g).shape == (12, 4)
    with pytest.raises(GraphError, match="no node with this label"):
        predictor.embed(g, "n0-99")
    with pytest.raises(GraphError, match="gcn has no representations of nodes"):
        build()[0].embed(g)


# ------------------------------------------------------------------ refused
def test_what_does_not_fit():
    predictor, _ = build()
    with pytest.raises(GraphError, match="there is no graph to look at"):
        predictor.predict()
    for wrong in (pd.DataFrame({"age": [1.0]}), "cora", HeteroData(), [graph()]):
        with pytest.raises(GraphError, match="'graph': not a graph"):
            predictor.predict(wrong)
    with pytest.raises(GraphError, match="'x': the graph has none"):
        predictor.predict(Data(edge_index=torch.zeros(2, 1, dtype=torch.int64)))
    with pytest.raises(GraphError, match="'edge_index': the graph has none"):
        predictor.predict(Data(x=torch.rand(3, 4)))
    edges = torch.tensor([[0, 1], [1, 2]])
    with pytest.raises(GraphError, match="expected 4 columns; got 5"):
        predictor.predict(Data(x=torch.rand(3, 5), edge_index=edges))
    with pytest.raises(GraphError, match="had no weights in training"):
        predictor.predict(Data(x=torch.rand(3, 4), edge_index=edges, edge_weight=torch.ones(2)))
    x = torch.rand(3, 4)
    x[1, 2] = torch.nan
    with pytest.raises(GraphError, match="'x', row 1: a value is NaN"):
        predictor.predict(Data(x=x, edge_index=edges))
    x[1, 2] = torch.inf
    with pytest.raises(GraphError, match="'x', row 1: a value is infinite"):
        predictor.predict(Data(x=x, edge_index=edges))
    for method in ("score", "recommend", "observe", "forecast", "close"):
        with pytest.raises(GraphError, match=r"expected predict\(\), embed\(\)"):
            getattr(predictor, method)()


# ------------------------------------------------------------------ saved
@pytest.mark.parametrize("named", [False, True])
@pytest.mark.parametrize("weighted", [False, True])
def test_save_and_open(tmp_path: Path, named, weighted):
    predictor, _ = build(DAGNN, named=named, weighted=weighted)
    opened = Predictor.open(predictor.save(tmp_path / "p"))
    assert isinstance(opened, StaticPredictor)
    g = graph(20, 8, named=named, weighted=weighted)
    pd.testing.assert_frame_equal(opened.predict(g), predictor.predict(g))


def test_facts_that_describe_no_model_are_refused_by_name(tmp_path: Path):
    """With the right checksum: whoever can write the facts can write it."""
    predictor, _ = build(DAGNN)
    folder = predictor.save(tmp_path / "p")
    index = folder / "predictor.json"
    whole = json.loads(index.read_text())
    del whole["sha256"]
    changes = [
        (("kind",), "nothing"), (("kind",), []), (("model",), None), (("data",), 3),
        (("model", "recipe"), []), (("model", "recipe", "arguments"), None),
        *((("model", "recipe", "arguments", key), value)
          for key in whole["model"]["recipe"]["arguments"] for value in (2**62, 10**30, [[]])),
    ]  # fmt: skip
    errors = []
    for path, value in changes:
        facts = copy.deepcopy(whole)
        holder = facts
        for key in path[:-1]:
            holder = holder[key]
        holder[path[-1]] = value
        index.write_text(json.dumps(sealed(facts)))
        try:
            Predictor.open(folder)
        except GraphError as error:
            errors.append(str(error))
        else:  # a setting that takes no memory
            assert path[-1] in ("K", "dropout", "cached", "cache", "normalize"), (path, value)
    assert len(errors) > len(changes) / 2
    assert all(str(folder) in error for error in errors)


# ------------------------------------------------------------------ tables of classes
def test_tables_of_classes():
    logits = torch.tensor([[0.0, 1.0, 1.0], [3.0, 0.0, -1.0]])
    found = class_table(logits, (True, False), keys={"row": [4, 5]})
    assert found.columns.tolist() == ["row", "class", True, False, 2]
    assert found["class"].tolist() == [False, True]
    np.testing.assert_allclose(found[[2]].to_numpy()[:, 0], logits.double().softmax(1)[:, 2])
    assert class_table(logits, ("a", "b", "c", "unused")).columns.tolist()[1:] == ["a", "b", "c"]
    assert class_table(logits[:0], None).shape == (0, 4)
    assert class_table(logits, None)["class"].dtype.kind == "i"
    far = class_table(torch.tensor([[0.0, 300.0]]), None)  # not rounded to 0
    assert far[0].item() == pytest.approx(np.exp(-300))
    with pytest.raises(GraphError, match="a class is called 'class'"):
        class_table(logits, ("a", "class", "c"))
