"""Importance of nodes of a model that is known to look at some only; the picture of a head."""

import pytest
import torch

import graphkit
from graphkit.analysis.importance import node_importance
from graphkit.analysis.scalp import scalp_plot
from graphkit.data.recording_splits import RecordingSplit
from graphkit.electrodes import DREAMER_ELECTRODES
from graphkit.errors import GraphError
from graphkit.tasks import WindowClassification


class Loudness(torch.nn.Module):
    """Tells the class from whether node 3 or node 5 is louder."""

    def forward(self, x, covariates=None, mask=None):
        return x.square().mean(1)[:, [3, 5], 0]


@pytest.fixture
def task():
    y = torch.arange(12) % 2
    loud = torch.where(torch.arange(6) == 3 + 2 * y.unsqueeze(1), 3.0, 1.0)
    signal = torch.randn(12, 64, 6) * loud.unsqueeze(1)
    graph = graphkit.TemporalGraph(
        [], [], [], num_nodes=6, signal=signal.view(-1, 6, 1),
        signal_recording=torch.arange(12).repeat_interleave(64), recordings={"y": y},
    )  # fmt: skip
    split = RecordingSplit("number", [0, 1, 2, 3], [4, 5])
    return WindowClassification(graph, history=64, scaler="none", split=split)


def test_nodes_that_are_not_looked_at_do_not_matter(task):
    found = node_importance(Loudness(), task, metric="accuracy")
    assert found.tolist() == [0, 0, 0, 0.5, 0, 0.5]  # the other node alone is always the louder
    groups = node_importance(Loudness(), task, [[0, 1], [2, 3]], metric="accuracy", batch_size=3)
    assert groups.tolist() == [0, 0.5]
    with pytest.raises(GraphError, match="no such metric"):
        node_importance(Loudness(), task, metric="seq2hr")
    with pytest.raises(GraphError, match="empty"):
        node_importance(Loudness(), task, [[]])


def test_scalp_plot(tmp_path):
    pytest.importorskip("matplotlib", reason="matplotlib is not installed (extra plot)")
    edges = torch.tensor([[0, 1], [2, 2]])
    values = torch.linspace(-1, 1, 14)
    path = scalp_plot(values, DREAMER_ELECTRODES, tmp_path / "a" / "scalp.png", edges=edges)
    assert path.read_bytes()[:4] == b"\x89PNG"
    with pytest.raises(GraphError, match="one per electrode"):
        scalp_plot([1.0], DREAMER_ELECTRODES, path)
    with pytest.raises(GraphError, match="10-10"):
        scalp_plot([1.0], ["ECG"], path)
