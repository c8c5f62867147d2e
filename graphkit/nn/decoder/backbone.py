r"""What a decoder must hand over so that its blocks can be run with other angles and masks.

Any stack of pre-norm transformer blocks will do: for each block its first norm, something that
makes queries, keys and values and puts heads together again, its second norm and its feed-forward
part. :class:`graphkit.nn.decoder.Decoder` runs them with three hooks: rotary angles, attention mask
and feed-forward part.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, Protocol

import torch
from torch import Tensor, nn

__all__ = ["Backbone", "Block", "Heads", "no_rotation"]


class Heads(Protocol):
    """The projections of an attention module.

    Attributes:
        heads: Heads of queries.
        head_channels: Channels of a head, even.
        scale: Of scores.
        dropout: Dropout probability of the attention weights.
    """

    heads: int
    head_channels: int
    scale: float
    dropout: float

    def project(self, x: Tensor) -> tuple[Tensor, Tensor, Tensor]:
        """Queries, keys and values of normalised tokens, before any rotation,
        ``[B, heads, L, d_h]`` each; keys and values may have fewer heads."""
        ...

    def merge(self, heads: Tensor) -> Tensor:
        """``[B, heads, L, d_h]`` to tokens ``[B, L, C]``."""
        ...


@dataclass
class Block:
    """The four pieces of a pre-norm block."""

    attention_norm: nn.Module
    attention: Any
    norm: nn.Module
    feed_forward: nn.Module


@dataclass
class Backbone:
    """A decoder in pieces.

    Attributes:
        blocks: First to last.
        norm: After the last block.
        channels: C of a token.
        frequencies: ``[d_h / 2]``, the decoder's own rotary angle per step; zeros if it has learned
            positions instead.
        positions: Learned positions ``[most steps, C]``, or ``None``.
        pretrained: Whether weights mean something, so that freezing them makes sense.
        redraw: Whether ``reset_parameters`` may draw the weights anew.
        folder: Where pretrained weights were read from, or ``None``.
    """

    blocks: list[Block]
    norm: nn.Module
    channels: int
    frequencies: Tensor
    positions: nn.Embedding | None = None
    pretrained: bool = False
    redraw: bool = False
    folder: str | None = None


def no_rotation(head_channels: int) -> Tensor:
    """Frequencies of a decoder that does not turn its queries and keys."""
    return torch.zeros(head_channels // 2)
