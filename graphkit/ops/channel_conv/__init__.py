"""Correlation of every channel with taps of its own, for long and for short filters."""

from graphkit.ops.channel_conv.bands import band_matrix, blocks
from graphkit.ops.channel_conv.op import channel_conv
from graphkit.ops.channel_conv.shared import shared_conv

__all__ = ["band_matrix", "blocks", "channel_conv", "shared_conv"]
