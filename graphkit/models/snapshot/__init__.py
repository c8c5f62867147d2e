"""Models that eat a sequence of snapshots: ``model(snapshots, state=None) -> (out, state)``."""

from graphkit.models.snapshot.evolvegcn import EvolveGCNH, EvolveGCNO
from graphkit.models.snapshot.gcn import SnapshotGCN
from graphkit.models.snapshot.gcn_gru import GCNGRU
from graphkit.models.snapshot.met_before import MetBefore

__all__ = ["GCNGRU", "EvolveGCNH", "EvolveGCNO", "MetBefore", "SnapshotGCN"]
