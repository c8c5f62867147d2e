"""Models that eat one graph at a time: ``model(x, edge_index, edge_weight=None)``."""

from graphkit.models.static.appnp import APPNP
from graphkit.models.static.dagnn import DAGNN
from graphkit.models.static.gcn import GCN
from graphkit.models.static.mlp import MLP

__all__ = ["APPNP", "DAGNN", "GCN", "MLP"]
