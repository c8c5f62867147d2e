"""DataFrames to graphs and back."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
import pandas as pd
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

from graphkit import GraphError, TemporalGraph

Same = Callable[..., None]
# Text that spells a number beside numbers is refused: see test_kinds_that_cannot_be_told_apart.
words = st.text(max_size=3).filter(lambda text: not text.strip("-").isdigit())
labels = words | st.integers(-3, 3) | st.tuples(st.integers(0, 2))


def table(**more: Any) -> pd.DataFrame:
    columns = {"src": [0, 2, 1], "dst": [1, 2, 0], "t": [5, 5, 1], "w": [0.5, 1.5, 2.5]}
    return pd.DataFrame(columns | more)


def test_round_trip_of_every_column(events: TemporalGraph, assert_same: Same) -> None:
    frame = events.to_pandas()
    assert list(frame.columns) == ["src", "dst", "t", "edge_weight", "edge_type", "edge_y",
                                   "edge_attr_0", "edge_attr_1", "edge_attr_2"]  # fmt: skip
    assert frame["edge_attr_1"].dtype == np.float32
    assert_same(TemporalGraph.from_pandas(frame), events)
    assert_same(TemporalGraph.from_pandas(frame.copy()), events)
    assert_same(events.to_pandas().pipe(TemporalGraph.from_pandas), events)


def test_round_trip_with_labels(full: TemporalGraph, assert_same: Same) -> None:
    frame = full.to_pandas()
    assert frame["src"].tolist() == [full.node_names[i] for i in full.src.tolist()]
    rest = {name: getattr(full, name) for name in ("x", "y", "node_type", "node_events", "signal")}
    rest |= {"signal_t": full.signal_t, "signal_mask": full.signal_mask}
    assert_same(TemporalGraph.from_pandas(frame, node_names=full.node_names, **rest), full)
    ids = full.to_pandas(labels=False)
    assert ids["src"].tolist() == full.src.tolist()
    left_out = ("x", "y", "node_type", "node_events", "signal", "signal_t", "signal_mask")
    assert_same(TemporalGraph.from_pandas(ids), full, "node_names", *left_out)


def test_round_trip_of_odd_shapes_and_types(assert_same: Same) -> None:
    for g in (
        TemporalGraph([0, 1], [1, 0], [0.1, 1 / 3], edge_attr=torch.randn(2, 2, 3).bfloat16()),
        TemporalGraph([0, 1], [1, 0], [-(2**62), 2**62], edge_attr=torch.rand(2) > 0.5),
        TemporalGraph([0, 1], [1, 0], [1, 2], edge_attr=torch.zeros(2, 0), edge_y=[[1], [2]]),
        TemporalGraph([0], [10**12], [2**40], time_unit="step", name="far"),
    ):
        assert_same(TemporalGraph.from_pandas(g.to_pandas()), g)


def test_a_slice_and_filtered_tables(events: TemporalGraph, assert_same: Same) -> None:
    assert_same(TemporalGraph.from_pandas(events[1:4].to_pandas()), events[1:4])
    frame = events.to_pandas()
    mixed = frame.sample(frac=1, random_state=0)
    assert TemporalGraph.from_pandas(mixed).num_nodes == 6
    fewer = TemporalGraph.from_pandas(frame[["src", "dst", "t"]])
    assert fewer.edge_attr is None
    assert fewer.time_unit == events.time_unit


@given(
    st.lists(st.tuples(labels, labels, st.integers(-3, 3)), min_size=1, max_size=12),
)
def test_labels_of_any_kind(rows: list) -> None:
    frame = pd.DataFrame(
        {
            "src": pd.Series([r[0] for r in rows], dtype=object),
            "dst": pd.Series([r[1] for r in rows], dtype=object),
            "t": [r[2] for r in rows],
        }
    )
    g = TemporalGraph.from_pandas(frame, ids="compact")
    order = sorted(range(len(rows)), key=lambda i: rows[i][2])
    names = g.node_names
    assert [names[i] for i in g.src.tolist()] == [rows[i][0] for i in order]
    assert [names[i] for i in g.dst.tolist()] == [rows[i][1] for i in order]
    assert len(names) == g.num_nodes == len({label for r in rows for label in r[:2]})
    again = TemporalGraph.from_pandas(g.to_pandas(), node_names=names)
    assert torch.equal(again.src, g.src)
    assert torch.equal(again.dst, g.dst)


def test_compact_labels_are_sorted() -> None:
    g = TemporalGraph.from_pandas(table(src=["c", "a", "b"], dst=["a", "d", "a"]))
    assert g.node_names.tolist() == ["a", "b", "c", "d"]
    assert g.src.tolist() == [1, 2, 0]
    gaps = TemporalGraph.from_pandas(table(src=[10**9, -4, 7], dst=[7, 7, 7]))
    assert gaps.node_names.tolist() == [-4, 7, 10**9]
    assert gaps.node_names.dtype == np.int64


def test_one_rule_for_ids_whatever_the_number_of_rows() -> None:
    g = TemporalGraph.from_pandas(table())
    assert g.node_names.tolist() == [0, 1, 2]
    assert g.node_names.dtype == np.int64
    far = table(src=[0, 100, 1])
    assert TemporalGraph.from_pandas(far).node_names.tolist() == [0, 1, 2, 100]
    assert TemporalGraph.from_pandas(far, ids="as_is").num_nodes == 101
    assert TemporalGraph.from_pandas(far, ids="as_is").node_names is None
    assert TemporalGraph.from_pandas(far, num_nodes=200).src.max() == 100
    assert TemporalGraph.from_pandas(far, x=torch.zeros(200, 1)).num_nodes == 200
    floats = table(src=[0.0, 2.0, 1.0])
    assert TemporalGraph.from_pandas(floats).src.tolist() == [1, 0, 2]
    assert TemporalGraph.from_pandas(floats).node_names.dtype == np.int64
    for ids in ("number", "compact"):
        one = TemporalGraph.from_pandas(table(dst=[2, 2, 2]), ids=ids, num_nodes=3)
        assert one.node_names.tolist() == [0, 1, 2]


@given(st.lists(st.integers(1400, 1900), min_size=2, max_size=60))
def test_the_same_people_have_the_same_names_in_a_shorter_table(pupils: list[int]) -> None:
    frame = pd.DataFrame({"src": pupils[1:], "dst": pupils[:-1], "t": 0})
    for part in (frame, frame[:1], pd.concat([frame] * 30)):
        g = TemporalGraph.from_pandas(part)
        assert g.node_names.tolist() == sorted({*part["src"], *part["dst"]})
        assert g.node_names[g.src.numpy()].tolist() == part["src"].tolist()


def test_names_of_columns_are_free() -> None:
    frame = pd.DataFrame({"user": ["u", "v"], 7: ["i", "i"], "when": [2.5, 1.5], "a": [1, 2],
                          "b": [3.0, 4.0], "label": [0, 1]})  # fmt: skip
    g = TemporalGraph.from_pandas(
        frame, src="user", dst=7, time="when", edge_attr=["a", "b"], edge_y="label",
        edge_weight="b", edge_type="a", time_unit="h", name="mine",
    )  # fmt: skip
    assert g.t.tolist() == [1.5, 2.5]
    assert g.edge_attr.tolist() == [[2, 4], [1, 3]]
    assert g.edge_attr.dtype == g.edge_weight.dtype == torch.float32
    assert g.edge_y.tolist() == [1, 0]
    assert g.edge_type.tolist() == [2, 1]
    assert g.name == "mine"
    one = TemporalGraph.from_pandas(frame, "user", 7, "when", edge_attr="a")
    assert one.edge_attr.tolist() == [2, 1]
    exact = TemporalGraph.from_pandas(frame, "user", 7, "when", edge_attr="b", float_dtype=None)
    assert exact.edge_attr.dtype == torch.float64
    assert TemporalGraph.from_pandas(frame, "user", 7, None).t.tolist() == [0, 0]


@pytest.mark.parametrize(
    ("dates", "unit", "ticks"),
    [
        (["1970-01-02", "1970-01-01 00:00:01"], "s", [86400, 1]),
        (["1970-01-01 00:00:00.25", "1969-12-31 23:59:59"], "ms", [250, -1000]),
        (["2020-01-01 00:00:00.000001", "2020-01-01"], "us", [1577836800000001, 1577836800000000]),
        (["2020-01-01 00:00:00.000000001", "1970-01-01"], "ns", [1577836800000000001, 0]),
    ],
)
def test_dates_become_ticks_of_the_coarsest_unit(dates: list, unit: str, ticks: list) -> None:
    when = pd.to_datetime(pd.Series(dates), format="mixed")
    frame = pd.DataFrame({"src": [0, 1], "dst": [1, 0], "t": when})
    g = TemporalGraph.from_pandas(frame)
    assert str(g.time_unit) == unit
    assert g.t.tolist() == sorted(ticks)
    back = g.to_pandas(dates=True)
    assert sorted(back["t"]) == sorted(when)
    assert TemporalGraph.from_pandas(back).t.tolist() == g.t.tolist()
    zoned = frame.assign(t=when.dt.tz_localize("UTC").dt.tz_convert("Asia/Tokyo"))
    assert TemporalGraph.from_pandas(zoned).t.tolist() == g.t.tolist()
    spans = frame.assign(t=when - pd.Timestamp("1970-01-01"))
    assert TemporalGraph.from_pandas(spans).t.tolist() == g.t.tolist()


def test_dates_in_a_chosen_unit() -> None:
    frame = table(t=pd.to_datetime(["2020-01-03", "2020-01-01", "2020-01-02"]))
    assert TemporalGraph.from_pandas(frame, time_unit="d").t.tolist() == [18262, 18263, 18264]
    assert TemporalGraph.from_pandas(frame, time_unit="h").t[0] == 18262 * 24
    days = TemporalGraph.from_pandas(frame, time_unit="d").to_pandas(dates=True)
    assert days["t"].tolist() == sorted(frame["t"])
    frame.loc[1, "t"] = pd.Timestamp("2020-01-01 10:00")
    with pytest.raises(GraphError, match=r"'t', row 1: .*ticks of 'd'.*time_unit='s'"):
        TemporalGraph.from_pandas(frame, time_unit="d")


def test_nullable_columns() -> None:
    frame = table().convert_dtypes()
    g = TemporalGraph.from_pandas(frame, edge_weight="w")
    assert g.src.tolist() == [1, 0, 2]
    assert g.edge_weight.tolist() == [2.5, 0.5, 1.5]
    frame.loc[2, "w"] = pd.NA
    with pytest.raises(GraphError, match="'w', row 2: a value is missing"):
        TemporalGraph.from_pandas(frame, edge_weight="w")


def test_node_tables(full: TemporalGraph) -> None:
    nodes = full.to_pandas("nodes")
    assert nodes.index.tolist() == full.node_names.tolist()
    assert nodes[["x_0", "x_1"]].to_numpy().tolist() == full.x.tolist()
    assert nodes["node_type"].tolist() == full.node_type.tolist()
    changes = full.to_pandas("node_events", labels=False)
    assert changes["node"].tolist() == full.node_events.node.tolist()
    assert changes["t"].tolist() == [3, 4, 9]
    assert changes["y"].tolist() == full.node_events.y.tolist()
    assert TemporalGraph([0], [1], [0]).to_pandas("nodes").shape == (2, 0)


def test_tables_are_written_by_pandas(events: TemporalGraph, tmp_path: Any) -> None:
    pytest.importorskip("pyarrow", reason="pyarrow (extra scale) is not installed")
    events.to_pandas().to_parquet(tmp_path / "e.parquet")
    again = TemporalGraph.from_pandas(pd.read_parquet(tmp_path / "e.parquet"))
    assert torch.equal(again.edge_attr, events.edge_attr)
    assert again.time_unit == events.time_unit


def test_speed_is_that_of_whole_columns() -> None:
    import time

    rows = 300_000
    rng = np.random.default_rng(0)
    names = np.array([f"user {i}" for i in range(5000)])
    frame = pd.DataFrame({"src": names[rng.integers(5000, size=rows)],
                          "dst": names[rng.integers(5000, size=rows)],
                          "t": rng.random(rows)})  # fmt: skip
    began = time.process_time()
    TemporalGraph.from_pandas(frame)
    assert time.process_time() - began < 3


@pytest.mark.parametrize(
    ("frame", "options", "words"),
    [
        (table(), {"src": "source"}, r"'source': there is no such column; expected one of 'src'"),
        (table(), {"time": "T"}, "'T': there is no such column"),
        (table().rename(columns={"t": "time"}), {}, "Name the columns"),
        (table().rename(columns={"t": "tt"}), {}, "Did you mean 'tt'"),
        (table(), {"edge_attr": ["w", "weight"]}, "'weight': there is no such column"),
        (table(src=[0, None, 1]), {}, "'src', row 1: a node is missing"),
        (table(dst=["a", "b", None]), {}, "'dst', row 2: a node is missing"),
        (table(src=["a", "b", "c"]), {"ids": "as_is"}, "ids='number'"),
        (table(src=[0, -1, 2]), {"ids": "as_is"}, "'src', row 1: a node id is negative"),
        (table(src=[0, 9, 2]), {"num_nodes": 3}, "'src', row 1: a node id is too large"),
        (table(), {"ids": "sorted"}, "'auto', 'as_is' or 'number'"),
        (
            table(),
            {"node_names": ["a", "b", "c"]},
            "'src', row 0: there is no node with this label",
        ),
        (table(), {"node_names": [0, 1, 1]}, "'node_names', row 2"),
        (table(w=["a", "b", "c"]), {"edge_weight": "w"}, "'w', row 0: .*not numeric"),
        (table(w=["1", "b", "c"]), {"edge_attr": ["w"]}, "'w', row 1: .*got 'b'"),
        (table(w=[0.5, np.nan, 1]), {"edge_attr": "w"}, "'w', row 1: .*fillna"),
        (table(t=[1.0, np.nan, 2]), {}, "'t', row 1: a time is not finite"),
        (table(t=[1.0, 2, np.inf]), {}, "'t', row 2: a time is not finite"),
        (table(t=["1 Jan", "2 Jan", "3 Jan"]), {}, "pandas.to_datetime"),
        (table(t=pd.to_datetime(["2020-01-01", None, "2020-01-02"])), {}, "'t', row 1: .*missing"),
        (table(t=pd.to_datetime(["2020-01-01"] * 3)), {"time_unit": "step"}, "told in 'step'"),
        (table()[:0], {}, "the graph is empty"),
        (pd.DataFrame(np.zeros((1, 3)), columns=["src", "dst", "dst"]), {}, "2 columns have"),
        ({"src": [0]}, {}, "not a DataFrame"),
    ],
)
def test_what_is_refused(frame: Any, options: dict, words: str) -> None:
    with pytest.raises(GraphError, match=words):
        TemporalGraph.from_pandas(frame, **options)


def test_what_cannot_be_a_table(events: TemporalGraph) -> None:
    with pytest.raises(GraphError, match="'events', 'nodes', 'node_events'"):
        events.to_pandas("edges")
    with pytest.raises(GraphError, match="no such table"):
        events.to_pandas("node_events")
    with pytest.raises(GraphError, match="dates=False"):
        TemporalGraph([0], [1], [0], time_unit="step").to_pandas(dates=True)
    with pytest.raises(GraphError, match="dates=False"):
        TemporalGraph([0], [1], [0.5]).to_pandas(dates=True)


LINKS = pd.DataFrame({"a": ["b1", "b2"], "b": ["b2", "a9"]})
READINGS = pd.DataFrame({"b1": [1.0, 2], "b2": [3.0, np.nan], "a9": [5.0, 6]}, index=[10, 20])


@given(st.permutations(["b1", "b2", "a9"]))
def test_tables_of_nodes_are_matched_by_label(order: list[str]) -> None:
    x = pd.DataFrame({"p": [1.0, 2, 3], "q": [4, 5, 6]}, index=["b1", "b2", "a9"])
    y = pd.Series(["k", "l", "k"], index=["b1", "b2", "a9"], name="kind")
    g = TemporalGraph.from_pandas(
        LINKS, "a", "b", None, x=x.loc[order], y=y.loc[order], signal=READINGS[order]
    )
    assert g.node_names.tolist() == ["a9", "b1", "b2"]
    assert g.x.tolist() == [[3, 6], [1, 4], [2, 5]]
    assert g.y.tolist() == [0, 0, 1]
    assert g.signal[..., 0].tolist() == [[5, 1, 3], [6, 2, 0]]
    assert g.signal_mask[..., 0].tolist() == [[True, True, True], [True, True, False]]
    assert g.signal_t.tolist() == [10, 20]
    assert g.signal.dtype == g.x.dtype == torch.float32
    assert g.class_names == {"y": ("k", "l")}
    assert g.column_names["x"] == ("p", "q")
    assert g.column_names["y"] == ("kind",)
    names = ["a9", "b2", "b1", "alone"]
    lone = pd.concat([x, pd.DataFrame({"p": [7.0], "q": [8]}, index=["alone"])])
    more = TemporalGraph.from_pandas(LINKS, "a", "b", None, x=lone, node_names=names)
    assert more.x.tolist() == [[3, 6], [2, 5], [1, 4], [7, 8]]
    built = TemporalGraph([0, 1], [1, 2], [0, 0], x=x.loc[order], signal=READINGS[order],
                          node_names=["b1", "b2", "a9"])  # fmt: skip
    assert built.x.tolist() == x.to_numpy().tolist()
    assert built.signal[..., 0].tolist() == [[1, 3, 5], [2, 0, 6]]


def test_tables_whose_labels_are_the_ids() -> None:
    frame = pd.DataFrame({"src": [0, 2], "dst": [2, 0], "t": [0, 1]})
    x = pd.Series([10, 12, 11], index=[0, 2, 1])
    g = TemporalGraph.from_pandas(frame, x=x)
    assert g.node_names is None
    assert g.x.tolist() == [10, 11, 12]
    assert TemporalGraph.from_pandas(frame, x=pd.DataFrame({"p": [4, 5, 6]})).x[:, 0].tolist() == [
        4, 5, 6]  # fmt: skip


def test_a_signal_of_several_channels_and_a_column_of_times() -> None:
    columns = [("b2", "flow"), ("a9", "speed"), ("b1", "flow"), ("b2", "speed"), ("a9", "flow"),
               ("b1", "speed")]  # fmt: skip
    wide = pd.DataFrame([[0, 1, 2, 3, 4, 5]], columns=pd.MultiIndex.from_tuples(columns))
    wide["when", ""] = pd.to_datetime(["2024-01-01 00:00:00.5"])
    events = LINKS.assign(when=pd.to_datetime(["2024-01-01", "2024-01-02"]))
    g = TemporalGraph.from_pandas(events, "a", "b", "when", signal=wide)
    assert g.signal.tolist() == [[[4, 1], [2, 5], [0, 3]]]
    assert g.column_names["signal"] == ("flow", "speed")
    assert str(g.time_unit) == "ms"
    assert g.signal_t.tolist() == [1704067200500]
    assert g.t.tolist() == [1704067200000, 1704153600000]


def test_a_signal_alone_names_its_nodes() -> None:
    index = pd.DatetimeIndex(["2024-01-01 00:00", "2024-01-01 01:00"], tz="Europe/Berlin")
    g = TemporalGraph([], [], [], signal=READINGS.set_axis(index), time_unit="h")
    assert g.node_names.tolist() == ["b1", "b2", "a9"]
    assert g.signal_t.tolist() == [473351, 473352]
    assert (g.dates, g.time_zone) == (True, "Europe/Berlin")


@pytest.mark.parametrize(
    ("options", "words"),
    [
        ({"x": np.zeros((3, 1))}, "'x': an array in the caller's order.*node_names"),
        ({"y": [0, 1, 1]}, "'y': an array in the caller's order"),
        ({"signal": READINGS.to_numpy()}, "'signal': an array in the caller's order"),
        ({"x": pd.DataFrame({"p": [1, 2, 3]})}, "'x': an array in the caller's order"),
        ({"node_events": {"node": [0], "t": [0], "y": [1]}}, "'node_events': an array"),
        ({"x": pd.Series([1, 2], index=["b1", "b2"])}, "no row for the node 'a9'"),
        ({"x": pd.Series([1, 2, 3, 4], index=["b1", "b2", "a9", "c"])}, "row 3: a row belongs"),
        ({"x": pd.Series([1, 2, 3, 4], index=["b1", "b2", "a9", "b1"])}, "row 3: two rows have"),
        ({"signal": READINGS.drop(columns="b2")}, "'signal': there is no column for the node 'b2'"),
        ({"signal": READINGS.assign(b2=["x", "y"])}, "readings of 'b2' are not numbers"),
        ({"signal": READINGS, "signal_t": [1, 2]}, "times are given twice"),
        ({"num_nodes": 5}, "'num_nodes': the number of labels differs"),
    ],
)
def test_node_data_that_cannot_be_matched(options: dict, words: str) -> None:
    with pytest.raises(GraphError, match=words):
        TemporalGraph.from_pandas(LINKS, "a", "b", None, **options)


def test_tables_that_name_nodes_of_a_graph_that_does_not() -> None:
    x = pd.Series([1.0, 2.0], index=["a", "b"])
    with pytest.raises(GraphError, match=r"'x': the table names its nodes.*x=table\.to_numpy"):
        TemporalGraph([0], [1], [0], x=x)
    with pytest.raises(GraphError, match="'signal': the table names its nodes"):
        TemporalGraph([0], [1], [0], signal=READINGS[["b1", "b2"]])


def test_ids_never_pass_through_float() -> None:
    frame = pd.DataFrame(
        {"src": np.array([2**53 + 1, 5], dtype=np.uint64), "dst": np.array([2**53, 5]), "t": [0, 1]}
    )
    g = TemporalGraph.from_pandas(frame)
    assert g.node_names.tolist() == [5, 2**53, 2**53 + 1]
    mixed = frame.assign(src=np.array([2**64 - 1, 5], dtype=np.uint64), dst=[-1, 5])
    assert TemporalGraph.from_pandas(mixed).node_names.tolist() == [-1, 5, 2**64 - 1]
    with pytest.raises(GraphError, match="'dst', row 0: a float does not hold ids"):
        TemporalGraph.from_pandas(frame.assign(dst=[2.0**53, 5]))
    with pytest.raises(GraphError, match="'a', row 0: an integer beside floating-point columns"):
        TemporalGraph.from_pandas(
            frame.assign(a=[2**53 + 1, 0], b=[0.5, 1]), edge_attr=["a", "b"], float_dtype=None
        )
    with pytest.raises(GraphError, match="'a', row 1: an integer beside floating-point columns"):
        TemporalGraph.from_pandas(frame.assign(a=[0, 2**24 + 1], b=[0.5, 1]), edge_attr=["a", "b"])


def test_kinds_that_cannot_be_told_apart() -> None:
    for src, dst in (([1, 2], ["1", "b"]), ([1, 2], ["3", "b"])):
        with pytest.raises(GraphError, match="some labels are numbers and others are text"):
            TemporalGraph.from_pandas(pd.DataFrame({"src": src, "dst": dst, "t": 0}))
    apart = TemporalGraph.from_pandas(pd.DataFrame({"src": [2, 1], "dst": ["b", "a"], "t": 0}))
    assert apart.node_names.tolist() == [1, 2, "a", "b"]
    names = ["a", 1, "1"]
    frame = pd.DataFrame({"src": ["a", 1], "dst": ["1", "a"], "t": 0})
    assert TemporalGraph.from_pandas(frame, node_names=names).node_names.tolist() == names
    for flags in ([True, False], ["a", True]):
        with pytest.raises(GraphError, match="truth values are not labels"):
            TemporalGraph.from_pandas(pd.DataFrame({"src": flags, "dst": ["x", "y"], "t": 0}))


def test_classes_by_name() -> None:
    kinds = pd.Categorical(["lo", "hi", "lo"], categories=["lo", "mid", "hi"])
    for column, names, ids in (
        (["buy", "sell", "ask"], ("ask", "buy", "sell"), [0, 1, 2]),
        (kinds, ("lo", "mid", "hi"), [0, 0, 2]),
        ([True, True, False], (False, True), [0, 1, 1]),
        (pd.array([True, True, False], dtype="boolean"), (False, True), [0, 1, 1]),
        (pd.array(["b", "a", "b"], dtype="string"), ("a", "b"), [1, 1, 0]),
    ):
        g = TemporalGraph.from_pandas(table(k=column), edge_y="k")
        assert g.class_names == {"edge_y": names}
        assert g.edge_y.tolist() == ids
        assert g.edge_y.dtype == torch.int64
    given = {"edge_y": ["sell", "buy", "hold"]}
    g = TemporalGraph.from_pandas(table(k=["buy", "sell", "buy"]), edge_y="k", class_names=given)
    assert g.class_names["edge_y"] == ("sell", "buy", "hold")
    assert g.edge_y.tolist() == [1, 1, 0]
    numbers = TemporalGraph.from_pandas(table(k=[0, 2, 1]), edge_y="k", class_names=given)
    assert numbers.edge_y.tolist() == [1, 0, 2]
    named = TemporalGraph.from_pandas(
        table(k=[10, 30, 20]), edge_y="k", class_names={"edge_y": [10, 20, 30]}
    )
    assert named.edge_y.tolist() == [1, 0, 2]
    assert TemporalGraph.from_pandas(table(k=[3, 4, 5]), edge_y="k").class_names == {}
    for column, words in (
        (["buy", None, "x"], "'k', row 1: a label is missing"),
        (["buy", 3, "x"], "'k', row 1: labels are neither numbers nor text"),
    ):
        with pytest.raises(GraphError, match=words):
            TemporalGraph.from_pandas(table(k=column), edge_y="k")
    with pytest.raises(GraphError, match="'k', row 2: there is no such class; expected one of 'a'"):
        TemporalGraph.from_pandas(
            table(k=["a", "a", "b"]), edge_y="k", class_names={"edge_y": ["a"]}
        )
