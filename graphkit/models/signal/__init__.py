"""Models that eat windows of a signal: ``model(x, covariates=None, mask=None)``.

``x`` is ``[B, T', N, C]``, scaled as the task says and 0 where a reading is missing; ``covariates``
``[B, T' + delay + T, K]`` belong to the rows of the whole window; ``mask`` (bool, shape of ``x``)
says what was observed. Forecasts are ``[B, T, N, C']`` in scaled units, classes ``[B, classes]``
as logits. A class says what it answers in ``kind`` (``"forecast"`` or ``"classify"``) and is made
with ``from_task(task, **settings)``.
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
