"""Events as one Parquet or Arrow file."""

from __future__ import annotations

import warnings
from collections.abc import Callable
from pathlib import Path

import pytest
import torch

from graphkit import GraphError, TemporalGraph
from graphkit.data import tables
from graphkit.errors import MissingPackageError

pytest.importorskip("pyarrow", reason="pyarrow (extra scale) is not installed")
KINDS = ["parquet", "arrow"]
Same = Callable[..., None]


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("mmap", [True, False])
def test_round_trip(
    events: TemporalGraph, tmp_path: Path, assert_same: Same, kind: str, mmap: bool
) -> None:
    more = {"edge_weight": events.edge_weight, "edge_type": events.edge_type, "num_nodes": 6}
    graphs = [
        events,
        events[1:4],
        TemporalGraph(events.src, events.dst, events.t.double() / 7, node_names=list("abcdef"),
                      edge_attr=torch.randn(6, 2, 3).bfloat16(), edge_y=events.edge_y > 0, **more),
        TemporalGraph([0], [1], [0], edge_attr=torch.zeros(1, 0), time_unit="step"),
        TemporalGraph([0], [1], [0], edge_attr=torch.zeros(1, 2, dtype=torch.float16),
                      edge_y=torch.tensor([[True, False]])),
    ]  # fmt: skip
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        for i, g in enumerate(graphs):
            path = tmp_path / f"{i}.{kind}"
            g.save(path)
            assert_same(TemporalGraph.open(path, mmap=mmap), g)
    assert len(list(tmp_path.iterdir())) == len(graphs)


def test_an_arrow_file_is_mapped(events: TemporalGraph, tmp_path: Path) -> None:
    events.save(tmp_path / "g.arrow")
    got = TemporalGraph.open(tmp_path / "g.arrow")
    maps = Path("/proc/self/maps")
    if maps.exists():
        assert maps.read_text().count(f"{tmp_path}/g.arrow") >= 7
    got.edge_attr.zero_()  # a private copy of the page
    assert torch.equal(TemporalGraph.open(tmp_path / "g.arrow").edge_attr, events.edge_attr)


def test_other_programs_read_the_columns(events: TemporalGraph, tmp_path: Path) -> None:
    parquet = pytest.importorskip("pyarrow.parquet")
    events.save(tmp_path / "g.parquet")
    table = parquet.read_table(tmp_path / "g.parquet").to_pydict()
    assert table["src"] == events.src.tolist()
    assert table["edge_attr"] == events.edge_attr.tolist()
    assert table["edge_weight"] == events.edge_weight.tolist()


def test_a_parquet_file_is_checked_again(tmp_path: Path) -> None:
    pa, parquet = pytest.importorskip("pyarrow"), pytest.importorskip("pyarrow.parquet")
    TemporalGraph([0, 1], [1, 0], [3, 4]).save(tmp_path / "g.parquet")
    table = parquet.read_table(tmp_path / "g.parquet")
    bad = table.set_column(0, "src", pa.array([0, 5]))
    parquet.write_table(bad, tmp_path / "g.parquet")
    with pytest.raises(GraphError, match="'src', row 1"):
        TemporalGraph.open(tmp_path / "g.parquet")
    parquet.write_table(table.drop_columns(["dst"]), tmp_path / "g.parquet")
    with pytest.raises(GraphError, match="'dst'"):
        TemporalGraph.open(tmp_path / "g.parquet")


@pytest.mark.parametrize("kind", KINDS)
def test_what_is_refused(full: TemporalGraph, tmp_path: Path, kind: str) -> None:
    path = tmp_path / f"g.{kind}"
    with pytest.raises(GraphError, match=r"no place for x, y, node_type.*Save to a directory"):
        full.save(path)
    assert not any(tmp_path.iterdir())
    path.write_bytes(b"not a table")
    with pytest.raises(GraphError, match="damaged or no table"):
        TemporalGraph.open(path)


def test_a_foreign_table_says_how_to_read_it(tmp_path: Path) -> None:
    pd = pytest.importorskip("pandas")
    pd.DataFrame({"u": [0], "v": [1]}).to_parquet(tmp_path / "g.parquet")
    with pytest.raises(GraphError, match=r"from_pandas\(pandas.read_parquet"):
        TemporalGraph.open(tmp_path / "g.parquet")


def test_without_pyarrow(
    events: TemporalGraph, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    events.save(tmp_path / "g.parquet")

    def absent(package: str, extra: str) -> None:
        raise MissingPackageError(package, extra)

    monkeypatch.setattr(tables, "require", absent)
    with pytest.raises(MissingPackageError, match=r"graphkit-temporal\[scale\]"):
        events.save(tmp_path / "h.parquet")
    with pytest.raises(MissingPackageError, match=r"graphkit-temporal\[scale\]"):
        TemporalGraph.open(tmp_path / "g.parquet")
    assert [p.name for p in tmp_path.iterdir()] == ["g.parquet"]
