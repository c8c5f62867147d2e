"""A fitted classifier of nodes of snapshots, after the last closed step."""

from __future__ import annotations

from typing import Any

import numpy as np
import pandas as pd
import pytest
import torch

import graphkit
from graphkit.engine.predictor import Predictor, SnapshotNodePredictor
from graphkit.errors import GraphError
from tests.engine.predictor.payments import TIMES, graph, model_of, table_of, task_of

NODES = "snapshot_node_classification"
END = 16 * 24


def fitted(times: str = "window", data: Any = None, **options: Any) -> Predictor:
    task = task_of(NODES, data, **TIMES[times] | options)
    return Predictor(model_of("gcn_gru", task), task)


def shares(found: pd.DataFrame) -> np.ndarray:
    return found[["bad", "good"]].to_numpy()


@pytest.mark.parametrize("times", TIMES)
def test_answers_are_those_of_the_model(times: str, tmp_path: Any) -> None:
    task = task_of(NODES, **TIMES[times])
    model, line = model_of("gcn_gru", task).eval(), task.timeline
    predictor = Predictor(model, task)
    assert isinstance(predictor, SnapshotNodePredictor)
    node = torch.tensor([5, 0, 5])
    with torch.no_grad():
        if times == "carry":
            for snapshot in line.snapshots()[: len(line) - line.reach]:
                model.observe(snapshot)
        expected = model.logits(line.seen(len(line) - 1), node).softmax(1)
    names = task.graph.node_names[node].tolist()
    for one in (predictor, Predictor.open(predictor.save(tmp_path / "nodes"))):
        found = one.predict(names)
        assert found.index.tolist() == names
        assert found.columns.tolist() == ["class", "bad", "good"]
        np.testing.assert_allclose(shares(found), expected, atol=1e-6)
        best = np.array(["bad", "good"])[expected.argmax(1)]
        assert found["class"].tolist() == best.tolist()
        np.testing.assert_allclose(shares(one.predict())[node], shares(found), atol=1e-6)


def test_the_open_step_counts_once_it_is_closed() -> None:
    predictor = fitted()
    before = predictor.predict()
    events = table_of(5)[:20].assign(hour=END + 3)
    predictor.observe(events)
    pd.testing.assert_frame_equal(predictor.predict(), before)
    predictor.close()
    assert not np.allclose(shares(predictor.predict()), shares(before))
    with pytest.raises(GraphError, match="no node with this label"):
        predictor.predict("eve")
    with pytest.raises(GraphError, match="labels of nodes"):
        predictor.predict(events)
    assert len(predictor.predict([])) == 0


def changing(x: torch.Tensor, t: torch.Tensor, node: torch.Tensor) -> graphkit.TemporalGraph:
    data = graph()
    return graphkit.TemporalGraph(
        data.src, data.dst, data.t, y=data.y, node_events={"node": node, "t": t, "x": x},
        time_unit="h", num_nodes=14,
    )  # fmt: skip


@pytest.mark.parametrize("times", TIMES)
def test_features_that_change(times: str) -> None:
    draw = torch.Generator().manual_seed(0)
    node, x = torch.arange(14).repeat(2), torch.rand(28, 3, generator=draw)
    data = changing(x, torch.tensor([0, 100]).repeat_interleave(14), node)
    events = table_of(5)[:12].reset_index(drop=True)
    events = pd.DataFrame(
        {
            "src": events.payer.str[1:].astype(int),
            "dst": events.payee.str[1:].astype(int),
            "t": END + 30,
        }
    )
    more = pd.DataFrame([[1.0, 2.0, 3.0], [4.0, 5.0, 6.0]], [3, 14], ["x_0", "x_1", "x_2"])
    predictor = fitted(times, data, features="x")
    with pytest.raises(GraphError, match=r"belong to one step.*events of step 16; got.*16 to 17"):
        predictor.observe(events.assign(t=[END] + [END + 30] * 11), more)
    events.loc[4, "src"] = 14
    assert predictor.observe(events, more).closed == 1  # day 16 keeps the features before
    predictor.close()
    # the same from one graph that has all of it
    t = torch.cat([data.node_events.t, torch.tensor([END + 30, END + 30])])
    both = graphkit.TemporalGraph(
        torch.cat([data.src, torch.tensor(events.src.to_numpy())]),
        torch.cat([data.dst, torch.tensor(events.dst.to_numpy())]),
        torch.cat([data.t, torch.tensor(events.t.to_numpy())]),
        y=torch.cat([data.y, data.y[:1]]),
        node_events={
            "node": torch.cat([node, torch.tensor([3, 14])]),
            "t": t,
            "x": torch.cat([x, torch.tensor(more.to_numpy()).float()]),
        },
        time_unit="h",
        num_nodes=15,
    )
    long = fitted(times, both, features="x", train=0.6)
    assert long.open_step == predictor.open_step
    np.testing.assert_allclose(shares_of(predictor), shares_of(long), atol=1e-6)
    before = predictor.predict([3])
    predictor.observe(events[:0], more.iloc[:1] * 9)  # of the open step, without an event
    predictor.close()
    assert not np.allclose(predictor.predict([3]).iloc[:, 1:], before.iloc[:, 1:])
    with pytest.raises(GraphError, match="features that change are not read from a graph"):
        predictor.observe(both, late="drop")


def shares_of(predictor: Predictor) -> np.ndarray:
    return predictor.predict().iloc[:, 1:].to_numpy()


def test_a_time_in_a_wrong_unit_does_not_close_steps_for_hours() -> None:
    predictor = fitted()
    number = predictor.open_step.number
    with pytest.raises(GraphError, match=r"'at': .* steps would close.*unit of its times"):
        predictor.close(at=10**15)
    assert predictor.open_step.number == number
