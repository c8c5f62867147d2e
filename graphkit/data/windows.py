"""The window view: a signal cut into histories and horizons, without copying it."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import TYPE_CHECKING, Any, NamedTuple

import numpy as np
import torch
from torch import Tensor

from graphkit.errors import GraphError

if TYPE_CHECKING:
    from graphkit.data.temporal_graph import TemporalGraph

__all__ = ["Window", "Windows", "windows"]


class Window(NamedTuple):
    """One window, or a batch of windows with a leading axis ``B``.

    Attributes:
        x: The history, ``[history, N, C]``.
        y: The target, ``[horizon, N, C']``.
        mask: Where ``y`` was observed, bool ``[horizon, N, C']``.
        t: Times of the rows from the first of ``x`` to the last of ``y``,
            ``[history + delay + horizon]``: ``t[:history]`` belong to ``x``, ``t[-horizon:]``
            to ``y``.
    """

    x: Tensor
    y: Tensor
    mask: Tensor
    t: Tensor

    def to(self, device: torch.device | str, non_blocking: bool = False) -> Window:
        """The same window on another device."""
        return Window(*(part.to(device, non_blocking=non_blocking) for part in self))

    def pin_memory(self) -> Window:
        """The same window in page-locked memory."""
        return Window(*(part.pin_memory() for part in self))


class Windows(Sequence[Window]):
    """All windows of a signal, as a sequence. Made by :meth:`TemporalGraph.windows`.

    ``w[i]`` is one window and ``w[a:b]`` a batch of them ``[B, ...]``; both are views of the
    signal. ``w[index]`` with a tensor, an array or a list gathers a batch: only that batch is
    copied. The sequence itself costs no memory beside the signal.

    Attributes:
        graph: The graph that the windows look at.
        history: Rows of ``x``.
        horizon: Rows of ``y``.
        stride: Rows between the starts of two windows.
        delay: Rows left out between ``x`` and ``y``.
    """

    def __init__(
        self,
        graph: TemporalGraph,
        history: int,
        horizon: int,
        stride: int,
        delay: int,
        signal: Tensor,
        target: Tensor,
        mask: tuple[Tensor, Tensor],
        times: Tensor,
    ) -> None:
        self.graph = graph
        self.history, self.horizon = history, horizon
        self.stride, self.delay = stride, delay
        self._rows = history + delay + horizon
        self._num = (signal.size(0) - self._rows) // stride + 1
        self._signal, self._target, self._times = signal, target, times
        self._signal_mask, self._target_mask = mask

    def __len__(self) -> int:
        return self._num

    def __getitem__(self, index: Any) -> Window:
        if isinstance(index, slice):
            start, stop, step = index.indices(self._num)
            if step > 0:
                return self._cut(slice(start, max(start, stop), step))
            index = range(start, stop, step)
        elif isinstance(index, (int, np.integer)) or (
            isinstance(index, Tensor) and index.dim() == 0 and index.dtype != torch.bool
        ):
            row = self._check(int(index))
            return Window(*(part[0] for part in self._cut(slice(row, row + 1))))
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

    def x_mask(self, index: Any) -> Tensor:
        """Where ``x`` was observed: bool ``[history, N, C]``, or ``[B, history, N, C]``."""
        rows = self._rows_of(index)
        return self._signal_mask[rows[..., : self.history]]

    def events(self, index: int) -> TemporalGraph:
        """The events during the history of one window, its last row included, as a graph slice."""
        start = self._check(int(index)) * self.stride
        first, last = self._times[start].item(), self._times[start + self.history - 1].item()
        after = last + 1 if isinstance(last, int) else float(np.nextafter(last, np.inf))
        return self.graph.between(first, after)

    def batches(
        self, size: int, *, shuffle: bool = False, seed: int = 0, drop_last: bool = False
    ) -> Iterator[Window]:
        """Batches of windows, ``x [B, history, N, C]`` and so on.

        Args:
            size: Windows per batch.
            shuffle: Visit the windows in an order drawn from ``seed``; otherwise in order of time,
                as views.
            seed: Seed of the order. Pass another one for each epoch.
            drop_last: Leave out a last batch that is not full.

        Raises:
            GraphError: ``size`` is not positive.
        """
        size = _count("size", size, 1)
        stop = self._num - self._num % size if drop_last else self._num
        if not shuffle:
            return (self[a : min(a + size, stop)] for a in range(0, stop, size))
        order = torch.randperm(self._num, generator=torch.Generator().manual_seed(seed))[:stop]
        return (self[part] for part in order.split(size))

    def _cut(self, index: slice) -> Window:
        """Windows of a slice, as views of the signal."""

        def view(column: Tensor) -> Tensor:
            cut = column.unfold(0, self._rows, self.stride)[index]
            return cut.movedim(-1, 1)  # unfold puts the rows of a window last

        return Window(
            view(self._signal)[:, : self.history],
            view(self._target)[:, self.history + self.delay :],
            view(self._target_mask)[:, self.history + self.delay :],
            view(self._times),
        )

    def _gather(self, index: Tensor) -> Window:
        rows = self._rows_of(index)
        future = rows[..., self.history + self.delay :]
        return Window(
            _take(self._signal, rows[..., : self.history]),
            _take(self._target, future),
            _take(self._target_mask, future),
            _take(self._times, rows),
        )

    def _rows_of(self, index: Any) -> Tensor:
        """Rows of the signal that the windows cover, int64 ``[..., history + delay + horizon]``."""
        if isinstance(index, (int, np.integer)):
            starts = torch.tensor(self._check(int(index)))
        else:
            starts = self._index(
                range(*index.indices(self._num)) if isinstance(index, slice) else index
            )
        starts = starts.to(self._signal.device)
        span = torch.arange(self._rows, device=starts.device)
        return starts.unsqueeze(-1) * self.stride + span

    def _index(self, index: Any) -> Tensor:
        index = torch.as_tensor(list(index) if isinstance(index, range) else index)
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
) -> Windows:
    """Cut the signal of a graph into windows; see :meth:`TemporalGraph.windows`.

    Args:
        graph: A graph with a signal ``[T, N, C]``.
        history: Rows that a model sees.
        horizon: Rows that it forecasts.
        stride: Rows between the starts of two windows.
        delay: Rows between the last one seen and the first one forecast.
        target_channels: Channels of ``y``; all of them if ``None``. A slice, or evenly spaced
            channels, stay a view; any other choice copies those channels of the signal once.

    Returns:
        ``(T - history - delay - horizon) // stride + 1`` windows.

    Raises:
        GraphError: The graph has no signal, it is too short for one window, or a length is not
            a positive whole number.
    """
    signal = graph.signal
    if signal is None:
        raise GraphError(
            "signal",
            "this graph has no signal to cut into windows",
            fix="Build it with TemporalGraph(..., signal=[T, N, C] array, signal_t=[T] times).",
        )
    history, horizon = _count("history", history, 1), _count("horizon", horizon, 1)
    stride, delay = _count("stride", stride, 1), _count("delay", delay, 0)
    rows = history + delay + horizon
    if signal.size(0) < rows:
        raise GraphError(
            "signal",
            "it is too short for one window",
            expected=f"at least history + delay + horizon = {rows} rows",
            got=f"{signal.size(0)} rows",
            fix="Use a shorter history or horizon.",
        )
    times = graph.signal_t
    if times is None:
        times = torch.arange(signal.size(0), device=signal.device)
    mask = graph.signal_mask
    if mask is None:  # one truth value, seen from every place
        mask = torch.ones(1, 1, 1, dtype=torch.bool, device=signal.device)
    elif mask.dim() == 2:
        mask = mask.unsqueeze(-1)
    mask = mask.expand(signal.shape)
    channels = _channels(target_channels, signal.size(-1))
    target, target_mask = signal[..., channels], mask[..., channels]
    return Windows(
        graph, history, horizon, stride, delay, signal, target, (mask, target_mask), times
    )


def _take(column: Tensor, rows: Tensor) -> Tensor:
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


def _count(name: str, value: int, least: int) -> int:
    whole = isinstance(value, (int, np.integer)) and not isinstance(value, bool)
    if not whole or value < least:
        raise GraphError(
            name,
            "not a number of rows",
            expected=f"a whole number of at least {least}",
            got=repr(value),
        )
    return int(value)
