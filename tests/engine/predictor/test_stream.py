"""A fitted stream model on new tables: by name, with new nodes, saved and opened."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest
import torch

import graphkit
from graphkit import registry
from graphkit.engine.passes import replay
from graphkit.engine.predictor import Observed, Predictor
from graphkit.errors import GraphError, UnknownNameError
from tests.engine.stream_toy import Toy

MODELS = registry.names("model", view="stream")


def ratings(rows: int = 400, seed: int = 0, **columns: object) -> pd.DataFrame:
    draw = np.random.default_rng(seed)
    table = pd.DataFrame(
        {
            "user": [f"u{i}" for i in draw.integers(0, 12, rows)],
            "item": draw.integers(100, 110, rows),
            "when": 1_000 + np.sort(draw.integers(0, 5_000, rows)),
            "stars": draw.normal(size=rows),
            "price": draw.normal(size=rows),
        }
    )
    return table.assign(**columns)


def build(table: pd.DataFrame, **options: object) -> graphkit.TemporalGraph:
    options = {"edge_attr": ["stars", "price"], "bipartite": True, **options}
    return graphkit.TemporalGraph.from_pandas(table, "user", "item", "when", **options)


def fitted(name: str = "nat", table: pd.DataFrame | None = None, **options: object) -> Predictor:
    graph = build(ratings() if table is None else table, **options)
    task = graphkit.LinkPrediction(graph)
    graphkit.seed_everything(3)
    model = registry.get("model", name).from_task(task)
    return Predictor(model, task, batch_size=20, until="val")


def later(rows: int = 30, **columns: object) -> pd.DataFrame:
    return ratings(rows, seed=9, when=np.arange(rows) + 7_000).assign(**columns)


@pytest.mark.parametrize("name", MODELS)
def test_scores_are_those_of_the_model(name: str) -> None:
    graph = build(ratings())
    task = graphkit.LinkPrediction(graph)
    graphkit.seed_everything(3)
    model = registry.get("model", name).from_task(task)
    predictor = Predictor(model, task, batch_size=20, until="val")
    replay(model, task.past("test"), 20, torch.device("cpu"))
    users, items = graph.node_names[:12], graph.node_names[12:]
    pairs = pd.DataFrame({"item": [100, 109, 100], "user": ["u3", "u0", "u11"]}, index=[7, 7, 2])
    src = torch.tensor([users.tolist().index(u) for u in pairs.user])
    dst = torch.tensor([12 + items.tolist().index(i) for i in pairs.item])
    t = task.split.test.t[:1].expand(3) * 0 + task.split.val.t_max
    with torch.no_grad():
        expected = model.score(src, dst, t)
    found = predictor.score(pairs)
    assert list(found.columns) == ["user", "item", "score", "probability"]
    assert found.index.tolist() == [7, 7, 2]
    assert found.item.tolist() == [100, 109, 100]
    torch.testing.assert_close(torch.tensor(found.score.to_numpy()), expected)
    torch.testing.assert_close(torch.tensor(found.probability.to_numpy()), expected.sigmoid())


@pytest.mark.parametrize("name", MODELS)
def test_one_table_or_ten_or_another_process(name: str, tmp_path) -> None:
    events = later(60)
    pairs = pd.DataFrame({"user": ["u1", "u2"], "item": [101, 102]})
    whole, parts = fitted(name), fitted(name)
    expected = whole.score(events, observe=True)
    found = []
    for start in range(0, 60, 20):
        parts = Predictor.open(parts.save(tmp_path / "saved"))
        found.append(parts.score(events.iloc[start : start + 20], observe=True))
    pd.testing.assert_frame_equal(pd.concat(found), expected)
    pd.testing.assert_frame_equal(parts.score(pairs), whole.score(pairs))
    pd.testing.assert_frame_equal(
        parts.recommend(["u1"], met=False), whole.recommend(["u1"], met=False)
    )


def test_order_of_rows_and_columns_does_not_matter() -> None:
    events = later(40)
    expected = fitted().score(events, observe=True)
    shuffled = events.sample(frac=1, random_state=0)[["price", "when", "item", "stars", "user"]]
    found = fitted().score(shuffled.assign(extra="not read"), observe=True)
    assert found.index.equals(shuffled.index)
    pd.testing.assert_frame_equal(found.sort_index()[expected.columns], expected)


def test_units_and_dates() -> None:
    events = later(40)
    expected = fitted().score(events, observe=True).score
    fine = events.assign(when=events.when * 1_000_000)
    found = fitted().score(fine, observe=True, time_unit="us")
    assert np.array_equal(found.score, expected)
    assert np.array_equal(found.when, fine.when)
    with pytest.raises(GraphError, match=r"'when', row 3: .*'s'"):
        fitted().score(
            fine.assign(when=fine.when + (np.arange(40) == 3)), observe=True, time_unit="us"
        )

    def dated(table: pd.DataFrame) -> pd.DataFrame:
        return table.assign(when=pd.to_datetime(table.when, unit="s", utc=True))

    by_date = fitted(table=dated(ratings()))
    zone = dated(events).assign(when=lambda e: e.when.dt.tz_convert("Asia/Tokyo"))
    assert np.array_equal(by_date.score(zone, observe=True).score, expected)
    with pytest.raises(GraphError, match="zone"):
        by_date.score(zone.assign(when=zone.when.dt.tz_localize(None)), observe=True)


def test_new_nodes_are_admitted_with_events_only() -> None:
    predictor = fitted()
    stranger = pd.DataFrame({"user": ["eve"], "item": [101]})
    with pytest.raises(GraphError, match=r"'user', row 0: there is no node with this label"):
        predictor.score(stranger)
    with pytest.raises(GraphError, match="there is no node with this label"):
        predictor.recommend("eve")
    before = predictor.score(pd.DataFrame({"user": ["u1"], "item": [103]}))
    events = later(2, user=["eve", "u0"], item=[999, 101])
    seen = predictor.observe(events.assign(when=7_000))
    assert seen == Observed(2, ("eve", 999), 0)
    assert predictor.num_nodes == 24
    assert predictor.recommend("eve", among=[999, 101, 103], met=False).item.tolist() != []
    assert 999 not in predictor.recommend("eve", met=False).item.tolist()
    assert 999 in predictor.recommend("u5", k=50).item.tolist()
    assert len(before) == 1


@pytest.mark.parametrize("name", MODELS)
def test_nodes_born_later_score_as_in_a_model_built_for_them(name: str) -> None:
    whole = graphkit.load("triadic", num_events=600, num_nodes=30)
    small = graphkit.TemporalGraph(whole.src, whole.dst, whole.t, num_nodes=30)
    draw = np.random.default_rng(1)
    more = pd.DataFrame(
        {
            "src": draw.integers(0, 34, 80),
            "dst": draw.integers(0, 34, 80),
            "t": small.t_max + np.arange(80),
        }
    )
    more.loc[0, ["src", "dst"]] = [33, 2]
    large = graphkit.TemporalGraph.concat(
        [small, graphkit.TemporalGraph(more.src, more.dst, more.t, num_nodes=34)]
    )
    made = []
    for graph in (small, large):
        graphkit.seed_everything(3)
        task = graphkit.LinkPrediction(graph)
        model = registry.get("model", name).from_task(task)
        replay(model, [small], 20, torch.device("cpu"))
        made.append(Predictor(model, task, 20))
    assert [predictor.num_nodes for predictor in made] == [30, 34]
    first, second = (predictor.score(more, observe=True) for predictor in made)
    pd.testing.assert_frame_equal(first, second)
    assert made[0].num_nodes == 34
    pd.testing.assert_frame_equal(made[0].recommend(33, k=5), made[1].recommend(33, k=5))


def test_late_events() -> None:
    predictor = fitted()
    predictor.observe(later(5))
    late = later(4, when=[7_004, 6_999, 7_010, 10])
    with pytest.raises(GraphError, match=r"'when', row 1: an event is earlier .*7004 or later"):
        predictor.observe(late)
    with pytest.raises(GraphError, match="depends on the order"):
        predictor.observe(late, late="insert")
    with pytest.raises(UnknownNameError, match="raise"):
        predictor.observe(late, late="rais")
    scores = predictor.score(
        late.assign(user=["u1", "ghost", "u1", "ghost"]), observe=True, late="drop"
    )
    assert scores.score.isna().tolist() == [False, True, False, True]
    assert predictor.num_nodes == 22  # "ghost" came too late
    bank = fitted("edgebank")
    bank.observe(later(5))
    assert bank.observe(late, late="insert") == Observed(4, ())
    with pytest.raises(GraphError, match="late='insert' observes them all the same"):
        bank.observe(late)


def test_questions_about_the_past_are_refused() -> None:
    predictor = fitted()
    predictor.observe(later(5))
    pairs = pd.DataFrame({"user": ["u1", "u2"], "item": [101, 102], "when": [7_004, 7_003]})
    with pytest.raises(GraphError, match=r"'when', row 1: the question is about a time before"):
        predictor.score(pairs)
    with pytest.raises(GraphError, match="'at'"):
        predictor.recommend("u1", at=7_003)
    predictor.recommend("u1", at=9_000)
    predictor.embed("u1", at=9_000)


@pytest.mark.parametrize(
    ("change", "problem"),
    [
        ({"stars": None}, "'stars': the table has no such column"),
        ({"user": None}, "'user': the table has no such column"),
        ({"when": None}, "'when': the table has no such column"),
        ({"stars": "good"}, "'stars', row 0: a feature column is not numeric"),
        ({"stars": [0.0, np.nan, 1.0]}, "'stars', row 1: a value is missing"),
        ({"user": ["u1", None, "u2"]}, "'user', row 1: a node is missing"),
        ({"when": [7_000, np.nan, 7_001]}, "'when', row 1"),
        ({"when": pd.to_datetime(["2020-01-01"] * 3)}, "'when': dates are given"),
        ({"when": ["a", "b", "c"]}, "'when'"),
    ],
    ids=str,
)
def test_what_is_refused_changes_nothing(change: dict, problem: str) -> None:
    predictor = fitted()
    before = predictor.recommend(["u1"], k=3)
    events = later(3, user=["eve", "u1", "u2"])
    for name, value in change.items():
        events = events.drop(columns=name) if value is None else events.assign(**{name: value})
    for call in (predictor.observe, lambda table: predictor.score(table, observe=True)):
        with pytest.raises(GraphError, match=problem):
            call(events)
    assert predictor.num_nodes == 22
    pd.testing.assert_frame_equal(predictor.recommend(["u1"], k=3), before)
    predictor.observe(later(3, user=["eve", "u1", "u2"]))


def test_what_is_no_table() -> None:
    predictor = fitted()
    for wrong in (None, [1, 2], {"user": ["u1"]}, later(2).user):
        with pytest.raises(GraphError, match="'table': not a table"):
            predictor.score(wrong)
    assert len(predictor.score(later(2).iloc[:0])) == 0
    assert predictor.observe(later(2).iloc[:0]) == Observed(0, ())


def test_graphs_are_tables() -> None:
    events = later(40)
    expected = fitted().score(events, observe=True)
    found = fitted().score(build(events), observe=True)
    assert np.array_equal(found.score, expected.score)


def test_recommendations() -> None:
    predictor = fitted()
    found = predictor.recommend(["u1", "u2", "u1"], k=4)
    assert found.columns.tolist() == ["user", "rank", "item", "score", "probability"]
    assert found.user.tolist() == ["u1"] * 4 + ["u2"] * 4 + ["u1"] * 4
    assert found["rank"].tolist() == [1, 2, 3, 4] * 3
    items = list(range(100, 110))
    pairs = pd.DataFrame({"user": "u1", "item": items})
    best = predictor.score(pairs).sort_values("score", ascending=False, kind="stable")
    assert found.item[:4].tolist() == best.item[:4].tolist()
    np.testing.assert_allclose(found.score[:4], best.score[:4], rtol=1e-5)
    for tile in (1, 3, 1000):
        pd.testing.assert_frame_equal(
            predictor.recommend(["u1", "u2", "u1"], k=4, tile=tile), found
        )
    few = predictor.recommend("u1", k=50, among=[101, 105, 101])
    assert sorted(few.item) == [101, 105]
    met = set(ratings()[: int(400 * 0.85)].query("user == 'u1'").item)
    assert set(predictor.recommend("u1", k=50, met=False).item) == set(items) - met
    for wrong in ({"k": 0}, {"k": 2.5}, {"tile": -1}):
        with pytest.raises(GraphError, match=next(iter(wrong))):
            predictor.recommend("u1", **wrong)
    assert len(predictor.recommend([])) == 0


def test_a_node_is_not_recommended_to_itself() -> None:
    graph = graphkit.load("triadic", num_events=600, num_nodes=30)
    task = graphkit.LinkPrediction(graph)
    predictor = Predictor(registry.get("model", "nat").from_task(task), task, until="val")
    found = predictor.recommend(list(range(30)), k=40)
    assert (found.src != found.dst).all()
    assert set(found.columns) == {"src", "rank", "dst", "score", "probability"}


def test_destinations_beside_the_own() -> None:
    events = later(20)
    against = np.array([[101, 103]] * 20)
    found = fitted().score(events, observe=True, against=against)
    other = fitted().score(events.assign(item=103), observe=False)
    assert found.columns[-2:].tolist() == ["score_1", "score_2"]
    np.testing.assert_allclose(found.score_2, other.score, rtol=1e-4, atol=1e-5)
    listed = against.tolist()
    same = fitted().score(events, observe=True, against=[tuple(row) for row in listed])
    pd.testing.assert_frame_equal(same, found)
    ragged = [*listed[:-1], listed[-1][:1]]
    for wrong in (against[:3], against[:, 0], "abc", ragged, ["ab"] * 20, 7):
        with pytest.raises(GraphError, match="against"):
            fitted().score(events, against=wrong)


@pytest.mark.parametrize("name", [n for n in MODELS if n != "edgebank"])
def test_embeddings(name: str) -> None:
    predictor = fitted(name)
    some = predictor.embed(["u3", "u1"])
    assert some.index.tolist() == ["u3", "u1"]
    every = predictor.embed()
    assert len(every) == 22
    np.testing.assert_allclose(every.loc["u1"], some.loc["u1"], rtol=1e-4, atol=1e-6)
    item = predictor.embed([101], side="dst")
    np.testing.assert_allclose(item.iloc[0], every.loc[101], rtol=1e-4, atol=1e-6)
    with pytest.raises(GraphError, match="no node with this label"):
        predictor.embed([101])


def test_what_a_model_does_not_have() -> None:
    with pytest.raises(GraphError, match="edgebank has no representations"):
        fitted("edgebank").embed("u1")
    with pytest.raises(GraphError, match=r"has no forecast\(\).*score\(\), recommend\(\)"):
        fitted().forecast()


def test_features_of_new_nodes() -> None:
    table = ratings(item=lambda t: "i" + t.item.astype(str))
    names = sorted(set(table.user) | set(table.item))
    features = pd.DataFrame({"age": np.arange(len(names)), "size": 1.0}, index=names)
    predictor = fitted(table=table, bipartite=False, x=features)
    events = later(3, user=["eve", "u1", "eve"], item=["i101", "new", "i102"])
    with pytest.raises(GraphError, match=r"'nodes': new nodes need features.*'eve'"):
        predictor.observe(events)
    more = pd.DataFrame({"size": [2.0, 3.0], "age": [9, 8], "other": "x"}, index=["new", "u1"])
    with pytest.raises(GraphError, match="a new node has no row of features; got 'eve'"):
        predictor.observe(events, nodes=more)
    assert predictor.num_nodes == len(names)
    more.loc["eve"] = [4.0, 7, "y"]
    assert predictor.observe(events, nodes=more).new_nodes == ("eve", "new")
    assert predictor.model.x[-2:].tolist() == [[7.0, 4.0], [9.0, 2.0]]
    assert predictor.model.x[names.index("u1")].tolist() == [names.index("u1"), 1.0]


def test_a_model_of_ones_own(tmp_path) -> None:
    graph = graphkit.load("triadic", num_events=600, num_nodes=30)
    task = graphkit.LinkPrediction(graph)
    torch.manual_seed(0)
    model = Toy(30)
    predictor = Predictor(model, task, until="val")
    folder = predictor.save(tmp_path / "toy")
    pairs = pd.DataFrame({"src": [1, 2], "dst": [3, 4]})
    with pytest.raises(GraphError, match=r"Toy is not registered.*open\(folder, model="):
        Predictor.open(folder)
    opened = Predictor.open(folder, model=Toy(30))
    pd.testing.assert_frame_equal(opened.score(pairs), predictor.score(pairs))
    with pytest.raises(GraphError, match="not made as the saved one was"):
        Predictor.open(folder, model=Toy(31))
    with pytest.raises(GraphError, match="cannot be made without arguments"):
        Predictor.open(folder, model=Toy)
    t = graph.t_max + 1
    with pytest.raises(GraphError, match="Toy cannot take in new nodes"):
        opened.observe(pd.DataFrame({"src": [1], "dst": [30], "t": [t]}))
    assert opened.observe(pd.DataFrame({"src": [1], "dst": [29], "t": [t]})).events == 1


@pytest.mark.parametrize("wrong", [np.inf, -np.inf, 1e300])
def test_features_that_are_not_finite_change_nothing(wrong: float) -> None:
    predictor = fitted("tgn")
    events = later(5).assign(stars=[0.0, 1.0, wrong, 0.0, 0.0], user="eve")
    for call in (predictor.observe, lambda table: predictor.score(table, observe=True)):
        with pytest.raises(GraphError, match=r"'stars', row 2: a value is infinite"):
            call(events)
    assert predictor.num_nodes == 22
    predictor.observe(later(5))


@pytest.mark.parametrize("call", ["recommend", "embed"])
def test_a_table_is_no_list_of_labels(call: str) -> None:
    """Iterating over it would give the names of its columns."""
    for table in (pd.DataFrame({"user": [1]}), {"user": [1]}):
        with pytest.raises(GraphError, match=r"a table is given.*its index"):
            getattr(fitted(), call)(table)


def test_nan_is_no_recommendation() -> None:
    predictor = fitted("tgn")
    next(predictor.model.parameters()).data.fill_(np.nan)
    with pytest.raises(GraphError, match="the model gives NaN"):
        predictor.recommend("u1")


@pytest.mark.parametrize("name", ["score", "probability", "rank"])
def test_columns_that_are_called_as_those_of_the_answer(name: str) -> None:
    table = ratings().rename(columns={"user": name})
    graph = graphkit.TemporalGraph.from_pandas(table, name, "item", "when")
    task = graphkit.LinkPrediction(graph)
    predictor = Predictor(registry.get("model", "edgebank").from_task(task), task)
    with pytest.raises(GraphError, match=f"'{name}': a column of the answer has this name"):
        predictor.recommend("u1")
    pairs = pd.DataFrame({name: ["u1"], "item": [101]})
    if name == "rank":
        assert len(predictor.score(pairs)) == 1
    else:
        with pytest.raises(GraphError, match=f"'{name}': a column of the answer has this name"):
            predictor.score(pairs)


def test_labels_of_another_type_are_no_new_nodes() -> None:
    predictor = fitted()
    text = later(3, item=["101", "102", "new"])
    with pytest.raises(GraphError, match=r"a new node is called '101', and 101 is known"):
        predictor.observe(text)
    assert predictor.num_nodes == 22
    assert predictor.observe(later(3, item=[101, 102, 7])).new_nodes == (7,)
