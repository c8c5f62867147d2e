"""DGL to graphs and back: with DGL where it can be loaded, and its absence everywhere."""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import torch

from graphkit import GraphError, TemporalGraph
from graphkit.data.convert import dgl as convert
from graphkit.errors import MissingPackageError

Same = Callable[..., None]


@pytest.fixture
def dgl(monkeypatch: pytest.MonkeyPatch) -> Any:
    monkeypatch.setenv("DGLBACKEND", "pytorch")  # or DGL writes into the home directory
    try:
        import dgl
    except (ImportError, OSError, RuntimeError) as error:
        pytest.skip(f"dgl cannot be loaded: {error}")
    return dgl


@pytest.mark.extras
@pytest.mark.filterwarnings("ignore:DGL has no place")
def test_round_trip(dgl: Any, full: TemporalGraph, assert_same: Same) -> None:
    out = full.to_dgl()
    assert out.num_nodes() == 6
    assert out.edata["t"].tolist() == full.t.tolist()
    got = TemporalGraph.from_dgl(out, time_unit="ms", name="full")
    assert_same(got, full, "node_events", "signal", "signal_t", "signal_mask", "node_names")


@pytest.mark.extras
def test_what_has_no_place_is_named(dgl: Any, full: TemporalGraph) -> None:
    with pytest.warns(UserWarning, match="DGL has no place for node_events, signal"):
        full.to_dgl()


@pytest.mark.extras
def test_keys_by_name(dgl: Any) -> None:
    graph = dgl.graph(([2, 0], [1, 1]), num_nodes=4)
    graph.edata["feat"] = torch.tensor([[1.0], [2.0]])
    graph.ndata["feat"] = torch.randn(4, 3)
    graph.edata["when"] = torch.tensor([9, 5])
    g = TemporalGraph.from_dgl(graph, time="when", names={"edge_attr": "feat", "x": "feat"})
    assert g.src.tolist() == [0, 2]
    assert g.edge_attr.tolist() == [[2], [1]]
    assert torch.equal(g.x, graph.ndata["feat"])
    assert TemporalGraph.from_dgl(graph).is_static
    with pytest.raises(GraphError, match="'edge_y': there is no key 'label'"):
        TemporalGraph.from_dgl(graph, names={"edge_y": "label"})


@pytest.mark.extras
def test_other_graphs_are_refused(dgl: Any) -> None:
    two = dgl.heterograph({("a", "r", "b"): ([0], [0]), ("b", "s", "a"): ([0], [0])})
    for wrong in (two, "graph"):
        with pytest.raises(GraphError, match="to_homogeneous"):
            TemporalGraph.from_dgl(wrong)


@pytest.mark.parametrize("broken", [False, True])
def test_without_dgl(events: TemporalGraph, monkeypatch: pytest.MonkeyPatch, broken: bool) -> None:
    def absent(package: str, extra: str) -> None:
        raise MissingPackageError(package, extra, OSError("libgraphbolt.so") if broken else None)

    monkeypatch.setattr(convert, "require", absent)
    with pytest.raises(MissingPackageError, match=r"graphkit-temporal\[dgl\]"):
        events.to_dgl()
    with pytest.raises(MissingPackageError, match="libgraphbolt" if broken else "not installed"):
        TemporalGraph.from_dgl(object())


@pytest.mark.extras
def test_dgl_leaves_the_home_directory_alone(dgl: Any, tmp_path: Path) -> None:
    program = (
        "from graphkit import TemporalGraph\n"
        "print(TemporalGraph([0, 1], [1, 2], [3, 4]).to_dgl().num_edges())"
    )
    environment = {k: v for k, v in os.environ.items() if not k.startswith("DGL")}
    done = subprocess.run(
        [sys.executable, "-c", program],
        capture_output=True,
        text=True,
        env={**environment, "HOME": str(tmp_path)},
    )
    assert done.returncode == 0, done.stderr
    assert done.stdout.split() == ["2"]
    assert not (tmp_path / ".dgl").exists()
