"""Checks predictors of classes of windows and of recordings against ``evaluate``."""

from __future__ import annotations

from typing import Any

import pandas as pd
import torch
from torch import Tensor, nn

from graphkit.tasks.answer import Answer
from graphkit.testing.predictor.elsewhere import Elsewhere
from graphkit.testing.predictor.forecast import readings_by_name
from graphkit.testing.predictor.reference import assert_equal, assert_metrics, reference

__all__ = ["check_recordings", "check_windows"]


def check_windows(
    model: nn.Module,
    task: Any,
    opened: Elsewhere,
    *,
    batch_size: int,
    seed: int,
    tolerance: float,
) -> None:
    """The recordings that contain test windows, whole and one by one, cut on the task's grid."""
    metrics, expected = reference(model, task, batch_size)
    recording, asked = task.eval_windows.recording, task.index[2]
    found = expected.prediction.new_full(expected.prediction.shape, torch.nan).double()
    for number in recording[asked].unique().tolist():
        table, unit = _recording(task.graph, number, seed)
        answer = opened.call("predict", table, time_unit=unit)
        first = int((recording < number).sum())
        assert len(answer) == int((recording == number).sum()), f"windows of recording {number}"
        mine = recording[asked] == number
        found[mine] = _shares(answer)[asked[mine] - first]
    _compare(task, found, expected, metrics, tolerance)


def check_recordings(
    model: nn.Module,
    task: Any,
    opened: Elsewhere,
    *,
    batch_size: int,
    seed: int,
    tolerance: float,
) -> None:
    """The test recordings, one by one."""
    metrics, expected = reference(model, task, batch_size)
    found = []
    for number in expected.group.tolist():
        table, unit = _recording(task.graph, number, seed)
        found.append(_shares(opened.call("predict", table, time_unit=unit)))
    _compare(task, torch.cat(found), expected, metrics, tolerance)


def _recording(graph: Any, number: int, seed: int) -> tuple[pd.DataFrame, str | None]:
    """One recording as a table, with reordered columns and times in a finer unit."""
    rows = torch.arange(len(graph.signal_t))
    if graph.signal_recording is not None:
        rows = (graph.signal_recording == number).nonzero().flatten()
    return readings_by_name(graph, rows, seed + number)


def _shares(answer: pd.DataFrame) -> Tensor:
    """The columns of probabilities, float64 ``[rows, C]``."""
    return torch.tensor(answer.iloc[:, 3:].to_numpy(dtype="float64"))


def _compare(
    task: Any, found: Tensor, expected: Answer, metrics: dict[str, float], tolerance: float
) -> None:
    want = expected.prediction.double().softmax(1)
    assert_equal(found, want, "probabilities", tolerance)
    answer = Answer(found.log(), expected.target, group=expected.group)
    assert_metrics(task, answer, metrics, "probabilities", tolerance)
