"""Forecast: split, scaling, loss and metrics against loops; trained by the engine unchanged."""

from __future__ import annotations

import json
from typing import Any

import numpy as np
import pytest
import torch

from graphkit import TemporalGraph, fit, seed_everything
from graphkit.data.recording_splits import RecordingSplit
from graphkit.data.window_splits import BlockSplit, TimeSplit
from graphkit.engine import Result, evaluate
from graphkit.errors import GraphError, GraphWarning, UnknownNameError
from graphkit.models.signal import LastValue, SignalGRU
from graphkit.tasks import Forecast
from graphkit.tasks.answer import Answer

CPU = {"device": "cpu", "progress": False, "threads": 1}
T, N = 240, 4


def build(channels: int = 1, missing: float = 0.0, **more: Any) -> TemporalGraph:
    """A daily wave per node, every second hour for twenty days."""
    draw = torch.Generator().manual_seed(0)
    hour = torch.arange(T).view(-1, 1, 1) * 2
    phase = torch.arange(N).view(1, -1, 1)
    signal = 50 + 20 * torch.sin(hour * 2 * torch.pi / 24 + phase)
    signal = signal.expand(-1, -1, channels) + torch.randn(T, N, channels, generator=draw)
    mask = torch.rand(signal.shape, generator=draw) >= missing if missing else None
    node = torch.arange(N)
    options = {
        "edge_weight": torch.ones(N), "signal": signal, "signal_mask": mask,
        "signal_t": torch.arange(T) * 2, "time_unit": "h", "name": "waves",
    }  # fmt: skip
    return TemporalGraph(node, (node + 1) % N, torch.zeros(N), **(options | more))


def small(graph: TemporalGraph, **options: Any) -> Forecast:
    return Forecast(graph, **{"history": 6, "horizon": 4, "horizons": (1, 4), **options})


def test_a_query_against_slices() -> None:
    graph = build(channels=3, missing=0.2)
    task = small(graph, delay=1, target_channels=[2, 0], scale_per="node")
    rows = torch.arange(task.windows.start[task.index.train[-1]] + 11)  # seen in training
    assert len(rows) == 144
    for split in ("train", "val", "test"):
        for query in task.stream(split, 16):
            assert query.x.shape[1:] == (6, N, 3)
    query = task.query(task.index.val[:5], first=7)
    assert query.first == 7
    for row, window in enumerate(task.index.val[:5].tolist()):
        start = int(task.windows.start[window])
        for n in range(N):
            for c in range(3):
                known = graph.signal_mask[rows, n, c]
                seen = graph.signal[rows, n, c][known].double()
                for step in range(6):
                    value = (graph.signal[start + step, n, c] - seen.mean()) / seen.std(
                        correction=0
                    )
                    valid = bool(graph.signal_mask[start + step, n, c])
                    got = float(query.x[row, step, n, c])
                    assert got == pytest.approx(float(value) if valid else 0.0, abs=1e-4)
                    assert bool(query.x_mask[row, step, n, c]) == valid
        ahead = slice(start + 7, start + 11)
        assert torch.equal(query.y[row], graph.signal[ahead][..., [2, 0]])
        assert torch.equal(query.y_mask[row], graph.signal_mask[ahead][..., [2, 0]])
        hours = torch.arange(start, start + 11) * 2
        assert query.covariates[row, :, 0].tolist() == pytest.approx((hours % 24 / 24).tolist())
        assert query.covariates[row, :, 1].tolist() == ((hours // 24 + 3) % 7).tolist()


def test_shares_of_a_query() -> None:
    task = small(build(missing=0.1))
    query = next(task.stream("val", 7).start(1))
    parts = [query.shard(rank, 3) for rank in range(3)]
    assert [len(p) for p in parts] == [2, 2, 3]
    assert [p.first for p in parts] == [7, 9, 11]
    for name in ("x", "y", "y_mask", "x_mask", "covariates"):
        assert torch.equal(torch.cat([getattr(p, name) for p in parts]), getattr(query, name))


def test_order_of_training_windows() -> None:
    task = small(build())

    def order(epoch: int, batch: int = 0, size: int = 10, seed: int = 0) -> list[float]:
        task.seed = seed
        found = [q.y[:, 0, 0, 0] for q in task.stream("train", size, epoch=epoch).start(batch)]
        return torch.cat(found).tolist()

    assert order(0) == order(0, size=7)
    assert order(0)[30:] == order(0, batch=3)
    assert order(0) != order(1)
    assert order(0) != order(0, seed=1)
    assert sorted(order(0)) == sorted(order(1))
    firsts = torch.cat([q.y[:, 0, 0, 0] for q in task.stream("val", 10, epoch=3)])
    assert torch.equal(firsts, task.windows[task.index.val].y[:, 0, 0, 0])


@pytest.mark.parametrize("missing, null", [(0.0, None), (0.3, None), (0.3, 50.0)])
def test_loss_and_metrics_against_numpy(missing: float, null: float | None) -> None:
    graph = build(channels=2, missing=missing)
    signal = graph.signal.clone()
    signal[::5] = 50.0
    task = small(build(channels=2, missing=missing, signal=signal), null_value=null)
    model = LastValue.from_task(task)
    answer = Answer.cat([task.score(model, q) for q in task.stream("train", 9)])
    pred, errors, absolute = [], {1: [], 2: [], 3: [], 4: []}, {1: [], 2: [], 3: [], 4: []}
    mask = task.graph.signal_mask
    for query in task.stream("train", 9):
        pred.append(model(query.x, query.covariates, query.x_mask))
    pred = task.scaler.inverse(torch.cat(pred))
    order = torch.cat([q.y for q in task.stream("train", 9)])
    for row, (p, y) in enumerate(zip(pred.numpy(), order.numpy())):
        known = torch.ones(4, N, 2, dtype=torch.bool)
        if answer.mask is not None:
            known = answer.mask[row]
        for step in range(4):
            for n in range(N):
                for c in range(2):
                    valid = null is None or y[step, n, c] != null
                    if mask is None:
                        assert known[step, n, c] == valid
                    if known[step, n, c]:
                        assert valid
                        errors[step + 1].append(abs(p[step, n, c] - y[step, n, c]))
                        absolute[step + 1].append(abs(y[step, n, c]))
    found = task.metrics(answer, "train")
    for step in (1, 4):
        e, a = np.array(errors[step]), np.array(absolute[step])
        assert found[f"mae@{step}"] == pytest.approx(e.mean(), rel=1e-5)
        assert found[f"rmse@{step}"] == pytest.approx(np.sqrt((e**2).mean()), rel=1e-5)
        assert found[f"mape@{step}"] == pytest.approx((e / a).mean(), rel=1e-5)
        assert found[f"wape@{step}"] == pytest.approx(e.sum() / a.sum(), rel=1e-5)
    means = [np.mean(errors[s]) for s in errors]
    assert found["mae"] == pytest.approx(np.mean(means), rel=1e-5)
    # Over all training windows the loss is the masked mean absolute error.
    total = np.concatenate([np.array(errors[s]) for s in errors]).mean()
    assert float(task.loss(answer, len(answer))) == pytest.approx(total, rel=1e-5)
    parts = [task.loss(answer[i : i + 11], len(answer)) for i in range(0, len(answer), 11)]
    assert float(sum(parts)) == pytest.approx(total, rel=1e-5)


def test_a_batch_of_nothing_valid_costs_nothing() -> None:
    signal = build().signal.clone()
    signal[:20] = torch.nan
    task = small(build(signal=signal))
    model = LastValue.from_task(task)
    answer = task.score(model, task.query(task.index.train[:3]))
    assert not bool(answer.mask.any())
    assert float(task.loss(answer, 3)) == 0.0
    assert np.isnan(task.metrics(answer, "train")["mae"])


def test_training_signal() -> None:
    task = small(build(missing=0.2), delay=1)
    rows = task.training_signal()
    assert rows.x.shape == (144, N, 1)
    assert rows.covariates.shape == (144, 2)
    for place, window in zip(rows.start.tolist()[::20], task.index.train.tolist()[::20]):
        query = task.query([window])
        assert torch.equal(rows.x[place : place + 6], query.x[0])
        assert torch.equal(rows.mask[place : place + 6], query.x_mask[0])
        assert torch.equal(rows.covariates[place : place + 11], query.covariates[0])
    recordings = build(
        signal_recording=[0] * 80 + [1] * 80 + [2] * 80, recordings={"day": [0, 1, 2]}
    )
    task = small(recordings, split=RecordingSplit("day", test=[0], val=[2]))
    rows = task.training_signal()
    assert torch.equal(rows.x, task.scaler(recordings.signal[80:160]))
    assert rows.start.tolist() == list(range(71))


def test_the_usual_day_is_taken_out_and_put_back() -> None:
    """Every reading minus the mean of its node, hour and kind of day over training, by hand."""
    graph = build(channels=2, missing=0.1)
    task = small(graph, profile=True, target_channels=[1], start="2024-01-06")
    plain = small(graph, target_channels=[1], start="2024-01-06")
    assert task.identity()["profile"]
    assert "daily profiles" in task.protocol()["summary"]
    seen = plain.training_signal()
    hour = torch.arange(T) * 2 % 24
    weekend = (torch.arange(T) * 2 // 24 + 5) % 7 > 4  # the 6th of January 2024 is a Saturday
    usual = torch.zeros(T, N, 2)
    for step in range(T):
        like = (hour == hour[step]) & (weekend == weekend[step])
        known = seen.mask & like[: len(seen.x)].view(-1, 1, 1)
        usual[step] = (seen.x * known).sum(0) / known.sum(0)
    window = int(task.index.test[3])
    start = int(task.windows.start[window])
    query, other = task.query([window]), plain.query([window])
    expected = (other.x[0] - usual[start : start + 6]).masked_fill(~other.x_mask[0], 0)
    torch.testing.assert_close(query.x[0], expected, rtol=1e-4, atol=1e-4)
    taken = task.training_signal()
    torch.testing.assert_close(
        taken.x, (seen.x - usual[: len(seen.x)]).masked_fill(~seen.mask, 0), rtol=1e-4, atol=1e-4
    )

    class Nothing(torch.nn.Module):
        def forward(self, x, covariates=None, mask=None):
            return x.new_zeros(len(x), 4, N, 1)

    found = task.forecast(Nothing(), query)[0]
    expected = plain.scaler.of_channels([1]).inverse(usual[start + 6 : start + 10, :, 1:])
    torch.testing.assert_close(found, expected, rtol=1e-4, atol=1e-3)
    for options in ({"covariates": []}, {"covariates": ["day_of_week"]}):
        with pytest.raises(GraphError, match="time of day"):
            small(graph, profile=True, **options)
    with pytest.raises(GraphError, match="time of day"):
        small(build(time_unit="step", signal_t=torch.arange(T)), profile=True)


def test_holidays_are_sundays_for_models_and_profiles() -> None:
    graph = build()
    plain = small(graph, start="2024-01-06", profile=True)
    task = small(graph, start="2024-01-06", profile=True, holidays=["2024-01-08"])  # a Monday
    assert task.identity()["holidays"] == ["2024-01-08"]
    assert "holidays" not in plain.identity()
    before, after = (t.training_signal().covariates[:, 1] for t in (plain, task))
    monday = torch.arange(len(after)) * 2 // 24 == 2
    assert bool((before[monday] == 0).all())
    assert bool((after[monday] == 6).all())
    assert torch.equal(before[~monday], after[~monday])
    assert not torch.equal(plain.profile.mean, task.profile.mean)
    with pytest.raises(GraphError, match="day of the week"):
        small(graph, covariates=["time_of_day"], holidays=["2024-01-08"])
    with pytest.raises(GraphError, match="day of the week"):
        small(build(time_unit="step", signal_t=torch.arange(T)), holidays=["2024-01-08"])
    faded = small(graph, start="2024-01-06", profile=True, profile_half_life=1.5)
    assert faded.identity()["profile_half_life_days"] == 1.5
    day = faded.training_signal().day
    assert torch.equal(day, 19728 + torch.arange(len(day)) * 2 // 24)


def test_the_graph_that_models_see() -> None:
    task = small(build())
    assert task.edge_index.tolist() == [[0, 1, 2, 3], [1, 2, 3, 0]]
    assert task.edge_weight.tolist() == [1, 1, 1, 1]
    assert (task.in_channels, task.out_channels, task.num_nodes) == (1, 1, N)
    assert (task.steps_per_day, task.covariate_names) == (12, ("time_of_day", "day_of_week"))
    # Timed events: those before the end of training, repeated ones once.
    timed = TemporalGraph(
        [0, 0, 1, 2], [1, 1, 2, 3], [0, 10, 20, 470], edge_weight=torch.tensor([1.0, 3, 5, 7]),
        signal=build().signal, signal_t=torch.arange(T) * 2, time_unit="h",
    )  # fmt: skip
    task = small(timed)
    assert task.edge_index.tolist() == [[0, 1], [1, 2]]
    assert task.edge_weight.tolist() == [2.0, 5.0]
    nothing = TemporalGraph([], [], [], signal=build().signal, time_unit="step")
    task = small(nothing)
    assert task.edge_index.shape == (2, 0)
    assert task.edge_weight is None
    assert task.covariate_names == ()
    assert task.steps_per_day is None
    assert task.query([0]).covariates is None
    near = small(build(), edges="correlation", num_neighbors=1)
    assert near.edge_index.shape[0] == 2
    assert near.edge_index[0].tolist() == sorted(set(near.edge_index[0].tolist()))


def test_fit_keeps_the_epoch_of_lowest_error() -> None:
    task = small(build(missing=0.1))
    seed_everything(0)
    model = SignalGRU.from_task(task, hidden_channels=16)
    result = fit(model, task, epochs=6, batch_size=16, lr=0.01, patience=None, **CPU)
    curve = result.curves["val_mae"]
    assert result.curves["best_epoch"] == curve.index(min(curve))
    assert result.metrics["val"]["mae"] == min(curve)
    assert curve[-1] < 0.6 * evaluate(LastValue.from_task(task), task, "val", **CPU_)["mae"]
    test = evaluate(model, task, "test", **CPU_)
    assert test == result.metrics["test"]
    again = Result.from_dict(json.loads(result.to_json()))
    assert again.protocol["split"] == task.split.describe()
    assert "time split" in result.summary()


CPU_ = {"device": "cpu", "threads": 1}


def test_a_model_without_parameters() -> None:
    task = small(build())
    result = fit(LastValue.from_task(task), task, **CPU)
    assert result.metrics["test"] == evaluate(LastValue.from_task(task), task, "test", **CPU_)


def test_resume_gives_the_same_numbers(tmp_path) -> None:
    task = small(build())

    def train(epochs: int, **more: Any) -> tuple[Result, torch.nn.Module]:
        seed_everything(3)
        model = SignalGRU.from_task(task, hidden_channels=8, num_layers=2, dropout=0.2)
        options = {"batch_size": 16, "lr": 0.01, "patience": None, **CPU, **more}
        return fit(model, task, epochs=epochs, **options), model

    whole, model = train(4)
    train(2, checkpoint_dir=tmp_path)
    rest, twin = train(4, checkpoint_dir=tmp_path, resume=True)
    assert rest.curves == whole.curves
    assert rest.metrics == whole.metrics
    assert all(torch.equal(a, b) for a, b in zip(model.parameters(), twin.parameters()))


def test_split_objects() -> None:
    for split in (TimeSplit(0.1, 0.2), BlockSplit(6, 2)):
        task = small(build(), split=split)
        assert task.protocol()["split"] == split.describe()
        assert [len(p) for p in task.index] == [len(p) for p in split.split(task.windows)]
    assert small(build(), split=(0.1, 0.2)).split == TimeSplit(0.1, 0.2)


def test_on_cuda(cuda: torch.device) -> None:
    task = small(build(missing=0.1))
    model = SignalGRU.from_task(task)
    here = evaluate(model, task, "test", **CPU_)
    there = evaluate(model, task, "test", device="cuda")
    assert there == pytest.approx(here, rel=1e-4)


def test_what_is_refused() -> None:
    graph = build()
    for options, words in (
        ({"horizon": 0}, "nothing to forecast"),
        ({"scale_per": "recording"}, "no training reading"),
        ({"null_value": 3.0, "signal": torch.full((T, N, 1), 3.0)}, "no valid reading"),
        ({"history": 60, "horizon": 20}, "no window is left"),
    ):
        changes = {k: options.pop(k) for k in ("signal",) if k in options}
        with pytest.raises(GraphError, match=words):
            small(build(**changes) if changes else graph, **options)
    for options in (
        {"selection": "mea"}, {"edges": "gvien"}, {"scaler": "standrad"}, {"covariates": ["hour"]},
    ):  # fmt: skip
        with pytest.raises(UnknownNameError):
            small(graph, **options)
    task = small(graph)
    with pytest.raises(UnknownNameError, match="val"):
        task.stream("vla", 4)
    with pytest.raises(GraphError, match="batch_size"):
        task.stream("val", 0)
    answer = task.score(LastValue.from_task(task), task.query([0]))
    answer.prediction[0, 0, 0] = torch.nan
    with pytest.raises(GraphError, match="a forecast is NaN"):
        task.metrics(answer, "val")


def test_recordings_shorter_than_a_window_are_named() -> None:
    lengths = [60, 4, 60, 15, 14, 60]
    recording = torch.arange(6).repeat_interleave(torch.tensor(lengths))
    options = {"num_nodes": N, "signal": torch.rand(sum(lengths), N, 1), "time_unit": "h"}
    graph = TemporalGraph([], [], [], signal_recording=recording, **options)
    with pytest.warns(GraphWarning, match="2 of 6 recordings are shorter than .* 15 rows.*: 1, 4$"):
        task = Forecast(graph, history=12, horizon=3, gaps="join")
    assert task.too_short == [i for i, rows in enumerate(lengths) if rows < 15]
    assert task.identity()["recordings_too_short"] == 2
    whole = Forecast(TemporalGraph([], [], [], **options), history=12, horizon=3)
    assert "recordings_too_short" not in whole.identity()
