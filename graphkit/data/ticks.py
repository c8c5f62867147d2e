"""Times counted in one unit, counted in another: exactly, or refused."""

from __future__ import annotations

from fractions import Fraction
from typing import Any

import numpy as np

from graphkit.data.time_unit import TimeUnit
from graphkit.errors import GraphError

__all__ = ["convert_ticks"]

_EXACT = 2**53  # from here on float64 skips integers


def convert_ticks(
    values: np.ndarray,
    unit: TimeUnit,
    to: TimeUnit,
    dtype: str = "int64",
    column: str = "t",
) -> np.ndarray:
    """Times in ticks of one unit as ticks of another, of a given type.

    Args:
        values: Numbers ``[E]``.
        unit: What one tick of ``values`` is.
        to: The unit wanted.
        dtype: ``"int64"`` or ``"float64"``.
        column: Name for messages.

    Raises:
        GraphError: A value is not finite, or cannot be converted without rounding; one of the
            units has no length.
    """
    values = np.asarray(values)
    if values.dtype.kind == "f":
        _refuse(~np.isfinite(values), values, column, "a time is not finite", "a finite number")
    factor = _factor(unit, to, column)
    if values.dtype.kind in "iub":
        out = _from_integers(values, factor, dtype, unit, to, column)
    elif factor == 1 and dtype == "float64":
        out = values.astype(np.float64)
    elif factor == 1:
        _refuse(values != np.floor(values), values, column,
                "a time is not a whole number of ticks", f"whole ticks of '{to}'")  # fmt: skip
        _refuse(np.abs(values) >= _EXACT, values, column,
                "a float does not hold times of this size exactly", "integers")  # fmt: skip
        out = values.astype(np.int64)
    else:
        out = _from_floats(values, factor, dtype, unit, to, column)
    return out


def _factor(unit: TimeUnit, to: TimeUnit, column: str) -> Fraction:
    if unit == to:
        return Fraction(1)
    if unit.nanoseconds is None or to.nanoseconds is None:
        raise GraphError(
            column,
            f"times in '{unit}' cannot be told in '{to}'",
            expected=f"times in '{to}'",
            fix="'step' only orders events and has no length.",
        )
    return Fraction(unit.nanoseconds, to.nanoseconds)


def _from_integers(
    values: np.ndarray, factor: Fraction, dtype: str, unit: TimeUnit, to: TimeUnit, column: str
) -> np.ndarray:
    if values.dtype.kind == "u":
        _refuse(
            values > 2**63 - 1, values, column, "a time does not fit in int64", "at most 2**63-1"
        )
    values = values.astype(np.int64)
    top, bottom = factor.numerator, factor.denominator  # one of them is 1: units divide each other
    if dtype == "int64":
        _refuse(values % bottom != 0, values, column,
                f"a time in '{unit}' is not a whole number of '{to}'",
                f"a multiple of {bottom}")  # fmt: skip
        whole = values // bottom
        limit = (2**63 - 1) // top
        _refuse((whole > limit) | (whole < -limit), values, column,
                f"a time in '{unit}' does not fit in int64 ticks of '{to}'",
                f"at most {limit}")  # fmt: skip
        return whole * top
    odd = bottom
    while odd % 2 == 0:  # halves, quarters, ... are exact in binary
        odd //= 2
    limit = _EXACT // top
    _refuse((values > limit) | (values < -limit), values, column,
            "float64 does not hold a time of this size exactly", f"at most {limit}")  # fmt: skip
    _refuse(values % odd != 0, values, column,
            f"a time in '{unit}' cannot be told in '{to}' without rounding", None)  # fmt: skip
    return values.astype(np.float64) * top / bottom


def _from_floats(
    values: np.ndarray, factor: Fraction, dtype: str, unit: TimeUnit, to: TimeUnit, column: str
) -> np.ndarray:
    distinct, place = np.unique(values, return_inverse=True)
    exact = [Fraction(value) * factor for value in distinct.tolist()]
    if dtype == "int64":
        lost = np.array([v.denominator != 1 or not -(2**63) <= v < 2**63 for v in exact])
    else:
        lost = np.array([Fraction(float(v)) != v for v in exact])
    _refuse(lost[place], values, column,
            f"a time in '{unit}' cannot be told in '{to}' without rounding", None)  # fmt: skip
    kind: Any = int if dtype == "int64" else float
    return np.array([kind(v) for v in exact], dtype=dtype)[place]


def _refuse(
    wrong: np.ndarray, values: np.ndarray, column: str, problem: str, expected: str | None
) -> None:
    if wrong.any():
        row = int(np.argmax(wrong))
        raise GraphError(
            column,
            problem,
            row=row,
            expected=expected,
            got=values[row].item(),
            fix="Convert the times first, or give the graph a finer time unit.",
        )
