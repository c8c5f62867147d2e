"""Pieces of models of signals."""

from graphkit.nn.signal.daily_profile import DailyProfile
from graphkit.nn.signal.pattern_windows import pattern_windows
from graphkit.nn.signal.per_node import PerNodeForecaster
from graphkit.nn.signal.rolling import Rolling
from graphkit.nn.signal.sensor_embedding import SensorEmbedding
from graphkit.nn.signal.time_features import TimeFeatures
from graphkit.nn.signal.training_signal import TrainingSignal
from graphkit.nn.signal.transition import Transition

__all__ = [
    "DailyProfile",
    "PerNodeForecaster",
    "Rolling",
    "SensorEmbedding",
    "TimeFeatures",
    "TrainingSignal",
    "Transition",
    "pattern_windows",
]
