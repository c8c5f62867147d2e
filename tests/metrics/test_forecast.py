"""Masked errors against numpy over the valid entries."""

from __future__ import annotations

import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

from graphkit.metrics import forecast as module
from graphkit.metrics import forecast_errors, masked_mae, masked_mape, masked_rmse, wape


def reference(pred: np.ndarray, target: np.ndarray) -> dict[str, float]:
    error = np.abs(pred - target)
    large = np.abs(target) >= 1e-3
    return {
        "mae": error.mean() if error.size else np.nan,
        "rmse": np.sqrt((error**2).mean()) if error.size else np.nan,
        "mape": (error[large] / np.abs(target[large])).mean() if large.any() else np.nan,
        "wape": error.sum() / np.abs(target).sum() if np.abs(target).sum() else np.nan,
    }


@given(
    st.integers(0, 10**6),
    st.sampled_from([None, 0.0, float("nan")]),
    st.sampled_from([0.0, 0.3, 1.0]),
    st.booleans(),
)
def test_against_numpy(seed: int, null: float | None, missing: float, masked: bool) -> None:
    draw = np.random.default_rng(seed)
    shape = (5, 3, 4, 2)
    pred = draw.normal(size=shape)
    target = draw.integers(-2, 3, size=shape).astype(float)
    target[draw.random(shape) < missing] = np.nan
    mask = draw.random(shape) < 0.7 if masked else np.ones(shape, bool)
    valid = mask & ~np.isnan(target)
    if null == 0:
        valid &= target != 0
    given = (torch.tensor(pred), torch.tensor(target), torch.tensor(mask) if masked else None, null)
    want = reference(pred[valid], target[valid])
    for name, function in (
        ("mae", masked_mae), ("rmse", masked_rmse), ("mape", masked_mape), ("wape", wape),
    ):  # fmt: skip
        value = 0.0 if np.isnan(want[name]) else want[name]
        assert float(function(*given)) == pytest.approx(value), name
    found = forecast_errors(*given)
    for step in range(3):
        want = reference(pred[:, step][valid[:, step]], target[:, step][valid[:, step]])
        for name, values in found.items():
            assert float(values[step]) == pytest.approx(want[name], nan_ok=True), name


def test_pieces_make_no_difference(monkeypatch: pytest.MonkeyPatch) -> None:
    pred, target = torch.randn(50, 3, 4), torch.randn(50, 3, 4)

    whole = forecast_errors(pred, target)
    separate = [forecast_errors(pred[:20], target[:20]), forecast_errors(pred[20:], target[20:])]
    mean = (20 * separate[0]["mae"] + 30 * separate[1]["mae"]) / 50
    torch.testing.assert_close(whole["mae"], mean)
    monkeypatch.setattr(module, "_PIECE", 7 * 12)
    for name, value in forecast_errors(pred, target).items():
        torch.testing.assert_close(value, whole[name])


def test_nothing_valid_is_a_loss_of_zero() -> None:
    pred = torch.randn(4, 3, requires_grad=True)
    nothing = torch.full((4, 3), torch.nan)
    for function in (masked_mae, masked_mape, wape):
        loss = function(pred, nothing)
        assert float(loss.detach()) == 0
        (gradient,) = torch.autograd.grad(loss, pred)
        assert torch.equal(gradient, torch.zeros(4, 3))
    assert all(bool(v.isnan().all()) for v in forecast_errors(pred.detach(), nothing).values())


def test_gradient_ignores_what_is_missing() -> None:
    pred = torch.zeros(3, requires_grad=True)
    masked_mae(pred, torch.tensor([1.0, torch.nan, -1.0])).backward()
    assert pred.grad.tolist() == [-0.5, 0.0, 0.5]
