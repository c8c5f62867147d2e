"""Text of ``print(g)``: every column with its shape, dtype, unit and span of time."""

from __future__ import annotations

from typing import TYPE_CHECKING

from torch import Tensor

from graphkit.data.time_unit import TimeUnit

if TYPE_CHECKING:
    from graphkit.data.temporal_graph import TemporalGraph

__all__ = ["describe", "span_text"]

_EVENTS = ("edge_attr", "edge_y", "edge_weight", "edge_type")
_NODES = ("x", "y", "node_type")
_LENGTHS = (("w", 604800), ("d", 86400), ("h", 3600), ("min", 60), ("s", 1))


def describe(graph: TemporalGraph) -> str:
    """Describe a graph in a few lines. Only shapes and first and last times are read: ``O(1)``."""
    name = f" '{graph.name}'" if graph.name else ""
    kind = "static, " if graph.is_static and len(graph) else ""
    head = f"TemporalGraph{name} ({kind}{graph.num_nodes:,} nodes, {len(graph):,} events"
    start, stop = graph.event_range
    total = graph.columns.src.numel()
    if (start, stop) != (0, total):
        head += f", rows {start:,} to {stop:,} of {total:,}"
    rows = [("src, dst", f"{_shape(graph.src)}  node ids 0 to {graph.num_nodes - 1:,}")]
    rows.append(("t", f"{_shape(graph.t)}  {_times(graph.t, graph.time_unit)}"))
    rows += [(n, _shape(v)) for n in (*_EVENTS, *_NODES) if (v := getattr(graph, n)) is not None]
    if graph.node_names is not None:
        names = graph.node_names
        first = ", ".join(repr(item) for item in names[:2].tolist())
        rows.append(("node_names", f"{names.dtype} {list(names.shape)}  {first}, ..."))
    if graph.node_space is not None:
        sources = graph.num_src_nodes
        note = f"{sources:,} sources, {graph.num_nodes - sources:,} destinations"
        rows.append(("node_space", f"{_shape(graph.node_space)}  {note}"))
    if (changes := graph.node_events) is not None:
        for part in ("node", "t", "x", "y"):
            if (value := getattr(changes, part)) is not None:
                note = f"  {_times(value, graph.time_unit)}" if part == "t" else ""
                rows.append((f"node_events.{part}", _shape(value) + note))
    if graph.signal is not None:
        rows.append(("signal", f"{_shape(graph.signal)}  (time, node, channel)"))
        times = _times(graph.signal_t, graph.time_unit)
        rows.append(("signal_t", f"{_shape(graph.signal_t)}  {times}"))
        if graph.signal_mask is not None:
            rows.append(("signal_mask", f"{_shape(graph.signal_mask)}  true where valid"))
        if graph.signal_recording is not None:
            rows.append(
                (
                    "signal_recording",
                    f"{_shape(graph.signal_recording)}  {graph.num_recordings:,} recordings",
                )
            )
    for name, column in graph.recordings.items():
        if isinstance(column, Tensor):
            rows.append((f"recordings.{name}", _shape(column)))
        else:
            first = ", ".join(repr(item) for item in column[:2].tolist())
            rows.append(
                (f"recordings.{name}", f"{column.dtype} {list(column.shape)}  {first}, ...")
            )
    width = max(len(label) for label, _ in rows)
    lines = [f"  {label:<{width}}  {text}" for label, text in rows]
    return "\n".join([f"{head}, on {graph.device})", *lines])


def span_text(ticks: int | float, unit: TimeUnit) -> str:
    """A length of time in its largest unit and the next smaller one, such as ``2 d 4 h``."""
    if unit.nanoseconds is None:
        return f"{ticks:,} step{'' if ticks == 1 else 's'}"
    seconds = ticks * unit.nanoseconds / 1e9
    if seconds < 60:
        return f"{seconds:.4g} s"
    parts, rest = [], round(seconds)
    for name, length in _LENGTHS:
        count, rest = divmod(rest, length)
        if count or parts:
            parts.append(f"{count:,} {name}" if count else "")
        if len(parts) == 2:
            break
    return " ".join(part for part in parts if part)


def _shape(value: Tensor) -> str:
    return f"{str(value.dtype).removeprefix('torch.')} {list(value.shape)}"


def _times(t: Tensor, unit: TimeUnit) -> str:
    if t.numel() == 0:
        return f"no times, in {unit}"
    first, last = t[0].item(), t[-1].item()
    return f"{first} to {last} in {unit} (span {span_text(last - first, unit)})"
