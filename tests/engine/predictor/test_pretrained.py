"""Frozen weights of a pretrained folder are named, not saved; another folder is refused."""

from __future__ import annotations

import json
import shutil
from collections.abc import Iterator
from pathlib import Path

import pandas as pd
import pytest
import torch
from safetensors.torch import load_file, save_file
from torch import nn

from graphkit import registry
from graphkit.datasets.sensor_ring import sensor_ring
from graphkit.engine.predictor import Predictor
from graphkit.errors import GraphError
from graphkit.tasks import Forecast


class Backbone(nn.Module):
    """Two layers out of a folder; the second goes on learning."""

    def __init__(self, folder: str) -> None:
        super().__init__()
        self.pretrained_folder = folder
        self.frozen, self.tuned = nn.Linear(6, 8), nn.Linear(8, 3)
        self.load_state_dict(load_file(Path(folder) / "weights.safetensors"))
        self.frozen.requires_grad_(False)


class Pretrained(nn.Module):
    """A forecaster on top of a backbone of a folder."""

    kind = "forecast"

    def __init__(self, folder: str) -> None:
        super().__init__()
        self.backbone = Backbone(folder)
        self.shift = nn.Parameter(torch.zeros(3))

    def forward(self, x, covariates=None, mask=None):
        h = self.backbone.frozen(x[..., 0].mT).tanh()  # [B, N, 8]
        return (self.backbone.tuned(h) + self.shift).mT.unsqueeze(-1)


@pytest.fixture
def folder(tmp_path: Path) -> Iterator[Path]:
    """The folder of a backbone, and the registered class of its forecaster."""
    known = dict(registry._entries["model"])
    registry.register("model", "pretrained_forecaster", view="signal", tasks=("forecast",))(
        Pretrained
    )
    path = tmp_path / "backbone"
    write(path, seed=1)
    yield path
    registry._entries["model"] = known


def write(path: Path, seed: int) -> None:
    torch.manual_seed(seed)
    path.mkdir(exist_ok=True)
    state = nn.ModuleDict({"frozen": nn.Linear(6, 8), "tuned": nn.Linear(8, 3)}).state_dict()
    save_file(state, path / "weights.safetensors")


def fitted(folder: Path) -> Predictor:
    task = Forecast(
        sensor_ring(4, 3, steps_per_day=24), history=6, horizon=3, horizons=(), covariates=()
    )
    model = Pretrained(str(folder))
    with torch.no_grad():
        model.backbone.tuned.weight.mul_(2)
        model.shift.add_(torch.tensor([1.0, 2.0, 3.0]))
    return Predictor(model, task)


def test_frozen_weights_are_not_written(folder: Path, tmp_path: Path) -> None:
    predictor = fitted(folder)
    saved = predictor.save(tmp_path / "p")
    index = json.loads((saved / "predictor.json").read_text())
    [told] = index["model"]["pretrained"]
    assert told["folder"] == str(folder)
    assert told["names"] == ["backbone.frozen.bias", "backbone.frozen.weight"]
    written = load_file(saved / index["files"]["model"]["file"])
    assert sorted(written) == ["backbone.tuned.bias", "backbone.tuned.weight", "shift"]
    pd.testing.assert_frame_equal(Predictor.open(saved).forecast(), predictor.forecast())


def test_another_folder_is_refused(folder: Path, tmp_path: Path) -> None:
    predictor = fitted(folder)
    saved = predictor.save(tmp_path / "p")
    moved = folder.rename(tmp_path / "moved")
    with pytest.raises(FileNotFoundError):
        Predictor.open(saved)
    opened = Predictor.open(saved, model=Pretrained(str(moved)))  # the same weights elsewhere
    pd.testing.assert_frame_equal(opened.forecast(), predictor.forecast())
    write(folder, seed=2)
    with pytest.raises(GraphError, match="not those of the saved model") as caught:
        Predictor.open(saved)
    assert str(folder) in caught.value.expected
    shutil.rmtree(folder)
    moved.rename(folder)
    pd.testing.assert_frame_equal(Predictor.open(saved).forecast(), predictor.forecast())
