"""The unit in which a graph counts time, and conversions that refuse to guess."""

from __future__ import annotations

import re
from dataclasses import dataclass
from datetime import timedelta
from fractions import Fraction
from numbers import Rational, Real

import numpy as np

from graphkit.errors import GraphError

__all__ = ["TimeUnit"]

_NANOSECONDS = {
    "ns": 1,
    "us": 10**3,
    "ms": 10**6,
    "s": 10**9,
    "m": 60 * 10**9,
    "h": 3600 * 10**9,
    "d": 86400 * 10**9,
    "w": 7 * 86400 * 10**9,
}
_ALIASES = {
    "nanosecond": "ns",
    "nanoseconds": "ns",
    "microsecond": "us",
    "microseconds": "us",
    "millisecond": "ms",
    "milliseconds": "ms",
    "min": "m",
    "t": "m",
    "sec": "s",
    "second": "s",
    "seconds": "s",
    "minute": "m",
    "minutes": "m",
    "hour": "h",
    "hours": "h",
    "day": "d",
    "days": "d",
    "week": "w",
    "weeks": "w",
    "steps": "step",
}
_SPAN = re.compile(r"^\s*([0-9]*\.?[0-9]+(?:[eE][+-]?[0-9]+)?)?\s*([A-Za-zµμ]+)\s*$")


@dataclass(frozen=True)
class TimeUnit:
    """What one tick of a graph's clock is.

    Args:
        name: ``"ns"``, ``"us"``, ``"ms"``, ``"s"``, ``"m"`` (minutes), ``"h"``, ``"d"``, ``"w"``,
            or ``"step"`` for a clock that only orders events and has no length.

    Months and years have no fixed length and are not units; give their boundaries instead
    (``g.snapshots(at=...)``).

    Raises:
        GraphError: The name is no unit.
    """

    name: str = "s"

    def __post_init__(self) -> None:
        name = _canonical(self.name)
        if name is None:
            raise GraphError(
                "time_unit",
                f"{self.name!r} is not a unit of time",
                expected=f"one of {', '.join([*_NANOSECONDS, 'step'])}",
                fix="Months and years have no fixed length: pass boundaries with at=.",
            )
        object.__setattr__(self, "name", name)

    @property
    def nanoseconds(self) -> int | None:
        """Length of one tick in nanoseconds, or ``None`` for ``"step"``."""
        return _NANOSECONDS.get(self.name)

    def ticks(self, span: str | int | float | timedelta, *, whole: bool = True) -> int | float:
        """How many ticks a span of time is.

        Args:
            span: A number of ticks, a duration such as ``"1h"`` or ``"15 min"``, or a
                :class:`datetime.timedelta` (also pandas' and numpy's).
            whole: Ask for a whole number of ticks (integer clocks).

        Raises:
            GraphError: The span is not a duration; this clock has no length; the span is not
                positive; or it is not a whole number of ticks and ``whole`` is set.
        """
        exact = self._exact_ticks(span)
        if exact <= 0:
            raise GraphError("every", "a span must be positive", got=repr(span))
        if whole:
            if exact.denominator != 1:
                raise GraphError(
                    "every",
                    f"{span!r} is {float(exact):g} ticks of '{self.name}', not a whole number",
                    fix="Use a longer span, or a graph with a finer time unit or float64 times.",
                )
            return int(exact)
        return float(exact)

    def convert(self, value: int, other: TimeUnit | str) -> int:
        """A whole number of ticks of this unit, in ticks of another.

        Raises:
            GraphError: One of the units has no length, or the result is not whole.
        """
        other = other if isinstance(other, TimeUnit) else TimeUnit(other)
        if self == other:
            ticks = Fraction(value)
        elif self.nanoseconds is None:
            raise GraphError(
                "time_unit",
                f"'step' only orders events and has no length in '{other}'",
                fix="Build the graph with its real time unit.",
            )
        else:
            ticks = Fraction(value) * self.nanoseconds / other._length(f"{value}{self}")
        if ticks.denominator != 1:
            raise GraphError(
                "time_unit",
                f"{value} '{self}' is not a whole number of '{other}'",
                got=float(ticks),
            )
        return int(ticks)

    def __str__(self) -> str:
        return self.name

    def _exact_ticks(self, span: str | int | float | timedelta) -> Fraction:
        if isinstance(span, bool):
            raise GraphError("every", "a truth value is not a span of time", got=repr(span))
        if isinstance(span, timedelta):
            nanoseconds = Fraction(
                (span.days * 86400 + span.seconds) * 10**9
                + span.microseconds * 10**3
                + getattr(span, "nanoseconds", 0)  # pandas.Timedelta
            )
            return nanoseconds / self._length(repr(span))
        if isinstance(span, np.timedelta64):
            span = str(span)  # such as "90 minutes"; a number to Python all the same
        if isinstance(span, Real):  # numpy's numbers too
            try:
                return Fraction(span if isinstance(span, Rational) else float(span))
            except (ValueError, OverflowError):
                raise GraphError("every", "a span must be finite", got=repr(span)) from None
        match = _SPAN.match(str(span))
        unit = _canonical(match.group(2)) if match else None
        if match is None or unit is None:
            raise GraphError(
                "every",
                f"{span!r} is not a span of time",
                expected="a number of ticks, or a number and a unit such as '1h' or '15min'",
                fix="Months and years have no fixed length; snapshots(every='1 month') takes them.",
            )
        number = Fraction(match.group(1) or "1")  # exact: "0.1s" is a tenth
        if unit == self.name:
            return number
        if unit == "step":
            raise GraphError(
                "every",
                f"{span!r} counts steps, but this graph's clock ticks in '{self.name}'",
                fix="Pass a duration.",
            )
        return number * _NANOSECONDS[unit] / self._length(span)

    def _length(self, span: object) -> int:
        length = self.nanoseconds
        if length is None:
            raise GraphError(
                "time_unit",
                f"{span!r} has a length, but this graph's clock only orders events ('step')",
                fix="Pass a number of steps, or build the graph with its real time unit.",
            )
        return length


def _canonical(name: str) -> str | None:
    if not isinstance(name, str):
        return None
    name = {"M": ""}.get(name, name)  # an upper-case M is a month, not a minute
    name = re.sub("^[µμ]s$", "us", name).lower()
    name = _ALIASES.get(name, name)
    return name if name in _NANOSECONDS or name == "step" else None
