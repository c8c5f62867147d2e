"""Where the steps of a timeline begin, for all times: later steps too."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np

from graphkit.data import TemporalGraph
from graphkit.data.calendar import CalendarSpan
from graphkit.data.intervals import interval_bounds
from graphkit.errors import GraphError

__all__ = ["CalendarBorders", "GivenBorders", "StepBorders", "borders_from", "borders_of"]


@dataclass(frozen=True)
class StepBorders:
    r"""Steps of one length: border i is :math:`o + \lfloor w i / p \rfloor` ticks.

    On a float clock it is :math:`o + w i` (and p is 1).

    Attributes:
        origin: Where step 0 begins, in ticks.
        width: Ticks of ``parts`` steps together.
        parts: Steps that they are divided into.
        closed: A border that lies elsewhere, as (number, time): on a float clock the end of the
            last of a number of equal steps, which takes in the last event.
    """

    origin: int | float
    width: int | float
    parts: int = 1
    closed: tuple[int, float] | None = None

    def at(self, first: int, stop: int) -> np.ndarray:
        """Borders ``first`` to ``stop``, int64 or float64 ``[stop + 1 - first]``."""
        if isinstance(self.width, int):
            part, rest = divmod(self.width, self.parts)
            i = np.arange(first, stop + 1, dtype=np.int64)
            return self.origin + part * i + rest * i // self.parts
        found = self.width * np.arange(first, stop + 1) + self.origin
        if self.closed is not None and first <= self.closed[0] <= stop:
            found[self.closed[0] - first] = self.closed[1]
        return found

    def number_of(self, t: int | float) -> int:
        """The step that a time lies in; negative before the origin."""
        if isinstance(self.width, int):
            return ((t - self.origin + 1) * self.parts - 1) // self.width
        number = int((t - self.origin) // self.width)
        while self.at(number + 1, number + 1)[0] <= t:
            number += 1
        while self.at(number, number)[0] > t:
            number -= 1
        return number

    def settings(self) -> dict[str, Any]:
        """The borders as values that JSON holds."""
        closed = None if self.closed is None else list(self.closed)
        return {"origin": self.origin, "width": self.width, "parts": self.parts, "closed": closed}


@dataclass(frozen=True)
class GivenBorders:
    """Steps between given times, and none after the last.

    Attributes:
        bounds: Increasing times in ticks.
    """

    bounds: tuple[int | float, ...]

    def at(self, first: int, stop: int) -> np.ndarray:
        """Borders ``first`` to ``stop``.

        Raises:
            GraphError: There are not so many.
        """
        if stop >= len(self.bounds):
            raise GraphError(
                "at",
                "no step follows the last given border",
                expected=f"a time before {self.bounds[-1]}",
                fix="Give the task later borders too (at=).",
            )
        return np.array(self.bounds[first : stop + 1])

    def number_of(self, t: int | float) -> int:
        """The step that a time lies in: -1 before the first border, and one too large behind the
        last."""
        return int(np.searchsorted(np.array(self.bounds), t, side="right")) - 1

    def settings(self) -> dict[str, Any]:
        """The borders as values that JSON holds."""
        return {"bounds": list(self.bounds)}


@dataclass(frozen=True)
class CalendarBorders:
    """Steps of the calendar, such as months.

    Attributes:
        span: What they are.
        first: The number of the span that is step 0.
    """

    span: CalendarSpan
    first: int

    def at(self, first: int, stop: int) -> np.ndarray:
        """Borders ``first`` to ``stop``, int64 ``[stop + 1 - first]``."""
        return self.span.begin(self.first + np.arange(first, stop + 1))

    def number_of(self, t: int | float) -> int:
        """The step that a time lies in; negative before step 0."""
        return int(self.span.number_of(t)) - self.first

    def settings(self) -> dict[str, Any]:
        """The borders as values that JSON holds."""
        return {"first": self.first, "calendar": dict(vars(self.span))}


Borders = StepBorders | GivenBorders | CalendarBorders


def borders_of(
    graph: TemporalGraph,
    every: str | int | float | None = None,
    count: int | None = None,
    at: Any = None,
    origin: str | int | float = "first",
) -> Borders:
    """The borders that :meth:`TemporalGraph.snapshots` gives the steps of a graph, and those of
    later steps.

    Raises:
        GraphError: As there.
    """
    bounds = interval_bounds(graph, every, count, at, origin)  # it says what is wrong
    if at is not None:
        return GivenBorders(tuple(bounds.tolist()))
    span = CalendarSpan.of(every, origin, graph.time_unit, graph.time_zone)
    if span is not None:
        return CalendarBorders(span, int(span.number_of(graph.t_min)))
    first, last = graph.t_min, graph.t_max
    whole = not graph.t.is_floating_point()
    if every is not None:
        return StepBorders(bounds[0].item(), graph.time_unit.ticks(every, whole=whole))
    if whole:
        return StepBorders(first, last + 1 - first, int(count))
    end = (int(count), float(np.nextafter(last, np.inf)))
    return StepBorders(first, (last - first) / count, 1, end)


def borders_from(settings: Mapping[str, Any]) -> Borders:
    """What ``settings()`` of borders kept."""
    if "bounds" in settings:
        return GivenBorders(tuple(settings["bounds"]))
    if "calendar" in settings:
        return CalendarBorders(CalendarSpan(**settings["calendar"]), settings["first"])
    closed = settings["closed"]
    closed = None if closed is None else (int(closed[0]), float(closed[1]))
    return StepBorders(settings["origin"], settings["width"], settings["parts"], closed)
