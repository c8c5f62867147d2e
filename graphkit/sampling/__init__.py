"""Samplers over the past of a graph: temporal neighbours and negative destinations."""

from __future__ import annotations

from graphkit.sampling import negatives
from graphkit.sampling.neighbors import Neighbors, NeighborSampler

__all__ = ["NeighborSampler", "Neighbors", "negatives"]
