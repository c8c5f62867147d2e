"""GRU steps against torch's own cell, the written equations, and finite differences."""

from __future__ import annotations

import pytest
import torch
from torch import Tensor, nn

from graphkit.ops.gru_gates import (
    gru_gates,
    gru_gates_reference,
    gru_lookup,
    gru_lookup_reference,
)

F, E, N, G = 3, 8, 5, 4
DOUBLE = {"dtype": torch.float64}


def lookup_arguments(valid: bool, extra: bool, dtype: torch.dtype = torch.float64) -> list:
    def draw(*shape: int) -> Tensor:
        return torch.randn(*shape, dtype=dtype, requires_grad=True)

    return [
        draw(3 * F, N),
        torch.randint(N, (E,)),
        draw(3 * F, G),
        torch.randint(G, (E,)),
        draw(3 * F, F),
        draw(3 * F),
        draw(F, E).detach(),
        (torch.arange(E) % 3 > 0).to(dtype) if valid else None,
        draw(3 * F, E) if extra else None,
    ]


def parameters(arguments: list) -> list[Tensor]:
    return [a for a in arguments if isinstance(a, Tensor) and a.requires_grad]


@pytest.mark.parametrize("step", [gru_gates, gru_gates_reference])
def test_equals_torch_gru_cell_forward_and_backward(step):
    cell = nn.GRUCell(6, F).double()
    x, state = torch.randn(E, 6, **DOUBLE), torch.randn(E, F, **DOUBLE, requires_grad=True)
    expected = cell(x, state)
    gates = nn.functional.linear(x, cell.weight_ih, cell.bias_ih).t()
    hidden = nn.functional.linear(state, cell.weight_hh, cell.bias_hh).t()
    got = step(gates, hidden, state.t()).t()
    torch.testing.assert_close(got, expected)
    grad, wanted = torch.randn(E, F, **DOUBLE), [state, *cell.parameters()]
    for a, b in zip(
        torch.autograd.grad(got, wanted, grad), torch.autograd.grad(expected, wanted, grad)
    ):
        torch.testing.assert_close(a, b)


def test_gates_gradcheck():
    x, h = (torch.randn(3 * F, E, **DOUBLE, requires_grad=True) for _ in range(2))
    state = torch.randn(F, E, **DOUBLE, requires_grad=True)
    assert torch.autograd.gradcheck(gru_gates, (x, h, state))


def test_gates_skip_the_gradient_of_a_state_that_needs_none():
    x, h = (torch.randn(3 * F, E, requires_grad=True) for _ in range(2))
    state = torch.randn(F, E)
    kept = [v.detach().clone() for v in (x, h, state)]
    gru_gates(x, h, state).sum().backward()
    assert state.grad is None
    assert x.grad is not None
    assert h.grad is not None
    for value, before in zip((x, h, state), kept):
        assert torch.equal(value, before), "an argument was written to"


@pytest.mark.parametrize("valid", [False, True])
@pytest.mark.parametrize("extra", [False, True])
def test_lookup_equals_reference(valid: bool, extra: bool):
    arguments = lookup_arguments(valid, extra)
    kept = [a.detach().clone() if isinstance(a, Tensor) else a for a in arguments]
    got, expected = gru_lookup(*arguments), gru_lookup_reference(*arguments)
    torch.testing.assert_close(got, expected)
    grad, wanted = torch.randn(F, E, **DOUBLE), parameters(arguments)
    for a, b in zip(
        torch.autograd.grad(got, wanted, grad), torch.autograd.grad(expected, wanted, grad)
    ):
        torch.testing.assert_close(a, b)
    for value, before in zip(arguments, kept):
        assert value is before is None or torch.equal(value, before), "an argument was written to"


@pytest.mark.parametrize("valid", [False, True])
@pytest.mark.parametrize("extra", [False, True])
def test_lookup_gradcheck(valid: bool, extra: bool):
    arguments = lookup_arguments(valid, extra)
    places = [i for i, a in enumerate(arguments) if isinstance(a, Tensor) and a.requires_grad]

    def step(*values: Tensor) -> Tensor:
        filled = list(arguments)
        for i, value in zip(places, values):
            filled[i] = value
        return gru_lookup(*filled)

    assert torch.autograd.gradcheck(step, parameters(arguments))


@pytest.mark.parametrize("frozen", [0, 2])
def test_lookup_of_a_frozen_table(frozen: int):
    arguments = lookup_arguments(True, False)
    arguments[frozen] = arguments[frozen].detach()
    gru_lookup(*arguments).sum().backward()
    assert arguments[frozen].grad is None
    assert all(p.grad is not None for p in parameters(arguments))


def test_lookup_of_int32_keys_and_of_nothing():
    arguments = lookup_arguments(False, True)
    expected = gru_lookup(*arguments)
    arguments[1] = arguments[1].to(torch.int32)
    out = gru_lookup(*arguments)
    assert torch.equal(out, expected)
    out.sum().backward()
    none = torch.empty(0, dtype=torch.int64)
    arguments[1] = arguments[3] = none
    arguments[6], arguments[8] = torch.empty(F, 0, **DOUBLE), None
    out = gru_lookup(*arguments)
    assert out.shape == (F, 0)
    out.sum().backward()


def test_half_precision_inputs_are_taken_to_the_type_of_the_state():
    arguments = lookup_arguments(True, True, torch.float32)
    expected = gru_lookup(*arguments)
    arguments[0] = arguments[0].detach().to(torch.bfloat16).requires_grad_()
    out = gru_lookup(*arguments)
    assert out.dtype == torch.float32
    torch.testing.assert_close(out, expected, rtol=0.05, atol=0.05)
    out.sum().backward()
    assert arguments[0].grad.dtype == torch.bfloat16


def test_extreme_gates_are_finite():
    arguments = lookup_arguments(False, False, torch.float32)
    arguments[0] = (arguments[0] * 1e4).detach().requires_grad_()
    out = gru_lookup(*arguments)
    out.sum().backward()
    assert bool(out.isfinite().all())
    assert all(bool(p.grad.isfinite().all()) for p in parameters(arguments))
