"""Checks of number types for models and encoders: float32, float64, and bf16 under autocast.

The same parameters give the same results in float32 and float64 up to rounding; float64 data can be
passed to a float32 model through :func:`~graphkit.nn.inputs.number_types.model_inputs` (as tasks
and predictors do); autocast to bfloat16 works forward and backward with float32 parameters; and a
model can be created while the default dtype of torch is float64.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager

import torch
from torch import Tensor, nn

__all__ = ["default_dtype", "run_in_types"]

Call = Callable[[nn.Module, torch.dtype], Tensor]


@contextmanager
def default_dtype(dtype: torch.dtype) -> Iterator[None]:
    """Set the default dtype of torch inside the block."""
    before = torch.get_default_dtype()
    torch.set_default_dtype(dtype)
    try:
        yield
    finally:
        torch.set_default_dtype(before)


def run_in_types(
    make: Callable[[], nn.Module], call: Call, *, device: str = "cpu", coarse: float = 0.25
) -> None:
    """Run a model in every dtype and compare the outputs.

    Args:
        make: Creates the model in the default dtype of torch, with the same parameters each time.
        call: ``call(model, dtype)`` returns the output for data of that dtype, in the current mode
            of the model; the model may have a state.
        device: Device of the model.
        coarse: Largest difference allowed for bfloat16, as a share of the largest output.

    Raises:
        AssertionError: The contract is violated; the message names the violated part.
    """
    single, double = torch.float32, torch.float64
    # A model without trained parameters may return the dtype of the data or a fixed dtype.
    trained = any(p.requires_grad for p in make().parameters())
    want = _finite(call(make().eval(), single), single if trained else None, "float32")
    size = 1 + (float(want.abs().max()) if want.numel() else 0.0)
    with torch.no_grad():
        got = call(make().double().eval(), double)
        got = _finite(got, double if trained else None, "float64")
        _near(got, want, 1e-3 * size, "float64 gives what float32 gives")
        got = call(make().eval(), double)
        got = _finite(got, single if trained else None, "float64 data for a float32 model")
        _near(got, want, 1e-3 * size, "float64 data give what float32 data give")
    with default_dtype(double):
        model = make()
        for name, value in (*model.named_parameters(), *model.named_buffers()):
            # A buffer may have a fixed dtype; a parameter has the default dtype of torch.
            fits = not isinstance(value, nn.Parameter) or not value.is_floating_point()
            assert fits or value.dtype == double, f"made in float64: '{name}' is {value.dtype}"
        _backward(model, call(model.train(), double), double, "made in float64")
    model = make()
    with torch.autocast(device, dtype=torch.bfloat16), torch.no_grad():
        got = _finite(call(model.eval(), single), None, "bf16-mixed")
    _near(got, want, coarse * size, "bf16-mixed gives roughly what float32 gives")
    model = make().train()
    with torch.autocast(device, dtype=torch.bfloat16):
        out = call(model, single)
    _backward(model, out.float(), single, "bf16-mixed")


def _finite(out: Tensor, dtype: torch.dtype | None, kind: str) -> Tensor:
    out = out.detach()
    assert dtype is None or out.dtype == dtype, f"{kind}: the output is {out.dtype}"
    assert bool(out.isfinite().all()), f"{kind}: the output is not finite"
    return out.double()


def _near(a: Tensor, b: Tensor, limit: float, promise: str) -> None:
    off = float((a - b).abs().max()) if a.numel() else 0.0
    assert off <= limit, f"{promise}: off by {off:.2e}"


def _backward(model: nn.Module, out: Tensor, dtype: torch.dtype, kind: str) -> None:
    trained = {n: p for n, p in model.named_parameters() if p.requires_grad}
    if not trained:
        return
    out.sum().backward()
    for name, parameter in trained.items():
        if parameter.grad is not None:
            assert parameter.grad.dtype == dtype, f"{kind}: gradient of '{name}' has another type"
            assert bool(parameter.grad.isfinite().all()), f"{kind}: gradient of '{name}'"
