"""Checks of the contract of signal models, for authors of a model.

A signal model is called ``model(x, covariates=None, mask=None)`` with windows ``x [B, T', N, C]``.
A forecaster (``kind = "forecast"``) returns ``[B, T, N, C']``, a classifier
(``kind = "classify"``) returns logits ``[B, classes]``. ``check_signal_model(MyModel.from_task)``
raises an ``AssertionError`` that names the violated part of the contract.

Example:
    >>> from graphkit.models.signal import SignalGRU
    >>> from graphkit.testing import check_signal_model
    >>> check_signal_model(SignalGRU.from_task)
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import dataclass, replace

import torch
from torch import Tensor, nn

from graphkit.nn.inputs.number_types import model_inputs
from graphkit.nn.signal import TrainingSignal
from graphkit.testing.model_checks import (
    assert_close,
    check_deepcopy,
    check_modes,
    check_reset_parameters,
    check_state_dict,
)
from graphkit.testing.not_run import chosen_checks, needs_cuda, run_checks
from graphkit.testing.number_types import run_in_types

__all__ = [
    "SIGNAL_CASES",
    "SIGNAL_MODEL_CHECKS",
    "SignalCase",
    "check_signal_model",
]

Factory = Callable[["SignalCase"], nn.Module]
_BATCH = 3
_EMOTIV = ["AF3", "F7", "F3", "FC5", "T7", "P7", "O1", "O2", "P8", "T8", "FC6", "F4", "F8", "AF4"]


@dataclass(frozen=True)
class SignalCase:
    """A small task with every attribute that ``from_task`` of a model may read, without a graph.

    Attributes:
        kind: ``"forecast"`` or ``"classify"``.
        num_nodes: ``N``.
        in_channels: ``C``.
        target_channels: Channels to forecast.
        in_steps: Number of input rows, ``T'``.
        horizon: ``T``; 0 for classification.
        delay: Rows between history and horizon.
        num_classes: Number of classes of a classifier; otherwise 0.
        covariate_names: Columns of the covariates; no covariates if empty.
        steps_per_day: Rows per day; ``None`` without a clock.
        missing: Whether readings are missing.
        seed: Seed of readings and parameters.
        device: Device of the model.
    """

    kind: str = "forecast"
    num_nodes: int = 6
    in_channels: int = 1
    target_channels: tuple[int, ...] = (0,)
    in_steps: int = 12
    horizon: int = 12
    delay: int = 0
    num_classes: int = 0
    covariate_names: tuple[str, ...] = ("time_of_day", "day_of_week")
    steps_per_day: int | None = 24
    missing: bool = False
    seed: int = 0
    device: str = "cpu"

    @property
    def out_channels(self) -> int:
        """``C'``."""
        return len(self.target_channels)

    @property
    def node_names(self) -> list[str]:
        """Names of the nodes; electrodes for classification."""
        if self.kind == "classify":
            return _EMOTIV[: self.num_nodes]
        return [f"sensor {i}" for i in range(self.num_nodes)]

    @property
    def edge_index(self) -> Tensor:
        """A directed ring with a few chords, int64 ``[2, E]``."""
        n = self.num_nodes
        if n == 1:
            return torch.zeros(2, 0, dtype=torch.int64)
        node = torch.arange(n)
        src, dst = torch.cat([node, node[::2]]), torch.cat([(node + 1) % n, (node[::2] + 2) % n])
        return torch.stack([src, dst])[:, : None if n > 3 else n]

    @property
    def edge_weight(self) -> Tensor:
        """``[E]``, between 0.5 and 1.5.

        :meta private:
        """
        draw = torch.Generator().manual_seed(self.seed)
        return torch.rand(self.edge_index.shape[1], generator=draw) + 0.5

    def training_signal(self) -> TrainingSignal:
        """120 rows, with a window at every row where it fits."""
        steps, draw = 120, torch.Generator().manual_seed(self.seed + 1)
        x = torch.randn(steps, self.num_nodes, self.in_channels, generator=draw)
        mask = torch.rand(x.shape, generator=draw) < 0.9 if self.missing else None
        x = x if mask is None else x.masked_fill(~mask, 0)
        rows = self.in_steps + self.delay + self.horizon
        start = torch.arange(max(1, steps - rows + 1))
        return TrainingSignal(x, mask, self._covariates(torch.arange(steps)), start)

    def training_windows(self) -> tuple[Tensor, Tensor]:
        """40 labelled windows: ``x [40, T', N, C]``, classes ``[40]``; every class occurs."""
        draw = torch.Generator().manual_seed(self.seed + 3)
        x = torch.randn(40, self.in_steps, self.num_nodes, self.in_channels, generator=draw)
        y = torch.arange(40) % max(1, self.num_classes)
        return x * (1 + (torch.arange(self.num_nodes) + y.unsqueeze(1)) % 3).view(40, 1, -1, 1), y

    def model(self, factory: Factory) -> nn.Module:
        """Create a model in evaluation mode, with parameters drawn from the seed of this case."""
        torch.manual_seed(self.seed)
        return factory(self).to(self.device).eval()

    def inputs(self, batch: int = _BATCH) -> tuple[Tensor, Tensor | None, Tensor | None]:
        """``x``, covariates and mask."""
        draw = torch.Generator().manual_seed(self.seed + 2)
        shape = (batch, self.in_steps, self.num_nodes, self.in_channels)
        x = torch.randn(shape, generator=draw)
        mask = torch.rand(shape, generator=draw) < 0.8 if self.missing else None
        if mask is not None:
            x = x.masked_fill(~mask, 0)
        start = torch.randint(1000, (batch, 1), generator=draw)
        rows = self.in_steps + self.delay + self.horizon
        covariates = self._covariates(start + torch.arange(rows)) if self.covariate_names else None
        found = (x, covariates, mask)
        return tuple(None if v is None else v.to(self.device) for v in found)

    def _covariates(self, step: Tensor) -> Tensor:
        day = self.steps_per_day or 24
        columns = {
            "time_of_day": (step % day) / day,
            "day_of_week": (step // day % 7).float(),
        }
        found = [columns[name] for name in self.covariate_names]
        return torch.stack(found, dim=-1) if found else torch.zeros(*step.shape, 0)


SIGNAL_CASES: dict[str, dict[str, SignalCase]] = {
    "forecast": {
        "plain": SignalCase(),
        "missing": SignalCase(missing=True, seed=1),
        "channels": SignalCase(
            in_channels=3, target_channels=(0, 2), in_steps=7, horizon=3, delay=1, seed=2
        ),
        "one_node": SignalCase(num_nodes=1, in_steps=4, horizon=1, seed=3),
    },
    "classify": {
        "plain": SignalCase(
            "classify",
            num_nodes=14,
            in_steps=128,
            horizon=0,
            num_classes=5,
            covariate_names=(),
            steps_per_day=None,
        ),
        "two_classes": SignalCase(
            "classify",
            num_nodes=14,
            in_steps=128,
            horizon=0,
            num_classes=2,
            covariate_names=(),
            steps_per_day=None,
            seed=1,
        ),
    },
}
"""The tasks that :func:`check_signal_model` uses, by kind of model and by name."""


def check_shapes(factory: Factory, case: SignalCase) -> None:
    """The output has the required shape, is floating point and finite, also for a single window."""
    model = case.model(factory)
    assert model.kind == case.kind, "kind says what the model answers"
    for batch in (_BATCH, 1):
        out = model(*case.inputs(batch))
        if case.kind == "forecast":
            want = (batch, case.horizon, case.num_nodes, case.out_channels)
        else:
            want = (batch, case.num_classes)
        assert tuple(out.shape) == want, f"the answer is {tuple(out.shape)}, not {want}"
        assert out.is_floating_point()
        assert bool(out.isfinite().all()), "an answer is not finite"


def check_gradients(factory: Factory, case: SignalCase) -> None:
    """The loss gives a finite gradient for every trained parameter, twice in a row.

    Parameters are shifted slightly first: a gate that starts at 0 blocks the gradients behind it.
    """
    model, inputs = case.model(factory), case.inputs()
    draw = torch.Generator().manual_seed(5)
    trained = {n: p for n, p in model.named_parameters() if p.requires_grad}
    with torch.no_grad():
        for p in trained.values():
            p.add_(0.05 * torch.randn(p.shape, generator=draw).to(p))
    for _ in range(2):
        model.zero_grad(set_to_none=True)
        out = model(*inputs)
        if trained:
            (out * torch.randn(out.shape, generator=draw).to(out)).sum().backward()
        for name, parameter in trained.items():
            assert parameter.grad is not None, f"parameter '{name}' gets no gradient"
            assert bool(parameter.grad.isfinite().all()), f"gradient of '{name}' is not finite"
            some = case.num_nodes > 1  # a single node has no neighbours to learn from
            assert not some or bool(parameter.grad.any()), f"gradient of '{name}' is zero"


def check_batch(factory: Factory, case: SignalCase) -> None:
    """In evaluation mode, the output of a window does not depend on the other windows."""
    model, inputs = case.model(factory), case.inputs()
    with torch.no_grad():
        together = model(*inputs)
        for row in range(_BATCH):
            alone = model(*(None if v is None else v[row : row + 1] for v in inputs))
            assert_close(together[row : row + 1], alone, "a window alone and among others")


def check_mask(factory: Factory, case: SignalCase) -> None:
    """No mask and a mask that is true everywhere give the same output."""
    model, (x, covariates, _) = case.model(factory), case.inputs()
    with torch.no_grad():
        full = torch.ones_like(x, dtype=torch.bool)
        assert_close(model(x, covariates, full), model(x, covariates), "a mask of nothing missing")


def check_step(factory: Factory, case: SignalCase) -> None:
    """For a model with ``step``, passing readings one by one equals passing the whole window."""
    model, (x, covariates, mask) = case.model(factory), case.inputs()
    if not hasattr(model, "step"):
        return
    with torch.no_grad():
        state = None
        for t in range(x.size(1)):
            known = [None if v is None else v[:, t] for v in (covariates, mask)]
            out, state = model.step(x[:, t], state, *known)
        assert_close(out, model(x, covariates, mask), "stepping and the whole window")


def check_types(factory: Factory, case: SignalCase) -> None:
    """Float64, bf16-mixed and float64 data are supported (:mod:`graphkit.testing.number_types`)."""

    def call(model: nn.Module, dtype: torch.dtype) -> Tensor:
        x, covariates, mask = case.inputs()
        covariates = None if covariates is None else covariates.to(dtype)
        return model(*model_inputs(model, x.to(dtype), covariates, mask))

    run_in_types(lambda: case.model(factory), call, device=case.device)


def check_devices(factory: Factory, case: SignalCase) -> None:
    """CPU and GPU agree closely. Needs a GPU."""
    needs_cuda()
    gpu = replace(case, device="cuda")
    a, b = case.model(factory), gpu.model(factory)
    b.load_state_dict(a.state_dict())
    with torch.no_grad():
        out = b(*gpu.inputs()).cpu()
        assert_close(a(*case.inputs()), out, "CPU and GPU agree", rtol=1e-2, atol=1e-3)


SIGNAL_MODEL_CHECKS: dict[str, Callable[[Factory, SignalCase], None]] = {
    check.__name__.removeprefix("check_"): check
    for check in (
        check_shapes,
        check_gradients,
        check_modes,
        check_batch,
        check_mask,
        check_state_dict,
        check_reset_parameters,
        check_deepcopy,
        check_step,
        check_types,
        check_devices,
    )
}
"""The checks by name, each called as ``check(factory, case)``."""


def check_signal_model(
    factory: Factory,
    case: SignalCase | None = None,
    *,
    kind: str = "forecast",
    only: Iterable[str] | None = None,
) -> dict[str, str]:
    """Run all checks on a signal model.

    Args:
        factory: Creates a model for a task, such as ``MyModel.from_task``.
        case: Run the checks on this task only.
        kind: Output of the model, ``"forecast"`` or ``"classify"``.
        only: Names from :data:`SIGNAL_MODEL_CHECKS`; all checks by default.

    Returns:
        The checks that could not run on this machine, with the reason.

    Raises:
        AssertionError: The contract is violated; the message names the violated part.
    """
    chosen = chosen_checks(SIGNAL_MODEL_CHECKS, only)
    skipped: dict[str, str] = {}
    for one in SIGNAL_CASES[kind].values() if case is None else [case]:
        skipped |= run_checks(chosen, factory, one)
    return skipped
