"""TensorBoard, read with its own reader: every point once, whatever happened to the run."""

from __future__ import annotations

from pathlib import Path

import pytest

from graphkit.engine.loggers import TensorBoardLogger
from graphkit.errors import GraphError

pytestmark = pytest.mark.extras


@pytest.fixture(autouse=True)
def _tensorboard() -> None:
    pytest.importorskip("tensorboard", reason="tensorboard (extra loggers) is not installed")


def scalars(folder: Path) -> dict[str, list]:
    from tensorboard.backend.event_processing.event_accumulator import EventAccumulator

    found = EventAccumulator(str(folder), size_guidance={"scalars": 0}).Reload()
    tags = found.Tags()
    assert tags["tensors"] == ["run/text_summary"]
    assert len(found.Tensors("run/text_summary")) == 1
    return {tag: [(e.step, e.value) for e in found.Scalars(tag)] for tag in tags["scalars"]}


def test_an_interrupted_run_leaves_the_points_of_an_unbroken_one(train, lives, rows, tmp_path):
    result = train(TensorBoardLogger(tmp_path / "whole"))
    whole = scalars(tmp_path / "whole")
    for name, points in rows(result).items():
        assert [step for step, _ in whole[name]] == [step for step, _ in points], name
        values = [value for _, value in points]
        assert [value for _, value in whole[name]] == pytest.approx(values, rel=1e-6), name
    assert [step for step, _ in whole["loss"]] == list(range(3, 37, 3))
    lives(lambda: TensorBoardLogger(tmp_path / "broken"))
    assert scalars(tmp_path / "broken") == whole


def test_the_folder_of_another_run_is_refused(train, tmp_path):
    train(TensorBoardLogger(tmp_path))
    with pytest.raises(GraphError, match="holds the log of another run"):
        train(TensorBoardLogger(tmp_path))
