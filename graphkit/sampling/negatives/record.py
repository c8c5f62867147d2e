"""A short name for the content of tensors, for the record of a result."""

from __future__ import annotations

import hashlib

from torch import Tensor

__all__ = ["fingerprint"]


def fingerprint(*tensors: Tensor) -> str:
    """SHA-256 of the shapes and values of integer tensors, as little-endian int64."""
    digest = hashlib.sha256()
    for tensor in tensors:
        digest.update(repr(tuple(tensor.shape)).encode())
        digest.update(tensor.long().cpu().contiguous().numpy().astype("<i8", copy=False).data)
    return digest.hexdigest()
