"""Spacing of the rows of a signal, and treatment of missing rows.

A **stretch** is a run of rows of one recording, each one step after the preceding row.
"""

from __future__ import annotations

import itertools
from collections.abc import Callable
from dataclasses import asdict, dataclass
from typing import TYPE_CHECKING, Any, NamedTuple

import torch
from torch import Tensor

from graphkit import renamed
from graphkit.checks import check_choice
from graphkit.data.readings import Readings
from graphkit.data.recordings import recording_bounds
from graphkit.errors import GraphError

if TYPE_CHECKING:
    from graphkit.data.temporal_graph import TemporalGraph

__all__ = ["GAPS", "Cadence", "Stretches", "signal_breaks"]

GAPS = ("raise", "missing", "split", "join")
"""What can be done where rows are missing."""

_JITTER = 0.01  # tolerance of times, as a share of a step
_ROUNDED = 10  # ticks of a step from which on a time may also be off by one tick: it was rounded
_FILLED = 100_000  # limit of filled rows; more suggest a wrong unit of time


class Stretches(NamedTuple):
    """Stretches of readings.

    Attributes:
        rows: Readings of each stretch.
        continues: Whether the first stretch continues the row before the table.
        filled: Number of rows that were filled in without readings.
    """

    rows: list[Readings]
    continues: bool
    filled: int


@dataclass(frozen=True)
class Cadence:
    """Spacing of rows in the signal that a model was trained on.

    Attributes:
        step: Median number of ticks between consecutive rows of a recording; ``None`` where no
            recording has two rows.
        regular: Whether all rows had this spacing.
    """

    step: float | None
    regular: bool

    @classmethod
    def of(cls, graph: TemporalGraph) -> Cadence:
        """The cadence of a graph's signal."""
        return cls.of_times(graph.signal_t, graph.signal_recording)

    @classmethod
    def of_times(cls, t: Tensor, recording: Tensor | None = None) -> Cadence:
        """The cadence of rows at times ``[T]``, in recordings ``[T]``."""
        gaps = t.diff()
        if recording is not None:
            gaps = gaps[recording.diff() == 0]
        if not gaps.numel():
            return cls(None, False)
        step = gaps.median().item()
        return cls(step, not bool(_off(gaps, step).any()))

    def same_step(self, step: float) -> bool:
        """Whether rows ``step`` ticks apart are one step apart."""
        return abs(step - self.step) <= _JITTER * self.step

    def to_json(self) -> dict[str, Any]:
        """The facts as values that JSON holds."""
        return asdict(self)

    def check(self, graph: TemporalGraph, name: str, written: Callable[[Any], Any]) -> None:
        """Raise an error if the rate of the recordings differs from the rate in training.

        Args:
            graph: Graph with a signal in recordings.
            name: Name of the column of times, used in messages.
            written: Function that converts ticks to a time in the format of the source.

        Raises:
            GraphError: The median distance of rows differs, or a row is not one step after the
                preceding row although all rows in training were.
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
        """Split or fill readings where rows are missing.

        Args:
            readings: Readings in order of time.
            gaps: Treatment of missing rows. ``"raise"``: an error is raised. ``"missing"``: rows
                without readings are filled in. ``"split"``: a new stretch begins. ``"join"``: the
                rows count as consecutive.
            name: Name of the column of times, used in messages.
            written: Function that converts ticks to a time in the format of the source.
            last: Time of the row before the table; ``None`` if there is none.

        Raises:
            GraphError: Rows are missing and ``gaps="raise"``; or with ``gaps="missing"`` a time
                lies between two steps, or far more rows are missing than present.
            UnknownNameError: ``gaps`` is unknown.
        """
        gaps = check_choice(renamed.value("gaps", gaps), "gaps", GAPS)
        t = readings.t
        if not len(t):
            return Stretches([], True, 0)
        if gaps == "join" or self.step is None:
            return Stretches([readings], last is not None, 0)
        before = t[:1] - self.step if last is None else t.new_tensor([last])
        apart = torch.cat([before.to(t.dtype), t]).diff()
        steps = (apart.double() / self.step).round().clamp_min(1)
        off = (apart.double() - steps * self.step).abs() > _slack(t, self.step)
        broken = off | (steps > 1)
        if gaps == "missing":
            broken = off
        if gaps != "split" and bool(broken.any()):
            raise self._broken(int(broken.nonzero()[0]), apart, off, t, name, written)
        if gaps == "missing":
            self._check_size(steps, name, t, written)
            return _filled(readings, steps.long(), self.step, last is not None)
        cuts = [row for row in broken.nonzero().flatten().tolist() if row]
        bounds = [0, *cuts, len(t)]
        rows = [Readings(*(v[a:b] for v in readings)) for a, b in itertools.pairwise(bounds)]
        return Stretches(rows, last is not None and not bool(broken[0]), 0)

    def _check_size(self, steps: Tensor, name: str, t: Tensor, written: Any) -> None:
        """Raise an error if far more rows would be filled in than are present."""
        if float(steps.sum()) - len(t) <= max(_FILLED, 10 * len(t)):
            return
        row = int(steps.argmax())
        raise GraphError(
            name,
            f"{steps[row] - 1:,.0f} rows are missing before this one",
            row=row,
            expected=f"at most {max(_FILLED, 10 * len(t)):,} to fill in",
            got=str(written(t[row].item())),
            fix="Is this the unit of its times? If so, gaps='split' begins anew here.",
        )

    def _broken(
        self, row: int, apart: Tensor, off: Tensor, t: Tensor, name: str, written: Any
    ) -> GraphError:
        before = t[row].item() - apart[row].item()
        problem, fix = "rows are missing before this one", "gaps='missing' takes them for missing "
        fix += "readings, gaps='split' begins anew here, gaps='join' takes the rows as they come"
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


def signal_breaks(t: Tensor, recording: Tensor | None = None) -> Tensor:
    """Positions at which the rows of a signal are not one step apart.

    The step is the median spacing of the rows of a recording.

    Args:
        t: Times ``[T]``.
        recording: Recording of each row, int64 ``[T]``.

    Returns:
        bool ``[T]`` on the CPU, true in rows that are not one step after the preceding row of the
        same recording.
    """
    t = t.cpu()
    gaps = t.diff()
    inside = torch.ones(len(gaps), dtype=torch.bool)
    if recording is not None:
        inside = recording.cpu().diff() == 0
    broken = torch.zeros(len(t), dtype=torch.bool)
    if not bool(inside.any()):
        return broken
    broken[1:] = inside & _off(gaps, gaps[inside].median().item())
    if recording is None or not bool(broken.any()):
        return broken
    _, bounds = recording_bounds(recording, len(t))
    for low, high in zip(bounds[:-1].tolist(), bounds[1:].tolist()):
        if bool(broken[low:high].any()):  # at another rate, or with rows missing
            mine = gaps[low : high - 1]
            broken[low + 1 : high] = _off(mine, mine.median().item())
    return broken


def _off(gaps: Tensor, step: float) -> Tensor:
    """bool, true where a spacing is not one step."""
    return (gaps.double() - step).abs() > _slack(gaps, step)


def _slack(times: Tensor, step: float) -> float:
    """Tolerance of a spacing in ticks."""
    rounded = not times.is_floating_point() and step >= _ROUNDED
    return max(_JITTER * step, 1.0 if rounded else 0.0)


def _filled(readings: Readings, steps: Tensor, step: float, continues: bool) -> Stretches:
    """Readings with the missing rows inserted."""
    place = steps.cumsum(0) - 1
    size = int(place[-1]) + 1
    t, values, mask = readings
    behind = torch.searchsorted(place, torch.arange(size))  # the next present row
    full_t = t[behind] - ((place[behind] - torch.arange(size)) * step).to(t.dtype)
    full_values = values.new_zeros(size, *values.shape[1:])
    full_mask = mask.new_zeros(size, *mask.shape[1:])
    full_values[place], full_mask[place] = values, mask
    rows = Readings(full_t, full_values, full_mask)
    return Stretches([rows], continues, size - len(t))
