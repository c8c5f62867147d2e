"""The times of all events so far, growing with the stream."""

from __future__ import annotations

from typing import Any

import torch
from torch import Tensor, nn

from graphkit.nn.stream.exact_time import check_time_dtype, pack_time, unpack_time

__all__ = ["EventTimes"]


class EventTimes(nn.Module):
    r"""The sorted times of a stream, appended batch by batch; any quantile of them costs O(1).

    The buffer doubles when it is full, so that appending is amortised :math:`O(B)`. A state dict of
    any length can be loaded.

    Args:
        time_dtype: int64 or float64, what the times of the stream are.
    """

    time: Tensor
    length: Tensor

    def __init__(self, time_dtype: torch.dtype = torch.int64) -> None:
        super().__init__()
        self.time_dtype = check_time_dtype(time_dtype)
        self.register_buffer("time", torch.zeros(1, dtype=torch.int64))
        self.register_buffer("length", torch.zeros((), dtype=torch.int64))
        self._length = 0  # the buffer's value, known without waiting for the device

    def __len__(self) -> int:
        return self._length

    def reset_state(self) -> None:
        """Forgets all times and gives their memory back."""
        self.time = self.time.new_zeros(1)
        self.length.zero_()
        self._length = 0

    @torch.no_grad()
    def append(self, t: Tensor) -> None:
        """Appends the times ``[B]`` of a batch, none earlier than those before."""
        end = self._length + t.numel()
        if end > self.time.numel():
            grown = self.time.new_zeros(max(end, 2 * self.time.numel()))
            grown[: self._length] = self.time[: self._length]
            self.time = grown
        self.time[self._length : end] = pack_time(t.sort().values, self.time_dtype)
        self.length.fill_(end)
        self._length = end

    def at(self, rank: int) -> Tensor:
        """Time of event number ``rank`` (0-dimensional)."""
        return unpack_time(self.time[rank], self.time_dtype)

    def _load_from_state_dict(self, state_dict: Any, prefix: str, *args: Any) -> None:
        saved = state_dict.get(prefix + "time")
        if isinstance(saved, Tensor) and saved.shape != self.time.shape:
            self.time = self.time.new_zeros(saved.numel())
        super()._load_from_state_dict(state_dict, prefix, *args)
        self._length = int(self.length)
