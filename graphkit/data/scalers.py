"""Scalers of signals: fitted on training rows, blind to missing readings, undone exactly.

A scaler is ``y = (x - shift) / scale`` with one shift and scale for all readings, per channel, per
node and channel, or per recording and channel. Both are buffers: they move with the module that
holds the scaler and are saved with its ``state_dict``.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

import torch
from torch import Tensor, nn

from graphkit import renamed
from graphkit.checks import check_choice
from graphkit.errors import GraphError

__all__ = [
    "SCALERS",
    "MaxAbsScaler",
    "MinMaxScaler",
    "NoScaler",
    "Scaler",
    "StandardScaler",
    "make_scaler",
]

_PER = ("all", "channel", "node", "recording")
_CHUNK = 1 << 22  # readings that are looked at together
_ROUNDED = 1e-7  # share of the mean up to which a deviation may be rounding


class Scaler(nn.Module):
    """What all scalers share: ``fit``, ``forward`` and ``inverse``.

    Args:
        per: What has a shift and a scale of its own: ``"all"`` (one for everything),
            ``"channel"``, ``"node"`` (each channel of each node) or ``"recording"`` (each channel
            of each recording).

    Raises:
        UnknownNameError: No such ``per``.
    """

    shift: Tensor
    scale: Tensor

    def __init__(self, per: str = "channel") -> None:
        super().__init__()
        per = renamed.value("per", per)
        check_choice(per, "per", _PER)
        self.per = per
        # [1, 1, 1], [1, 1, C], [1, N, C] or, per recording, [P, 1, C]
        self.register_buffer("shift", torch.zeros(1, 1, 1))
        self.register_buffer("scale", torch.ones(1, 1, 1))

    @renamed.old_arguments("Scaler")
    def fit(
        self,
        signal: Tensor,
        mask: Tensor | None = None,
        rows: Tensor | None = None,
        recording: Tensor | None = None,
    ) -> Scaler:
        """Take shift and scale from the valid readings of some rows.

        A node or a recording without any reading there gets what all the others have together.

        Args:
            signal: ``[T, N, C]``.
            mask: bool ``[T, N, C]`` or ``[T, N, 1]``, true where a reading is valid.
            rows: bool ``[T]``, the rows of the training subset, such as
                ``windows.covered(split.train)``; all if ``None``.
            recording: int64 ``[T]``, the recording of every row; ``per="recording"`` needs it.

        Returns:
            The scaler itself.

        Raises:
            GraphError: There is no valid reading, or ``recording`` is missing.
        """
        if self.per == "recording" and recording is None:
            raise GraphError(
                "recording", "per='recording' needs the recording of every row", expected="[T]"
            )
        readings = _Readings(
            signal, mask, rows, self.per, recording if self.per == "recording" else None
        )
        shift, scale = self._from(readings)
        dtype = signal.dtype if signal.is_floating_point() else torch.float32
        self.shift, self.scale = shift.to(dtype), scale.to(dtype)
        return self

    @renamed.old_arguments("Scaler")
    def forward(self, x: Tensor, recording: Tensor | int | None = None) -> Tensor:
        """Scale readings.

        Args:
            x: ``[..., N, C]``.
            recording: With ``per="recording"``: the recording that all of ``x`` lies in, or int64
                ``[B]``, those of the windows ``x [B, T, N, C]``.
        """
        shift, scale = self._of(recording)
        return (x - shift) / scale

    @renamed.old_arguments("Scaler")
    def inverse(self, x: Tensor, recording: Tensor | int | None = None) -> Tensor:
        """Undo :meth:`forward`."""
        shift, scale = self._of(recording)
        return x * scale + shift

    def of_channels(self, channels: slice | Sequence[int]) -> Scaler:
        """A scaler of some of the channels, for targets that have only those."""
        other = type(self)(self.per)
        shared = self.scale.size(-1) == 1
        other.shift = self.shift if shared else self.shift[..., channels]
        other.scale = self.scale if shared else self.scale[..., channels]
        return other

    def extra_repr(self) -> str:
        return f"per={self.per!r}, scale={list(self.scale.shape)}"

    def _of(self, recording: Tensor | int | None) -> tuple[Tensor, Tensor]:
        if self.per != "recording":
            return self.shift[0], self.scale[0]
        if recording is None:
            raise GraphError(
                "recording", "this scaler has a scale for each recording: say which it is"
            )
        shift, scale = self.shift[recording], self.scale[recording]  # [1, C], or [B, 1, C]
        return (shift, scale) if shift.dim() == 2 else (shift.unsqueeze(1), scale.unsqueeze(1))

    def _from(self, readings: _Readings) -> tuple[Tensor, Tensor]:
        raise NotImplementedError

    def _load_from_state_dict(self, state: dict[str, Tensor], prefix: str, *rest: Any) -> None:
        for name in ("shift", "scale"):  # of the shape that the other was fitted to
            saved, own = state.get(f"{prefix}{name}"), getattr(self, name)
            if saved is not None and saved.shape != own.shape:
                setattr(self, name, torch.zeros_like(saved, device=own.device))
        super()._load_from_state_dict(state, prefix, *rest)


class StandardScaler(Scaler):
    r"""Mean 0 and standard deviation 1.

    The standard deviation is that of the population, :math:`\sqrt{E[(x - \bar x)^2]}`. Where
    readings are constant, up to the rounding of float64, the scale is 1.
    """

    def _from(self, readings: _Readings) -> tuple[Tensor, Tensor]:
        total = readings.fold("sum", lambda x, _: x)
        mean = readings.filled(total / readings.count, total, _mean_of(readings))
        square = readings.fold("sum", lambda x, group: (x - mean[group]).square())
        variance = readings.filled(square / readings.count, square, _mean_of(readings))
        scale = variance.sqrt()
        if bool((scale <= _ROUNDED * mean.abs()).any()):  # constant, but for the mean's rounding?
            low, high = _extent(readings)
            scale = torch.where(_steady(low, high), 0.0, scale)
        return mean, _positive(scale)


class MinMaxScaler(Scaler):
    """Training readings between 0 and 1; where they are constant, only shifted."""

    def _from(self, readings: _Readings) -> tuple[Tensor, Tensor]:
        low, high = _extent(readings)
        return low, _positive(torch.where(_steady(low, high), 0.0, high - low))


class MaxAbsScaler(Scaler):
    """Training readings between -1 and 1, 0 stays 0: divided by the largest absolute value."""

    def __init__(self, per: str = "recording") -> None:
        super().__init__(per)

    def _from(self, readings: _Readings) -> tuple[Tensor, Tensor]:
        high = readings.fold("amax", lambda x, _: x.abs())
        high = readings.filled(high, high, lambda v: v.amax((0, 1), keepdim=True))
        return torch.zeros_like(high), _positive(high)


class NoScaler(Scaler):
    """Leaves readings as they are."""

    def __init__(self, per: str = "all") -> None:
        super().__init__(per)

    def fit(self, signal: Tensor, *others: Any, **more: Any) -> NoScaler:
        """Nothing to take."""
        return self

    @renamed.old_arguments("Scaler")
    def forward(self, x: Tensor, recording: Tensor | int | None = None) -> Tensor:
        return x

    @renamed.old_arguments("Scaler")
    def inverse(self, x: Tensor, recording: Tensor | int | None = None) -> Tensor:
        """The readings themselves."""
        return x


SCALERS: dict[str, type[Scaler]] = {
    "standard": StandardScaler,
    "minmax": MinMaxScaler,
    "maxabs": MaxAbsScaler,
    "none": NoScaler,
}
"""The scalers by name."""


def make_scaler(name: str, per: str | None = None) -> Scaler:
    """A scaler by name: ``"standard"``, ``"minmax"``, ``"maxabs"`` or ``"none"``.

    Raises:
        UnknownNameError: No such scaler, or no such ``per``.
    """
    check_choice(name, "scaler", SCALERS)
    return SCALERS[name]() if per is None else SCALERS[name](per)


class _Readings:
    """The valid readings of some rows, gone through in chunks, and their number per group."""

    def __init__(
        self,
        signal: Tensor,
        mask: Tensor | None,
        rows: Tensor | None,
        per: str,
        recording: Tensor | None,
    ) -> None:
        self.signal, self.mask, self.recording = signal, mask, recording
        at = torch.arange(signal.size(0), device=signal.device)
        self.at = at if rows is None else at[rows.to(signal.device)]
        recordings = 1 if recording is None else int(recording[-1]) + 1
        nodes = signal.size(1) if per == "node" else 1
        self.shape = (recordings, nodes, 1 if per == "all" else signal.size(2))
        self.over = [axis for axis in (1, 2) if self.shape[axis] == 1]
        self.count = torch.zeros(self.shape, dtype=torch.float64, device=signal.device)
        self.count = self.fold("sum", lambda x, _: torch.ones_like(x))
        if not bool(self.count.any()):
            raise GraphError(
                "scaler",
                "there is no valid reading to fit it on",
                expected="at least one in the training subset",
            )

    def fold(self, combine: str, value: Callable[[Tensor, Tensor], Tensor]) -> Tensor:
        """Sum, least or largest of ``value(x, group)`` over every group, float64."""
        nothing = {"sum": 0.0, "amin": torch.inf, "amax": -torch.inf}[combine]
        out = torch.full(self.shape, nothing, dtype=torch.float64, device=self.signal.device)
        size = max(1, _CHUNK // max(1, self.signal[0].numel()))
        for at in self.at.split(size):
            group = torch.zeros_like(at) if self.recording is None else self.recording[at]
            found = value(self.signal[at].double(), group)
            if self.mask is not None:
                found = found.masked_fill(~self.mask[at], nothing)
            if self.over:
                found = getattr(found, combine)(self.over, keepdim=True)
            if combine == "sum":
                out.index_add_(0, group, found)
            else:
                index = group.view(-1, 1, 1).expand_as(found)
                out.scatter_reduce_(0, index, found, combine)
        return out

    def filled(self, own: Tensor, folded: Tensor, together: Callable[[Tensor], Tensor]) -> Tensor:
        """``own`` where there are readings, elsewhere what all groups of the channel have."""
        whole = together(folded)
        whole = torch.where(whole.isfinite(), whole, 0.0)
        return torch.where(self.count > 0, own, whole)


def _mean_of(readings: _Readings) -> Callable[[Tensor], Tensor]:
    return lambda total: total.sum((0, 1), keepdim=True) / readings.count.sum((0, 1), keepdim=True)


def _extent(readings: _Readings) -> tuple[Tensor, Tensor]:
    """The least and the largest reading."""
    low = readings.fold("amin", lambda x, _: x)
    high = readings.fold("amax", lambda x, _: x)
    low = readings.filled(low, low, lambda v: v.amin((0, 1), keepdim=True))
    high = readings.filled(high, high, lambda v: v.amax((0, 1), keepdim=True))
    return low, high


def _steady(low: Tensor, high: Tensor) -> Tensor:
    """Whether all readings are one number, but for the last bits of float64."""
    return high - low <= 4 * torch.finfo(torch.float64).eps * torch.maximum(low.abs(), high.abs())


def _positive(scale: Tensor) -> Tensor:
    """1 for a scale that is 0, or would be once it is a float32."""
    return torch.where(scale > torch.finfo(torch.float32).tiny, scale, 1.0)
