r"""The neural long-term memory of Titans: a small network whose weights are the state.

Behrouz, Zhong, Mirrokni, "Titans: Learning to Memorize at Test Time", arXiv 2501.00663, section 3.
Per token: :math:`k, v, q = \mathrm{silu}(W x)`, a causal depthwise convolution of width 4 each, k
and q normalised; gates :math:`\alpha, \eta = \sigma(W x)` and :math:`\theta = \theta_{max}
\sigma(W x)`, one of each per head; then one write and one read
(:mod:`graphkit.nn.memory.fast_weights`).

Gradients are taken at the weights from the start of the token's chunk. The size of chunks is a part
of the model and no detail of the computation: 1 is the strict recurrence, and larger chunks are
another memory.
"""

from __future__ import annotations

import itertools

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from graphkit.errors import GraphError
from graphkit.nn.memory.fast_weights import (
    Gates,
    Plan,
    chunk_plan,
    read_weights,
    write_chunk,
    write_token,
)

__all__ = ["MemoryState", "NeuralMemory"]

Weights = tuple[Tensor, ...]
MemoryState = tuple[Tensor, Weights, Weights, Weights, Tensor]
"""Position in the chunk ``[B]``, M, S, M at the chunk's start, last tokens ``[B, w - 1, 3d]``."""


class NeuralMemory(nn.Module):
    r"""A memory of tokens in the weights of a perceptron, written by gradient steps.

    Args:
        channels: d.
        heads: Memories of ``channels / heads`` each.
        num_layers: Layers of the memory; one is a matrix.
        expansion: Width of its hidden layers over its input.
        chunk: Tokens whose gradients are taken at the same weights.
        max_step: :math:`\theta_{max}`. A linear memory of unit keys is stable below 1.
        conv: Width of the convolutions; 1 has none.
        read: ``"after"`` the token is written, or ``"before"``.
        max_norm: Soft bound on the norm of a token's gradient, or ``None``.

    Shapes:
        - **input:** ``[B, L, d]``, a state, and how many positions of each row are valid (the
          first ones), int64 ``[B]`` or ``None``.
        - **output:** ``[B, L, d]`` and the next state.
    """

    def __init__(
        self,
        channels: int,
        heads: int = 1,
        num_layers: int = 2,
        expansion: float = 2,
        *,
        chunk: int = 16,
        max_step: float = 0.1,
        conv: int = 4,
        read: str = "after",
        max_norm: float | None = 10.0,
    ) -> None:
        super().__init__()
        if heads < 1 or channels % heads:
            raise GraphError("heads", f"it must divide the {channels} channels", got=heads)
        if read not in ("after", "before"):
            raise GraphError("read", "no such order", expected="'after' or 'before'", got=read)
        for name, size in (("num_layers", num_layers), ("chunk", chunk), ("conv", conv)):
            if size < 1:
                raise GraphError(name, "a wrong size", expected="an integer from 1", got=size)
        self.channels, self.heads, self.chunk = channels, heads, chunk
        self.max_step, self.max_norm, self.before = max_step, max_norm, read == "before"
        size = channels // heads
        hidden = max(1, round(expansion * size))
        sizes = [size, *[hidden] * (num_layers - 1), size]
        self.lin = nn.Linear(channels, 3 * channels, bias=False)  # k, v, q
        self.gates = nn.Linear(channels, 3 * heads)  # theta, alpha, eta
        self.conv = nn.Parameter(torch.empty(conv, 3 * channels)) if conv > 1 else None
        self.first = nn.ParameterList(
            nn.Parameter(torch.empty(heads, o, i)) for i, o in itertools.pairwise(sizes)
        )
        self.reset_parameters()

    def reset_parameters(self) -> None:
        """Xavier uniform; convolutions begin near the identity; alpha at 0.018, eta at 0.5."""
        nn.init.xavier_uniform_(self.lin.weight)
        nn.init.xavier_uniform_(self.gates.weight)
        with torch.no_grad():
            self.gates.bias.view(3, self.heads).copy_(torch.tensor([[0.0], [-4.0], [0.0]]))
        for weight in self.first:
            for head in weight:
                nn.init.xavier_uniform_(head)
        if self.conv is not None:
            nn.init.normal_(self.conv, std=0.1)
            with torch.no_grad():
                self.conv[-1] += 1

    def start(self, batch: int) -> MemoryState:
        """The state before the first token: learned weights, no momentum."""
        weights = tuple(w.expand(batch, *w.shape) for w in self.first)
        momentum = tuple(torch.zeros_like(w) for w in weights)
        like = self.lin.weight
        width = 0 if self.conv is None else len(self.conv) - 1
        return (
            torch.zeros(batch, dtype=torch.long, device=like.device),
            weights,
            momentum,
            weights,
            like.new_zeros(batch, width, 3 * self.channels),
        )

    def forward(
        self, x: Tensor, state: MemoryState, lengths: Tensor | None = None
    ) -> tuple[Tensor, MemoryState]:
        position, weights, momentum, anchor, tail = state
        k, v, q, gates, tail = self._tokens(x, tail, lengths)
        c, new = self.chunk, x.shape[1]
        total = position + (new if lengths is None else lengths)
        fresh = lengths is None and not bool(position.any())
        width = -(-max(1, new if fresh else int(total.max())) // c) * c
        # Token i of a row goes to column position + i, so that chunks begin at the same columns.
        at = position[:, None] + torch.arange(new, device=x.device)
        valid = None
        if fresh:
            k, v, q = (F.pad(t, (0, 0, 0, width - new)) for t in (k, v, q))
            gates = [F.pad(gate, (0, width - new)) for gate in gates]
        else:
            to = at.clamp(max=width)[:, None, :, None]  # beyond: not valid
            k, v, q = (self._place(t, to, width) for t in (k, v, q))
            gates = [self._place(g.unsqueeze(-1), to, width).squeeze(-1) for g in gates]
        if not fresh or width > new:
            column = torch.arange(width, device=x.device)
            valid = (column >= position[:, None]) & (column < total[:, None])
            valid = valid.view(len(x), 1, -1, c)
        gates = [gate.unflatten(-1, (-1, c)) for gate in gates]
        plans = zip(
            *(part.unbind(2) for part in chunk_plan(Gates(*gates, valid), before=self.before))
        )
        tokens = zip(*(t.split(c, 2) for t in (k, v, q)))
        outputs = []
        for last, token, plan in zip(range(c, width + 1, c), tokens, plans):
            y, weights, momentum = write_chunk(
                weights, momentum, anchor, *token, Plan(*plan), self.max_norm
            )
            outputs.append(y)
            if fresh:
                anchor = weights if last <= new else anchor
            else:
                full = (total >= last).view(-1, 1, 1, 1)
                anchor = tuple(torch.where(full, w, a) for w, a in zip(weights, anchor))
        y = torch.cat(outputs, 2).transpose(1, 2).flatten(2)
        if fresh:
            y = y[:, :new]
        else:
            at = at.clamp(max=width - 1)
            y = y.gather(1, at[..., None].expand(-1, -1, y.shape[-1]))
        return y, (total % c, weights, momentum, anchor, tail)

    def step(self, x: Tensor, state: MemoryState) -> tuple[Tensor, MemoryState]:
        """One token ``[B, d]`` of every row, by the equations as written."""
        position, weights, momentum, anchor, tail = state
        k, v, q, gates, tail = self._tokens(x.unsqueeze(1), tail, None)
        y = read_weights(weights, q) if self.before else None
        weights, momentum = write_token(
            weights, momentum, anchor, k, v, Gates(*gates), max_norm=self.max_norm
        )
        y = read_weights(weights, q) if y is None else y
        position = (position + 1) % self.chunk
        full = (position == 0).view(-1, 1, 1, 1)
        anchor = tuple(torch.where(full, w, a) for w, a in zip(weights, anchor))
        return y.flatten(1), (position, weights, momentum, anchor, tail)

    def _tokens(
        self, x: Tensor, tail: Tensor, lengths: Tensor | None
    ) -> tuple[Tensor, Tensor, Tensor, tuple[Tensor, Tensor, Tensor], Tensor]:
        kvq = F.silu(self.lin(x))
        if self.conv is not None:
            width = len(self.conv)
            read = torch.cat([tail, kvq], 1)
            length = x.shape[1]
            kvq = sum(read[:, i : i + length] * self.conv[i] for i in range(width))
            if lengths is None:
                tail = read[:, length:]
            else:
                at = lengths[:, None] + torch.arange(width - 1, device=x.device)
                tail = read.gather(1, at[..., None].expand(-1, -1, read.shape[-1]))
        k, v, q = kvq.unflatten(-1, (3, self.heads, -1)).permute(2, 0, 3, 1, 4)
        gates = self.gates(x).unflatten(-1, (3, self.heads)).permute(2, 0, 3, 1).sigmoid()
        return _unit(k), v, _unit(q), (self.max_step * gates[0], gates[1], gates[2]), tail

    @staticmethod
    def _place(values: Tensor, at: Tensor, width: int) -> Tensor:
        out = values.new_zeros(*values.shape[:2], width + 1, values.shape[-1])
        return out.scatter(2, at.expand_as(values), values)[:, :, :width]

    def extra_repr(self) -> str:
        return f"{self.channels}, heads={self.heads}, chunk={self.chunk}"


def _unit(x: Tensor) -> Tensor:
    return x * torch.rsqrt(x.square().sum(-1, keepdim=True) + 1e-12)
