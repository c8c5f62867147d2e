"""A fitted classifier of edges of snapshots: asked edges enter their step, and leave no trace."""

from __future__ import annotations

from typing import Any

import numpy as np
import pandas as pd
import pytest
import torch

import graphkit
from graphkit.engine.predictor import Observed, Predictor, SnapshotEdgePredictor
from graphkit.errors import GraphError
from tests.engine.predictor.payments import TIMES, graph, model_of, table_of, task_of

EDGES = "edge_classification"
END = 16 * 24


def fitted(times: str = "window", until: Any = None, name: str = "gcn_gru", **options: Any):
    task = task_of(EDGES, options.pop("data", None), **TIMES[times] | options)
    return Predictor(model_of(name, task), task, until=until)


def later(rows: int = 12, days: int = 1, **columns: Any) -> pd.DataFrame:
    table = table_of(5)[:rows].reset_index(drop=True)
    draw = np.random.default_rng(5)
    table["hour"] = END + np.sort(draw.integers(0, days * 24, rows))
    return table.assign(**columns)


def shares(found: pd.DataFrame) -> np.ndarray:
    return found[["fair", "fraud"]].to_numpy()


@pytest.mark.parametrize("times", TIMES)
@pytest.mark.parametrize("features", ["degree", "reputation"])
def test_answers_are_those_of_the_task_with_the_step_in_it(features: str, times: str) -> None:
    """Against a task on a graph that has the asked edges already."""
    asked = later()
    long = graph()
    options = {**TIMES[times], "features": features, "max_degree": 4, "symmetric": False}
    if features == "reputation":
        options.pop("max_degree")
    both = graphkit.TemporalGraph.concat([long, long.append(asked)[len(long) :]])
    task = task_of(EDGES, both, train=0.6, val=0.1, **options)
    model = model_of("gcn_gru", task).eval()
    line = task.timeline
    with torch.no_grad():
        if times == "carry":
            for snapshot in line.snapshots()[: len(line) - line.reach]:
                model.observe(snapshot)
        src, dst, _ = task.asked(len(line) - 1)
        expected = model.logits(line.seen(len(line) - 1), src, dst).softmax(1)
    names = long.node_names
    place = {(names[u], names[v]): i for i, (u, v) in enumerate(zip(src.tolist(), dst.tolist()))}
    predictor = Predictor(model, task_of(EDGES, long, **options))
    assert isinstance(predictor, SnapshotEdgePredictor)
    question = asked[["payee", "hour", "payer"]].sample(frac=1, random_state=0)
    found = predictor.predict(question)
    assert found.columns.tolist() == [
        "payer", "payee", "hour", "class", "fair", "fraud",
    ]  # fmt: skip
    assert found.index.equals(question.index)
    rows = [place[pair] for pair in zip(found.payer, found.payee)]
    np.testing.assert_allclose(shares(found), expected[rows], atol=1e-6)
    best = np.array(["fair", "fraud"])[shares(found).argmax(1)]
    assert found["class"].tolist() == best.tolist()
    # without times they are of the open step, too
    untimed = predictor.predict(question.drop(columns="hour"))
    pd.testing.assert_frame_equal(untimed, found.drop(columns="hour"))


@pytest.mark.parametrize("times", TIMES)
def test_a_question_changes_nothing(times: str) -> None:
    predictor = fitted(times)
    asked = later(payer=["eve"] + ["p1"] * 11)
    first = predictor.predict(asked)
    assert predictor.num_nodes == 14
    assert predictor.open_step == (16, END, END + 24, 0)
    before = predictor.embed()
    pd.testing.assert_frame_equal(predictor.predict(asked), first)
    pd.testing.assert_frame_equal(predictor.embed(), before)
    pd.testing.assert_frame_equal(fitted(times).predict(asked), first)


@pytest.mark.parametrize("times", TIMES)
@pytest.mark.parametrize("features", ["activity", "reputation"])
def test_asked_on_top_of_the_open_step_or_inside_it(features: str, times: str) -> None:
    options = {"times": times, "features": features}
    one, two, three = fitted(**options), fitted(**options), fitted(**options)
    events = later()
    whole = one.predict(events)
    two.observe(events[:5])
    np.testing.assert_allclose(shares(two.predict(events[5:])), shares(whole)[5:], atol=1e-6)
    three.observe(events)
    inside = three.predict(events, enter=False)
    np.testing.assert_allclose(shares(inside), shares(whole), atol=1e-6)
    assert three.open_step.events == 12
    other_way = events.rename(columns={"payer": "payee", "payee": "payer"})
    assert len(three.predict(other_way, enter=False)) == 12
    with pytest.raises(GraphError, match=r"'payer', row 1: the open step holds no such edge"):
        two.predict(events.iloc[[0, 11]], enter=False)
    with pytest.raises(GraphError, match="lies after the open step"):
        two.predict(events[:2].assign(hour=END + 24), enter=False)
    with pytest.raises(GraphError, match="holds no such edge"):
        fitted(symmetric=False, **options).predict(events[:1], enter=False)


@pytest.mark.parametrize("times", TIMES)
@pytest.mark.parametrize("skip_empty", [False, True])
def test_several_steps_at_once(skip_empty: bool, times: str) -> None:
    options = {"times": times, "features": "reputation", "skip_empty": skip_empty}
    events = later(30, days=3)
    events = events[(events.hour < END + 24) | (events.hour >= END + 48)]  # an empty day
    found = fitted(**options).predict(events)
    one = fitted(**options)
    parts = []
    for low in (END, END + 48):
        day = events[events.hour.between(low, low + 23)]
        parts.append(one.predict(day.drop(columns="kind")))
        one.observe(day)
    np.testing.assert_allclose(shares(found), shares(pd.concat(parts)), atol=1e-6)
    with pytest.raises(GraphError, match="'kind': the table has no such column"):
        fitted(**options).predict(events.drop(columns="kind"))


@pytest.mark.parametrize("times", TIMES)
def test_saved_with_an_open_step(times: str, tmp_path: Any) -> None:
    predictor = fitted(times, features="reputation")
    events = later(30, days=2)
    assert predictor.observe(events) == Observed(30, (), 0, 1)
    opened = Predictor.open(predictor.save(tmp_path / "edges"))
    assert opened.class_names == ["fair", "fraud"]
    assert opened.open_step == predictor.open_step
    asked = later(4, hour=END + 30)
    pd.testing.assert_frame_equal(opened.predict(asked), predictor.predict(asked))
    assert opened.close() == predictor.close() == 1
    asked = later(4, hour=END + 50)
    pd.testing.assert_frame_equal(opened.predict(asked), predictor.predict(asked))


@pytest.mark.parametrize("times", TIMES)
def test_edges_of_new_nodes(times: str) -> None:
    predictor = fitted(times, features="x")
    asked = later(3, payer=["eve", "p1", "p2"])
    with pytest.raises(GraphError, match="new nodes need features"):
        predictor.predict(asked)
    features = pd.DataFrame({"age": [1.0], "size": [2.0]}, index=["eve"])
    found = predictor.predict(asked, nodes=features)
    assert predictor.num_nodes == 14
    predictor.observe(asked, features)
    np.testing.assert_allclose(shares(predictor.predict(asked, enter=False)), shares(found))


def test_classes_without_names() -> None:
    table = table_of()
    table["kind"] = (table.kind == "fraud").astype(int)
    data = graphkit.TemporalGraph.from_pandas(
        table, "payer", "payee", "hour", edge_y="kind", time_unit="h"
    )
    found = fitted(data=data).predict(later(5))
    assert found.columns.tolist()[-3:] == ["class", 0, 1]
    assert found["class"].dtype == np.int64
    assert found["class"].isin([0, 1]).all()


def test_what_is_refused() -> None:
    predictor = fitted()
    with pytest.raises(GraphError, match=r"'hour', row 1: .*before step 16, in one that is closed"):
        predictor.predict(later(2, hour=[END, END - 1]))
    with pytest.raises(GraphError, match="no node with this label"):
        predictor.predict(later(1, payer="eve"), enter=False)
    with pytest.raises(GraphError, match=r"has no score\(\).*predict\(\), embed\(\), close\(\)"):
        predictor.score(later())
    for enter in (True, False):
        assert len(predictor.predict(later()[:0], enter=enter)) == 0
