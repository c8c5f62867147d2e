"""Pieces of models of signals."""

from graphkit.nn.signal.time_features import TimeFeatures
from graphkit.nn.signal.training_signal import TrainingSignal

__all__ = ["TimeFeatures", "TrainingSignal"]
