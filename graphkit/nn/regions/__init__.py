"""Layers for nodes that form regions: filters, mixing and summaries for all regions at once."""

from graphkit.electrodes import DREAMER_ELECTRODES, clean_name, electrode_positions
from graphkit.nn.regions.block_diagonal import BlockDiagonal
from graphkit.nn.regions.chebyshev_filter import ChebyshevFilter, scaled_laplacian
from graphkit.nn.regions.hierarchy import RegionHierarchy, relative_neighbors
from graphkit.nn.regions.node_fusion import NodeFusion

__all__ = [
    "DREAMER_ELECTRODES",
    "BlockDiagonal",
    "ChebyshevFilter",
    "NodeFusion",
    "RegionHierarchy",
    "clean_name",
    "electrode_positions",
    "relative_neighbors",
    "scaled_laplacian",
]
