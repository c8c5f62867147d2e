"""Normalisation: of channels, of windows reversibly, and of the length of weight vectors."""

from graphkit.nn.norm.channel_norm import ChannelNorm
from graphkit.nn.norm.max_norm import MaxNorm
from graphkit.nn.norm.reversible_norm import Level, ReversibleInstanceNorm

__all__ = [
    "ChannelNorm",
    "Level",
    "MaxNorm",
    "ReversibleInstanceNorm",
]
