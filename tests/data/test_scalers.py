"""Scalers against numpy on the valid readings of each group."""

from __future__ import annotations

import copy

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from graphkit import GraphError
from graphkit.data import scalers
from graphkit.data.scalers import (
    SCALERS,
    MaxAbsScaler,
    MinMaxScaler,
    StandardScaler,
    make_scaler,
)

T, N, C = 40, 4, 3
RECORDING = torch.arange(T) // 10


def readings(seed: int = 0) -> tuple[torch.Tensor, torch.Tensor, torch.Tensor]:
    draw = torch.Generator().manual_seed(seed)
    signal = torch.randn(T, N, C, generator=draw) * torch.tensor([1.0, 50, 0.01]) + 7
    mask = torch.rand(T, N, C, generator=draw) < 0.8
    rows = torch.rand(T, generator=draw) < 0.7
    return signal, mask, rows


def group_of(per: str, row: int, node: int, channel: int) -> tuple[int, ...]:
    recording = int(RECORDING[row])
    return {
        "all": (),
        "channel": (channel,),
        "node": (node, channel),
        "recording": (recording, channel),
    }[per]


def expected(name: str, values: np.ndarray) -> tuple[float, float]:
    if name == "standard":
        return values.mean(), values.std() or 1.0
    if name == "minmax":
        return values.min(), (values.max() - values.min()) or 1.0
    if name == "maxabs":
        return 0.0, np.abs(values).max() or 1.0
    return 0.0, 1.0


@given(
    st.sampled_from(sorted(SCALERS)),
    st.sampled_from(["all", "channel", "node", "recording"]),
    st.booleans(),
    st.booleans(),
    st.integers(0, 3),
)
def test_against_numpy(name: str, per: str, masked: bool, some_rows: bool, seed: int) -> None:
    signal, mask, rows = readings(seed)
    scaler = make_scaler(name, per)
    scaler.fit(signal, mask if masked else None, rows if some_rows else None, RECORDING)
    groups: dict[tuple[int, ...], list[float]] = {}
    for t in range(T):
        for n in range(N):
            for c in range(C):
                if (mask[t, n, c] or not masked) and (rows[t] or not some_rows):
                    groups.setdefault(group_of(per, t, n, c), []).append(float(signal[t, n, c]))
    scaled = torch.cat([scaler(signal[i : i + 1], int(RECORDING[i])) for i in range(T)])
    for t in (0, 13, 39):
        for n in range(N):
            for c in range(C):
                shift, scale = expected(name, np.array(groups[group_of(per, t, n, c)]))
                value = (float(signal[t, n, c]) - shift) / scale
                assert float(scaled[t, n, c]) == pytest.approx(value, rel=1e-4, abs=1e-4)
    batch = scaler(signal.view(4, 10, N, C), torch.arange(4))
    assert torch.equal(batch.view(T, N, C), scaled)
    back = scaler.inverse(batch, torch.arange(4)).view(T, N, C)
    torch.testing.assert_close(back, signal, rtol=1e-6, atol=1e-6 * float(scaler.scale.max()))


def test_chunks_make_no_difference(monkeypatch: pytest.MonkeyPatch) -> None:
    signal, mask, rows = readings()
    for name in SCALERS:
        for per in ("channel", "recording"):
            whole = make_scaler(name, per).fit(signal, mask, rows, RECORDING)
            monkeypatch.setattr(scalers, "_CHUNK", 5 * N * C)
            small = make_scaler(name, per).fit(signal, mask, rows, RECORDING)
            monkeypatch.undo()
            torch.testing.assert_close(whole.scale, small.scale)
            torch.testing.assert_close(whole.shift, small.shift)


def test_constant_readings_are_only_shifted() -> None:
    signal = torch.full((5, 2, 1), 3.0)
    for name, value in (("standard", 0.0), ("minmax", 0.0), ("maxabs", 1.0), ("none", 3.0)):
        scaler = make_scaler(name, "node").fit(signal)
        assert bool((scaler(signal) == value).all())
        assert torch.equal(scaler.inverse(scaler(signal)), signal)


def test_without_a_training_reading_a_group_takes_what_all_others_have() -> None:
    signal = torch.tensor([1.0, 3.0, 100.0]).view(3, 1, 1).repeat(1, 2, 1)
    rows = torch.tensor([True, True, False])
    recording = torch.tensor([0, 0, 1])
    scaler = StandardScaler("recording").fit(signal, None, rows, recording)
    assert scaler.shift.flatten().tolist() == [2.0, 2.0]
    assert scaler.scale.flatten().tolist() == [1.0, 1.0]
    mask = torch.tensor([[True, False]] * 3).unsqueeze(-1)
    scaler = MaxAbsScaler("node").fit(signal, mask, rows)
    assert scaler.scale.flatten().tolist() == [3.0, 3.0]
    with pytest.raises(GraphError, match="no valid reading"):
        StandardScaler().fit(signal, None, torch.zeros(3, dtype=torch.bool))


def test_of_channels() -> None:
    signal, _, _ = readings()
    for per in ("all", "channel", "node"):
        scaler = StandardScaler(per).fit(signal)
        for channels in (slice(1, 3), [2, 0]):
            some = scaler.of_channels(channels)
            assert torch.equal(some(signal[..., channels]), scaler(signal)[..., channels])


def test_state_dict() -> None:
    signal, _, _ = readings()
    for per in ("all", "node", "recording"):
        fitted = StandardScaler(per).fit(signal, recording=RECORDING)
        fresh = StandardScaler(per)
        holder, other = torch.nn.ModuleList([fitted]), torch.nn.ModuleList([fresh])
        other.load_state_dict(holder.state_dict())
        assert torch.equal(fresh.scale, fitted.scale)
        assert torch.equal(fresh.shift, fitted.shift)
        twin = copy.deepcopy(fitted)
        assert torch.equal(twin(signal, 0), fitted(signal, 0))
    assert fitted.to("meta").scale.is_meta
    assert "per='recording'" in repr(fresh)


def test_float64_stays_exact() -> None:
    signal = torch.randn(T, N, C, dtype=torch.float64) + 1e6
    scaler = StandardScaler("node").fit(signal)
    assert scaler.scale.dtype == torch.float64
    torch.testing.assert_close(scaler.inverse(scaler(signal)), signal, rtol=1e-15, atol=0)


def test_what_is_refused() -> None:
    signal, _, _ = readings()
    with pytest.raises(GraphError, match="needs the recording of every row"):
        MaxAbsScaler().fit(signal)
    with pytest.raises(GraphError, match="say which"):
        MaxAbsScaler().fit(signal, recording=RECORDING)(signal)
    with pytest.raises(GraphError, match="channel"):
        StandardScaler("chanel")
    with pytest.raises(GraphError, match="standard"):
        make_scaler("standart")


@settings(max_examples=60, deadline=None)
@given(
    st.floats(-1e9, 1e9).filter(lambda v: abs(v) > 1e-3),
    st.integers(1, 700),
    st.sampled_from(["all", "channel", "node", "recording"]),
    st.sampled_from([torch.float32, torch.float64]),
    st.booleans(),
)
def test_a_constant_sensor_has_scale_1(value, steps, per, dtype, jitter) -> None:
    signal = torch.full((steps, 1, 1), value, dtype=dtype)
    if jitter and dtype == torch.float64:  # the last bit, as of 0.1 + 0.2 beside 0.3
        signal[::2] = torch.nextafter(signal[::2], torch.full_like(signal[::2], torch.inf))
    recording = torch.zeros(steps, dtype=torch.int64) if per == "recording" else None
    for scaler in (StandardScaler(per), MinMaxScaler(per)):
        scaler.fit(signal, recording=recording)
        assert scaler.scale.tolist() == [[[1.0]]]
        scaled = scaler(signal, 0 if per == "recording" else None)
        assert float(scaled.abs().max()) <= 1e-6 * abs(value)


def test_a_small_deviation_of_large_readings_is_a_deviation() -> None:
    signal = 1e6 + torch.arange(100, dtype=torch.float64).view(-1, 1, 1) * 1e-8
    scaler = StandardScaler().fit(signal)
    assert float(scaler.scale) == pytest.approx(float(signal.std(correction=0)), rel=1e-3)
    assert float(scaler.scale) < 1e-6


@pytest.mark.parametrize("name", ["standard", "minmax", "maxabs"])
def test_a_scale_that_float32_does_not_hold_is_1(name: str) -> None:
    signal = torch.tensor([0.0, 1e-300]).view(2, 1, 1)
    tiny = torch.tensor([0.0, 1e-42]).view(2, 1, 1)
    for values in (signal.double(), tiny):
        scaler = make_scaler(name, "channel").fit(values)
        assert bool(scaler(values.float()).isfinite().all())
