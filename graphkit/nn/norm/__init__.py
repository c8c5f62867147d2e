"""Normalisation: of channels and frames, of windows reversibly, of the length of weight vectors."""

from graphkit.nn.norm.channel_norm import ChannelNorm
from graphkit.nn.norm.frame_norm import FrameNorm
from graphkit.nn.norm.max_norm import MaxNorm
from graphkit.nn.norm.reversible_norm import Level, ReversibleInstanceNorm

__all__ = ["ChannelNorm", "FrameNorm", "Level", "MaxNorm", "ReversibleInstanceNorm"]
