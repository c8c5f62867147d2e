"""Models that read windows of a signal: ``model(x, covariates=None, mask=None)``.

``x`` ``[B, T', N, C]`` contains the readings, scaled by the task and 0 where missing;
``covariates`` ``[B, T' + delay + T, K]`` belong to the rows of the whole window; ``mask`` (boolean,
shape of ``x``) is true for observed readings. Forecasts are ``[B, T, N, C']`` in scaled units,
classes are logits ``[B, classes]``. The attribute ``kind`` of a class is ``"forecast"`` or
``"classify"``; models are created with ``from_task(task, **settings)``.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from graphkit.lazy import lazy_names

if TYPE_CHECKING:
    from graphkit.models.signal.csp_lda import CSPLDA
    from graphkit.models.signal.eegnet import EEGNet
    from graphkit.models.signal.gru import SignalGRU
    from graphkit.models.signal.gwnet import GraphWaveNet
    from graphkit.models.signal.histn import HiSTN
    from graphkit.models.signal.historical_average import HistoricalAverage
    from graphkit.models.signal.last_value import LastValue
    from graphkit.models.signal.linear import DLinear
    from graphkit.models.signal.sequence_classifier import SequenceClassifier
    from graphkit.models.signal.sequence_forecaster import SequenceForecaster
    from graphkit.models.signal.stlink import STLINK

__all__ = [
    "CSPLDA",
    "DLinear",
    "EEGNet",
    "GraphWaveNet",
    "HiSTN",
    "HistoricalAverage",
    "LastValue",
    "STLINK",
    "SequenceClassifier",
    "SequenceForecaster",
    "SignalGRU",
]

__getattr__, __dir__ = lazy_names(__name__)
