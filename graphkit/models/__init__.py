"""Published models, one file each, in folders named after the view of a graph that they read.

All model classes are also available here (``graphkit.models.NAT``). The file of a model is imported
when its class or its registered name is first used, without the files of other models.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from graphkit.lazy import lazy_names
from graphkit.registry import get, names

if TYPE_CHECKING:
    from graphkit.models import signal, snapshot, static, stream
    from graphkit.models.signal import (
        CSPLDA,
        STLINK,
        DLinear,
        EEGNet,
        GraphWaveNet,
        HiSTN,
        HistoricalAverage,
        LastValue,
        SequenceClassifier,
        SequenceForecaster,
        SignalGRU,
    )
    from graphkit.models.snapshot import GCNGRU, EvolveGCNH, EvolveGCNO, MetBefore, SnapshotGCN
    from graphkit.models.static import APPNP, DAGNN, GCN, MLP
    from graphkit.models.stream import NAT, TGN, EdgeBank, HistoryLinkPredictor

__all__ = [
    "APPNP",
    "CSPLDA",
    "DAGNN",
    "DLinear",
    "EEGNet",
    "EdgeBank",
    "EvolveGCNH",
    "EvolveGCNO",
    "GCN",
    "GCNGRU",
    "GraphWaveNet",
    "HiSTN",
    "HistoricalAverage",
    "HistoryLinkPredictor",
    "LastValue",
    "MLP",
    "MetBefore",
    "NAT",
    "STLINK",
    "SequenceClassifier",
    "SequenceForecaster",
    "SignalGRU",
    "SnapshotGCN",
    "TGN",
    "get",
    "list_models",
    "signal",
    "snapshot",
    "static",
    "stream",
]

REGISTERED = {
    "appnp": "graphkit.models.static.appnp",
    "csp_lda": "graphkit.models.signal.csp_lda",
    "dagnn": "graphkit.models.static.dagnn",
    "edgebank": "graphkit.models.stream.edgebank",
    "eegnet": "graphkit.models.signal.eegnet",
    "evolvegcn_h": "graphkit.models.snapshot.evolvegcn",
    "evolvegcn_o": "graphkit.models.snapshot.evolvegcn",
    "gcn": "graphkit.models.static.gcn",
    "gcn_gru": "graphkit.models.snapshot.gcn_gru",
    "gcn_snapshot": "graphkit.models.snapshot.gcn",
    "gru": "graphkit.models.signal.gru",
    "gwnet": "graphkit.models.signal.gwnet",
    "ha": "graphkit.models.signal.historical_average",
    "histn": "graphkit.models.signal.histn",
    "history": "graphkit.models.stream.history",
    "last_value": "graphkit.models.signal.last_value",
    "linear": "graphkit.models.signal.linear",
    "mlp": "graphkit.models.static.mlp",
    "met_before": "graphkit.models.snapshot.met_before",
    "nat": "graphkit.models.stream.nat",
    "sequence_classifier": "graphkit.models.signal.sequence_classifier",
    "sequence_forecaster": "graphkit.models.signal.sequence_forecaster",
    "stlink": "graphkit.models.signal.stlink",
    "tgn": "graphkit.models.stream.tgn",
}
"""Registered names and the files that register them, for :mod:`graphkit.registry`."""


def list_models() -> list[str]:
    """Names of all registered models, sorted."""
    return names("model")


__getattr__, __dir__ = lazy_names(__name__)
