"""Caches of objects that are computed from rarely changing tensors."""

from graphkit.nn.caching.tensor_cache import TensorCache
from graphkit.nn.caching.unchanged import tensors_unchanged, unchanged_block

__all__ = ["TensorCache", "tensors_unchanged", "unchanged_block"]
