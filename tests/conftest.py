"""Every test: one thread, fixed seeds, and memory that shouts when it is read before it is written.

``torch.empty`` and its like return NaN (floats) or a large odd number (integers) here, so code that
forgets to fill what it allocates fails at once and not one time in a thousand.
"""

from __future__ import annotations

import functools
import os
import random
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
import torch.utils._device
from hypothesis import HealthCheck, settings
from torch import Tensor

settings.register_profile(
    "graphkit",
    derandomize=True,  # the same examples on every run
    database=None,
    deadline=None,  # machines are shared
    max_examples=50,
    suppress_health_check=[HealthCheck.too_slow],
)
settings.load_profile("graphkit")
torch.set_num_threads(1)


def pytest_collection_modifyitems(config: pytest.Config, items: list[pytest.Item]) -> None:
    """Leave nightly tests out, unless ``-m`` names them or ``CI_FULL=1`` takes everything."""
    if "nightly" in config.option.markexpr or os.environ.get("CI_FULL") == "1":
        return
    nightly = [item for item in items if item.get_closest_marker("nightly")]
    if nightly:
        config.hook.pytest_deselected(items=nightly)
        items[:] = [item for item in items if item not in nightly]


_ALLOCATORS = [
    (torch, "empty"),
    (torch, "empty_like"),
    (torch, "empty_strided"),
    (Tensor, "new_empty"),
    (Tensor, "new_empty_strided"),
]


def poison(tensor: Tensor) -> Tensor:
    """Fill with what no computation survives unnoticed."""
    dtype = tensor.dtype
    if tensor.layout != torch.strided or tensor.is_quantized or tensor.is_meta:
        return tensor
    with torch.no_grad():
        if dtype.is_floating_point or dtype.is_complex:
            return tensor.fill_(float("nan"))
        if dtype == torch.bool:
            return tensor.fill_(True)
        return tensor.fill_(torch.iinfo(dtype).max // 3 * 2 + 1)


def _poisoning(allocate: Callable[..., Tensor]) -> Callable[..., Tensor]:
    @functools.wraps(allocate)
    def poisoned(*args: Any, **kwargs: Any) -> Tensor:
        tensor = allocate(*args, **kwargs)
        # A tensor that was passed as out= is not fresh; under torch.jit and vmap others allocate.
        return tensor if kwargs.get("out") is not None else poison(tensor)

    return poisoned


@pytest.fixture(scope="session", autouse=True)
def _poisoned_memory() -> Iterator[None]:
    torch.utils._device._device_constructors()  # torch remembers its own functions, not ours
    with pytest.MonkeyPatch.context() as patch:
        for owner, name in _ALLOCATORS:
            patch.setattr(owner, name, _poisoning(getattr(owner, name)))
        yield


@pytest.fixture
def plain_memory() -> Iterator[None]:
    """torch's own allocators, for a test that compiles with ``torch.jit`` or times allocations."""
    with pytest.MonkeyPatch.context() as patch:
        for owner, name in _ALLOCATORS:
            patch.setattr(owner, name, getattr(owner, name).__wrapped__)
        yield


@pytest.fixture(autouse=True)
def _fixed_seeds() -> None:
    random.seed(0)
    np.random.seed(0)  # noqa: NPY002 - libraries that draw from the global state
    torch.manual_seed(0)
    torch.set_num_threads(1)


@pytest.fixture(scope="session")
def graphkit_data() -> Path:
    """The folder of real data sets that ``GRAPHKIT_DATA`` names."""
    value = os.environ.get("GRAPHKIT_DATA")
    if not value:
        pytest.skip("GRAPHKIT_DATA is not set: no real data sets at hand")
    folder = Path(value).expanduser()
    if not folder.is_dir():
        pytest.skip(f"GRAPHKIT_DATA={value} is not a folder")
    return folder


@pytest.fixture(scope="session")
def cuda() -> torch.device:
    """A CUDA device."""
    if not torch.cuda.is_available():
        pytest.skip("no CUDA device")
    return torch.device("cuda", 0)
