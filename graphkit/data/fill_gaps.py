"""Filling of missing rows of a signal, and marking of missing readings."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

import torch
from torch import Tensor

from graphkit.data.cadence import Cadence, signal_breaks
from graphkit.data.readings import Readings
from graphkit.data.recordings import recording_bounds
from graphkit.data.schema_times import Clock

if TYPE_CHECKING:
    from graphkit.data.temporal_graph import TemporalGraph

__all__ = ["fill_gaps", "mark_missing", "signal_mask"]


def fill_gaps(graph: TemporalGraph) -> TemporalGraph:
    """The same graph with a row for every step of its signal.

    Rows that are missing within a recording are filled in without readings (``signal_mask`` is
    false there). A graph whose rows are regular is returned as it is.

    Args:
        graph: Graph with a signal.

    Raises:
        GraphError: A row lies between two steps, or far more rows are missing than present.
    """
    t, recording = graph.signal_t, graph.signal_recording
    if not bool(signal_breaks(t, recording).any()):
        return graph
    clock = Clock.of(graph, signal=True)
    readings = Readings(t, graph.signal, signal_mask(graph))
    numbers, bounds = recording_bounds(recording, len(t))
    found, number = [], []
    for place, (low, high) in enumerate(zip(bounds[:-1].tolist(), bounds[1:].tolist())):
        mine = Readings(*(v[low:high] for v in readings))
        cadence = Cadence.of_times(mine.t)
        rows = cadence.stretches(mine, "missing", "signal_t", clock.write_one).rows[0]
        found.append(rows)
        number.append(torch.full((len(rows.t),), int(numbers[place]), dtype=torch.int64))
    t, values, mask = map(torch.cat, zip(*found))
    recording = None if recording is None else torch.cat(number).to(t.device)
    return _with_signal(graph, values, t, mask, recording)


def mark_missing(graph: TemporalGraph, value: float | None) -> TemporalGraph:
    """The same graph with readings of one value marked as missing, as NaN readings are.

    Args:
        graph: Graph with a signal.
        value: Value that represents a missing reading; ``None`` leaves the graph as it is.
    """
    if value is None:
        return graph
    missing = graph.signal == value
    if not bool(missing.any()):
        return graph
    signal = graph.signal if value == 0 else graph.signal.masked_fill(missing, 0)
    mask = signal_mask(graph) & ~missing
    return _with_signal(graph, signal, graph.signal_t, mask, graph.signal_recording)


def signal_mask(graph: TemporalGraph) -> Tensor:
    """bool ``[T, N, C]``, true where a graph has a reading; a view of the stored mask."""
    mask = graph.signal_mask
    if mask is None:
        mask = torch.ones(1, 1, 1, dtype=torch.bool, device=graph.signal.device)
    return mask.expand_as(graph.signal)


def _with_signal(
    graph: TemporalGraph,
    signal: Tensor,
    signal_t: Tensor,
    mask: Tensor,
    recording: Tensor | None,
) -> TemporalGraph:
    columns = replace(
        graph.columns,
        signal=signal,
        signal_t=signal_t,
        signal_mask=mask,
        signal_recording=recording,
    )
    return type(graph)._of(columns, graph.event_range, graph.node_event_range)
