r"""GRU, LSTM and their bidirectional forms: torch's own, on ragged rows and step by step.

GRU (Cho et al., arXiv 1406.1078, in torch's variant: the reset gate after the product,
:math:`h' = (1 - z) n + z h`), LSTM with forget gate (Hochreiter and Schmidhuber 1997; Gers et al.
2000), bidirectional networks (Schuster and Paliwal 1997). Equations as in Lipton et al.,
arXiv 1506.00019, and in :class:`torch.nn.GRU` and :class:`torch.nn.LSTM`.

Our choices: input weights Xavier-uniform, recurrent weights orthogonal per gate, biases 0, the
LSTM's forget bias 1.
"""

from __future__ import annotations

from typing import Any

import torch
from torch import Tensor, nn
from torch.nn.utils.rnn import PackedSequence, pack_padded_sequence, pad_packed_sequence

from graphkit.checks import check_count
from graphkit.encoders.sequence.masks import compact, spread
from graphkit.encoders.sequence.protocol import SequenceEncoder
from graphkit.encoders.sequence.state import State
from graphkit.registry import register

__all__ = ["GRU", "LSTM", "BiGRU", "BiLSTM"]


class RNNState(State):
    """The hidden values of all layers."""

    h: Tensor  # [B, num_layers, C']


class LSTMState(State):
    """The hidden values and the cells of all layers."""

    h: Tensor  # [B, num_layers, C']
    c: Tensor  # [B, num_layers, C']


class _TorchRNN(SequenceEncoder):
    """What the four have in common: packing, and a state with the batch first."""

    _make: type[nn.RNNBase]
    _gates: int
    _bidirectional = False

    def __init__(
        self,
        in_channels: int,
        out_channels: int | None = None,
        *,
        num_layers: int = 1,
        dropout: float = 0.0,
    ) -> None:
        super().__init__(in_channels, out_channels)
        self.num_layers = check_count(num_layers, "num_layers")
        self.rnn = self._make(
            self.in_channels,
            self.out_channels,
            num_layers,
            batch_first=True,
            dropout=dropout if num_layers > 1 else 0.0,  # torch warns otherwise
            bidirectional=self._bidirectional,
        )
        self.reset_parameters()

    def reset_parameters(self) -> None:
        """Draw all parameters anew."""
        for name, value in self.rnn.named_parameters():
            if name.startswith("weight_ih"):
                nn.init.xavier_uniform_(value)
            elif name.startswith("weight_hh"):
                for gate in value.chunk(self._gates):
                    nn.init.orthogonal_(gate)
            else:
                nn.init.zeros_(value)
                if self._gates == 4 and name.startswith("bias_ih"):
                    nn.init.ones_(value.chunk(4)[1])  # forget

    def _to_torch(self, state: State) -> Any:
        raise NotImplementedError

    def _from_torch(self, hidden: Any) -> State:
        raise NotImplementedError

    def _step(
        self, x: Tensor, state: State, mask: Tensor | None, time: Tensor | None
    ) -> tuple[Tensor, State]:
        y, hidden = self.rnn(x.unsqueeze(1), self._to_torch(state))
        return y.squeeze(1), self._from_torch(hidden)

    def _recurrent(
        self, x: Tensor, mask: Tensor | None, time: Tensor | None, state: State
    ) -> tuple[Tensor, State]:
        if mask is None:
            y, hidden = self.rnn(x, self._to_torch(state))
            return y, self._from_torch(hidden)
        if torch.compiler.is_compiling():  # packing turns on what the mask holds
            return super()._recurrent(x, mask, time, state)
        packed, order = _pack(x, mask)
        y, hidden = self.rnn(packed, self._to_torch(state))
        after = self._from_torch(hidden)
        return _unpack(y, order), after.where(mask.any(1), state)  # no row is empty when packed


class _Causal(_TorchRNN):
    """One hidden tensor."""

    forms = frozenset({"recurrent"})

    def _start(self, batch: int, device: torch.device, dtype: torch.dtype) -> State:
        size = (batch, self.num_layers, self.out_channels)
        return RNNState(torch.zeros(size, device=device, dtype=dtype))

    def _to_torch(self, state: State) -> Any:
        return state[0].transpose(0, 1).contiguous()

    def _from_torch(self, hidden: Any) -> State:
        return RNNState(hidden.transpose(0, 1))


@register("sequence_encoder", "gru")
class GRU(_Causal):
    """Gated recurrent unit: torch's own, on ragged rows.

    Args:
        in_channels: Size of each input.
        out_channels: Size of each output and of each layer's state.
        num_layers: Layers.
        dropout: Between layers.

    Parameters: ``3 * out_channels * (in_channels + out_channels + 2)
    + (num_layers - 1) * 3 * out_channels * (2 * out_channels + 2)``
    """

    _make = nn.GRU
    _gates = 3


@register("sequence_encoder", "lstm")
class LSTM(_Causal):
    """Long short-term memory with forget gate: torch's own, on ragged rows.

    Args:
        in_channels: Size of each input.
        out_channels: Size of each output, and of each layer's hidden values and cells.
        num_layers: Layers.
        dropout: Between layers.

    Parameters: ``4 * out_channels * (in_channels + out_channels + 2)
    + (num_layers - 1) * 4 * out_channels * (2 * out_channels + 2)``
    """

    _make = nn.LSTM
    _gates = 4

    def _start(self, batch: int, device: torch.device, dtype: torch.dtype) -> State:
        size = (batch, self.num_layers, self.out_channels)
        return LSTMState(*(torch.zeros(size, device=device, dtype=dtype) for _ in range(2)))

    def _to_torch(self, state: State) -> Any:
        return tuple(value.transpose(0, 1).contiguous() for value in state)

    def _from_torch(self, hidden: Any) -> State:
        return LSTMState(*(value.transpose(0, 1) for value in hidden))


class _Bidirectional(_TorchRNN):
    """Both directions side by side, then a linear layer to ``out_channels``."""

    causal = False
    forms = frozenset({"parallel"})
    _bidirectional = True

    def __init__(
        self,
        in_channels: int,
        out_channels: int | None = None,
        *,
        num_layers: int = 1,
        dropout: float = 0.0,
    ) -> None:
        super().__init__(in_channels, out_channels, num_layers=num_layers, dropout=dropout)
        self.mix = nn.Linear(2 * self.out_channels, self.out_channels)

    def reset_parameters(self) -> None:
        """Draw all parameters anew."""
        super().reset_parameters()
        if hasattr(self, "mix"):
            self.mix.reset_parameters()

    def _parallel(
        self, x: Tensor, mask: Tensor | None, time: Tensor | None, state: State
    ) -> tuple[Tensor, State]:
        if mask is None:
            return self.mix(self.rnn(x)[0]), state
        if torch.compiler.is_compiling():  # packing turns on what the mask holds
            return self.mix(_ragged(self.rnn, x, mask)), state
        packed, order = _pack(x, mask)
        return self.mix(_unpack(self.rnn(packed)[0], order)), state


@register("sequence_encoder", "bigru")
class BiGRU(_Bidirectional):
    """GRUs from both ends of each row, joined by a linear layer; not causal.

    The backward one starts at the last valid position of each row.

    Args:
        in_channels: Size of each input.
        out_channels: Size of each output and of each direction's state.
        num_layers: Layers; the second reads both directions of the first.
        dropout: Between layers.

    Parameters: ``6 * out_channels * (in_channels + out_channels + 2)
    + (num_layers - 1) * 6 * out_channels * (3 * out_channels + 2)
    + out_channels * (2 * out_channels + 1)``
    """

    _make = nn.GRU
    _gates = 3


@register("sequence_encoder", "bilstm")
class BiLSTM(_Bidirectional):
    """LSTMs from both ends of each row, joined by a linear layer; not causal.

    The backward one starts at the last valid position of each row.

    Args:
        in_channels: Size of each input.
        out_channels: Size of each output and of each direction's state.
        num_layers: Layers; the second reads both directions of the first.
        dropout: Between layers.

    Parameters: ``8 * out_channels * (in_channels + out_channels + 2)
    + (num_layers - 1) * 8 * out_channels * (3 * out_channels + 2)
    + out_channels * (2 * out_channels + 1)``
    """

    _make = nn.LSTM
    _gates = 4


def _ragged(rnn: nn.RNNBase, x: Tensor, mask: Tensor) -> Tensor:
    """A bidirectional network on ragged rows, layer by layer and without packing: ``[B, L, 2C']``.

    The backward direction is a forward one over the valid positions in reverse order.
    """
    run = torch.gru if isinstance(rnn, nn.GRU) else torch.lstm
    values, order, lengths = compact(x, mask)
    place = torch.arange(x.shape[1], device=x.device).expand(len(x), -1)
    turned = torch.where(place < lengths[:, None], lengths[:, None] - 1 - place, place)
    for layer, weights in enumerate(zip(rnn.all_weights[::2], rnn.all_weights[1::2])):
        if layer and rnn.dropout and rnn.training:
            values = nn.functional.dropout(values, rnn.dropout)
        sides = []
        for backward, own in enumerate(weights):
            given = _turn(values, turned) if backward else values
            first = given.new_zeros(1, len(given), rnn.hidden_size)
            start = first if run is torch.gru else (first, first)
            y = run(given, start, own, True, 1, 0.0, rnn.training, False, True)[0]
            sides.append(_turn(y, turned) if backward else y)
        values = torch.cat(sides, -1)
    return spread(values, order)


def _turn(values: Tensor, turned: Tensor) -> Tensor:
    return values.gather(1, turned.unsqueeze(-1).expand_as(values))


def _pack(x: Tensor, mask: Tensor) -> tuple[PackedSequence, Tensor]:
    """Valid positions only; a row without any keeps one, since torch packs no empty row."""
    values, order, lengths = compact(x, mask)
    lengths = lengths.clamp(min=1).cpu()
    return pack_padded_sequence(values, lengths, batch_first=True, enforce_sorted=False), order


def _unpack(packed: PackedSequence, order: Tensor) -> Tensor:
    values, _ = pad_packed_sequence(packed, batch_first=True, total_length=order.shape[1])
    return spread(values, order)
