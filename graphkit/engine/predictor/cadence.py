"""How far apart the rows of a signal lie, and what becomes of rows that lie further apart."""

from __future__ import annotations

import itertools
from collections.abc import Callable
from dataclasses import asdict, dataclass
from typing import Any, NamedTuple

import torch
from torch import Tensor

from graphkit.checks import check_choice
from graphkit.data import TemporalGraph
from graphkit.data.signal_schema import Readings
from graphkit.errors import GraphError

__all__ = ["GAPS", "Cadence", "Stretches"]

GAPS = ("raise", "missing", "restart", "join")
"""What can be done about rows that are missing."""

_JITTER = 0.01  # share of a step by which a time may be off: times in nanoseconds are rounded


class Stretches(NamedTuple):
    """Readings whose rows follow one another.

    Attributes:
        rows: Each stretch.
        continues: Whether the first one follows the row before the table.
        filled: Number of rows that were filled in as missing.
    """

    rows: list[Readings]
    continues: bool
    filled: int


@dataclass(frozen=True)
class Cadence:
    """The distance of rows in the signal that a model was trained on.

    Attributes:
        step: Ticks from one row to the next within a recording, the median; ``None`` where no
            recording has two rows.
        regular: Whether all rows were that far apart.
    """

    step: float | None
    regular: bool

    @classmethod
    def of(cls, graph: TemporalGraph) -> Cadence:
        """That of a graph's signal."""
        gaps = graph.signal_t.diff()
        if graph.signal_recording is not None:
            gaps = gaps[graph.signal_recording.diff() == 0]
        if not gaps.numel():
            return cls(None, False)
        step = gaps.median().item()
        return cls(step, not bool(_off(gaps, step).any()))

    def to_json(self) -> dict[str, Any]:
        """The facts as values that JSON holds."""
        return asdict(self)

    def check(self, graph: TemporalGraph, name: str, written: Callable[[Any], Any]) -> None:
        """Refuse recordings of another rate than that of training.

        Args:
            graph: With a signal in recordings.
            name: Name of the column of times, for messages.
            written: A time in ticks as the source has it.

        Raises:
            GraphError: The median distance of rows differs, or a row is not one step after the one
                before it though all rows of training were.
        """
        gaps = graph.signal_t.diff()
        gaps = gaps.masked_fill(graph.signal_recording.diff() != 0, self.step or 0)
        inside = gaps[graph.signal_recording.diff() == 0]
        if self.step is None or not inside.numel():
            return
        off = _off(gaps, self.step)
        if _off(inside.median(), self.step) or (self.regular and bool(off.any())):
            row = int(off.nonzero()[0]) + 1
            raise GraphError(
                name,
                "the rows lie further apart or closer together than those of training",
                row=row,
                expected=f"{self.step} ticks after {written(graph.signal_t[row - 1].item())}",
                got=str(written(graph.signal_t[row].item())),
                fix="Resample the readings, or make what lies between gaps recordings of their "
                "own.",
            )

    def stretches(
        self,
        readings: Readings,
        gaps: str,
        name: str,
        written: Callable[[Any], Any],
        last: float | None = None,
    ) -> Stretches:
        """Rows cut, or filled up, where rows are missing.

        Args:
            readings: Rows in order of time.
            gaps: ``"raise"``; ``"missing"``: rows without any reading are put in; ``"restart"``: a
                stretch ends there; ``"join"``: rows follow one another all the same.
            name: Name of the column of times, for messages.
            written: A time in ticks as the source has it.
            last: Time of the row before the table; ``None`` without one.

        Raises:
            GraphError: Rows are missing and ``gaps="raise"``; or a time lies between two steps and
                ``gaps="missing"``.
            UnknownNameError: No such ``gaps``.
        """
        check_choice(gaps, "gaps", GAPS)
        t = readings.t
        if not len(t):
            return Stretches([], True, 0)
        if gaps == "join" or self.step is None:
            return Stretches([readings], last is not None, 0)
        before = t[:1] - self.step if last is None else t.new_tensor([last])
        apart = torch.cat([before.to(t.dtype), t]).diff()
        steps = (apart.double() / self.step).round().clamp_min(1)
        off = (apart.double() - steps * self.step).abs() > _JITTER * self.step
        broken = off | (steps > 1)
        if gaps == "missing":
            broken = off
        if gaps != "restart" and bool(broken.any()):
            raise self._broken(int(broken.nonzero()[0]), apart, off, t, name, written)
        if gaps == "missing":
            return _filled(readings, steps.long(), self.step, last is not None)
        cuts = [row for row in broken.nonzero().flatten().tolist() if row]
        bounds = [0, *cuts, len(t)]
        rows = [Readings(*(v[a:b] for v in readings)) for a, b in itertools.pairwise(bounds)]
        return Stretches(rows, last is not None and not bool(broken[0]), 0)

    def _broken(
        self, row: int, apart: Tensor, off: Tensor, t: Tensor, name: str, written: Any
    ) -> GraphError:
        before = t[row].item() - apart[row].item()
        problem, fix = "rows are missing before this one", "gaps='missing' takes them for missing "
        fix += "readings, gaps='restart' begins anew here, gaps='join' takes the rows as they come"
        fix += "." if self.regular else ", as training did, whose rows were unevenly spaced."
        if bool(off[row]):
            problem = "this row is not a whole number of steps after the one before"
            fix = "Resample the readings to the rate of training."
        return GraphError(
            name,
            problem,
            row=row,
            expected=str(written(before + self.step)),
            got=str(written(t[row].item())),
            fix=fix,
        )


def _off(gaps: Tensor, step: float) -> Tensor:
    """bool, where a distance is not one step."""
    return (gaps.double() - step).abs() > _JITTER * step


def _filled(readings: Readings, steps: Tensor, step: float, continues: bool) -> Stretches:
    """Rows with those put in that are missing before them."""
    place = steps.cumsum(0) - 1
    size = int(place[-1]) + 1
    t, values, mask = readings
    behind = torch.searchsorted(place, torch.arange(size))  # the next row that is there
    full_t = t[behind] - ((place[behind] - torch.arange(size)) * step).to(t.dtype)
    full_values = values.new_zeros(size, *values.shape[1:])
    full_mask = mask.new_zeros(size, *mask.shape[1:])
    full_values[place], full_mask[place] = values, mask
    rows = Readings(full_t, full_values, full_mask)
    return Stretches([rows], continues, size - len(t))
