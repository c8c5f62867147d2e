"""Blocks of two layers, one that joins positions and a perceptron, with projections around them."""

from __future__ import annotations

from collections.abc import Callable

from graphkit.checks import check_count
from graphkit.encoders.sequence.protocol import SequenceEncoder
from graphkit.encoders.sequence.stack import FeedForward, SequenceStack

__all__ = ["BlockStack"]


class BlockStack(SequenceStack):
    """A stack of ``num_layers`` blocks, each a layer that joins positions and a perceptron.

    What published encoders of this shape share:
    :class:`~graphkit.encoders.sequence.transformer.Transformer`,
    :class:`~graphkit.encoders.sequence.aaren.Aaren`, :class:`~graphkit.encoders.sequence.gla.GLA`
    and :class:`~graphkit.encoders.sequence.retnet.RetNet`.

    Args:
        in_channels: Size of each input.
        out_channels: Size of each output; ``in_channels`` if ``None``.
        hidden_channels: Size inside; ``in_channels`` if ``None``.
        num_layers: Number of blocks.
        join: Makes the layer that joins positions, from ``hidden_channels``; called once a block.
        perceptron: Makes the perceptron, likewise.
        first: Makes a layer before the first block, or ``None`` for none.
        norm: Norm before each layer, see :class:`~graphkit.encoders.sequence.stack.SequenceStack`.
        dropout: Of each layer's output.

    Attributes:
        num_layers: Number of blocks.
        hidden_channels: Size inside.
        width: Size of the hidden layer of each perceptron.
    """

    def __init__(
        self,
        in_channels: int,
        out_channels: int | None,
        hidden_channels: int | None,
        num_layers: int,
        *,
        join: Callable[[int], SequenceEncoder],
        perceptron: Callable[[int], FeedForward],
        first: Callable[[int], SequenceEncoder] | None = None,
        norm: str | None = "rms",
        dropout: float = 0.0,
    ) -> None:
        in_channels = check_count(in_channels, "in_channels")
        num_layers = check_count(num_layers, "num_layers")
        hidden = check_count(hidden_channels or in_channels, "hidden_channels")
        layers = [] if first is None else [first(hidden)]
        for _ in range(num_layers):
            layers += [join(hidden), perceptron(hidden)]
        super().__init__(
            layers,
            in_channels=in_channels,
            out_channels=in_channels if out_channels is None else out_channels,
            norm=norm,
            dropout=dropout,
        )
        self.num_layers, self.hidden_channels = num_layers, hidden
        self.width = layers[-1].width
