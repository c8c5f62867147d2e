"""A fitted link predictor of snapshots on later steps: by name, open and closed, with new nodes."""

from __future__ import annotations

from typing import Any

import numpy as np
import pandas as pd
import pytest
import torch

import graphkit
from graphkit import registry
from graphkit.engine.predictor import Observed, Predictor, SnapshotLinkPredictor
from graphkit.errors import GraphError, UnknownNameError
from tests.engine.predictor.payments import TIMES, graph, model_of, table_of, task_of

LINKS = "snapshot_link_prediction"
MODELS = registry.names("model", view="snapshot")
END = 16 * 24  # hours; step 16 is the first after training


def fitted(name: str = "gcn_gru", times: str = "window", until: Any = None, **options: Any):
    data = options.pop("data", None)
    task = task_of(LINKS, data, **TIMES[times] | options)
    return Predictor(model_of(name, task), task, until=until)


def later(rows: int = 40, days: int = 3, seed: int = 5, **columns: Any) -> pd.DataFrame:
    """Payments of the days after training."""
    table = table_of(seed)[:rows].reset_index(drop=True)
    draw = np.random.default_rng(seed)
    table["hour"] = END + np.sort(draw.integers(0, days * 24, rows))
    return table.assign(**columns)


def every_pair(names: Any) -> pd.DataFrame:
    return pd.DataFrame([(a, b) for a in names for b in names], columns=["payer", "payee"])


def everything(predictor: Predictor) -> np.ndarray:
    names = predictor.labels.labels(range(predictor.num_nodes))
    columns = [predictor.schema.src, predictor.schema.dst]
    pairs = every_pair(names).set_axis(columns, axis=1)
    return predictor.score(pairs).score.to_numpy().reshape(len(names), -1)


@pytest.mark.parametrize("times", TIMES)
@pytest.mark.parametrize("name", MODELS)
def test_scores_are_those_of_the_model_after_the_last_step(name: str, times: str) -> None:
    task = task_of(LINKS, **TIMES[times])
    model = model_of(name, task).eval()
    predictor = Predictor(model, task)
    assert isinstance(predictor, SnapshotLinkPredictor)
    line = task.timeline
    src, dst = torch.tensor([0, 3, 3]), torch.tensor([1, 3, 12])
    with torch.no_grad():
        if times == "carry":
            for snapshot in line.snapshots()[: len(line) - line.reach]:
                model.observe(snapshot)
        expected = model.link_logits(line.seen(len(line) - 1), src, dst)
    names = task.graph.node_names
    pairs = pd.DataFrame({"payee": names[dst], "payer": names[src]}, index=[7, 7, 2])
    found = predictor.score(pairs)
    assert found.columns.tolist() == ["payer", "payee", "score", "probability"]
    assert found.index.tolist() == [7, 7, 2]
    assert found.payee.tolist() == names[dst].tolist()
    torch.testing.assert_close(torch.tensor(found.score.to_numpy()), expected)
    torch.testing.assert_close(torch.tensor(found.probability.to_numpy()), expected.sigmoid())
    for tile in (1, 2):
        pd.testing.assert_frame_equal(predictor.score(pairs, tile=tile), found)
    embedded = predictor.embed([names[3], names[0]])
    assert embedded.index.tolist() == [names[3], names[0]]
    with torch.no_grad():
        h = model(line.seen(len(line) - 1))
        last = line.seen(len(line) - 1)[-1]
        h = h if len(h) == 14 else h[last.position]
    np.testing.assert_allclose(embedded.to_numpy(), h[[3, 0]], rtol=1e-5, atol=1e-6)
    assert len(predictor.embed()) == 14


@pytest.mark.parametrize("times", TIMES)
@pytest.mark.parametrize("until", ["train", "val"])
def test_it_may_stand_at_the_end_of_a_subset(until: str, times: str) -> None:
    task = task_of(LINKS, **TIMES[times])
    predictor = Predictor(model_of("gcn_gru", task), task, until=until)
    step = task.timeline.steps({"train": "val", "val": "test"}[until], 1)[0] + 1
    assert predictor.open_step == (step, step * 24, step * 24 + 24, 0)
    rest = table_of().query("hour >= @step * 24")
    assert predictor.observe(rest) == Observed(len(rest), (), 0, 15 - step)
    assert predictor.close() == 1
    np.testing.assert_allclose(everything(predictor), everything(fitted(times=times)), atol=1e-5)


@pytest.mark.parametrize("times", TIMES)
@pytest.mark.parametrize("features", ["degree", "activity", "reputation", "x"])
def test_one_table_or_ten_or_saved_in_between(features: str, times: str, tmp_path: Any) -> None:
    options = {"times": times, "features": features}
    whole, parts = fitted(**options), fitted(**options)
    events = later()
    assert whole.observe(events) == Observed(40, (), 0, 2)
    for start in range(0, 40, 7):
        parts = Predictor.open(parts.save(tmp_path / "saved"))
        order = events.iloc[start : start + 7].sample(frac=1, random_state=start)
        parts.observe(order[["kind", "payee", "amount", "hour", "payer"]])
    assert parts.open_step == whole.open_step
    assert np.array_equal(everything(parts), everything(whole))
    assert parts.close() == whole.close() == 1
    parts = Predictor.open(parts.save(tmp_path / "saved"))
    assert np.array_equal(everything(parts), everything(whole))
    pd.testing.assert_frame_equal(
        parts.recommend(["p1"], met=False), whole.recommend(["p1"], met=False)
    )


@pytest.mark.parametrize("times", TIMES)
def test_later_steps_are_those_of_one_long_graph(times: str) -> None:
    """Against a task on training data and later events in one."""
    events = later()
    long = graph()
    both = graphkit.TemporalGraph.concat([long, long.append(events)[len(long) :]])
    options = {**TIMES[times], "features": "activity"}
    task = task_of(LINKS, both, train=0.6, val=0.1, **options)
    model = model_of("gcn_gru", task)
    short = Predictor(model, task_of(LINKS, long, **options))
    short.observe(events)
    short.close()
    np.testing.assert_allclose(everything(short), everything(Predictor(model, task)), atol=1e-6)


def test_events_of_the_open_step_are_seen_once_it_is_closed() -> None:
    predictor = fitted()
    before = everything(predictor)
    assert predictor.open_step == (16, END, END + 24, 0)
    assert predictor.observe(later(9, days=1)) == Observed(9, (), 0, 0)
    assert predictor.open_step == (16, END, END + 24, 9)
    assert np.array_equal(everything(predictor), before)
    assert predictor.close() == 1
    assert predictor.open_step == (17, END + 24, END + 48, 0)
    assert not np.allclose(everything(predictor), before)


def test_steps_without_an_event_pass() -> None:
    options = {"features": "activity", "times": "carry"}
    one, two, three = fitted(**options), fitted(**options), fitted(**options)
    assert [one.close() for _ in range(3)] == [1, 1, 1]
    assert two.close(at=END + 3 * 24) == 3
    assert two.close(at=END + 3 * 24 + 23) == 0  # the open step is not over
    assert two.close(at=5) == 0
    late = later(5, hour=END + 3 * 24 + 7)
    assert three.observe(late).closed == 3
    for predictor in (one, two):
        predictor.observe(late)
        assert predictor.open_step.events == 5
        assert np.array_equal(everything(predictor), everything(three))
    skipping = fitted(skip_empty=True, **options)
    before = everything(skipping)
    assert skipping.close(at=END + 3 * 24) == 0
    assert np.array_equal(everything(skipping), before)
    assert skipping.open_step.start == END + 3 * 24
    skipping.observe(late)
    assert skipping.close() == 1
    far = fitted(skip_empty=True, **options)
    assert far.observe(late.assign(hour=10**12)).closed == 0  # at once, whatever lies between
    assert far.close() == 1
    near = fitted(**options)
    with pytest.raises(GraphError, match=r"'hour', row 4: an event lies \d+ steps after the open"):
        near.observe(late.assign(hour=[END] * 4 + [END * 100_000]))
    assert near.open_step.events == 0


def test_late_events() -> None:
    predictor = fitted()
    predictor.close()
    late = later(4, hour=[END + 24, END + 23, END + 30, 10])
    with pytest.raises(
        GraphError, match=r"'hour', row 1: an event lies before step 17.*408 or later; got 407"
    ):
        predictor.observe(late)
    with pytest.raises(UnknownNameError, match="drop"):
        predictor.observe(late, late="insert")
    found = predictor.observe(late.assign(payer=["p1", "ghost", "p2", "ghost"]), late="drop")
    assert found == Observed(2, (), 2, 0)
    assert predictor.num_nodes == 14


def test_questions_about_other_steps_are_refused() -> None:
    predictor = fitted()
    pairs = pd.DataFrame({"payer": ["p1", "p2"], "payee": ["p3", "p4"], "hour": [END, END + 23]})
    assert "hour" in predictor.score(pairs)
    with pytest.raises(GraphError, match=r"'hour', row 1: .*a step that is closed"):
        predictor.score(pairs.assign(hour=[END, END - 1]))
    with pytest.raises(GraphError, match=r"'hour', row 0: .*after the next one; expected before"):
        predictor.score(pairs.assign(hour=[END + 24, END]))
    fitted(skip_empty=True).score(pairs.assign(hour=[END + 24, END]))
    minutes = pairs.assign(hour=[END * 60, END * 60 + 60])
    predictor.score(minutes, time_unit="m")


def test_units_and_dates() -> None:
    one, two = fitted(), fitted()
    events = later()
    one.observe(events)
    two.observe(events.assign(hour=events.hour * 3600), time_unit="s")
    assert np.array_equal(everything(two), everything(one))
    with pytest.raises(GraphError, match="'hour', row 0"):
        two.observe(events.assign(hour=events.hour * 3600 + 10**6 + 1), time_unit="s")

    def dated(table: pd.DataFrame) -> pd.DataFrame:
        return table.assign(hour=pd.to_datetime(table.hour, unit="h", utc=True))

    data = graphkit.TemporalGraph.from_pandas(dated(table_of()), "payer", "payee", "hour")
    by_date = fitted(data=data)
    zone = dated(events).assign(hour=lambda e: e.hour.dt.tz_convert("Asia/Tokyo"))
    by_date.observe(zone)
    assert np.array_equal(everything(by_date), everything(one))
    assert by_date.close(at=pd.Timestamp(END * 3600, unit="s", tz="UTC")) == 0
    assert by_date.open_step.start == pd.Timestamp((END + 48) * 3600, unit="s", tz="UTC")


def test_recommendations() -> None:
    predictor = fitted()
    found = predictor.recommend(["p1", "p2", "p1"], k=4)
    assert found.columns.tolist() == ["payer", "rank", "payee", "score", "probability"]
    assert found.payer.tolist() == ["p1"] * 4 + ["p2"] * 4 + ["p1"] * 4
    assert found["rank"].tolist() == [1, 2, 3, 4] * 3
    names = [name for name in predictor.labels.names if name != "p1"]
    pairs = pd.DataFrame({"payer": "p1", "payee": names})
    best = predictor.score(pairs).sort_values("score", ascending=False, kind="stable")
    assert found.payee[:4].tolist() == best.payee[:4].tolist()
    np.testing.assert_allclose(found.score[:4], best.score[:4])
    for tile in (1, 3, 20):
        other = predictor.recommend(["p1", "p2", "p1"], k=4, tile=tile)
        pd.testing.assert_frame_equal(other, found)
    few = predictor.recommend("p1", k=50, among=["p5", "p1", "p5"])
    assert sorted(few.payee) == ["p1", "p5"]
    table = table_of()
    met = set(table.query("payer == 'p9'").payee) | set(table.query("payee == 'p9'").payer)
    strangers = set(predictor.labels.names) - met - {"p9"}
    assert strangers
    assert set(predictor.recommend("p9", k=50, met=False).payee) == strangers
    new = next(iter(sorted(strangers)))
    predictor.observe(later(1, payer=new, payee="p9"))
    assert set(predictor.recommend("p9", k=50, met=False).payee) == strangers - {new}
    for wrong in ({"k": 0}, {"k": 2.5}, {"tile": -1}):
        with pytest.raises(GraphError, match=next(iter(wrong))):
            predictor.recommend("p1", **wrong)
    assert len(predictor.recommend([])) == 0
    assert len(predictor.score(pairs[:0])) == 0


def test_two_id_spaces() -> None:
    data = graphkit.TemporalGraph.from_pandas(
        table_of(), "payer", "payee", "hour", bipartite=True, time_unit="h"
    )
    predictor = fitted(data=data)
    payees = set(table_of().payee)
    assert set(predictor.recommend("p1", k=50).payee) == payees
    met = set(table_of().query("payer == 'p1'").payee)
    assert set(predictor.recommend("p1", k=50, met=False).payee) == payees - met
    predictor.observe(later(1, payer="p1", payee="shop"))
    assert "shop" in set(predictor.recommend("p1", k=50).payee)
    one, other = predictor.embed(["p1"]), predictor.embed(["p1"], side="dst")
    assert not np.allclose(one, other)


@pytest.mark.parametrize("times", TIMES)
@pytest.mark.parametrize("features", ["degree", "activity", "reputation", "x"])
@pytest.mark.parametrize("name", [m for m in MODELS if m != "gcn_snapshot"])
def test_nodes_born_later_score_as_in_a_model_built_for_them(
    name: str, features: str, times: str, tmp_path: Any
) -> None:
    small = graph()
    x = torch.cat([small.x, torch.tensor([[3.0, -1.0], [0.5, 2.0]])])
    made = []
    for n in (14, 16):
        data = graphkit.TemporalGraph(
            small.src, small.dst, small.t, edge_y=small.edge_y, x=x[:n], num_nodes=n,
            time_unit="h", class_names={"edge_y": ("fair", "fraud")},
        )  # fmt: skip
        made.append(fitted(name, times, data=data, features=features, adj_window=2))
    draw = np.random.default_rng(3)
    events = pd.DataFrame(
        {
            "src": draw.integers(0, 16, 60),
            "dst": draw.integers(0, 16, 60),
            "t": END + np.sort(draw.integers(0, 72, 60)),
            "edge_y": draw.choice(["fair", "fraud"], 60),
        }
    )
    events.loc[5, ["src", "dst"]] = [15, 14]
    features_of_new = pd.DataFrame(x[14:].numpy(), index=[14, 15], columns=["x_0", "x_1"])
    nodes = features_of_new if features == "x" else None
    first, second = made
    before = everything(first)
    first.observe(events[:30], nodes)
    second.observe(events[:30])
    assert [predictor.num_nodes for predictor in made] == [16, 16]
    if first.open_step.number == 16:
        np.testing.assert_allclose(everything(first)[:14, :14], before, atol=1e-5)
    np.testing.assert_allclose(everything(first), everything(second), atol=1e-5)
    first = Predictor.open(first.save(tmp_path / "grown"))
    for predictor in (first, second):
        predictor.observe(events[30:])
        predictor.close()
    np.testing.assert_allclose(everything(first), everything(second), atol=1e-5)


def test_new_nodes_without_what_they_need() -> None:
    predictor = fitted(features="x", times="carry")
    events = later(3, payer=["eve", "p1", "eve"], payee=["p1", "new", "p2"])
    before = everything(predictor)
    with pytest.raises(GraphError, match=r"'nodes': new nodes need features.*'eve'"):
        predictor.observe(events)
    more = pd.DataFrame({"size": [2.0, 3.0], "age": [9, 8], "other": "x"}, index=["new", "p1"])
    with pytest.raises(GraphError, match="a new node has no row of features; got 'eve'"):
        predictor.observe(events, more)
    assert predictor.num_nodes == 14
    assert np.array_equal(everything(predictor), before)
    more.loc["eve"] = [4.0, 7, "y"]
    assert predictor.observe(events, more).new_nodes == ("eve", "new")
    with pytest.raises(GraphError, match="no node with this label"):
        predictor.score(pd.DataFrame({"payer": ["p1"], "payee": ["who"]}))


def test_features_of_new_nodes_may_come_with_a_graph() -> None:
    events = later(6, payer="eve")
    names = sorted({*events.payer, *events.payee})
    x = pd.DataFrame({"age": np.arange(len(names)) * 1.0, "size": 2.0}, index=names)
    built = graphkit.TemporalGraph.from_pandas(
        events, "payer", "payee", "hour", x=x, time_unit="h", edge_y="kind"
    )
    one, two = fitted(features="x"), fitted(features="x")
    assert one.observe(built).new_nodes == ("eve",)
    two.observe(events, x)
    for predictor in (one, two):
        predictor.close()
    assert np.array_equal(everything(one), everything(two))


class PerNode(torch.nn.Module):
    """An encoder that counts for each node the steps, and cannot say so of a new one."""

    out_channels = 2

    def start(self, num_nodes: int) -> tuple[torch.Tensor]:
        return (torch.zeros(num_nodes, 1),)

    def forward(self, snapshots: Any, state: Any = None) -> Any:
        n = snapshots[-1].num_nodes
        (count,) = self.start(n) if state is None else state
        return torch.cat([count, count + len(snapshots)], dim=1), (count + len(snapshots),)


class Own(torch.nn.Module):
    """A snapshot model without anything but answers."""

    def link_logits(self, snapshots: Any, src: torch.Tensor, dst: torch.Tensor) -> torch.Tensor:
        return (src - dst).float()

    def rank(self, query: Any, rivals: Any = None) -> Any:
        raise NotImplementedError


def test_models_that_cannot_take_in_new_nodes(tmp_path: Any) -> None:
    task = task_of(LINKS, **TIMES["carry"])
    counting = graphkit.nn.snapshot.SnapshotPredictor.for_task(task, PerNode())
    new = later(2, payer="eve")
    for model, problem in (
        (counting, "PerNode carries a state per node.*idle"),
        (Own(), r"Own cannot take in new nodes; got 'eve'.*grow\(num_nodes, x, steps\)"),
    ):
        predictor = Predictor(model, task)
        before = everything(predictor)
        with pytest.raises(GraphError, match=problem):
            predictor.observe(new)
        assert predictor.num_nodes == 14
        predictor.observe(later(2, days=1))
        assert np.array_equal(everything(predictor), before)
    with pytest.raises(GraphError, match="Own has no representations"):
        predictor.embed("p1")
    folder = predictor.save(tmp_path / "own")
    with pytest.raises(GraphError, match="Own is not registered"):
        Predictor.open(folder)
    assert np.array_equal(everything(Predictor.open(folder, model=Own)), before)


@pytest.mark.parametrize(
    ("change", "problem"),
    [
        ({"payer": None}, "'payer': the table has no such column"),
        ({"hour": None}, "'hour': the table has no such column"),
        ({"kind": None}, "'kind': the table has no such column"),
        ({"kind": ["fair", "odd", "fair"]}, "'kind', row 1: there is no such class"),
        ({"payer": ["p1", None, "p2"]}, "'payer', row 1: a node is missing"),
        ({"hour": [END, np.nan, END]}, "'hour', row 1"),
        ({"hour": pd.to_datetime(["2020-01-01"] * 3)}, "'hour': dates are given"),
    ],
    ids=str,
)
def test_what_is_refused_changes_nothing(change: dict, problem: str) -> None:
    predictor = fitted(features="reputation")
    before = everything(predictor)
    events = later(3, payer=["eve", "p1", "p2"])
    for name, value in change.items():
        events = events.drop(columns=name) if value is None else events.assign(**{name: value})
    with pytest.raises(GraphError, match=problem):
        predictor.observe(events)
    assert predictor.num_nodes == 14
    assert predictor.open_step.events == 0
    assert np.array_equal(everything(predictor), before)


def test_columns_that_are_not_read_may_be_missing() -> None:
    predictor, other = fitted(), fitted()
    predictor.observe(later()[["payer", "payee", "hour"]])
    other.observe(later())
    assert np.array_equal(everything(predictor), everything(other))


def test_what_is_not_offered() -> None:
    with pytest.raises(GraphError, match=r"has no predict\(\).*score\(\), recommend\(\)"):
        fitted().predict()
    for wrong in (None, [1, 2], later(2).payer):
        with pytest.raises(GraphError, match="'table': not a table"):
            fitted().score(wrong)
    with pytest.raises(GraphError, match="labels of nodes"):
        fitted().embed(pd.DataFrame({"payer": ["p1"]}))
    with pytest.raises(UnknownNameError, match="side"):
        fitted().embed("p1", side="left")
    assert fitted().observe(later()[:0]) == Observed(0, (), 0, 0)


def test_features_that_do_not_change_are_saved_once(tmp_path: Any) -> None:
    predictor = fitted(features="x")
    features = pd.DataFrame({"age": [1.0], "size": [2.0]}, index=["eve"])
    for rounds in range(3):
        predictor = Predictor.open(predictor.save(tmp_path / "once"))
        if rounds == 1:
            predictor.observe(later(2, days=1, payer="eve"), features)
        kept = [seen[0] for seen in predictor._state.steps.prepare.seen.steps()]
        assert len(kept) == 3
        assert len({x.data_ptr() for x in kept}) == 1
        held = [n for n, v in predictor._state.tensors().items() if v.shape == kept[0].shape]
        assert len(held) <= 2  # of the steps, and from now on
