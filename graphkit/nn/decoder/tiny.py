"""A small decoder with random weights: nothing to download."""

from __future__ import annotations

from torch import nn

from graphkit.nn.attention.head_projections import HeadProjections
from graphkit.nn.attention.rotary import rotary_frequencies
from graphkit.nn.decoder.backbone import Backbone, Block

__all__ = ["tiny_backbone"]


def tiny_backbone(
    *,
    channels: int = 64,
    num_layers: int = 4,
    heads: int = 4,
    expansion: int = 4,
    dropout: float = 0.0,
    base: float = 10_000.0,
) -> Backbone:
    """Pre-norm blocks with rotary positions, drawn at random.

    Queries and keys start with a common part, which spatial angles can act on.

    Args:
        channels: C of a token.
        num_layers: Blocks.
        heads: Heads.
        expansion: Width of the feed-forward part, in multiples of ``channels``.
        dropout: Of attention weights and of the feed-forward part.
        base: Of rotary frequencies.
    """
    blocks = [
        Block(
            nn.LayerNorm(channels),
            HeadProjections(channels, heads, dropout, common=1.0),
            nn.LayerNorm(channels),
            nn.Sequential(
                nn.Linear(channels, expansion * channels),
                nn.GELU(),
                nn.Dropout(dropout),
                nn.Linear(expansion * channels, channels),
            ),
        )
        for _ in range(num_layers)
    ]
    frequencies = rotary_frequencies(channels // heads, base)
    return Backbone(blocks, nn.LayerNorm(channels), channels, frequencies, redraw=True)
