"""The protocol of sequence encoders, and the one place where its rules are checked."""

from __future__ import annotations

from typing import Any, ClassVar

import torch
from torch import Tensor, nn

from graphkit.checks import check_count
from graphkit.encoders.sequence.state import State
from graphkit.errors import GraphError

__all__ = ["FORMS", "SequenceEncoder"]

FORMS = ("parallel", "chunkwise", "recurrent")
"""Ways to run over a sequence, in the order in which they are preferred."""


class SequenceEncoder(nn.Module):
    """Maps sequences ``[B, L, C]`` to sequences ``[B, L, C']``, at once or step by step.

    What callers may rely on, for every encoder:

    - Outputs at invalid positions are exactly 0, and the state does not advance there: padding on
      the right, on the left and in the middle give the same outputs at valid positions, whatever
      lies in the padding (NaN too).
    - A row without a valid position gives zeros, the state it began with and gradients of zero.
    - All ``forms`` give the same numbers; ``forward`` on pieces with the state carried over, and
      :meth:`step` repeated, give what one ``forward`` gives.
    - Rows do not know of one another.

    A subclass sets ``forms``, ``causal`` and ``state_is_constant`` and writes some of the hooks
    below, which get checked input: ``x`` is 0 and ``time`` is 0 at invalid positions, ``mask`` is
    ``None`` where all positions are valid, ``state`` is there, and there is at least one position.

    - ``_start(batch, device, dtype) -> State``: the state before the first position. Without it,
      the encoder has an empty state.
    - ``_step(x [B, C], state, mask [B] or None, time [B] or None) -> (y [B, C'], State)``. Rows
      with a false mask are put right by the caller, if ``state_is_constant``.
    - ``_recurrent``, ``_parallel``, ``_chunkwise``, each ``(x, mask, time, state) -> (y, State)``:
      the forms. ``_recurrent`` is a loop over ``_step`` by default. What they return at invalid
      positions does not matter as long as it is finite.

    - ``_in_form(form, x, mask, time, state)`` in place of these, where one function has all forms.

    :func:`graphkit.testing.check_sequence_encoder` checks all of this.

    Args:
        in_channels: C.
        out_channels: C'; ``in_channels`` by default.

    Attributes:
        causal: An output never depends on later input. Encoders that are not have no steps and
            no state.
        forms: Subset of :data:`FORMS`.
        state_is_constant: A step needs memory that does not grow with the position.
        needs_time: ``time`` must be given.
        own_residual: The output contains the input already: a stack puts neither norm nor residual
            around such a layer.
    """

    causal: bool = True
    forms: frozenset[str] = frozenset({"recurrent"})
    state_is_constant: bool = True
    needs_time: bool = False
    own_residual: bool = False

    _HOOKS: ClassVar[dict[str, str]] = {f: f"_{f}" for f in FORMS}

    def __init__(self, in_channels: int, out_channels: int | None = None) -> None:
        super().__init__()
        self.in_channels = check_count(in_channels, "in_channels")
        self.out_channels = check_count(
            in_channels if out_channels is None else out_channels, "out_channels"
        )

    # ------------------------------------------------------------------ for callers
    def forward(
        self,
        x: Tensor,
        mask: Tensor | None = None,
        time: Tensor | None = None,
        state: State | None = None,
        return_state: bool = False,
        form: str | None = None,
    ) -> Any:
        """Run over whole sequences.

        Args:
            x: ``[B, L, in_channels]``.
            mask: bool ``[B, L]``, true = valid; all valid by default.
            time: ``[B, L]`` absolute times; encoders that have no use for them ignore them.
            state: Where to go on from; :meth:`init_state` by default.
            return_state: Also return the state after the last valid position of each row.
            form: One of ``forms``; by default what :meth:`default_form` says.

        Returns:
            ``[B, L, out_channels]``, or ``(that, State)`` with ``return_state``.

        Raises:
            GraphError: A shape does not fit, or the encoder has no such form or no state.
            TypeError: The mask is not boolean.
        """
        batch, length = self._check(x, mask, time, dims=3)
        form = self.default_form(length, x.device) if form is None else self._check_form(form)
        if not self.causal and (state is not None or return_state):
            raise self._no_state()
        if state is None:
            state = self.init_state(batch, x.device, x.dtype)
        else:
            state.check_batch(batch)
        if batch == 0 or length == 0:
            y = x.new_zeros(batch, length, self.out_channels)
            return (y, state) if return_state else y
        if _known_full(mask):
            mask = None
        x, time = _clean(x, mask), None if time is None else _clean(time, mask)
        y, state = self._in_form(form, x, mask, time, state)
        y = _clean(y, mask)
        return (y, state) if return_state else y

    def last(self, x: Tensor, mask: Tensor | None = None, time: Tensor | None = None) -> Tensor:
        """The output at the last position of each row: ``forward(x, mask, time)[:, -1]``.

        For less work where an encoder can do without the other outputs. Arguments and errors are
        those of :meth:`forward`.

        Returns:
            ``[B, out_channels]``; zeros where the last position is invalid or there is none.
        """
        batch, length = self._check(x, mask, time, dims=3)
        if batch == 0 or length == 0:
            return x.new_zeros(batch, self.out_channels)
        if _known_full(mask):
            mask = None
        x, time = _clean(x, mask), None if time is None else _clean(time, mask)
        return _clean(self._last(x, mask, time), None if mask is None else mask[:, -1])

    def step(
        self,
        x_t: Tensor,
        state: State,
        mask_t: Tensor | None = None,
        time_t: Tensor | None = None,
    ) -> tuple[Tensor, State]:
        """One position of every row.

        Args:
            x_t: ``[B, in_channels]``.
            state: From :meth:`init_state`, the last step or ``forward(return_state=True)``.
            mask_t: bool ``[B]``, true = valid; all valid by default.
            time_t: ``[B]`` absolute times.

        Returns:
            ``(y [B, out_channels], State)``.

        Raises:
            GraphError: A shape does not fit, or the encoder is not causal.
        """
        if not self.causal:
            raise self._no_state()
        batch, _ = self._check(x_t, mask_t, time_t, dims=2)
        state.check_batch(batch)
        x_t, time_t = _clean(x_t, mask_t), None if time_t is None else _clean(time_t, mask_t)
        y, after = self._step(x_t, state, mask_t, time_t)
        if mask_t is not None and self.state_is_constant:
            after = after.where(mask_t, state)
        return _clean(y, mask_t), after

    def init_state(self, batch: int, device: Any = None, dtype: torch.dtype | None = None) -> State:
        """The state of ``batch`` rows before their first position.

        Device and dtype are by default those of the parameters.
        """
        like = next(self.parameters(), torch.empty(0))
        return self._start(
            batch,
            like.device if device is None else torch.device(device),
            like.dtype if dtype is None else dtype,
        )

    def state_numel(self) -> int:
        """Numbers in the state of one row; before the first position if the state grows."""
        return self.init_state(1).numel()

    def default_form(self, length: int, device: torch.device) -> str:
        """The form that ``forward`` takes if none is asked for."""
        return next(form for form in FORMS if form in self.forms)

    def reset_parameters(self) -> None:
        """Draw all parameters anew."""
        _reset_children(self)

    def extra_repr(self) -> str:
        return f"{self.in_channels}, {self.out_channels}"

    # ------------------------------------------------------------------ hooks
    def _start(self, batch: int, device: torch.device, dtype: torch.dtype) -> State:
        return State()

    def _step(
        self, x: Tensor, state: Any, mask: Tensor | None, time: Tensor | None
    ) -> tuple[Tensor, Any]:
        raise NotImplementedError(f"{type(self).__name__} has no _step")

    def _in_form(
        self, form: str, x: Tensor, mask: Tensor | None, time: Tensor | None, state: Any
    ) -> tuple[Tensor, Any]:
        return getattr(self, self._HOOKS[form])(x, mask, time, state)

    def _last(self, x: Tensor, mask: Tensor | None, time: Tensor | None) -> Tensor:
        state = self.init_state(len(x), x.device, x.dtype)
        y, _ = self._in_form(self.default_form(x.shape[1], x.device), x, mask, time, state)
        return y[:, -1]

    def _recurrent(
        self, x: Tensor, mask: Tensor | None, time: Tensor | None, state: Any
    ) -> tuple[Tensor, Any]:
        outputs = []
        for t in range(x.shape[1]):
            mask_t = None if mask is None else mask[:, t]
            y, after = self._step(x[:, t], state, mask_t, None if time is None else time[:, t])
            keep = mask_t is None or not self.state_is_constant
            state = after if keep else after.where(mask_t, state)
            outputs.append(y)
        return torch.stack(outputs, 1), state

    # ------------------------------------------------------------------ checks
    def _check(
        self, x: Tensor, mask: Tensor | None, time: Tensor | None, dims: int
    ) -> tuple[int, int]:
        shape = "[B, L, C]" if dims == 3 else "[B, C]"
        if not isinstance(x, Tensor) or not x.is_floating_point():
            got = x.dtype if isinstance(x, Tensor) else type(x).__name__
            raise TypeError(f"x: a floating tensor {shape} is needed, got {got}")
        if x.dim() != dims or x.shape[-1] != self.in_channels:
            expected = f"{shape} with C = {self.in_channels}"
            raise GraphError("x", "the shape does not fit", expected=expected, got=list(x.shape))
        lead = x.shape[:-1]
        for name, value in (("mask", mask), ("time", time)):
            if value is not None and value.shape != lead:
                raise GraphError(
                    name, "the shape does not fit x", expected=list(lead), got=list(value.shape)
                )
        if mask is not None and mask.dtype != torch.bool:
            raise TypeError(f"mask: a boolean tensor is needed (true = valid), got {mask.dtype}")
        if self.needs_time and time is None:
            raise GraphError("time", f"{type(self).__name__} needs the times of the positions")
        return lead[0], lead[1] if dims == 3 else 1

    def _check_form(self, form: str) -> str:
        if form not in self.forms:
            raise GraphError(
                "form",
                f"{type(self).__name__} has no form {form!r}",
                expected=f"one of {', '.join(f for f in FORMS if f in self.forms)}",
            )
        return form

    def _no_state(self) -> GraphError:
        return GraphError(
            "state",
            f"{type(self).__name__} reads the whole sequence before its first output: it is not "
            "causal, so there are no steps and no state to carry",
            fix="Call forward on whole sequences, or take a causal encoder.",
        )


def _reset_children(module: nn.Module) -> None:
    for child in module.children():
        if hasattr(child, "reset_parameters"):
            child.reset_parameters()
        else:
            _reset_children(child)


def _known_full(mask: Tensor | None) -> bool:
    """Whether a look at the mask shows that all is valid. On a GPU it would wait for the device,
    and a graph of operations that is being traced cannot turn on what a mask holds."""
    if mask is None or mask.device.type != "cpu" or torch.compiler.is_compiling():
        return False
    return bool(mask.all())


def _clean(values: Tensor, mask: Tensor | None) -> Tensor:
    """Zero where invalid; not a product, which would keep NaN."""
    if mask is None:
        return values
    return torch.where(mask.view(*mask.shape, *[1] * (values.dim() - mask.dim())), values, 0)
