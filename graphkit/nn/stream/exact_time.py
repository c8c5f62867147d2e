"""Exact storage of event times inside a model, independent of the precision of the model.

``module.half()`` and ``module.to(torch.bfloat16)`` convert every floating-point buffer of a module,
which would round float64 times to days. The state therefore contains int64 values only: integer
times directly, and float64 times as their bits.
"""

from __future__ import annotations

import torch
from torch import Tensor

from graphkit.errors import GraphError

__all__ = ["check_time_dtype", "pack_time", "unpack_time"]


def check_time_dtype(dtype: torch.dtype) -> torch.dtype:
    """Return ``dtype`` if it is a valid data type of times (int64 or float64).

    Raises:
        GraphError: ``dtype`` is neither int64 nor float64.
    """
    if dtype not in (torch.int64, torch.float64):
        raise GraphError(
            "time_dtype",
            "event times are exact",
            expected="torch.int64 or torch.float64",
            got=dtype,
            fix="Convert the times of the stream.",
        )
    return dtype


def pack_time(t: Tensor, dtype: torch.dtype) -> Tensor:
    """Convert times of a stream to int64, for storage in a buffer.

    Args:
        t: Times, int64 or float64 ``[...]``.
        dtype: Data type of the times of this stream, int64 or float64.

    Returns:
        int64 ``[...]``: the times, or the bits of the float64 times. Zero bits are time 0.

    Raises:
        GraphError: The times are floats, but the model was created for integer times.
    """
    if dtype == torch.float64:
        return t.to(torch.float64).view(torch.int64)
    if t.is_floating_point():
        raise GraphError(
            "t",
            "this model was made for integer times",
            expected=dtype,
            got=t.dtype,
            fix="Make it with time_dtype=torch.float64, or with from_graph on this stream.",
        )
    return t if t.dtype == torch.int64 else t.to(torch.int64)


def unpack_time(bits: Tensor, dtype: torch.dtype) -> Tensor:
    """The inverse of :func:`pack_time`: ``[...]`` of ``dtype``."""
    return bits if dtype == torch.int64 else bits.view(torch.float64)
