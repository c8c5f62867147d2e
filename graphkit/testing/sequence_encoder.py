"""Checks of the contract of sequence encoders, for authors of an encoder.

``check_sequence_encoder(MyEncoder)`` calls ``MyEncoder(in_channels)`` and raises an
``AssertionError`` that names the violated part of the contract of
:class:`~graphkit.encoders.sequence.SequenceEncoder`. The checks take a few seconds, in float64.

Example:
    >>> from graphkit.encoders.sequence import GRU
    >>> from graphkit.testing import check_sequence_encoder
    >>> check_sequence_encoder(lambda in_channels: GRU(in_channels, 6, num_layers=2))
"""

from __future__ import annotations

import copy
import re
from collections.abc import Callable, Iterable, Iterator
from typing import Any

import torch
from torch import Tensor

from graphkit.encoders.sequence.protocol import SequenceEncoder
from graphkit.encoders.sequence.state import State
from graphkit.encoders.sequence.table import StateTable
from graphkit.errors import GraphError
from graphkit.nn.inputs.number_types import model_inputs
from graphkit.testing.not_run import chosen_checks, needs_cuda, run_checks
from graphkit.testing.number_types import run_in_types

__all__ = ["SEQUENCE_ENCODER_CHECKS", "check_sequence_encoder", "parameter_formula"]

Factory = Callable[[int], SequenceEncoder]
_CHANNELS, _BATCH, _LENGTH = 8, 3, 9
_EXACT = 1e-10


def _encoder(factory: Factory, seed: int = 0) -> SequenceEncoder:
    torch.manual_seed(seed)
    return factory(_CHANNELS).double().eval()


def _input(
    batch: int = _BATCH, length: int = _LENGTH, channels: int = _CHANNELS, seed: int = 1
) -> tuple[Tensor, Tensor]:
    """``(x, time)``: normal random numbers, and increasing times."""
    draw = torch.Generator().manual_seed(seed)
    x = torch.randn(batch, length, channels, generator=draw, dtype=torch.float64)
    gaps = torch.rand(batch, length, generator=draw, dtype=torch.float64)
    return x, 5 + gaps.cumsum(1)


def _holes(batch: int = _BATCH, length: int = _LENGTH, seed: int = 2) -> Tensor:
    draw = torch.Generator().manual_seed(seed)
    mask = torch.rand(batch, length, generator=draw) < 0.6
    mask[:, length // 2] = True
    return mask


def _close(a: Any, b: Any, promise: str, tolerance: float = _EXACT) -> None:
    if isinstance(a, State):
        pairs = list(zip(a.leaves(), b.leaves()))
    else:
        pairs = [(a, b)]
    for x, y in pairs:
        assert x.shape == y.shape, f"{promise}: {tuple(x.shape)} and {tuple(y.shape)}"
        x, y = x.detach().double(), y.detach().double()
        same = (x == y) | (x.isnan() & y.isnan())  # infinities are accepted if both have them
        off = torch.where(same, 0, (x - y).abs())
        worst = float(off.max()) if off.numel() else 0.0
        size = 1 + (float(y[y.isfinite()].abs().max()) if y.isfinite().any() else 0.0)
        assert worst <= tolerance * size, f"{promise}: off by {worst:.2e}"


def _with_chunks(
    encoder: SequenceEncoder, sizes_tried: tuple[int, ...] = (1, 3, 16, _LENGTH, _LENGTH + 5)
) -> Iterator[str]:
    """Yield each form of the encoder; the chunkwise form with several chunk sizes."""
    for form in sorted(encoder.forms):
        if form != "chunkwise":
            yield form
            continue
        chunked = [m for m in encoder.modules() if hasattr(m, "chunk_size")]
        sizes = [m.chunk_size for m in chunked]
        for size in sizes_tried if chunked else (None,):
            for module in chunked:
                module.chunk_size = size
            yield form
        for module, size in zip(chunked, sizes):
            module.chunk_size = size


def check_shapes(factory: Factory) -> None:
    """Output shape, dtype and device follow the input, also for one position and for none."""
    encoder = _encoder(factory)
    for dtype in (torch.float64, torch.float32):
        encoder.to(dtype)
        for length in (_LENGTH, 1, 0):
            x, time = _input(length=length)
            y = encoder(x.to(dtype), time=time)
            assert y.shape == (_BATCH, length, encoder.out_channels), f"output {tuple(y.shape)}"
            assert y.dtype == dtype, f"{dtype} in, {y.dtype} out"
            assert y.device == x.device, "the output is on another device"
            assert bool(y.isfinite().all()), "the output is not finite"
    assert encoder(x[:0], time=time[:0]).shape[0] == 0, "a batch of no rows gives no rows"
    if not encoder.causal:
        try:
            encoder.step(x.new_zeros(_BATCH, _CHANNELS), State())
        except GraphError:
            return
        raise AssertionError("an encoder that is not causal refuses step with a GraphError")


def check_forms(factory: Factory) -> None:
    """All forms give the same outputs, states and gradients, for every chunk size."""
    encoder, mask = _encoder(factory), _holes()
    (x, time), want = _input(), None
    for form in _with_chunks(encoder):
        for valid in (None, mask):
            leaf = x.clone().requires_grad_()
            out = encoder(leaf, valid, time, return_state=encoder.causal, form=form)
            y, state = out if encoder.causal else (out, State())
            (grad,) = torch.autograd.grad(y.square().sum(), leaf)
            found = [y, state, grad]
            want = want or {}
            for a, b in zip(found, want.setdefault(valid is None, found)):
                _close(a, b, f"form {form} gives what the others give")
    encoder.float()
    short = [encoder(x.float(), mask, time, form=form) for form in _with_chunks(encoder)]
    for y in short:
        _close(y, short[0], "forms agree in float32", 1e-5)


def check_last(factory: Factory) -> None:
    """``last`` gives the last column of the output of ``forward``, and its gradient."""
    encoder = _encoder(factory)
    left = torch.arange(_LENGTH) >= torch.tensor([[0], [3], [_LENGTH]])
    for length in (_LENGTH, 40, 1, 0):
        x, time = _input(length=length)
        for valid in (None, _holes(length=length), left) if length == _LENGTH else (None,):
            leaf = x.clone().requires_grad_()
            y = encoder.last(leaf, valid, time)
            assert y.shape == (_BATCH, encoder.out_channels), f"last: output {tuple(y.shape)}"
            if not length:
                continue
            want = encoder(leaf, valid, time)[:, -1]
            _close(y, want, "last gives what forward ends with")
            grads = (torch.autograd.grad(z.square().sum(), leaf)[0] for z in (y, want))
            _close(*grads, "last has the gradient that forward has")


def check_chaining(factory: Factory) -> None:
    """Pieces with the state passed on, and single steps, give the output of one call."""
    encoder = _encoder(factory)
    if not encoder.causal:
        return
    (x, time), mask = _input(), _holes()
    for valid in (torch.ones_like(mask), mask):
        for form in _with_chunks(encoder):
            want, last = encoder(x, valid, time, return_state=True, form=form)
            for k in (0, 1, 4, _LENGTH - 1):
                head, state = encoder(x[:, :k], valid[:, :k], time[:, :k], None, True, form)
                kept = state.clone()
                tail, end = encoder(x[:, k:], valid[:, k:], time[:, k:], state, True, form)
                _close(torch.cat([head, tail], 1), want, f"{form}: a call goes on from the state")
                _close(end, last, f"{form}: the state after two pieces is that after one")
                _close(state, kept, "a call changes no state that it was given", 0.0)
        state = encoder.init_state(_BATCH)
        for t in range(_LENGTH):
            y, state = encoder.step(x[:, t], state, valid[:, t], time[:, t])
            _close(y, want[:, t], "step gives what forward gives")
        _close(state, last, "steps lead to the state that forward leads to")
        if encoder.state_is_constant:
            assert state.numel() == encoder.init_state(_BATCH).numel(), "the state grows"
            assert encoder.state_numel() * _BATCH == state.numel(), "state_numel is another number"


def check_causality(factory: Factory) -> None:
    """An output does not depend on later input."""
    encoder = _encoder(factory)
    if not encoder.causal:
        return
    x, time = _input()
    x.requires_grad_()
    for form in _with_chunks(encoder, (3,)):
        want = encoder(x, time=time, form=form)
        for t in (1, 5, _LENGTH - 1):
            other, later = x.detach().clone(), time.clone()
            other[:, t:] = 7 * other[:, t:].flip(1) + 1
            later[:, t:] += 100
            got = encoder(other, time=later, form=form)[:, :t]
            _close(got, want[:, :t], f"{form}: later input changes an output", 1e-12)
            (grad,) = torch.autograd.grad(want[:, t - 1].sum(), x, retain_graph=True)
            assert not grad[:, t:].any(), f"{form}: an output has a gradient by later input"


def check_padding(factory: Factory) -> None:
    """Padding on the right, on the left and in between has no effect, whatever its content."""
    encoder = _encoder(factory)
    x, time = _input(length=5)
    want = encoder(x, time=time, return_state=encoder.causal)
    want, end = want if encoder.causal else (want, None)
    places = {"right": [0, 1, 2, 3, 4], "left": [4, 5, 6, 7, 8], "holes": [0, 2, 3, 6, 8]}
    for where, at in places.items():
        mask = torch.zeros(_BATCH, _LENGTH, dtype=torch.bool)
        mask[:, at] = True
        for garbage in (1e30, float("nan")) if where == "holes" else (float("nan"),):
            wide = torch.full((_BATCH, _LENGTH, _CHANNELS), garbage, dtype=x.dtype)
            when = torch.full((_BATCH, _LENGTH), garbage, dtype=time.dtype)
            wide[:, at], when[:, at] = x, time
            wide.requires_grad_()
            for form in _with_chunks(encoder, (3,)):
                promise = f"{form}: padding ({where}, {garbage})"
                y = encoder(wide, mask, when, return_state=encoder.causal, form=form)
                y, state = y if encoder.causal else (y, None)
                _close(y[:, at], want, f"{promise} changes no output")
                assert not y[~mask].any(), f"{promise}: outputs there are exactly 0"
                (grad,) = torch.autograd.grad(y.sum(), wide)
                assert bool(grad.isfinite().all()), f"{promise}: a gradient is not finite"
                assert not grad[~mask].any(), f"{promise}: no gradient goes there"
                if end is not None and encoder.state_is_constant:
                    _close(state, end, f"{promise} does not advance the state")


def check_empty_row(factory: Factory) -> None:
    """A row without a valid position gives zeros, its initial state and finite gradients."""
    encoder = _encoder(factory).train()
    x, time = _input()
    x[0] = float("nan")
    x.requires_grad_()
    mask = _holes()
    mask[0] = False
    for form in _with_chunks(encoder, (3,)):
        encoder.zero_grad()
        y = encoder(x, mask, time, return_state=encoder.causal, form=form)
        y, state = y if encoder.causal else (y, None)
        assert not y[0].any(), f"{form}: a row without a valid position gives zeros"
        if state is not None and encoder.state_is_constant:
            row = torch.zeros(1, dtype=torch.long)
            first = encoder.init_state(_BATCH).index_select(row)
            _close(state.index_select(row), first, f"{form}: the state of an empty row")
        y.square().sum().backward()
        for name, value in [("x", x), *encoder.named_parameters()]:
            if value.grad is not None:
                assert bool(value.grad.isfinite().all()), f"{form}: gradient of '{name}'"
        assert not x.grad[0].any(), f"{form}: an empty row gets no gradient"
        x.grad = None
        nothing = encoder(x, torch.zeros_like(mask), time, form=form)
        assert not nothing.any(), f"{form}: a batch without a valid position gives zeros"


def check_rows(factory: Factory) -> None:
    """Rows are independent: neither the order of rows nor other rows change an output."""
    (x, time), mask = _input(), _holes()
    order = torch.tensor([2, 0, 1])
    for training in (False, True):
        encoder = _encoder(factory).train(training)
        for module in encoder.modules():
            if isinstance(module, torch.nn.modules.dropout._DropoutNd):
                module.eval()
        want = encoder(x, mask, time)
        _close(encoder(x[order], mask[order], time[order]), want[order], "order of rows", 1e-9)
        for row in range(_BATCH):
            one = slice(row, row + 1)
            _close(encoder(x[one], mask[one], time[one]), want[one], "a row alone", 1e-9)


def check_gradients(factory: Factory) -> None:
    """Gradients agree with finite differences; every parameter gets one."""
    encoder, (x, time) = _encoder(factory), _input(batch=2, length=4)
    mask = torch.tensor([[True, True, False, True], [False, True, True, True]])
    names = [name for name, _ in encoder.named_parameters()]
    parameters = [p.detach().clone().requires_grad_() for p in encoder.parameters()]

    def along(scale: Tensor, shift: Tensor, form: str) -> Tensor:
        moved = {n: p + shift * d for n, p, d in zip(names, parameters, directions)}
        given = (x + scale * direction, mask, time)
        return torch.func.functional_call(encoder, moved, given, {"form": form})

    draw = torch.Generator().manual_seed(3)
    directions = [torch.randn(p.shape, generator=draw, dtype=p.dtype) for p in parameters]
    direction = torch.randn(x.shape, generator=draw, dtype=x.dtype)
    for form in sorted(encoder.forms):
        at = [torch.zeros((), dtype=torch.float64, requires_grad=True) for _ in range(2)]
        assert torch.autograd.gradcheck(
            lambda a, b, form=form: along(a, b, form),
            at,
            atol=1e-5,
            rtol=1e-4,
            check_undefined_grad=False,
        ), f"{form}: gradients"
        y = encoder(x, mask, time, form=form)
        weights = torch.randn(y.shape, generator=draw, dtype=y.dtype)
        for name, grad in zip(
            names,
            torch.autograd.grad((y * weights).sum(), encoder.parameters(), allow_unused=True),
        ):
            assert grad is not None, f"{form}: parameter '{name}' gets no gradient"
            assert bool(grad.isfinite().all()), f"{form}: gradient of '{name}' is not finite"


def check_state_table(factory: Factory) -> None:
    """A table of node states updated by batches of events equals a replay per node."""
    encoder = _encoder(factory)
    if not (encoder.causal and encoder.state_is_constant):
        return
    num_nodes, events = 5, 24
    draw = torch.Generator().manual_seed(4)
    node = torch.randint(num_nodes - 1, (events,), generator=draw)  # the last node stays idle
    x, time = (value.squeeze(0) for value in _input(1, events))
    table, outputs = StateTable(encoder, num_nodes), []
    with torch.no_grad():
        for part in torch.arange(events).split(7):
            outputs.append(table.advance(encoder, node[part], x[part], time[part]))
        got = torch.cat(outputs)
        for n in range(num_nodes):
            mine = (node == n).nonzero().squeeze(1)
            y, state = encoder(x[mine][None], time=time[mine][None], return_state=True)
            _close(got[mine], y[0], "outputs of a state table are those of a replay")
            row = table.gather(torch.tensor([n]))
            _close(row, state, "a state table holds the states of a replay")


def check_state_dict(factory: Factory) -> None:
    """A state dict and a copy restore an encoder to the bit; evaluation is deterministic."""
    encoder, other, (x, time) = _encoder(factory), _encoder(factory, seed=1), _input()
    want = encoder(x, time=time)
    assert torch.equal(want, encoder(x, time=time)), "two calls in evaluation differ"
    other.load_state_dict(encoder.state_dict())
    assert torch.equal(want, other(x, time=time)), "a loaded state dict restores everything"
    twin = copy.deepcopy(encoder)
    assert torch.equal(want, twin(x, time=time)), "a copy computes the same"
    with torch.no_grad():
        for parameter in twin.parameters():
            parameter.add_(1)
    assert torch.equal(want, encoder(x, time=time)), "changing a copy changes the original"
    formula = parameter_formula(encoder)
    if formula is not None:
        count = sum(p.numel() for p in encoder.parameters())
        assert formula == count, f"{count} parameters, and {formula} by the docstring's formula"


def check_reset_parameters(factory: Factory) -> None:
    """``reset_parameters`` redraws every parameter, equal for equal seeds."""
    encoder, drawn = _encoder(factory), []
    for seed in (7, 7):
        with torch.no_grad():
            for parameter in encoder.parameters():
                parameter.fill_(float("nan"))
        torch.manual_seed(seed)
        encoder.reset_parameters()
        drawn.append([p.detach().clone() for p in encoder.parameters()])
        for name, parameter in encoder.named_parameters():
            assert bool(parameter.isfinite().all()), f"parameter '{name}' is not drawn anew"
    assert all(torch.equal(a, b) for a, b in zip(*drawn)), "one seed, two draws"


def check_long_input(factory: Factory) -> None:
    """The output for two thousand positions of large numbers, in float32, is finite."""
    encoder = _encoder(factory).float()
    x, time = _input(1, 2000)
    x = (30 * x).float().requires_grad_()
    for form in sorted(encoder.forms - {"recurrent"}) or ["recurrent"]:
        y = encoder(x, time=time, form=form)
        assert bool(y.isfinite().all()), f"{form}: an output is not finite"
        for value in torch.autograd.grad(y.sum(), [x, *encoder.parameters()], allow_unused=True):
            assert value is None or bool(value.isfinite().all()), f"{form}: a gradient"


def check_types(factory: Factory) -> None:
    """Float64, bf16-mixed and float64 data work (:mod:`graphkit.testing.number_types`)."""

    def make() -> SequenceEncoder:
        torch.manual_seed(0)
        return factory(_CHANNELS)

    (x, time), mask = _input(), _holes()
    for form in _with_chunks(make(), (3,)):
        for valid in (None, mask):

            def call(
                encoder: SequenceEncoder,
                dtype: torch.dtype,
                form: str = form,
                valid: Tensor | None = valid,
            ) -> Tensor:
                (given,) = model_inputs(encoder, x.to(dtype))
                return encoder(given, valid, time, form=form)

            run_in_types(make, call, coarse=0.5)
    encoder = make().eval()
    if encoder.causal:
        with torch.autocast("cpu", dtype=torch.bfloat16), torch.no_grad():
            state = encoder.init_state(_BATCH)
            for t in range(3):
                y, state = encoder.step(x[:, t].float(), state, mask[:, t], time[:, t])
                assert bool(y.isfinite().all()), "bf16-mixed: an output of step is not finite"


def check_devices(factory: Factory) -> None:
    """CPU and GPU agree closely. Needs a GPU."""
    needs_cuda()
    encoder, (x, time), mask = _encoder(factory).float(), _input(), _holes()
    want = encoder(x.float(), mask, time)
    got = encoder.to("cuda")(x.float().cuda(), mask.cuda(), time.cuda())
    _close(got.cpu(), want, "CPU and GPU agree", 1e-4)


SEQUENCE_ENCODER_CHECKS: dict[str, Callable[[Factory], None]] = {
    check.__name__.removeprefix("check_"): check
    for check in (
        check_shapes,
        check_forms,
        check_last,
        check_chaining,
        check_causality,
        check_padding,
        check_empty_row,
        check_rows,
        check_gradients,
        check_state_table,
        check_state_dict,
        check_reset_parameters,
        check_long_input,
        check_types,
        check_devices,
    )
}
"""The checks by name, each called as ``check(factory)``."""


def check_sequence_encoder(
    factory: Factory, *, only: Iterable[str] | None = None
) -> dict[str, str]:
    """Run all checks on a sequence encoder.

    Args:
        factory: Creates an encoder of ``in_channels`` (8 here); small, and without dropout.
        only: Names from :data:`SEQUENCE_ENCODER_CHECKS`; all checks by default.

    Returns:
        The checks that could not run on this machine, with the reason.

    Raises:
        AssertionError: The contract is violated; the message names the violated part.
    """
    return run_checks(chosen_checks(SEQUENCE_ENCODER_CHECKS, only), factory)


def parameter_formula(encoder: SequenceEncoder) -> int | None:
    """Number of parameters according to the class's docstring, ``None`` without a formula.

    The formula is in double backticks after ``Parameters:`` and uses attributes of the encoder, for
    example ``Parameters: ``out_channels * (in_channels + 1)````.
    """
    found = re.search(r"Parameters: ``(.+?)``", type(encoder).__doc__ or "", re.S)
    if found is None:
        return None
    names = {n: getattr(encoder, n) for n in re.findall(r"[a-z_]\w*", found.group(1))}
    return int(eval(" ".join(found.group(1).split()), {"__builtins__": {}}, names))
