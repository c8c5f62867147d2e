"""Checks of the contract of snapshot models, for authors of a model.

A snapshot model maps a sequence of snapshots and a state to an output and a state, and stores no
state itself. ``check_snapshot_model(MyModel)`` calls ``MyModel(in_channels, hidden_channels)``
and raises an ``AssertionError`` that names the violated part of the contract.

Example:
    >>> from graphkit.models.snapshot import EvolveGCNH
    >>> from graphkit.testing.snapshot_model import check_snapshot_model
    >>> check_snapshot_model(EvolveGCNH)
"""

from __future__ import annotations

import copy
from collections.abc import Callable, Iterable
from typing import Any

import torch
from torch import Tensor, nn
from torch.utils import _pytree as pytree
from torch_geometric.data import Data

from graphkit.nn.inputs.number_types import model_dtype
from graphkit.nn.snapshot import as_snapshot, out_degree
from graphkit.testing.model_checks import assert_close, assert_draws
from graphkit.testing.not_run import chosen_checks, needs_cuda, run_checks
from graphkit.testing.number_types import run_in_types

__all__ = ["SNAPSHOT_MODEL_CHECKS", "check_snapshot_model", "random_snapshots"]

Factory = Callable[[int, int], nn.Module]
_CHANNELS, _HIDDEN = 5, 4


def random_snapshots(
    steps: int = 4,
    num_nodes: int = 11,
    num_edges: int = 18,
    channels: int = _CHANNELS,
    *,
    one_hot: bool = False,
    seed: int = 0,
) -> list[Data]:
    """Small weighted snapshots with idle nodes; the third snapshot has no edge."""
    draw = torch.Generator().manual_seed(seed)
    found = []
    for step in range(steps):
        edges = num_edges if step != 2 else 0
        pair = torch.randint((num_nodes - 2) ** 2, (edges,), generator=draw).unique()
        edge_index = torch.stack([pair // (num_nodes - 2), pair % (num_nodes - 2)])
        weight = torch.rand(pair.numel(), generator=draw) + 0.5
        if one_hot:
            x = out_degree(edge_index, num_nodes).clamp(max=channels - 1)
        else:
            x = torch.randn(num_nodes, channels, generator=draw)
        found.append(Data(x=x, edge_index=edge_index, edge_weight=weight))
    return found


def _model(factory: Factory, seed: int = 0) -> nn.Module:
    torch.manual_seed(seed)
    return factory(_CHANNELS, _HIDDEN).eval()


def _close(a: Any, b: Any, promise: str) -> None:
    left, right = pytree.tree_leaves(a), pytree.tree_leaves(b)
    assert len(left) == len(right), promise
    for x, y in zip(left, right):
        assert_close(x, y, promise, atol=1e-6)


def check_shapes(factory: Factory) -> None:
    """One row per node, finite, for float and for one-hot features, with and without edges."""
    model = _model(factory)
    for one_hot in (False, True):
        snapshots = random_snapshots(one_hot=one_hot)
        for stop in range(1, 5):
            out, _ = model(snapshots[:stop])
            assert out.shape == (11, _HIDDEN), f"output {tuple(out.shape)}"
            assert bool(out.isfinite().all()), "the output is not finite"
        every, _ = model(snapshots, outputs="all")
        assert len(every) == 4, "outputs='all' gives one output per snapshot"
        _close(every[-1], out, "the last of all outputs is the last output")


def check_one_hot(factory: Factory) -> None:
    """One-hot rows given by their column equal one-hot rows."""
    model = _model(factory)
    short = random_snapshots(one_hot=True)
    long = [s.clone() for s in short]
    for s in long:
        s.x = nn.functional.one_hot(s.x, _CHANNELS).float()
    _close(model(short), model(long), "a one-hot row and its column mean the same")


def check_shared_rows(factory: Factory) -> None:
    """Idle nodes that share a row get the output of idle nodes with separate rows."""
    model = _model(factory)
    snapshots = [as_snapshot(s) for s in random_snapshots(one_hot=True)]
    shared = [s.shared() for s in snapshots]
    out, want = model(shared)[0], model(snapshots)[0]
    if out.shape[0] != want.shape[0]:
        out = out[shared[-1].position]
    _close(out, want, "sharing rows changes nothing")


def check_state(factory: Factory) -> None:
    """The returned state is complete: resuming from it equals a single pass."""
    model, snapshots = _model(factory), random_snapshots()
    whole = model(snapshots)
    for stop in (1, 2, 3):
        _, state = model(snapshots[:stop])
        _close(model(snapshots[stop:], state), whole, "a call goes on from the state")
    _close(model(snapshots), whole, "a call leaves nothing behind in the model")


def check_pure(factory: Factory) -> None:
    """Two calls in evaluation mode give equal bits and change no parameter or buffer."""
    model, snapshots = _model(factory), random_snapshots()
    before = {n: v.clone() for n, v in model.state_dict().items()}
    first, second = model(snapshots)[0], model(snapshots)[0]
    assert torch.equal(first, second), "two outputs of the same snapshots differ"
    for name, value in model.state_dict().items():
        assert torch.equal(before[name], value), f"a call changes '{name}'"


def check_past_only(factory: Factory) -> None:
    """An output does not depend on later snapshots."""
    model, snapshots = _model(factory), random_snapshots()
    other = random_snapshots(seed=1)
    mixed = snapshots[:2] + other[2:]
    for a, b in zip(model(snapshots, outputs="all")[0][:2], model(mixed, outputs="all")[0][:2]):
        assert torch.equal(a, b), "an output depends on a later snapshot"


def check_gradients(factory: Factory) -> None:
    """Every parameter matrix gets a finite gradient, also in a second backward pass."""
    model, snapshots = _model(factory).train(), random_snapshots(num_edges=30)
    for _ in range(2 if list(model.parameters()) else 0):
        model.zero_grad(set_to_none=True)
        model(snapshots)[0].square().sum().backward()
        for name, parameter in model.named_parameters():
            assert parameter.grad is not None, f"parameter '{name}' gets no gradient"
            assert bool(parameter.grad.isfinite().all()), f"gradient of '{name}' is not finite"
            if parameter.dim() > 1:
                assert bool(parameter.grad.any()), f"the gradient of '{name}' is zero"


def check_state_dict(factory: Factory) -> None:
    """A state dict restores a model to the bit; a deep copy is independent of the original."""
    model, other = _model(factory), _model(factory, seed=1)
    snapshots = random_snapshots()
    other.load_state_dict(model.state_dict())
    want = model(snapshots)[0]
    assert torch.equal(want, other(snapshots)[0]), "a loaded state dict restores everything"
    twin = copy.deepcopy(model)
    with torch.no_grad():
        for parameter in twin.parameters():
            parameter.add_(1)
    assert torch.equal(want, model(snapshots)[0]), "changing a copy changes the original"


def check_reset_parameters(factory: Factory) -> None:
    """``reset_parameters`` redraws the trained parameters, if any, equal for equal seeds."""
    drawn = assert_draws(_model(factory), (7, 7, 8))
    moved = any(not torch.equal(a, b) for a, b in zip(drawn[0], drawn[2]))
    assert moved or not drawn[0], "seed has no effect"


def check_types(factory: Factory) -> None:
    """Float64, bf16-mixed and float64 data are supported (:mod:`graphkit.testing.number_types`)."""
    for one_hot in (False, True):

        def call(model: nn.Module, dtype: torch.dtype, one_hot: bool = one_hot) -> Tensor:
            snapshots = [as_snapshot(s).cast(dtype) for s in random_snapshots(one_hot=one_hot)]
            like = dtype if model_dtype(model) is None else model_dtype(model)
            return model([s.cast(like) for s in snapshots])[0]

        run_in_types(lambda: _model(factory), call)


def check_devices(factory: Factory) -> None:
    """CPU and GPU agree closely. Needs a GPU."""
    needs_cuda()
    model, snapshots = _model(factory), random_snapshots()
    want = model(snapshots)[0]
    got: Tensor = model.to("cuda")([s.to("cuda") for s in snapshots])[0]
    _close(got.cpu(), want, "CPU and GPU agree")


SNAPSHOT_MODEL_CHECKS: dict[str, Callable[[Factory], None]] = {
    check.__name__.removeprefix("check_"): check
    for check in (
        check_shapes,
        check_one_hot,
        check_shared_rows,
        check_state,
        check_pure,
        check_past_only,
        check_gradients,
        check_state_dict,
        check_reset_parameters,
        check_types,
        check_devices,
    )
}
"""The checks by name, each called as ``check(factory)``."""


def check_snapshot_model(factory: Factory, *, only: Iterable[str] | None = None) -> dict[str, str]:
    """Run all checks on a snapshot model.

    Args:
        factory: Creates a model from ``(in_channels, hidden_channels)``.
        only: Names from :data:`SNAPSHOT_MODEL_CHECKS`; all checks by default.

    Returns:
        The checks that could not run on this machine, with the reason.

    Raises:
        AssertionError: The contract is violated; the message names the violated part.
    """
    return run_checks(chosen_checks(SNAPSHOT_MODEL_CHECKS, only), factory)
