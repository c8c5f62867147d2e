"""The window view: a signal cut into histories and horizons, without copying it."""

from __future__ import annotations

import warnings
from collections.abc import Iterator, Sequence
from typing import TYPE_CHECKING, Any, NamedTuple

import numpy as np
import torch
from torch import Tensor

from graphkit import renamed
from graphkit.checks import check_choice, check_count
from graphkit.data.cadence import GAPS
from graphkit.data.fill_gaps import fill_gaps, signal_mask
from graphkit.data.gaps import find_gaps
from graphkit.data.recordings import recording_bounds
from graphkit.errors import GraphError, GraphWarning

if TYPE_CHECKING:
    from graphkit.data.temporal_graph import TemporalGraph

__all__ = ["Window", "Windows", "name_short_recordings", "windows"]


class Window(NamedTuple):
    """One window, or a batch of windows with a leading axis ``B``.

    Attributes:
        x: The history, ``[history, N, C]``; 0 where a reading is missing.
        y: The target, ``[horizon, N, C']``; 0 where a reading is missing.
        mask: Where ``y`` was observed, bool ``[horizon, N, C']``.
        t: Times of the rows from the first of ``x`` to the last of ``y``,
            ``[history + delay + horizon]``: ``t[:history]`` belong to ``x``,
            ``t[history + delay:]`` to ``y``.
        x_mask: Where ``x`` was observed, bool ``[history, N, C]``.
    """

    x: Tensor
    y: Tensor
    mask: Tensor
    t: Tensor
    x_mask: Tensor

    def to(self, device: torch.device | str, non_blocking: bool = False) -> Window:
        """The same window on another device."""
        return Window(*(piece.to(device, non_blocking=non_blocking) for piece in self))

    def pin_memory(self) -> Window:
        """The same window in page-locked memory."""
        return Window(*(piece.pin_memory() for piece in self))


@renamed.old_attributes("Windows")
class Windows(Sequence[Window]):
    """All windows of a signal, as a sequence. Made by :meth:`TemporalGraph.windows`.

    ``w[i]`` is one window and ``w[a:b]`` a batch of them ``[B, ...]``; both are views of the
    signal, the batch if its windows lie in one stretch. ``w[index]`` with a tensor, an array or a
    list gathers a batch: only that batch is copied. The sequence itself costs no memory beside
    the signal but a few numbers per stretch.

    No window crosses the border of two recordings (``signal_recording``), nor of two stretches of
    a recording between which rows are missing: windows are counted in each stretch from its first
    row, and numbered stretch after stretch.

    Attributes:
        graph: The graph that the windows look at.
        history: Rows of ``x``.
        horizon: Rows of ``y``; 0 where there is nothing to forecast.
        stride: Rows between the starts of two windows of a stretch.
        delay: Rows left out between ``x`` and ``y``.
        target_channels: The channels of ``y``, as numbers.
        rows: Rows of a window, ``history + delay + horizon``.
        num_gaps: Places within recordings where the rows are not one step apart.
    """

    def __init__(
        self,
        graph: TemporalGraph,
        history: int,
        horizon: int,
        stride: int,
        delay: int,
        stretches: tuple[Tensor, Tensor],
        target_channels: slice | list[int],
        num_gaps: int = 0,
    ) -> None:
        self.graph, self.num_gaps = graph, num_gaps
        self.history, self.horizon = history, horizon
        self.stride, self.delay = stride, delay
        self.rows = history + delay + horizon
        # Of each stretch: the number of its recording, its borders, the number of its first window.
        self._recordings, self._bounds = stretches
        counts = ((self._bounds.diff() - self.rows) // stride + 1).clamp(min=0)
        self._first = torch.cat([counts.new_zeros(1), counts.cumsum(0)])
        self._num = int(self._first[-1])
        self._channels = target_channels
        every = range(graph.signal.size(-1))
        chosen = target_channels
        self.target_channels: tuple[int, ...] = (
            tuple(every[chosen]) if isinstance(chosen, slice) else tuple(chosen)
        )
        self._signal, self._signal_mask = graph.signal, signal_mask(graph)
        self._times = graph.signal_t
        if self._times is None:
            self._times = torch.arange(self._signal.size(0), device=self._signal.device)
        self._target = self._signal[..., target_channels]
        self._target_mask = self._signal_mask[..., target_channels]

    def to(self, device: torch.device | str) -> Windows:
        """The same windows on another device."""
        return Windows(
            self.graph.to(device),
            self.history,
            self.horizon,
            self.stride,
            self.delay,
            (self._recordings, self._bounds),
            self._channels,
            self.num_gaps,
        )

    def __len__(self) -> int:
        return self._num

    def __getitem__(self, index: Any) -> Window:
        if isinstance(index, slice):
            return self._slice(range(*index.indices(self._num)))
        if isinstance(index, (int, np.integer)) or (
            isinstance(index, Tensor) and index.dim() == 0 and index.dtype != torch.bool
        ):
            row = self._check(int(index))
            return Window(*(piece[0] for piece in self._slice(range(row, row + 1))))
        return self._gather(self._index(index))

    def __iter__(self) -> Iterator[Window]:
        return (self[i] for i in range(self._num))

    def __repr__(self) -> str:
        length, num_nodes, channels = self._signal.shape
        extra = f", delay={self.delay}" if self.delay else ""
        return (
            f"Windows({self._num} windows of {length} rows, history={self.history}, "
            f"horizon={self.horizon}, stride={self.stride}{extra}, "
            f"x=[{self.history}, {num_nodes}, {channels}], "
            f"y=[{self.horizon}, {num_nodes}, {self._target.size(-1)}])"
        )

    @property
    def start(self) -> Tensor:
        """int64 ``[num_windows]``, the row of the signal at which each window starts."""
        return self._start_of(torch.arange(self._num))

    @property
    def recording(self) -> Tensor:
        """int64 ``[num_windows]``, the recording of each window (0 without recordings)."""
        return self._recordings.repeat_interleave(self._first.diff())

    def stretch_start(self, row: int) -> int:
        """The first row of the stretch that a row of the signal lies in; 0 for row -1."""
        place = int(torch.searchsorted(self._bounds, max(row, 0), right=True)) - 1
        return int(self._bounds[min(place, len(self._bounds) - 2)])

    def covered(self, index: Any) -> Tensor:
        """bool ``[T]``, the rows of the signal that any of some windows looks at."""
        starts = self._start_of(self._numbers(index))
        edges = torch.zeros(self._signal.size(0) + 1, dtype=torch.int64)
        edges.index_add_(0, starts, torch.ones_like(starts))
        edges.index_add_(0, starts + self.rows, torch.full_like(starts, -1))
        return edges.cumsum(0)[:-1] > 0

    def events(self, index: int) -> TemporalGraph:
        """The events during the history of one window, its last row included, as a graph slice."""
        start = int(self._start_of(torch.tensor(self._check(int(index)))))
        first, last = self._times[start].item(), self._times[start + self.history - 1].item()
        after = last + 1 if isinstance(last, int) else float(np.nextafter(last, np.inf))
        return self.graph.between(first, after)

    def batches(
        self,
        size: int,
        *,
        index: Any = None,
        shuffle: bool = False,
        seed: int = 0,
        drop_last: bool = False,
    ) -> Iterator[Window]:
        """Batches of windows, ``x [B, history, N, C]`` and so on.

        Args:
            size: Windows per batch.
            index: The windows to go through, such as one subset of a split; all of them if
                ``None``.
            shuffle: Visit the windows in an order drawn from ``seed``; otherwise as they come,
                without ``index`` as views.
            seed: Seed of the order. Pass another one for each epoch.
            drop_last: Leave out a last batch that is not full.

        Raises:
            GraphError: ``size`` is not positive.
        """
        size = check_count(size, "size", "not a number of rows")
        chosen = None if index is None else self._numbers(index)
        num = self._num if chosen is None else chosen.numel()
        stop = num - num % size if drop_last else num
        if shuffle:
            order = torch.randperm(num, generator=torch.Generator().manual_seed(seed))
            chosen = order if chosen is None else chosen[order]
        if chosen is None:
            return (self[a : min(a + size, stop)] for a in range(0, stop, size))
        return (self._gather(chosen[a : min(a + size, stop)]) for a in range(0, stop, size))

    def _slice(self, index: range) -> Window:
        """Windows of a slice: views of the signal if they lie in one stretch."""
        if len(index) == 0:
            return self._cut(0, slice(0, 0))
        place = int(torch.searchsorted(self._first, index[0], right=True)) - 1
        first, after = int(self._first[place]), int(self._first[place + 1])
        if index.step > 0 and index[-1] < after:
            return self._cut(place, slice(index[0] - first, index[-1] - first + 1, index.step))
        return self._gather(torch.as_tensor(list(index)))

    def _cut(self, place: int, index: slice) -> Window:
        """Windows of one stretch, as views of the signal."""
        low, high = self._bounds[place].item(), self._bounds[place + 1].item()
        if high - low < self.rows:  # no window, of the right shape
            return self._gather(torch.zeros(0, dtype=torch.int64))

        def view(column: Tensor, start: int, stop: int) -> Tensor:
            cut = column[low:high].unfold(0, self.rows, self.stride)[index]
            return cut.movedim(-1, 1)[:, start:stop]  # unfold puts the rows of a window last

        h, ahead = self.history, self.history + self.delay
        return Window(
            view(self._signal, 0, h),
            view(self._target, ahead, self.rows),
            view(self._target_mask, ahead, self.rows),
            view(self._times, 0, self.rows),
            view(self._signal_mask, 0, h),
        )

    def _gather(self, index: Tensor) -> Window:
        starts = self._start_of(index).to(self._signal.device)
        rows = starts.unsqueeze(-1) + torch.arange(self.rows, device=starts.device)
        past, future = rows[..., : self.history], rows[..., self.history + self.delay :]
        return Window(
            _take(self._signal, past),
            _take(self._target, future),
            _take(self._target_mask, future),
            _take(self._times, rows),
            _take(self._signal_mask, past),
        )

    def _start_of(self, index: Tensor) -> Tensor:
        """First rows of windows."""
        place = torch.searchsorted(self._first, index, right=True) - 1
        return self._bounds[place] + (index - self._first[place]) * self.stride

    def _numbers(self, index: Any) -> Tensor:
        """Numbers of windows, however they are named."""
        if isinstance(index, slice):
            index = range(*index.indices(self._num))
        elif isinstance(index, (int, np.integer)):
            index = [int(index)]
        return self._index(index)

    def _index(self, index: Any) -> Tensor:
        index = torch.as_tensor(list(index) if isinstance(index, range) else index).cpu()
        if index.dtype == torch.bool and index.shape == (self._num,):
            index = index.nonzero().flatten()
        if index.numel() == 0:
            return torch.zeros(0, dtype=torch.int64)
        if index.dim() != 1 or index.is_floating_point() or index.dtype == torch.bool:
            raise GraphError(
                "windows",
                "an index must be a number, a slice, or a list of whole numbers",
                got=f"{index.dtype} of shape {list(index.shape)}",
            )
        index = index.to(torch.int64)
        low, high = index.aminmax()
        self._check(int(low))
        self._check(int(high))
        return torch.where(index < 0, index + self._num, index)

    def _check(self, index: int) -> int:
        if not -self._num <= index < self._num:  # IndexError ends a for loop over a sequence
            raise IndexError(f"window {index} of {self._num} windows")
        return index % self._num


def windows(
    graph: TemporalGraph,
    history: int,
    horizon: int,
    stride: int = 1,
    *,
    delay: int = 0,
    target_channels: int | slice | Sequence[int] | None = None,
    gaps: str | None = None,
) -> Windows:
    """Cut the signal of a graph into windows; see :meth:`TemporalGraph.windows`.

    The rows of a window are one step apart, the median distance of the rows of their recording.

    Args:
        graph: A graph with a signal ``[T, N, C]``.
        history: Rows of ``x``.
        horizon: Rows of ``y``; 0 for windows without a forecast, as where whole windows are
            classified.
        stride: Rows between the starts of two windows.
        delay: Rows between the last one of ``x`` and the first one of ``y``.
        target_channels: Channels of ``y``; all of them if ``None``. A slice, or evenly spaced
            channels, stay a view; any other choice copies those channels of the signal once.
        gaps: What to do where rows of a recording are not one step apart. ``"split"``: a recording
            is cut there into stretches. ``None``: the same, with a
            :class:`~graphkit.errors.GraphWarning`. ``"missing"``: rows without readings are filled
            in; the windows then look at a copy of the signal. ``"raise"``: an error. ``"join"``:
            rows follow one another whatever their times.

    Returns:
        ``(T - history - delay - horizon) // stride + 1`` windows of each stretch of ``T`` rows; a
        stretch that is too short has none.

    Raises:
        GraphError: The graph has no signal, every stretch of it is too short for one window, a
            length is not a positive whole number, there is a delay and no horizon, or rows are
            missing and cannot be filled in or shall not be missing.
        UnknownNameError: No such ``gaps``.
    """
    if graph.signal is None:
        raise GraphError(
            "signal",
            "this graph has no signal to cut into windows",
            fix="Build it with TemporalGraph(..., signal=[T, N, C] array, signal_t=[T] times).",
        )
    history = check_count(history, "history", "not a number of rows")
    horizon = check_count(horizon, "horizon", "not a number of rows", at_least=0)
    stride = check_count(stride, "stride", "not a number of rows")
    delay = check_count(delay, "delay", "not a number of rows", at_least=0)
    if gaps is not None:
        gaps = check_choice(renamed.value("gaps", gaps), "gaps", GAPS)
    if delay and not horizon:
        raise GraphError("delay", "there is nothing to forecast after it", fix="Set a horizon.")
    graph, stretches, num_gaps = _stretches(graph, gaps)
    rows, longest = history + delay + horizon, int(stretches[1].diff().max())
    if longest < rows:
        where = "" if graph.signal_recording is None else " in the longest recording"
        if num_gaps:
            where = f" that follow one another (rows are missing in {num_gaps} places)"
        raise GraphError(
            "signal",
            "it is too short for one window",
            expected=f"at least history + delay + horizon = {rows} rows{where}",
            got=f"{longest} rows",
            fix="Use a shorter history or horizon."
            + (" gaps='missing' fills rows in, gaps='join' ignores the times." if num_gaps else ""),
        )
    channels = _channels(target_channels, graph.signal.size(-1))
    return Windows(graph, history, horizon, stride, delay, stretches, channels, num_gaps)


def name_short_recordings(windows: Windows) -> list[int]:
    """Return the numbers of the recordings without a window, and warn if there are any: they are
    in no subset and in no metric.

    Args:
        windows: The windows of a graph.
    """
    graph = windows.graph
    every = recording_bounds(graph.signal_recording, graph.signal.size(0))[0]
    short = sorted(set(every.tolist()) - set(windows.recording.tolist()))
    if short:
        more = ", ..." if len(short) > 5 else ""
        warnings.warn(
            f"{len(short)} of {len(every)} recordings are shorter than a window of {windows.rows} "
            f"rows and are left out: {', '.join(map(str, short[:5]))}{more}",
            GraphWarning,
            stacklevel=3,
        )
    return short


def _stretches(
    graph: TemporalGraph, gaps: str | None
) -> tuple[TemporalGraph, tuple[Tensor, Tensor], int]:
    """The graph to look at, the recording and the borders of its stretches, and the number of
    places where rows are missing."""
    recording, steps = graph.signal_recording, graph.signal.size(0)
    whole = recording_bounds(recording, steps)
    found = None if gaps == "join" else find_gaps(graph)
    if found is None:
        return graph, whole, 0
    if gaps == "missing":
        graph = fill_gaps(graph)
        return graph, recording_bounds(graph.signal_recording, graph.signal.size(0)), 0
    if gaps == "raise":
        raise found.error(
            "gaps='split' lets no window cross such a place, gaps='missing' fills rows in."
        )
    if gaps is None:
        warnings.warn(
            f"{found}: no window crosses one. gaps='split' says that this is meant, gaps='missing' "
            "fills rows in, gaps='join' ignores the times.",
            GraphWarning,
            stacklevel=4,
        )
    bounds = torch.cat([whole[1], found.rows]).unique()
    place = torch.searchsorted(whole[1], bounds[:-1], right=True) - 1
    return graph, (whole[0][place], bounds), len(found.rows)


def _take(column: Tensor, rows: Tensor) -> Tensor:
    if not any(column.stride()):  # one value seen from every place
        return column[:1, :1, :1].expand(*rows.shape, *column.shape[1:])
    return column.index_select(0, rows.flatten()).unflatten(0, rows.shape)


def _channels(chosen: int | slice | Sequence[int] | None, num: int) -> slice | list[int]:
    """The channels as a slice where that is possible, so that the target is a view."""
    if chosen is None:
        return slice(None)
    if isinstance(chosen, slice):
        picked = list(range(num)[chosen])
    else:
        picked = (
            [int(chosen)] if isinstance(chosen, (int, np.integer)) else [int(c) for c in chosen]
        )
    for place, channel in enumerate(picked):
        if not -num <= channel < num:
            raise GraphError(
                "target_channels",
                "there is no such channel of the signal",
                row=place,
                expected=f"0 to {num - 1}",
                got=channel,
            )
    picked = [channel % num for channel in picked]
    if not picked:
        raise GraphError("target_channels", "no channel is chosen", expected=f"0 to {num - 1}")
    step = picked[1] - picked[0] if len(picked) > 1 else 1
    if step > 0 and picked == list(range(picked[0], picked[-1] + 1, step)):
        return slice(picked[0], picked[-1] + 1, step)
    return picked
