"""Models that read one graph at a time: ``model(x, edge_index, edge_weight=None)``."""

from __future__ import annotations

from typing import TYPE_CHECKING

from graphkit.lazy import lazy_names

if TYPE_CHECKING:
    from graphkit.models.static.appnp import APPNP
    from graphkit.models.static.dagnn import DAGNN
    from graphkit.models.static.gcn import GCN
    from graphkit.models.static.mlp import MLP

__all__ = ["APPNP", "DAGNN", "GCN", "MLP"]

__getattr__, __dir__ = lazy_names(__name__)
