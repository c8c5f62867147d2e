"""Enron in the processed form."""

from __future__ import annotations

import pytest
import torch

from graphkit.datasets import load

TEXT = ",u,i,ts,label,idx\n0,5,7,0.0,0,1\n1,7,5,12.0,0,2\n2,9,9,12.0,0,3\n"


@pytest.mark.filterwarnings("ignore:.*not the published:UserWarning")
@pytest.mark.parametrize(
    ("file", "kind"),
    [("ml_enron.csv", "plain"), ("ml_enron.csv.gz", "gz"), ("enron.zip", "zip")],
)
def test_small_file(tmp_path, pack, file, kind):
    (tmp_path / file).write_bytes(pack(kind, "ml_enron.csv", TEXT.encode()))
    graph = load("enron", tmp_path)
    assert graph.src.tolist() == [0, 1, 2]
    assert graph.dst.tolist() == [1, 0, 2]
    assert graph.t.tolist() == [0, 12, 12]
    assert graph.t.dtype == torch.int64
    assert graph.edge_y.tolist() == [0, 0, 0]
    assert graph.edge_y.dtype == torch.int64
    assert graph.node_names.tolist() == [5, 7, 9]


def test_real_file(real):
    graph = real("enron")
    assert graph.num_events == 125_235
    assert graph.num_nodes == 184
    assert graph.t.dtype == torch.int64
    assert (graph.t[0].item(), graph.t[-1].item()) == (0, 113_740_399)
    assert len(torch.unique(graph.t)) == 22_632
    assert graph.node_names.tolist() == list(range(1, 185))
    assert (graph.src == graph.dst).any()
    assert not graph.edge_y.any()
    # not bipartite: nearly everybody both sends and receives
    assert len(set(graph.src.tolist()) & set(graph.dst.tolist())) > 100
    assert real("enron", self_loops=False).num_events == int((graph.src != graph.dst).sum())
