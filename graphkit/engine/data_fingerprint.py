"""A checksum that distinguishes the data of two runs."""

from __future__ import annotations

import hashlib
from typing import Any

import torch
from torch import Tensor

from graphkit.data.columns import EVENT_COLUMNS, NODE_COLUMNS, SIGNAL_COLUMNS
from graphkit.engine.runtime import fingerprint

__all__ = ["data_fingerprint"]

_COLUMNS = ("src", "dst", "t", *EVENT_COLUMNS, *NODE_COLUMNS, *SIGNAL_COLUMNS)
_WRITTEN = {"signal_recording": "signal_part"}  # column names in checkpoints of older versions
_WHOLE = 1 << 24  # largest number of values for which a column is read completely


def data_fingerprint(task: Any) -> str | None:
    """Checksum of the columns of a task's graph; ``None`` for a task without a graph.

    For a column of more than 16 million values, only 16 million evenly spaced rows are read, so
    that a graph mapped from disk is not read completely.
    """
    graph = getattr(task, "graph", None)
    if graph is None:
        return None
    digest = hashlib.sha256(str(getattr(graph, "num_nodes", "")).encode())
    for name in _COLUMNS:
        value = getattr(graph, name, None)
        if isinstance(value, Tensor):
            number = int(fingerprint(_sample(value)))
            digest.update(
                f"{_WRITTEN.get(name, name)} {value.dtype} {list(value.shape)} {number};".encode()
            )
    return digest.hexdigest()[:16]


def _sample(value: Tensor) -> Tensor:
    if value.numel() <= _WHOLE or value.dim() == 0:
        return value
    rows = max(1, _WHOLE // max(1, value[0].numel()))
    step = -(-len(value) // rows)
    return torch.cat([value[::step], value[-1:]])
