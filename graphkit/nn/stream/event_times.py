"""The times of all events of a stream so far."""

from __future__ import annotations

from typing import Any

import torch
from torch import Tensor, nn

from graphkit.nn.stream.exact_time import check_time_dtype, pack_time, unpack_time
from graphkit.nn.stream.table_rows import grow_rows

__all__ = ["EventTimes"]


class EventTimes(nn.Module):
    r"""The sorted times of a stream, appended batch by batch; any quantile of them costs O(1).

    The memory doubles when it is full, so that appending is amortised :math:`O(B)`. A state dict of
    any length can be loaded.

    Args:
        time_dtype: Data type of the times of the stream, int64 or float64.
    """

    time: Tensor

    def __init__(self, time_dtype: torch.dtype = torch.int64) -> None:
        super().__init__()
        self.time_dtype = check_time_dtype(time_dtype)
        self.register_buffer("time", torch.empty(0, dtype=torch.int64))

    def __len__(self) -> int:
        return self.time.shape[0]

    def reset_state(self) -> None:
        """Reset the state by removing all times, and release their memory."""
        with torch.inference_mode(False):
            self.time = self.time.new_empty(0)

    @torch.no_grad()
    def append(self, t: Tensor) -> None:
        """Append the times ``[B]`` of a batch, none of them earlier than the stored times."""
        held = len(self)
        self.time = grow_rows(self.time, held + t.numel(), fill=None)
        self.time[held:] = pack_time(t.sort().values, self.time_dtype)

    def at(self, rank: int) -> Tensor:
        """Time of event number ``rank`` (0-dimensional)."""
        return unpack_time(self.time[rank], self.time_dtype)

    def _load_from_state_dict(self, state_dict: Any, prefix: str, *args: Any) -> None:
        saved = state_dict.get(prefix + "time")
        if isinstance(saved, Tensor) and saved.shape != self.time.shape:
            with torch.inference_mode(False):
                self.time = self.time.new_zeros(saved.numel())
        super()._load_from_state_dict(state_dict, prefix, *args)
