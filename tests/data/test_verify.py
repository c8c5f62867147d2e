"""Files of graphs that are not what they should be: refused by name, never a traceback."""

from __future__ import annotations

import json
import warnings
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch

from graphkit import GraphError, TemporalGraph
from graphkit.data import verify as module

Same = Callable[..., None]


def older(folder: Path, **changes: Any) -> None:
    """Make ``graph.json`` that of a version without checksums, and change it."""
    path = folder / "graph.json"
    facts = json.loads(path.read_text())
    facts.pop("sha256", None)
    for told in facts["arrays"].values():
        told.pop("sha256", None)
    path.write_text(json.dumps(facts | changes))


def put(folder: Path, name: str, change: Callable[[np.ndarray], Any]) -> None:
    path = folder / f"{name}.npy"
    array = np.load(path)
    found = change(array)
    np.save(path, array if found is None else found)


def at(row: Any, value: Any) -> Callable[[np.ndarray], None]:
    return lambda array: array.__setitem__(row, value)


WRONG = {
    "unsorted": ("t", at(3, -(2**50)), r"'t', row 3: times are not sorted"),
    "an id too large": ("src", at(2, 6), r"'src', row 2: a node id is too large.*got 6"),
    "a negative id": ("dst", at(4, -1), r"'dst', row 4: a node id is negative"),
    "not numbered": ("event_id", at(1, 5), r"'event_id', row 1: events are not numbered"),
    "nan features": ("edge_attr", at((2, 1), np.nan), r"'edge_attr', row 2: a value is NaN"),
    "nan weights": ("edge_weight", at(5, np.nan), r"'edge_weight', row 5: a value is NaN"),
    "nan of nodes": ("x", at(0, np.nan), r"'x', row 0: a value is NaN"),
    "nan readings": ("signal", at(1, np.nan), r"'signal', row 1: a value is NaN"),
    "times of readings": ("signal_t", at(1, -(2**50)), r"'signal_t', row 1: times are not sorted"),
    "a changed node": ("node_events.node", at(0, 99), r"'node_events.node', row 0: .*too large"),
    "a change too early": ("node_events.t", at(-1, -(2**50)), r"'node_events.t', row"),
}


@pytest.mark.parametrize("name", WRONG)
@pytest.mark.parametrize("mmap", [True, False])
@pytest.mark.parametrize("values", [1, 3, 1 << 22])
def test_a_wrong_value_is_named(full, tmp_path, monkeypatch, name, mmap, values) -> None:
    """Also in the second piece and at its border."""
    monkeypatch.setattr(module, "_VALUES", values)
    column, change, words = WRONG[name]
    full.save(tmp_path / "g")
    older(tmp_path / "g")
    put(tmp_path / "g", column, change)
    with pytest.raises(GraphError, match=words) as caught:
        TemporalGraph.open(tmp_path / "g", mmap=mmap)
    assert str(tmp_path / "g") in str(caught.value)
    TemporalGraph.open(tmp_path / "g", mmap=mmap, verify=False)


@pytest.mark.parametrize("values", [1, 2, 1 << 22])
def test_what_is_right_opens_in_pieces_of_every_size(
    full: TemporalGraph, tmp_path: Path, assert_same: Same, monkeypatch, values: int
) -> None:
    monkeypatch.setattr(module, "_VALUES", values)
    full.save(tmp_path / "g")
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        for verify in (None, True, False):
            assert_same(TemporalGraph.open(tmp_path / "g", verify=verify), full)


FACTS = [
    {"num_nodes": -5},
    {"num_nodes": 0},
    {"num_nodes": 3},
    {"num_nodes": "6"},
    {"num_nodes": None},
    {"num_nodes": 6.5},
    {"name": 7},
    {"time_unit": "moons"},
    {"time_unit": None},
    {"time_zone": "Atlantis"},
    {"node_names": {"dtype": "<U1", "items": ["a"]}},
    {"node_names": {"dtype": "<U1", "items": ["a"] * 6}},
    {"node_names": {"dtype": "no"}},
    {"node_names": "abcdef"},
    {"class_names": {"edge_y": ["a"]}},
    {"class_names": 3},
    {"column_names": {"edge_attr": ["one"]}},
    {"recordings": {"who": None}},
    {"recordings": 3},
    {"arrays": {}},
    {"arrays": None},
    {"arrays": {"src": {}}},
    {"arrays": {"../src": {"dtype": "int64", "shape": [6]}}},
    {"arrays": {"src": {"dtype": "int63", "shape": [6]}}},
    {"arrays": {"src": {"dtype": "int64", "shape": 6}}},
    {"arrays": {"src": {"dtype": "int64", "shape": ["6"]}}},
]


@pytest.mark.parametrize("changes", FACTS)
def test_wrong_facts_are_named(full: TemporalGraph, tmp_path: Path, changes: dict) -> None:
    full.save(tmp_path / "g")
    older(tmp_path / "g", **changes)
    with pytest.raises(GraphError) as caught:
        TemporalGraph.open(tmp_path / "g")
    assert str(tmp_path / "g") in str(caught.value)


def test_facts_have_a_checksum(full: TemporalGraph, tmp_path: Path) -> None:
    full.save(tmp_path / "g")
    path = tmp_path / "g" / "graph.json"
    path.write_text(path.read_text().replace('"num_nodes": 6', '"num_nodes": 7'))
    for verify in (None, True, False):
        with pytest.raises(GraphError, match=r"graph\.json is damaged \(its content is not"):
            TemporalGraph.open(tmp_path / "g", verify=verify)


def test_checksums_are_compared_when_asked_for(full, tmp_path, assert_same) -> None:
    full.save(tmp_path / "g")
    put(tmp_path / "g", "edge_attr", at((0, 0), 5.0))  # a value like any other
    TemporalGraph.open(tmp_path / "g")
    with pytest.raises(GraphError, match=r"'edge_attr': the file .*edge_attr\.npy' is damaged"):
        TemporalGraph.open(tmp_path / "g", verify=True)
    older(tmp_path / "g")
    with pytest.warns(UserWarning, match="without checksums"):
        TemporalGraph.open(tmp_path / "g", verify=True)


@pytest.mark.parametrize("kind", ["", ".arrow", ".parquet"])
@pytest.mark.filterwarnings("ignore::DeprecationWarning")  # of numpy, about a damaged header
def test_damage_is_no_traceback(events, full, tmp_path, assert_same, kind) -> None:
    """With checksums every change is noticed; without, the rest is a graph."""
    graph = events if kind else full
    if kind:
        pytest.importorskip("pyarrow", reason="pyarrow (extra scale) is not installed")
    path = tmp_path / f"g{kind}"
    graph.save(path)
    files = [path] if kind else sorted(path.iterdir())
    draw = np.random.default_rng(0)
    tried = refused = 0
    for file in files:
        data = file.read_bytes()
        for place in draw.integers(0, len(data), 400 // len(files) + 5).tolist():
            stop = place + int(draw.integers(1, 30))
            mask = 1 << int(draw.integers(8))
            for damaged in (
                data[:place] + bytes([data[place] ^ mask]) + data[place + 1 :],
                data[:place] + bytes(len(data[place:stop])) + data[stop:],
                data[:place],
                data[:place] + data[stop:],
            ):
                if damaged == data:
                    continue
                file.write_bytes(damaged)
                for verify in (None, True):
                    tried += 1
                    try:
                        found = TemporalGraph.open(path, mmap=bool(place % 2), verify=verify)
                    except GraphError as error:
                        said = str(error)
                        refused += 1
                    else:
                        said = str(path)
                        if verify:
                            assert_same(found, graph)
                    assert str(path) in said
        file.write_bytes(data)
    assert tried > 500
    assert refused > tried / 3
    assert_same(TemporalGraph.open(path, verify=True), graph)


# ------------------------------------------------------------------ tables of other programs
def rewritten(path: Path, change: Callable[[Any], Any], **options: Any) -> None:
    """The table as another program would write it."""
    pa = pytest.importorskip("pyarrow")
    feather = pytest.importorskip("pyarrow.feather")
    parquet = pytest.importorskip("pyarrow.parquet")
    if path.suffix == ".parquet":
        parquet.write_table(change(parquet.read_table(path)), path)
        return
    table = pa.ipc.open_file(path.read_bytes()).read_all()
    options = {"compression": "uncompressed", **options}
    feather.write_feather(change(table), str(path), **options)


KINDS = [".arrow", ".parquet"]


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("options", [{"chunksize": 2}, {"chunksize": 1}, {"compression": "lz4"}])
@pytest.mark.parametrize("mmap", [True, False])
def test_pieces_and_compression(events, tmp_path, assert_same, kind, options, mmap) -> None:
    path = tmp_path / f"g{kind}"
    events.save(path)
    rewritten(path, lambda table: table, **options)
    for verify in (None, True, False):
        assert_same(TemporalGraph.open(path, mmap=mmap, verify=verify), events)


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("mmap", [True, False])
def test_other_types_of_the_same_values(tmp_path, assert_same, kind, mmap) -> None:
    pa = pytest.importorskip("pyarrow")
    graph = TemporalGraph([0, 1, 2], [1, 2, 0], [1, 2, 3], edge_weight=[0.5, 1, 2])
    path = tmp_path / f"g{kind}"
    graph.save(path)

    def narrow(table: Any) -> Any:
        for name, dtype in (("t", pa.int32()), ("src", pa.int16()), ("edge_weight", pa.float32())):
            index = table.column_names.index(name)
            table = table.set_column(index, name, table.column(name).cast(dtype))
        return table

    rewritten(path, narrow)
    assert_same(TemporalGraph.open(path, mmap=mmap, verify=True), graph)


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("mmap", [True, False])
def test_values_that_do_not_fit_are_refused(tmp_path, kind, mmap) -> None:
    pa = pytest.importorskip("pyarrow")
    path = tmp_path / f"g{kind}"
    weight = torch.tensor([0.5, 1, 2])  # float32
    TemporalGraph([0, 1, 2], [1, 2, 0], [1, 2, 3], edge_weight=weight).save(path)

    def change(name: str, values: Any) -> Callable[[Any], Any]:
        return lambda table: table.set_column(table.column_names.index(name), name, values)

    for name, values in (
        ("edge_weight", pa.array([0.1, 1, 2])),  # in float64 no float32
        ("src", pa.array([0, None, 2])),
        ("src", pa.array([0, 1.5, 2])),
        ("src", pa.array(["0", "1", "2"])),
        ("dst", pa.array([1, 2, 7])),
        ("t", pa.array([float("nan"), 2.0, 3.0])),
    ):
        data = path.read_bytes()
        rewritten(path, change(name, values))
        with pytest.raises(GraphError) as caught:
            TemporalGraph.open(path, mmap=mmap)
        assert str(path) in str(caught.value)
        path.write_bytes(data)


def test_unsorted_tables(tmp_path, assert_same) -> None:
    """Mapped ones are refused; those that are read are sorted, as when a graph is built."""
    graph = TemporalGraph([0, 1, 2], [1, 2, 0], [1, 2, 3])
    for kind in KINDS:
        path = tmp_path / f"g{kind}"
        graph.save(path)
        rewritten(path, lambda table: table.take([2, 0, 1]))
    assert_same(TemporalGraph.open(tmp_path / "g.parquet"), graph)
    assert_same(TemporalGraph.open(tmp_path / "g.arrow", mmap=False), graph)
    with pytest.raises(GraphError, match=r"'t', row 1: times are not sorted.*g\.arrow"):
        TemporalGraph.open(tmp_path / "g.arrow")
