"""Models that read a sequence of snapshots: ``model(snapshots, state=None) -> (out, state)``."""

from __future__ import annotations

from typing import TYPE_CHECKING

from graphkit.lazy import lazy_names

if TYPE_CHECKING:
    from graphkit.models.snapshot.evolvegcn import EvolveGCNH, EvolveGCNO
    from graphkit.models.snapshot.gcn import SnapshotGCN
    from graphkit.models.snapshot.gcn_gru import GCNGRU
    from graphkit.models.snapshot.met_before import MetBefore

__all__ = ["GCNGRU", "EvolveGCNH", "EvolveGCNO", "MetBefore", "SnapshotGCN"]

__getattr__, __dir__ = lazy_names(__name__)
