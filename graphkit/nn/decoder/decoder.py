"""A decoder's blocks, run with angles of time and space and with memories of patterns."""

from __future__ import annotations

from typing import Any

from torch import Tensor, nn

from graphkit.errors import GraphError
from graphkit.nn.attention.mrffn import MRFFN
from graphkit.nn.attention.pattern_memory import PatternMemory, Retrieval
from graphkit.nn.attention.se_attention import attention_weights, rotary_attention
from graphkit.nn.attention.se_rotary import SERotary
from graphkit.nn.decoder.backbone import Backbone, Block

__all__ = ["Decoder", "DecoderLayer"]


class DecoderLayer(nn.Module):
    """One block with its three hooks: angles, mask, feed-forward part.

    Args:
        block: The block's pieces.
        rotary: Angles of queries and keys.
        memory: Read beside the feed-forward part; ``None`` for none.

    Shapes:
        - **input:** tokens :math:`(B, L, C)`, times :math:`(L)`, node coordinates :math:`(N, q)`,
          node of each token :math:`(L)`, mask :math:`(L, L)`, windows for the memory
          :math:`(B, L, T')`
        - **output:** tokens :math:`(B, L, C)`, and what the memory gave (or ``None``)
    """

    def __init__(self, block: Block, rotary: SERotary, memory: PatternMemory | None = None) -> None:
        super().__init__()
        self.attention_norm, self.attention = block.attention_norm, block.attention
        self.rotary = rotary
        self.feed_forward = MRFFN(block.norm, block.feed_forward, memory)

    def forward(
        self,
        h: Tensor,
        time: Tensor | None,
        basis: Tensor | None = None,
        node: Tensor | None = None,
        mask: Tensor | None = None,
        window: Tensor | None = None,
    ) -> tuple[Tensor, Retrieval | None]:
        angles = self._angles(time, basis, node, h)
        heads = rotary_attention(
            *self.attention.project(self.attention_norm(h)),
            angles,
            mask,
            dropout=self.attention.dropout if self.training else 0.0,
            scale=self.attention.scale,
        )
        return self.feed_forward(h + self.attention.merge(heads), window)

    def attention_weights(
        self,
        h: Tensor,
        time: Tensor | None,
        basis: Tensor | None = None,
        node: Tensor | None = None,
        mask: Tensor | None = None,
    ) -> Tensor:
        """How much each token looks at each other, ``[B, heads, L, L]``."""
        q, k, _ = self.attention.project(self.attention_norm(h))
        return attention_weights(
            q, k, self._angles(time, basis, node, h), mask, scale=self.attention.scale
        )

    def _angles(
        self, time: Tensor | None, basis: Tensor | None, node: Tensor | None, h: Tensor
    ) -> Tensor | None:
        spatial = self.rotary.weight is not None
        if time is None and not spatial:
            return None
        time = h.new_zeros(h.shape[1]) if time is None else time
        return self.rotary(time, basis if spatial else None, node)


class Decoder(nn.Module):
    r"""A backbone whose last blocks know space and remember patterns.

    Args:
        backbone: The decoder in pieces.
        num_adapted: U, how many of the last blocks get spatial angles and memories.
        phase_channels: Coordinates of a node; 0 turns by time alone.
        split: See :class:`~graphkit.nn.attention.SERotary`.
        memory: Arguments of :class:`~graphkit.nn.attention.PatternMemory` for each adapted block;
            ``None`` for none.
        keep_positions: Add the backbone's learned positions, where it has such.

    Shapes:
        - **input:** tokens :math:`(B, L, C)`; times :math:`(L)`, whole numbers from 0, or ``None``
          for tokens of one time; node coordinates :math:`(N, q)`; node of each token :math:`(L)`;
          mask :math:`(L, L)`; windows :math:`(B, L, T')` that tokens ask memories by
        - **output:** tokens :math:`(B, L, C)` after the last norm, and for each adapted block what
          its memory gave
    """

    def __init__(
        self,
        backbone: Backbone,
        *,
        num_adapted: int = 2,
        phase_channels: int = 0,
        split: bool = False,
        memory: dict[str, Any] | None = None,
        keep_positions: bool = True,
    ) -> None:
        super().__init__()
        depth = len(backbone.blocks)
        if not 0 <= num_adapted <= depth:
            raise GraphError(
                "num_adapted", "the backbone has fewer blocks", expected=f"0 to {depth}",
                got=num_adapted,
            )  # fmt: skip
        self.channels, self.num_adapted = backbone.channels, num_adapted
        self._redraw = backbone.redraw
        self.pretrained_folder = backbone.folder  # frozen weights need not be saved twice
        self.positions = backbone.positions if keep_positions else None
        self.layers = nn.ModuleList()
        for index, block in enumerate(backbone.blocks):
            adapted = index >= depth - num_adapted
            rotary = SERotary(
                block.attention.head_channels,
                block.attention.heads,
                phase_channels if adapted else 0,
                split=split and adapted,
                frequencies=backbone.frequencies,
            )
            own = PatternMemory(backbone.channels, **memory) if adapted and memory else None
            self.layers.append(DecoderLayer(block, rotary, own))
        self.norm = backbone.norm

    def reset_parameters(self) -> None:
        """Draws angles and memories anew, and the blocks too if they were drawn here."""
        for layer in self.layers:
            layer.rotary.reset_parameters()
            layer.feed_forward.reset_memory()
            parts = (
                layer.attention_norm,
                layer.attention,
                layer.feed_forward.norm,
                layer.feed_forward.feed_forward,
            )
            for part in parts if self._redraw else ():
                _reset(part)
        if self._redraw:
            _reset(self.norm)

    @property
    def memories(self) -> list[PatternMemory]:
        """The memories of the adapted blocks."""
        found = (layer.feed_forward.memory for layer in self.layers)
        return [memory for memory in found if memory is not None]

    def forward(
        self,
        h: Tensor,
        time: Tensor | None = None,
        basis: Tensor | None = None,
        node: Tensor | None = None,
        mask: Tensor | None = None,
        window: Tensor | None = None,
    ) -> tuple[Tensor, list[Retrieval]]:
        h = self._placed(h, time)
        retrievals = []
        for layer in self.layers:
            h, retrieval = layer(h, time, basis, node, mask, window)
            if retrieval is not None:
                retrievals.append(retrieval)
        return self.norm(h), retrievals

    def attention_weights(
        self,
        h: Tensor,
        time: Tensor | None = None,
        basis: Tensor | None = None,
        node: Tensor | None = None,
        mask: Tensor | None = None,
        window: Tensor | None = None,
    ) -> list[Tensor]:
        """The attention of each adapted block, ``[B, heads, L, L]``; to look at, not fast."""
        h, found = self._placed(h, time), []
        for index, layer in enumerate(self.layers):
            if index >= len(self.layers) - self.num_adapted:
                found.append(layer.attention_weights(h, time, basis, node, mask))
            h, _ = layer(h, time, basis, node, mask, window)
        return found

    def _placed(self, h: Tensor, time: Tensor | None) -> Tensor:
        if self.positions is None:
            return h
        if time is None:
            return h + self.positions.weight[0]
        return h + self.positions(time.long())

    def extra_repr(self) -> str:
        return f"{self.channels}, num_adapted={self.num_adapted}"


def _reset(part: nn.Module) -> None:
    if hasattr(part, "reset_parameters"):
        part.reset_parameters()
        return
    for module in part.children():
        _reset(module)
