"""Checks shared by several kinds of models: modes, copies, state dicts, redrawn parameters.

A case has ``model(factory)``, a new model in evaluation mode, and ``inputs()``, the tensors that
the model is called with.
"""

from __future__ import annotations

import copy
from collections.abc import Callable, Sequence
from typing import Any

import torch
from torch import Tensor, nn

__all__ = [
    "assert_close",
    "assert_draws",
    "check_deepcopy",
    "check_modes",
    "check_reset_parameters",
    "check_state_dict",
]

Factory = Callable[[Any], nn.Module]


def assert_close(
    a: Tensor, b: Tensor, promise: str, rtol: float = 1e-4, atol: float = 1e-5
) -> None:
    """Check that tensors are close, on any device; a failure names the violated contract."""
    torch.testing.assert_close(
        a, b, rtol=rtol, atol=atol, msg=lambda m: f"{promise}: {m}", check_device=False
    )


def assert_draws(module: nn.Module, seeds: Sequence[int]) -> list[list[Tensor]]:
    """The trained parameters that ``reset_parameters`` draws for each seed, all of them anew; the
    first two seeds are the same."""
    trained = {n: p for n, p in module.named_parameters() if p.requires_grad}
    drawn = []
    for seed in seeds:
        torch.manual_seed(seed)
        module.reset_parameters()
        drawn.append([p.detach().clone() for p in trained.values()])
        for name, parameter in trained.items():
            assert bool(parameter.isfinite().all()), f"parameter '{name}' is not drawn anew"
            with torch.no_grad():
                parameter.fill_(float("nan"))  # NaN remains in values that are not redrawn
    assert all(torch.equal(a, b) for a, b in zip(drawn[0], drawn[1])), "one seed, two draws"
    return drawn


@torch.no_grad()
def check_modes(factory: Factory, case: Any) -> None:
    """Evaluation is deterministic and changes nothing; training is deterministic for a seed."""
    model, inputs = case.model(factory), case.inputs()
    state = {name: value.clone() for name, value in model.state_dict().items()}
    first = model(*inputs)
    assert torch.equal(first, model(*inputs)), "two evaluations differ"
    for name, value in model.state_dict().items():
        assert torch.equal(state[name], value), f"evaluation changes '{name}'"
    runs = []
    for _ in range(2):
        model.load_state_dict(state)
        torch.manual_seed(3)
        runs.append(model.train()(*inputs))
    assert torch.equal(*runs), "one seed, two results"
    model.load_state_dict(state)
    assert torch.equal(first, model.eval()(*inputs)), "train() leaves a trace"


@torch.no_grad()
def check_state_dict(factory: Factory, case: Any) -> None:
    """A loaded state dict gives equal bits; a call adds nothing to the state dict."""
    model, other, inputs = case.model(factory), case.model(factory), case.inputs()
    out = model(*inputs)
    for value in other.state_dict().values():  # constants are not part of the state
        value.fill_(1 if value.dtype == torch.bool else 0)
    other.load_state_dict(model.state_dict())
    assert torch.equal(out, other(*inputs)), "a loaded state dict restores everything"
    fresh = case.model(factory)
    assert fresh.state_dict().keys() == model.state_dict().keys(), "a call adds to the state dict"


def check_reset_parameters(factory: Factory, case: Any) -> None:
    """``reset_parameters`` redraws every trained parameter, equal for equal seeds."""
    assert_draws(case.model(factory), (7, 7))


@torch.no_grad()
def check_deepcopy(factory: Factory, case: Any) -> None:
    """A deep copy gives equal bits, before and after use, and is independent of the original."""
    model, inputs = case.model(factory), case.inputs()
    early = copy.deepcopy(model)
    out = model(*inputs)
    twin = copy.deepcopy(model)
    assert torch.equal(out, early(*inputs)), "a copy of a fresh model differs"
    assert torch.equal(out, twin(*inputs)), "a copy differs"
    for parameter in twin.parameters():
        parameter.add_(1)
    assert torch.equal(out, model(*inputs)), "a copy shares parameters"
