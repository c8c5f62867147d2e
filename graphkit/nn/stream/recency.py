"""Ages as a few buckets, two to every doubling."""

from __future__ import annotations

import torch
from torch import Tensor

__all__ = ["num_buckets", "recency_bucket"]

_HIGHEST = 48  # ages up to 2**24 steps are told apart


def num_buckets() -> int:
    """Number of buckets that :func:`recency_bucket` uses."""
    return _HIGHEST


def recency_bucket(age: Tensor, tick: float = 1.0) -> Tensor:
    r"""Buckets of equal width in :math:`\log_2`: two to every doubling of the age.

    With ``s = 1 + age / tick`` in ``[2^k, 2^{k+1})`` the bucket is :math:`2k` below
    :math:`1.5 \cdot 2^k` and :math:`2k + 1` above. These are the exponent and the first bit of the
    mantissa of a float, so no logarithm is taken.

    Args:
        age: ``[...]`` integers or floats; negative ages count as 0.
        tick: What counts as one step.

    Returns:
        int64 ``[...]`` in ``0..num_buckets() - 1``; the last bucket holds all higher ages.
    """
    steps = age if tick == 1.0 else age / tick
    bits = (steps.to(torch.float32) + 1).view(torch.int32)  # an int64 might overflow
    return (bits >> 22).sub_(127 << 1).clamp_(0, _HIGHEST - 1).to(torch.int64)
