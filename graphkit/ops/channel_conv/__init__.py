"""Correlation of every channel with taps of its own, for long and for short filters."""

from graphkit.ops.channel_conv.op import band_matrix, blocks, channel_conv, shared_conv

__all__ = ["band_matrix", "blocks", "channel_conv", "shared_conv"]
