"""A state for each of many nodes, advanced by the events that arrive at them."""

from __future__ import annotations

from typing import Any

import torch
from torch import Tensor, nn
from torch.utils import _pytree as pytree

from graphkit.encoders.sequence.protocol import SequenceEncoder
from graphkit.encoders.sequence.state import State
from graphkit.errors import GraphError

__all__ = ["StateTable", "occurrence_rounds"]


class StateTable(nn.Module):
    """States of ``num_nodes`` rows of one encoder, in buffers.

    ``state_dict``, ``.to()`` and checkpoints cover it. The encoder is passed to each call and does
    not become a part of the table.

    Args:
        encoder: A causal encoder whose state is constant in size.
        num_nodes: N.
        device, dtype: As for :meth:`SequenceEncoder.init_state`.

    Raises:
        GraphError: The encoder has no steps, or a state that grows.

    Example:
        >>> encoder = graphkit.encoders.sequence("gru", in_channels=4)
        >>> table = StateTable(encoder, num_nodes=100)
        >>> y = table.advance(encoder, torch.tensor([3, 7, 3]), torch.randn(3, 4))
    """

    def __init__(
        self,
        encoder: SequenceEncoder,
        num_nodes: int,
        device: Any = None,
        dtype: torch.dtype | None = None,
    ) -> None:
        super().__init__()
        if not encoder.causal:
            raise encoder._no_state()
        if not encoder.state_is_constant:
            raise GraphError(
                "encoder",
                f"the state of {type(encoder).__name__} grows with every event",
                fix="Take an encoder of constant state, or run it on each node's last events.",
            )
        self.num_nodes = num_nodes
        first = encoder.init_state(1, device, dtype).detach()
        leaves, self._layout = pytree.tree_flatten(first)
        # float64 beside a smaller dtype is time: its bits are kept where .half() cannot round them
        small = {leaf.dtype for leaf in leaves if leaf.is_floating_point()} - {torch.float64}
        self._as_bits = [bool(small) and leaf.dtype == torch.float64 for leaf in leaves]
        for index, (leaf, bits) in enumerate(zip(leaves, self._as_bits)):
            leaf = leaf.view(torch.int64) if bits else leaf
            self.register_buffer(f"first{index}", leaf.clone(), persistent=False)
            self.register_buffer(f"leaf{index}", leaf.repeat(num_nodes, *[1] * (leaf.dim() - 1)))

    @property
    def state(self) -> State:
        """The whole table as a state of N rows; it shares memory with the buffers."""
        return pytree.tree_unflatten(
            [
                leaf.view(torch.float64) if bits else leaf
                for bits, leaf in zip(self._as_bits, self._buffers_called("leaf"))
            ],
            self._layout,
        )

    def gather(self, node: Tensor) -> State:
        """The states of nodes, int64 ``[B]``; a node may occur often."""
        return self.state.index_select(node)

    @torch.no_grad()
    def write(self, node: Tensor, state: State) -> None:
        """Overwrite the states of distinct nodes."""
        state.detach().scatter_(self.state, node)

    @torch.no_grad()
    def reset(self) -> None:
        """Every node back to the state before its first event."""
        for first, leaf in zip(self._buffers_called("first"), self._buffers_called("leaf")):
            leaf.copy_(first.expand_as(leaf))

    def advance(
        self,
        encoder: SequenceEncoder,
        node: Tensor,
        x: Tensor,
        time: Tensor | None = None,
        mask: Tensor | None = None,
    ) -> Tensor:
        """Step the nodes' states by events and store them.

        Events of one node are taken in their order, however often the node occurs: the k-th
        events of all nodes are one step. Gradients flow through the steps of this call; what is
        stored is detached.

        Args:
            encoder: The encoder that the table was made for.
            node: int64 ``[E]``.
            x: ``[E, in_channels]``.
            time: ``[E]`` or ``None``.
            mask: bool ``[E]``; an event that is not valid changes nothing.

        Returns:
            ``[E, out_channels]``, the output at each event.
        """
        if node.numel() == 0:
            return x.new_zeros(0, encoder.out_channels)
        unique, row = node.unique(return_inverse=True)
        state = self.gather(unique)
        order, sizes = occurrence_rounds(row, len(unique))
        outputs = []
        for event in order.split(sizes):
            rows = row[event]
            y, after = encoder.step(
                x[event],
                state.index_select(rows),
                None if mask is None else mask[event],
                None if time is None else time[event],
            )
            state = state.map(lambda t, s: t.index_copy(0, rows, s.to(t.dtype)), after)  # noqa: B023
            outputs.append(y)
        self.write(unique, state)
        out = torch.cat(outputs)
        return torch.zeros_like(out).index_copy(0, order, out)

    def _buffers_called(self, name: str) -> list[Tensor]:
        return [getattr(self, f"{name}{index}") for index in range(len(self._as_bits))]

    def extra_repr(self) -> str:
        return f"num_nodes={self.num_nodes}"


def occurrence_rounds(row: Tensor, num_rows: int) -> tuple[Tensor, list[int]]:
    """Events ordered so that the k-th events of all rows stand together.

    Args:
        row: int64 ``[E]``, row of each event, below ``num_rows``.

    Returns:
        ``(order [E], sizes)``: ``order.split(sizes)`` are the rounds; in none of them a row occurs
        twice, and a row's events come in their own order.
    """
    by_row = row.argsort(stable=True)
    counts = torch.bincount(row, minlength=num_rows)
    start = counts.cumsum(0) - counts
    rank = torch.arange(len(row), device=row.device) - start[row[by_row]]
    order = by_row[rank.argsort(stable=True)]
    return order, torch.bincount(rank).tolist()
