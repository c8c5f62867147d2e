"""Every registered static model: opened elsewhere, it answers as ``evaluate`` does."""

from __future__ import annotations

import pytest
import torch

from graphkit import TemporalGraph, registry
from graphkit.tasks import NodeClassification
from graphkit.testing.predictor import check_predictor

MODELS = registry.entries("model", view="static")
N, CLASSES = 40, ("red", "green", "blue")


def task(dense: bool = False, weighted: bool = False, named: bool = True) -> NodeClassification:
    draw = torch.Generator().manual_seed(3)
    y = torch.randint(3, (N,), generator=draw)
    x = torch.rand(N, 30, generator=draw)
    x[:, :3] += torch.eye(3)[y]
    if not dense:
        x = x * (torch.rand(x.shape, generator=draw) < 0.08)
    src, dst = torch.randint(N, (2, 150), generator=draw)
    names = {
        "node_names": [f"n{i}" for i in range(N)],
        "class_names": {"y": CLASSES},
        "column_names": {"x": [f"word {c}" for c in range(30)]},
    }
    graph = TemporalGraph(
        src, dst, torch.zeros(150, dtype=torch.int64), x=x, y=y, num_nodes=N,
        edge_weight=torch.rand(150, generator=draw) if weighted else None,
        **(names if named else {}),
    )  # fmt: skip
    ids = torch.randperm(N, generator=draw)
    return NodeClassification(graph, split=(ids[:15], ids[15:25], ids[25:]))


@pytest.mark.parametrize(
    "options", [{}, {"dense": True, "weighted": True}, {"named": False}], ids=str
)
@pytest.mark.parametrize("entry", MODELS, ids=lambda entry: entry.name)
def test_every_model(entry: registry.Entry, options: dict) -> None:
    asked = task(**options)
    model = entry.make.from_task(asked, hidden_channels=8)
    check_predictor(model, asked, separate_process=False)


def test_in_a_fresh_process() -> None:
    asked = task()
    check_predictor(registry.get("model", "dagnn").from_task(asked), asked)


def test_a_difference_is_told(monkeypatch: pytest.MonkeyPatch) -> None:
    from graphkit.tasks.static_input import StaticInput

    asked = task(dense=True)
    model = registry.get("model", "gcn").from_task(asked)
    settings = StaticInput.settings
    monkeypatch.setattr(
        StaticInput, "settings", lambda self: settings(self) | {"normalize_features": True}
    )
    with pytest.raises(AssertionError, match=r"probabilities: .* values differ"):
        check_predictor(model, asked, separate_process=False)
