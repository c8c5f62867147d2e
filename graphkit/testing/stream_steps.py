"""Steps shared by the checks of stream models: observe, score, compare states."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

import torch
from torch import Tensor, nn

__all__ = ["observe", "same_state", "score", "state_of"]


def observe(model: nn.Module, batches: Iterable[Any]) -> None:
    """Observe batches one after the other."""
    for batch in batches:
        model.observe(batch)


def state_of(model: nn.Module) -> dict[str, Tensor]:
    """A copy of parameters and state."""
    return {name: value.clone() for name, value in model.state_dict().items()}


def same_state(
    a: dict[str, Tensor], b: dict[str, Tensor], promise: str, exact: bool = True
) -> None:
    """Check equal keys, dtypes, shapes and bits; without ``exact``, floats need only be close."""
    assert a.keys() == b.keys(), f"{promise}: the state dicts have different keys"
    for name in a:
        x, y = a[name].cpu(), b[name].cpu()
        assert x.dtype == y.dtype, f"{promise}: '{name}' has another dtype"
        assert x.shape == y.shape, f"{promise}: '{name}' has another shape"
        if exact or not x.is_floating_point():
            same = torch.equal(x, y)
        else:
            same = torch.allclose(x, y, rtol=1e-4, atol=1e-5)
        assert same, f"{promise}: '{name}' differs"


@torch.no_grad()
def score(model: nn.Module, batch: Any, dst: Tensor | None = None) -> Tensor:
    """Scores of the events of a batch, or of other destinations."""
    return model.score(batch.src, batch.dst if dst is None else dst, batch.t)
