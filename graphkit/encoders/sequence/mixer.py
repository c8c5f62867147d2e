r"""MLP-Mixer over the last events: perceptrons along positions and along channels in turn.

Tolstikhin et al., "MLP-Mixer", arXiv 2105.01601, as the link encoder of GraphMixer (Cong et al.,
"Do We Really Need Complicated Model Architectures For Temporal Networks?", ICLR 2023,
arXiv 2302.11636) uses it:

.. math::
    Z \leftarrow Z + W_2\,\phi(W_1\,\mathrm{norm}(Z)), \qquad
    Z \leftarrow Z + \phi(\mathrm{norm}(Z) W_3) W_4

with :math:`W_1, W_2` along the K positions of a window and :math:`W_3, W_4` along the channels,
GELU as :math:`\phi`, biases everywhere.

Our choices: valid positions are moved to the end of the window, so that the latest event always has
the last place and padding does not matter; a row longer than K is cut into windows of K, counted
from its end. GraphMixer's mean over positions is the caller's business.
"""

from __future__ import annotations

import torch
from torch import Tensor, nn

from graphkit.checks import check_count
from graphkit.encoders.sequence.masks import align_end, ends_valid
from graphkit.encoders.sequence.protocol import SequenceEncoder
from graphkit.encoders.sequence.state import State
from graphkit.registry import register

__all__ = ["Mixer"]


@register("sequence_encoder", "mixer")
class Mixer(SequenceEncoder):
    """MLP-Mixer over windows of fixed length, as in GraphMixer; not causal.

    Args:
        in_channels: Size of each input.
        out_channels: Size of each output.
        length: K, positions of a window.
        hidden_channels: Size inside; ``in_channels`` by default. The input is projected to it.
        num_layers: Mixer blocks.
        token_ratio: Width along the positions over K.
        channel_ratio: Width along the channels over ``hidden_channels``.
        dropout: In all perceptrons.

    Parameters: ``hidden_channels * (in_channels + 1) + num_layers * (4 * hidden_channels
    + 2 * length * token_width + token_width + length
    + 2 * hidden_channels * channel_width + channel_width + hidden_channels)
    + 2 * hidden_channels + out_channels * (hidden_channels + 1)``
    """

    causal = False
    forms = frozenset({"parallel"})

    def __init__(
        self,
        in_channels: int,
        out_channels: int | None = None,
        *,
        length: int = 32,
        hidden_channels: int | None = None,
        num_layers: int = 2,
        token_ratio: float = 0.5,
        channel_ratio: float = 4.0,
        dropout: float = 0.0,
    ) -> None:
        super().__init__(in_channels, out_channels)
        self.length = check_count(length, "length")
        self.hidden_channels = check_count(hidden_channels or in_channels, "hidden_channels")
        self.num_layers = check_count(num_layers, "num_layers")
        self.token_width = max(1, round(token_ratio * length))
        self.channel_width = max(1, round(channel_ratio * self.hidden_channels))
        self.project_in = nn.Linear(in_channels, self.hidden_channels)
        self.blocks = nn.ModuleList(
            _Block(length, self.hidden_channels, self.token_width, self.channel_width, dropout)
            for _ in range(num_layers)
        )
        self.norm = nn.LayerNorm(self.hidden_channels)
        self.project_out = nn.Linear(self.hidden_channels, self.out_channels)

    def _parallel(
        self, x: Tensor, mask: Tensor | None, time: Tensor | None, state: State
    ) -> tuple[Tensor, State]:
        z, slot = self._windows(x, mask)
        shape = z.shape
        z = z.reshape(-1, self.length, self.hidden_channels)
        for block in self.blocks:
            z = block(z)
        z = z.view(shape)
        if slot is not None:
            z = z.gather(1, slot.unsqueeze(-1).expand(-1, -1, shape[-1]))
        return self.project_out(self.norm(z)), state

    def _last(self, x: Tensor, mask: Tensor | None, time: Tensor | None) -> Tensor:
        """The last window only, and of its last block the last position only."""
        z = self._windows(x, mask)[0][:, -self.length :]
        for block in self.blocks[:-1]:
            z = block(z)
        return self.project_out(self.norm(self.blocks[-1].last(z)))

    def _windows(self, x: Tensor, mask: Tensor | None) -> tuple[Tensor, Tensor | None]:
        """Whole windows, valid positions last; and where each went, if they were moved."""
        z = self.project_in(x)
        if x.shape[1] % self.length or not ends_valid(mask):
            return align_end(z, mask, self.length)
        return (z if mask is None else torch.where(mask.unsqueeze(-1), z, 0)), None

    def extra_repr(self) -> str:
        return f"{super().extra_repr()}, length={self.length}"


class _Block(nn.Module):
    def __init__(
        self, length: int, channels: int, token_width: int, channel_width: int, dropout: float
    ) -> None:
        super().__init__()
        self.token_norm = nn.LayerNorm(channels)
        self.tokens = _perceptron(length, token_width, dropout)
        self.channel_norm = nn.LayerNorm(channels)
        self.channels = _perceptron(channels, channel_width, dropout)

    def forward(self, z: Tensor) -> Tensor:
        z = z + self.tokens(self.token_norm(z).transpose(1, 2)).transpose(1, 2)
        return z + self.channels(self.channel_norm(z))

    def last(self, z: Tensor) -> Tensor:
        """``[B, C]``, what :meth:`forward` gives at the last position."""
        up, phi, drop, down, drop_out = self.tokens
        h = drop(phi(up(self.token_norm(z).transpose(1, 2))))
        moved = torch.nn.functional.linear(h, down.weight[-1:], down.bias[-1:]).squeeze(2)
        z = z[:, -1] + drop_out(moved)
        return z + self.channels(self.channel_norm(z))


def _perceptron(size: int, width: int, dropout: float) -> nn.Sequential:
    return nn.Sequential(
        nn.Linear(size, width),
        nn.GELU(),
        nn.Dropout(dropout),
        nn.Linear(width, size),
        nn.Dropout(dropout),
    )
