"""Concatenation in time of the signals of two graphs with the same nodes."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
import torch
from torch import Tensor

from graphkit.data.columns import SIGNAL_COLUMNS
from graphkit.data.concat_columns import alike, later_times
from graphkit.data.recordings import RecordingColumn
from graphkit.errors import GraphError

if TYPE_CHECKING:
    from graphkit.data.temporal_graph import TemporalGraph

__all__ = ["joined_signals"]


def joined_signals(
    a: TemporalGraph, b: TemporalGraph, place: Tensor, count: int, renumber: dict[str, Tensor]
) -> tuple[dict[str, Tensor | None], dict[str, RecordingColumn]]:
    mine = {name: getattr(a, name) for name in SIGNAL_COLUMNS}
    if a.signal is None and b.signal is None:
        return mine, {}
    if b.signal is None or a.signal is None:
        if a.signal is None or count != a.num_nodes:
            raise GraphError(
                "signal",
                "one graph has readings of all nodes and the other has not",
                fix="Give both a signal over the same nodes.",
            )
        return mine, dict(a.recordings)
    if count != a.num_nodes or count != b.num_nodes:
        raise GraphError(
            "signal",
            "the signals have different nodes",
            expected=f"{a.num_nodes} nodes, the same in both",
            got=f"{count} different nodes",
        )
    other = b.signal[:, place.argsort()]
    other = alike(a, b, "signal", a.signal.flatten(0, 1), other.flatten(0, 1),
                   {"signal": a.column_names.get("signal") or b.column_names.get("signal")},
                   None).view(other.shape)  # fmt: skip
    t = later_times(a, b, "signal_t", a.signal_t, b.signal_t)
    if len(t) and len(a.signal_t) and bool(t[0] <= a.signal_t[-1]):
        raise GraphError(
            "signal_t",
            "the rows of the later signal do not follow those of the first",
            row=0,
            expected=f"after {a.signal_t[-1].item()}",
            got=t[0].item(),
        )
    mask = None
    if a.signal_mask is not None or b.signal_mask is not None:
        masks = [
            torch.ones_like(v, dtype=torch.bool) if m is None else m.expand(v.shape)
            for v, m in ((a.signal, a.signal_mask), (b.signal, b.signal_mask))
        ]
        second = masks[1][:, place.argsort()]
        order = b.column_names.get("signal")
        if order is not None and a.column_names.get("signal") not in (None, order):
            second = second[..., [order.index(c) for c in a.column_names["signal"]]]
        mask = torch.cat([masks[0], second])
    recording, recordings = _recordings(a, b, renumber)
    return {"signal": torch.cat([a.signal, other]), "signal_t": torch.cat([a.signal_t, t]),
            "signal_mask": mask, "signal_recording": recording}, recordings  # fmt: skip


def _recordings(
    a: TemporalGraph, b: TemporalGraph, renumber: dict[str, Tensor]
) -> tuple[Tensor | None, dict[str, RecordingColumn]]:
    """Numbers of the recordings of both graphs, those of the second last, and their columns."""
    if a.signal_recording is None and b.signal_recording is None:
        return None, {}
    if (
        a.signal_recording is None
        or b.signal_recording is None
        or set(a.recordings) != set(b.recordings)
    ):
        raise GraphError(
            "signal_recording",
            "the recordings of the two graphs are not described alike",
            expected=f"signal_recording and recordings {sorted(a.recordings)} in both",
            got=f"recordings {sorted(b.recordings)}",
        )
    columns: dict[str, RecordingColumn] = {}
    for name, mine in a.recordings.items():
        other = b.recordings[name]
        if isinstance(mine, Tensor) != isinstance(other, Tensor):
            raise GraphError(f"recordings.{name}", "numbers in one graph and text in the other")
        if isinstance(mine, Tensor):
            other = alike(
                a, b, f"recordings.{name}", mine, other, {}, renumber.get(f"recordings.{name}")
            )
            columns[name] = torch.cat([mine, other])
        else:
            columns[name] = np.concatenate([mine, other])
    return torch.cat([a.signal_recording, b.signal_recording + a.num_recordings]), columns
