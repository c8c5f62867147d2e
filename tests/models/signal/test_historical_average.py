"""Means per slot, kept in dictionaries."""

import pytest
import torch

from graphkit import GraphError, TemporalGraph
from graphkit.errors import UnknownNameError
from graphkit.models.signal import HistoricalAverage
from graphkit.tasks import Forecast


def build(**more):
    draw = torch.Generator().manual_seed(0)
    signal = torch.randn(600, 3, 2, generator=draw)
    mask = torch.rand(600, 3, 2, generator=draw) < 0.6
    options = {"signal_t": torch.arange(600) * 2, "time_unit": "h", "signal_mask": mask} | more
    return TemporalGraph([], [], [], signal=signal, **options)


@pytest.mark.parametrize("period", ["day", "week", "none"])
def test_against_dictionaries(period):
    graph = build()
    task = Forecast(graph, history=4, horizon=3, delay=1, target_channels=[1])
    model = HistoricalAverage.from_task(task, period=period)
    last = int(task.windows.start[task.index.train[-1]]) + 8
    slot = {
        "day": lambda row: 2 * row % 24,
        "week": lambda row: (2 * row % 24, 2 * row // 24 % 7),
        "none": lambda row: 0,
    }[period]
    table = {}
    for row in range(last):
        for n in range(3):
            if graph.signal_mask[row, n, 1]:
                table.setdefault((n, slot(row)), []).append(float(graph.signal[row, n, 1]))
    query = task.query(task.index.test[::7])
    got = task.forecast(model, query)
    for i, window in enumerate(task.index.test[::7].tolist()):
        start = int(task.windows.start[window])
        for ahead in range(3):
            for n in range(3):
                values = table.get((n, slot(start + 5 + ahead)))
                if values:
                    want = sum(values) / len(values)
                    assert float(got[i, ahead, n, 0]) == pytest.approx(want, abs=1e-4)


def test_a_slot_that_was_never_seen_gets_the_mean_of_the_node():
    graph = build(signal_mask=None)
    task = Forecast(graph, history=2, horizon=1, target_channels=[0])
    rows = task.training_signal()
    keep = (rows.covariates[:, 0] * 12).round() != 5
    some = rows._replace(x=rows.x[keep], covariates=rows.covariates[keep], mask=None)
    model = HistoricalAverage(task.num_nodes, 1, (0,), task.covariate_names, 12).fit(some)
    torch.testing.assert_close(model.table[5, :, 0], rows.x[keep][..., 0].mean(0))


def test_what_is_refused():
    steps = build(time_unit="step")
    task = Forecast(steps, history=2, horizon=1)
    assert HistoricalAverage.from_task(task).period == "none"
    with pytest.raises(GraphError, match="time_of_day"):
        HistoricalAverage.from_task(task, period="day")
    with pytest.raises(UnknownNameError, match="week"):
        HistoricalAverage.from_task(task, period="wek")
