"""High-school contacts."""

from __future__ import annotations

import pytest
import torch

from graphkit.datasets import load
from graphkit.errors import GraphError

small = pytest.mark.filterwarnings("ignore:.*not the published:UserWarning")


@small
@pytest.mark.parametrize("kind", ["plain", "gz"])
def test_small_file(tmp_path, pack, kind):
    text = b"20\t30\t7\tPC*\tMP*1\n20\t9\t7\tMP*1\tMP*1\n40\t7\t30\tMP*1\tPC*\n"
    name = "thiers_2012.csv" + (".gz" if kind == "gz" else "")
    (tmp_path / name).write_bytes(pack(kind, "", text))
    graph = load("highschool_2012", tmp_path)
    assert graph.src.tolist() == [2, 1, 0]
    assert graph.dst.tolist() == [0, 0, 2]
    assert graph.t.tolist() == [20, 20, 40]
    assert graph.node_names.tolist() == [7, 9, 30]
    assert graph.y.tolist() == [0, 0, 1]
    assert graph.y.dtype == torch.int64


@small
def test_person_in_two_classes(tmp_path):
    (tmp_path / "thiers_2011.csv").write_text("20\t1\t2\tPC\tPC\n40\t2\t3\tPSI*\tPC\n")
    with pytest.raises(GraphError, match="person 2 is in two classes") as caught:
        load("highschool_2011", tmp_path)
    assert caught.value.column == "thiers_2011.csv"
    assert {caught.value.expected, caught.value.got} == {"PC", "PSI*"}


@pytest.mark.parametrize(
    ("name", "events", "people", "classes", "first", "last"),
    [
        ("highschool_2011", 28_561, 126, 4, 54_120, 326_450),
        ("highschool_2012", 45_047, 180, 5, 1_353_303_380, 1_354_032_880),
    ],
)
def test_real_file(real, name, events, people, classes, first, last):
    graph = real(name)
    assert graph.num_events == events
    assert graph.num_nodes == people
    assert len(torch.unique(graph.y)) == classes
    assert (graph.t[0].item(), graph.t[-1].item()) == (first, last)
    assert graph.t.dtype == torch.int64
    # pupils meet their own class most
    assert (graph.y[graph.src] == graph.y[graph.dst]).double().mean() > 0.8
