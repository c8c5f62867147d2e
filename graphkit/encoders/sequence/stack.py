"""Encoders on top of one another, and the pointwise layers between them."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

import torch
from torch import Tensor, nn

from graphkit.checks import check_choice, check_count
from graphkit.encoders.sequence.protocol import FORMS, SequenceEncoder
from graphkit.encoders.sequence.state import State
from graphkit.errors import GraphError, UnknownNameError

__all__ = ["FeedForward", "Pointwise", "SequenceStack"]

_NORMS: dict[str, Callable[[int], nn.Module]] = {
    "rms": lambda channels: nn.RMSNorm(channels, eps=1e-6),
    "layer": nn.LayerNorm,
}
_ACTIVATIONS = {"relu": torch.relu, "gelu": nn.functional.gelu, "silu": nn.functional.silu}
_GATED = {"swiglu": nn.functional.silu, "geglu": nn.functional.gelu}


class SequenceStack(SequenceEncoder):
    r"""Layers in a row, each with a norm before it and a residual around it; itself an encoder.

    .. math:: h_0 = P_{in}(x), \quad h_{j} = h_{j-1} + \mathrm{layer}_j(\mathrm{norm}(h_{j-1})),
        \quad y = P_{out}(\mathrm{norm}(h_J))

    :math:`P_{in}` and :math:`P_{out}` are linear layers, and are there only where the sizes differ.
    A layer with ``own_residual`` gets neither norm nor residual.
    The state is the tuple of the layers' states. A form that a layer does not have is not a form
    of the stack.

    Args:
        layers: Encoders. With residuals all have one width, in and out.
        in_channels: Size of the input; that of the first layer by default.
        out_channels: Size of the output; that of the last layer by default.
        norm: ``"rms"``, ``"layer"`` or ``None`` for no norms at all.
        residual: Whether to add each layer's input to its output.
        dropout: Of each layer's output, before it is added.

    Raises:
        GraphError: Sizes of neighbours do not fit.
    """

    def __init__(
        self,
        layers: Sequence[SequenceEncoder],
        *,
        in_channels: int | None = None,
        out_channels: int | None = None,
        norm: str | None = "rms",
        residual: bool = True,
        dropout: float = 0.0,
    ) -> None:
        layers = list(layers)
        if not layers:
            raise GraphError("layers", "a stack needs at least one layer")
        for index, layer in enumerate(layers):
            if not isinstance(layer, SequenceEncoder):
                raise TypeError(
                    f"layers[{index}]: a SequenceEncoder is needed, got {type(layer).__name__}; "
                    "wrap what acts on each position alone in Pointwise"
                )
            before = layers[index - 1].out_channels if index else layer.in_channels
            if layer.in_channels != before or (residual and layer.out_channels != before):
                raise GraphError(
                    f"layers[{index}]",
                    "sizes of neighbours do not fit" + (" (a residual needs one width)" * residual),
                    expected=before,
                    got=f"{layer.in_channels} to {layer.out_channels}",
                )
        first, last = layers[0].in_channels, layers[-1].out_channels
        super().__init__(
            first if in_channels is None else in_channels,
            last if out_channels is None else out_channels,
        )
        if norm is not None and norm not in _NORMS:
            raise UnknownNameError("norm", norm, _NORMS)
        self.residual = residual
        self.layers = nn.ModuleList(layers)
        self.norms = nn.ModuleList(
            nn.Identity() if norm is None or layer.own_residual else _NORMS[norm](layer.in_channels)
            for layer in layers
        )
        self.last_norm = nn.Identity() if norm is None else _NORMS[norm](last)
        self.project_in = linear_if_needed(self.in_channels, first)
        self.project_out = linear_if_needed(last, self.out_channels)
        self.dropout = nn.Dropout(dropout)
        self.causal = all(layer.causal for layer in layers)
        self.forms = frozenset(FORMS).intersection(*(layer.forms for layer in layers))
        self.state_is_constant = all(layer.state_is_constant for layer in layers)
        self.needs_time = any(layer.needs_time for layer in layers)
        if not self.forms:
            raise GraphError("layers", "the layers have no form in common")

    def default_form(self, length: int, device: torch.device) -> str:
        """The preferred form of the first layer that remembers something."""
        for layer in self.layers:
            form = layer.default_form(length, device)
            if layer.state_numel() and form in self.forms:
                return form
        return super().default_form(length, device)

    def _start(self, batch: int, device: torch.device, dtype: torch.dtype) -> State:
        return State(*(layer.init_state(batch, device, dtype) for layer in self.layers))

    def _run(self, x: Tensor, state: State, call: Callable[..., Any]) -> tuple[Tensor, State]:
        h, after = self.project_in(x), []
        for layer, norm, before in zip(self.layers, self.norms, state):
            out, new = call(layer, norm(h), before)
            if not layer.own_residual:
                out = self.dropout(out)
            h = h + out if self.residual and not layer.own_residual else out
            after.append(new)
        return self.project_out(self.last_norm(h)), State(*after)

    def _step(
        self, x: Tensor, state: State, mask: Tensor | None, time: Tensor | None
    ) -> tuple[Tensor, State]:
        return self._run(x, state, lambda layer, h, s: layer.step(h, s, mask, time))

    def _last(self, x: Tensor, mask: Tensor | None, time: Tensor | None) -> Tensor:
        """Whole rows up to the last layer that joins positions, one position from there on."""
        form = self.default_form(x.shape[1], x.device)
        joins = [not isinstance(layer, Pointwise) for layer in self.layers]
        narrow = max((i for i, join in enumerate(joins) if join), default=0)
        h = self.project_in(x)
        for index, (layer, norm) in enumerate(zip(self.layers, self.norms)):
            if index < narrow:
                out = layer(norm(h), mask, time, form=form)
            elif index == narrow:
                out, h = layer.last(norm(h), mask, time), h[:, -1]
            else:
                out = layer.module(norm(h))
            if not layer.own_residual:
                out = self.dropout(out)
            h = h + out if self.residual and not layer.own_residual else out
        return self.project_out(self.last_norm(h))

    def _through(
        self, form: str, x: Tensor, mask: Tensor | None, time: Tensor | None, state: State
    ) -> tuple[Tensor, State]:
        if not self.causal:
            y, _ = self._run(x, state, lambda layer, h, s: (layer(h, mask, time, form=form), s))
            return y, state
        return self._run(x, state, lambda layer, h, s: layer(h, mask, time, s, True, form))

    def _recurrent(
        self, x: Tensor, mask: Tensor | None, time: Tensor | None, state: State
    ) -> tuple[Tensor, State]:
        return self._through("recurrent", x, mask, time, state)

    def _parallel(
        self, x: Tensor, mask: Tensor | None, time: Tensor | None, state: State
    ) -> tuple[Tensor, State]:
        return self._through("parallel", x, mask, time, state)

    def _chunkwise(
        self, x: Tensor, mask: Tensor | None, time: Tensor | None, state: State
    ) -> tuple[Tensor, State]:
        return self._through("chunkwise", x, mask, time, state)


class Pointwise(SequenceEncoder):
    """A module that acts on each position alone, as an encoder of every form and no state.

    Args:
        module: Maps ``[..., in_channels]`` to ``[..., out_channels]``.
        in_channels: C.
        out_channels: C'; ``in_channels`` by default.
    """

    forms = frozenset(FORMS)

    def __init__(
        self, module: nn.Module, in_channels: int, out_channels: int | None = None
    ) -> None:
        super().__init__(in_channels, out_channels)
        self.module = module

    def _step(
        self, x: Tensor, state: State, mask: Tensor | None, time: Tensor | None
    ) -> tuple[Tensor, State]:
        return self.module(x), state

    def _parallel(
        self, x: Tensor, mask: Tensor | None, time: Tensor | None, state: State
    ) -> tuple[Tensor, State]:
        return self.module(x), state

    _recurrent = _chunkwise = _parallel


class FeedForward(Pointwise):
    r"""The two-layer perceptron of a Transformer block.

    ``"swiglu"``: :math:`W_3(\mathrm{silu}(W_1 x) \odot W_2 x)` without biases, with two thirds of
    the width, so that the number of parameters is that of the others (Shazeer, arXiv 2002.05202);
    ``"geglu"``: the same with GELU; otherwise :math:`W_2\,\phi(W_1 x + b_1) + b_2`.

    Args:
        channels: Size of input and output.
        ratio: Width of the hidden layer over ``channels``.
        activation: ``"swiglu"``, ``"geglu"``, ``"gelu"``, ``"relu"`` or ``"silu"``.
        dropout: Of the hidden layer.
        full_width: Whether gated layers too have the whole width, and half as many parameters more.
    """

    def __init__(
        self,
        channels: int,
        ratio: float = 4,
        activation: str = "gelu",
        dropout: float = 0.0,
        *,
        full_width: bool = False,
    ) -> None:
        channels = check_count(channels, "channels")
        module = _Perceptron(channels, ratio, activation, dropout, full_width)
        super().__init__(module, channels)
        self.width = self.module.down.in_features


class _Perceptron(nn.Module):
    def __init__(
        self, channels: int, ratio: float, activation: str, dropout: float, full_width: bool
    ) -> None:
        super().__init__()
        self.gated, known = activation in _GATED, {**_ACTIVATIONS, **_GATED}
        check_choice(activation, "activation", known)
        self.activation = known[activation]
        share = 2 / 3 if self.gated and not full_width else 1
        width = max(1, round(channels * ratio * share))
        self.up = nn.Linear(channels, width * (2 if self.gated else 1), bias=not self.gated)
        self.down = nn.Linear(width, channels, bias=not self.gated)
        self.dropout = nn.Dropout(dropout)

    def reset_parameters(self) -> None:
        self.up.reset_parameters()
        self.down.reset_parameters()

    def forward(self, x: Tensor) -> Tensor:
        h = self.up(x)
        if self.gated:
            gate, value = h.chunk(2, -1)
            h = self.activation(gate) * value
        else:
            h = self.activation(h)
        return self.down(self.dropout(h))


def linear_if_needed(size: int, to: int) -> nn.Module:
    """A linear layer between two sizes, or nothing where they are the same."""
    return nn.Identity() if size == to else nn.Linear(size, to)
