"""The recordings of a signal, whole and of any length."""

from __future__ import annotations

from typing import Any

import torch
from torch import Tensor

from graphkit import renamed
from graphkit.data.recordings import recording_bounds
from graphkit.data.temporal_graph import TemporalGraph
from graphkit.errors import GraphError

__all__ = ["WholeRecordings"]


@renamed.old_attributes("WholeRecordings")
class WholeRecordings:
    """Recordings as windows of different lengths.

    Args:
        graph: With a ``signal`` in recordings, none of them empty.

    Attributes:
        recording: int64 ``[P]``, the number of each recording.
        lengths: int64 ``[P]``, its rows.

    Raises:
        GraphError: No recordings, or one without rows.
    """

    def __init__(self, graph: TemporalGraph) -> None:
        if graph.signal is None or graph.signal_recording is None:
            raise GraphError(
                "signal_recording",
                "the signal has no recordings",
                fix="Build the graph with signal_recording=[T].",
            )
        self.graph = graph
        self.recording, bounds = recording_bounds(graph.signal_recording, graph.signal.size(0))
        self._first, self.lengths = bounds[:-1], bounds.diff()

    def __len__(self) -> int:
        return self.recording.numel()

    def rows(self, index: Tensor) -> tuple[Tensor, Tensor]:
        """Rows of some recordings, and which of them there are, ``[B, longest]`` each."""
        lengths = self.lengths[index]
        at = torch.arange(int(lengths.max()) if len(index) else 0)
        valid = at < lengths.unsqueeze(1)
        return torch.where(valid, self._first[index].unsqueeze(1) + at, 0), valid

    def __getitem__(self, index: Any) -> tuple[Tensor, Tensor]:
        """Some recordings: readings ``[B, longest, N, C]``, 0 where missing, and what was observed
        (bool, same shape)."""
        rows, valid = self.rows(torch.as_tensor(index))
        x, seen = self.graph.signal[rows], valid[..., None, None]
        mask = self.graph.signal_mask
        seen = seen.expand_as(x) if mask is None else seen & mask[rows]
        return torch.where(seen, x, 0), seen


def __getattr__(name: str) -> Any:
    return renamed.forwarded(__name__, name)
