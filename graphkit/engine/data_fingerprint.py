"""A number that tells the data of two runs apart."""

from __future__ import annotations

import hashlib
from typing import Any

import torch
from torch import Tensor

from graphkit.data.columns import EVENT_COLUMNS, NODE_COLUMNS, SIGNAL_COLUMNS
from graphkit.engine.runtime import fingerprint

__all__ = ["data_fingerprint"]

_COLUMNS = ("src", "dst", "t", *EVENT_COLUMNS, *NODE_COLUMNS, *SIGNAL_COLUMNS)
_WRITTEN = {"signal_recording": "signal_part"}  # as checkpoints of older versions have it
_WHOLE = 1 << 24  # values up to which a column is read whole


def data_fingerprint(task: Any) -> str | None:
    """A checksum of the columns of a task's graph, ``None`` of a task without a graph.

    Of a column of more than 16 million values, 16 million rows at equal distances count: a graph
    that is mapped from disk is not read through.
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
