"""Dropout: with cheap masks, and with a generator for each of many models."""

from graphkit.nn.dropout.fast import fast_dropout, relu_dropout
from graphkit.nn.dropout.seeded import SeededDropout

__all__ = ["SeededDropout", "fast_dropout", "relu_dropout"]
