"""ForecastInput: made again from settings and tensors alone, and then equal to the task's."""

import json
from datetime import datetime

import pytest
import torch

from graphkit import TemporalGraph
from graphkit.data.readings import Readings
from graphkit.errors import GraphError
from graphkit.tasks import Forecast
from graphkit.tasks.forecast_input import ForecastInput

T, N, C = 240, 4, 2


def build(missing=0.1, unit="h", **more):
    draw = torch.Generator().manual_seed(0)
    hour = torch.arange(T).view(-1, 1, 1) * 2
    signal = 50 + 20 * torch.sin(hour * 2 * torch.pi / 24 + torch.arange(N).view(1, -1, 1))
    signal = signal.expand(-1, -1, C) + torch.randn(T, N, C, generator=draw)
    mask = torch.rand(signal.shape, generator=draw) >= missing if missing else None
    node = torch.arange(N)
    options = {"signal": signal, "signal_mask": mask, "signal_t": torch.arange(T) * 2}
    return TemporalGraph(
        node, (node + 1) % N, torch.zeros(N), **{**options, "time_unit": unit, **more}
    )


CASES = {
    "plain": {},
    "profile": {
        "profile": True, "profile_half_life": 3.0, "start": datetime(2024, 1, 6),
        "holidays": ["2024-01-08"], "target_channels": [1], "delay": 1,
    },
    "null": {"null_value": 50.0, "scaler": "minmax", "scale_per": "node", "covariates": []},
    "none": {"scaler": "none", "scale_per": "all", "covariates": ["day_of_week"]},
}  # fmt: skip


@pytest.mark.parametrize("missing", [0.0, 0.1])
@pytest.mark.parametrize("options", CASES.values(), ids=CASES)
def test_made_again_without_the_training_data(options, missing):
    task = Forecast(build(missing), history=6, horizon=4, horizons=(), **options)
    settings = json.loads(json.dumps(task.input.settings()))
    again = ForecastInput(**settings)
    again.load_state_dict(task.input.state_dict())
    assert again.settings() == task.input.settings()
    numbers = task.index.test[:9]
    query, w = task.query(numbers), task.windows[numbers]
    covariates = again.covariates(w.t)
    masked = query.x_mask is not None
    x = again.x(w.x, w.x_mask if masked else None, covariates[..., :6, :])
    assert torch.equal(x, query.x)
    assert query.covariates is None or torch.equal(covariates, query.covariates)
    # Readings as they come later, marked and prepared by the one made again.
    start = task.windows.start[numbers]
    rows = (start.unsqueeze(1) + torch.arange(6)).flatten()
    graph = build(missing)
    mask = torch.ones_like(graph.signal, dtype=torch.bool)
    if graph.signal_mask is not None:
        mask = graph.signal_mask.expand_as(mask)
    later = again.marked(Readings(graph.signal_t[rows], graph.signal[rows], mask[rows]))
    values, mask = (v.unflatten(0, (9, 6)) for v in later[1:])
    assert torch.equal(again.x(values, mask, covariates[..., :6, :]), query.x)
    assert query.x_mask is None or torch.equal(mask, query.x_mask)
    answer = torch.randn(9, 4, N, len(task.target_channels))
    want = task.forecast(lambda *inputs: answer, query)
    assert torch.equal(again.original_units(answer, covariates), want)


def test_original_units_undo_the_scaling():
    """A model that forecasts the scaled truth forecasts the truth."""
    for options in CASES.values():
        task = Forecast(build(0.0), history=6, horizon=4, horizons=(), **options)
        prepare, w = task.input, task.windows[task.index.test[:5]]
        ahead = prepare.covariates(w.t)[..., -4:, :]
        rows = torch.arange(5)
        whole = torch.zeros(5, 4, N, C)
        whole[..., list(task.target_channels)] = w.y.float()
        scaled = prepare.x(whole, None, ahead)[..., list(task.target_channels)]
        found = prepare.original_units(scaled, prepare.covariates(w.t))
        torch.testing.assert_close(found[rows], w.y.float(), rtol=1e-4, atol=1e-3)


def test_times_ahead():
    task = Forecast(build(), history=6, horizon=3, delay=2, horizons=())
    for start in task.windows.start[task.index.test[:4]].tolist():
        last = task.graph.signal_t[start + 5]
        want = task.graph.signal_t[start + 8 : start + 11]
        assert torch.equal(task.input.times_ahead(last), want)
    assert task.input.times_ahead(torch.tensor([0, 2])).tolist() == [[6, 8, 10], [8, 10, 12]]
    alone = ForecastInput(1, 1, history=1, horizon=1, target_channels=[0])
    with pytest.raises(GraphError, match="how far rows lie apart"):
        alone.times_ahead(torch.tensor(0))


def test_times_of_whole_windows():
    task = Forecast(build(), history=6, horizon=3, delay=2, horizons=())
    for number in (0, 3):
        t = task.windows[number].t
        assert torch.equal(task.input.window_times(t[:6]), t)
    both = task.windows[:2].t
    assert torch.equal(task.input.window_times(both[:, :6]), both)


def test_steps_per_day():
    for unit, want in (("h", 12), ("min", 720), ("s", 43_200), ("step", None)):
        task = Forecast(build(unit=unit), history=6, horizon=3, horizons=())
        assert task.input.steps_per_day == task.steps_per_day == want
    sizes = {"history": 1, "horizon": 1, "target_channels": [0], "time_unit": "h"}
    assert ForecastInput(1, 1, step=7, **sizes).steps_per_day is None


def test_what_is_refused():
    prepare = Forecast(build(), history=6, horizon=3, horizons=()).input
    with pytest.raises(GraphError, match=r"nodes and channels of training.*4, 2.*got \[3, 5, 2\]"):
        prepare.x(torch.zeros(3, 5, 2), None, torch.zeros(3, 2))
    sizes = {"history": 1, "horizon": 1, "target_channels": [0]}
    with pytest.raises(GraphError, match="'start': not a date"):
        ForecastInput(1, 1, start=3.5, **sizes)
    with pytest.raises(GraphError, match="day of the week"):
        ForecastInput(1, 1, holidays=["2024-01-01"], **sizes)
    with pytest.raises(GraphError, match="time of day"):
        ForecastInput(1, 1, profile=True, **sizes)
