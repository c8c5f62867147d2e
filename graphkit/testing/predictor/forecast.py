"""Checks predictors of forecasts against ``evaluate``."""

from __future__ import annotations

import itertools
from typing import Any

import numpy as np
import pandas as pd
import torch
from torch import Tensor, nn

from graphkit.data.cadence import Cadence
from graphkit.data.signal_schema import SignalSchema
from graphkit.tasks.answer import Answer
from graphkit.testing.predictor.elsewhere import Elsewhere
from graphkit.testing.predictor.reference import (
    assert_equal,
    assert_metrics,
    finer,
    pieces,
    reference,
)

__all__ = ["check_forecast", "readings_by_name"]

_PIECES = 20  # largest number of pieces per stretch of test rows


def check_forecast(
    model: nn.Module,
    task: Any,
    opened: Elsewhere,
    *,
    batch_size: int,
    seed: int,
    tolerance: float,
) -> None:
    """Append the test rows in pieces, and as one table.

    Every stretch of rows used by test windows is appended piece by piece, and the forecast after a
    piece is compared with the forecast of the same window. Then all windows of the stretch are
    forecast at once and their metrics are compared. Windows that cross a gap between rows are
    excluded if the times of training are irregular, because the times of their targets are then
    unknown in advance.
    """
    metrics, expected = reference(model, task, batch_size)
    graph, windows, index = task.graph, task.windows, task.index[2]
    regular = task.gaps != "join" or Cadence.of(graph).regular
    gaps = "raise" if regular else "join"
    place = {int(row): i for i, row in enumerate(windows.start[index])}
    found = torch.full(expected.prediction.shape, torch.nan)
    for rows in _stretches(task):
        table, unit = readings_by_name(graph, rows, seed)
        size = windows.stride * max(1, len(rows) // (_PIECES * windows.stride))
        cut = pieces(len(table) - windows.history, size, seed)
        cut = [slice(s.start + windows.history, s.stop + windows.history) for s in cut]
        for piece in [slice(0, windows.history), *cut]:
            first = piece.start == 0 and not _follows(windows, rows)
            options = {"gaps": "split" if first else gaps, "time_unit": unit}
            opened.call("observe", table.iloc[piece], **options)
            stop = min(piece.stop, len(table))
            number = place.get(int(rows[stop - 1]) - windows.history + 1)
            if number is not None:
                one = _values(opened.call("forecast"), task, 1)[0]
                if regular or _told(task, int(index[number])):
                    assert_equal(one, expected.prediction[number], "a forecast", tolerance)
        options = {"frame": table, "gaps": gaps, "time_unit": unit}
        ahead = _values(opened.call("forecast", **options), task, len(rows) - windows.history + 1)
        for first, row in enumerate(rows[: len(ahead)].tolist()):
            if row in place:
                found[place[row]] = ahead[first]
    told = [regular or _told(task, int(number)) for number in index]
    assert any(told), "no test window lies on the clock of training"
    kept = torch.tensor(told)
    assert_equal(found[kept], expected.prediction[kept], "forecasts", tolerance)
    if all(told):
        answer = Answer(found, expected.target, expected.mask)
        assert_metrics(task, answer, metrics, "forecasts", tolerance)


def readings_by_name(
    graph: Any, rows: Tensor | slice, seed: int
) -> tuple[pd.DataFrame, str | None]:
    """Rows of a signal as the table that it may have come from, columns in another order and times
    in a finer unit, which is named."""
    schema, draw = SignalSchema.of(graph), np.random.default_rng(seed)
    mask = graph.signal_mask
    if mask is not None:
        mask = mask.expand_as(graph.signal)[rows]
    table = schema.frame(graph.signal_t[rows], graph.signal[rows], mask)
    table = table.iloc[:, draw.permutation(table.shape[1])]
    times = pd.DataFrame({"time": table.index.to_series().to_numpy()})
    times, unit = finer(times, "time", str(graph.time_unit))
    if unit is not None:
        table.index = pd.Index(times["time"], name=table.index.name)
    return table, unit


def _stretches(task: Any) -> list[Tensor]:
    """Rows used by test windows, cut where a row is left out or a stretch ends."""
    rows = task.windows.covered(task.index[2]).nonzero().flatten()
    cut = rows.diff() != 1
    start = torch.tensor([task.windows.stretch_start(int(row)) for row in rows])
    cut = cut | (start.diff() != 0)
    bounds = [0, *(cut.nonzero().flatten() + 1).tolist(), len(rows)]
    return [rows[a:b] for a, b in itertools.pairwise(bounds)]


def _follows(windows: Any, rows: Tensor) -> bool:
    """Whether the state before the test ends directly before these rows."""
    row = int(rows[0])
    return row > 0 and windows.stretch_start(row) < row


def _values(table: pd.DataFrame, task: Any, windows: int) -> Tensor:
    """A table of forecasts, columns by label, as ``[windows, T, N, C']``."""
    schema = SignalSchema.of(task.graph)
    labels: Any = schema.names.tolist()
    if schema.multi:
        channels = [schema.channels[c] for c in task.target_channels]
        labels = pd.MultiIndex.from_product([labels, channels])
    values = torch.from_numpy(table[labels].to_numpy(copy=True))
    return values.view(windows, task.horizon, task.num_nodes, task.out_channels)


def _told(task: Any, number: int) -> bool:
    """Whether the rows after a window's history follow at the regular distance."""
    t, w = task.windows[number].t, task.windows
    ahead = t[w.history - 1 :]
    return bool((ahead.diff() == task.input.step).all())
