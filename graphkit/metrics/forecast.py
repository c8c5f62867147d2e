r"""Errors of forecasts, computed over valid targets only, in the units of the targets.

.. math::
    \mathrm{MAE} = \overline{|\hat y - y|}, \quad
    \mathrm{RMSE} = \sqrt{\overline{(\hat y - y)^2}}, \quad
    \mathrm{MAPE} = \overline{|\hat y - y| / |y|}, \quad
    \mathrm{WAPE} = \frac{\sum |\hat y - y|}{\sum |y|}

A target is valid if the mask is true and the target is neither NaN nor the null value. MAPE also
excludes targets that are (nearly) 0. MAPE and WAPE are fractions: 0.05 is 5 %.
"""

from __future__ import annotations

import torch
from torch import Tensor

__all__ = ["forecast_errors", "masked_mae", "masked_mape", "masked_rmse", "wape"]

_PIECE = 1 << 22  # number of entries processed at once
_SMALL = 1e-3  # MAPE excludes smaller targets: the quotient is meaningless


def masked_mae(
    pred: Tensor, target: Tensor, mask: Tensor | None = None, null_value: float | None = None
) -> Tensor:
    """Mean absolute error; 0 (with a gradient of 0) without valid targets, so it can be a loss.

    Args:
        pred: Forecasts, any shape.
        target: True values, of the same shape; NaN marks a missing value.
        mask: bool, true where the target is valid.
        null_value: Targets equal to this value count as missing.
    """
    valid = _valid(target, mask, null_value)
    error = (pred - torch.where(valid, target, 0)).abs() * valid
    return error.sum() / valid.sum().clamp(min=1)


def masked_rmse(
    pred: Tensor, target: Tensor, mask: Tensor | None = None, null_value: float | None = None
) -> Tensor:
    """Root mean squared error; 0 without valid targets. Arguments as in :func:`masked_mae`."""
    valid = _valid(target, mask, null_value)
    error = (pred - torch.where(valid, target, 0)).square() * valid
    return (error.sum() / valid.sum().clamp(min=1)).sqrt()


def masked_mape(
    pred: Tensor, target: Tensor, mask: Tensor | None = None, null_value: float | None = None
) -> Tensor:
    """Mean absolute error relative to each target, over targets that are not 0; 0 if none is left.

    The arguments are those of :func:`masked_mae`.
    """
    valid = _valid(target, mask, null_value) & ~(target.abs() < _SMALL)
    safe = torch.where(valid, target, 1)
    return ((pred - safe).abs() / safe.abs() * valid).sum() / valid.sum().clamp(min=1)


def wape(
    pred: Tensor, target: Tensor, mask: Tensor | None = None, null_value: float | None = None
) -> Tensor:
    """Sum of absolute errors relative to the sum of absolute targets; 0 if that sum is 0.

    The arguments are those of :func:`masked_mae`.
    """
    valid = _valid(target, mask, null_value)
    truth = torch.where(valid, target, 0)
    total = truth.abs().sum()
    error = ((pred - truth).abs() * valid).sum()
    return torch.where(total > 0, error / torch.where(total > 0, total, 1), 0)


def forecast_errors(
    pred: Tensor, target: Tensor, mask: Tensor | None = None, null_value: float | None = None
) -> dict[str, Tensor]:
    """The four error metrics of every forecast step, computed together.

    Args:
        pred: Forecasts, ``[Q, T, ...]``.
        target: True values, of the same shape; NaN marks a missing value.
        mask: bool, true where the target is valid.
        null_value: Targets equal to this value count as missing.

    Returns:
        ``mae``, ``rmse``, ``mape`` and ``wape``, each float64 ``[T]``; NaN at a step without valid
        targets.
    """
    steps = pred.size(1)
    sums = {
        name: torch.zeros(steps, dtype=torch.float64, device=pred.device)
        for name in ("count", "absolute", "square", "truth", "relative", "relative_count")
    }
    rows = max(1, _PIECE // max(1, pred[0].numel()))
    for at in range(0, pred.size(0), rows):  # float64 in pieces, not all at once
        part = slice(at, at + rows)
        valid = _valid(target[part], None if mask is None else mask[part], null_value)
        truth = torch.where(valid, target[part], 0).double()
        error = (pred[part].double() - truth).abs() * valid
        large = valid & ~(truth.abs() < _SMALL)
        found = {
            "count": valid,
            "absolute": error,
            "square": error.square(),
            "truth": truth.abs(),
            "relative": error / torch.where(large, truth.abs(), torch.inf),
            "relative_count": large,
        }
        for name, value in found.items():
            sums[name] += value.double().transpose(0, 1).reshape(steps, -1).sum(1)
    return {
        "mae": sums["absolute"] / sums["count"],
        "rmse": (sums["square"] / sums["count"]).sqrt(),
        "mape": sums["relative"] / sums["relative_count"],
        "wape": sums["absolute"] / torch.where(sums["truth"] > 0, sums["truth"], torch.nan),
    }


def _valid(target: Tensor, mask: Tensor | None, null_value: float | None) -> Tensor:
    valid = ~target.isnan()
    if mask is not None:
        valid = valid & mask
    if null_value is not None and null_value == null_value:
        valid = valid & (target != null_value)
    return valid
