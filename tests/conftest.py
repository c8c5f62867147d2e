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

from graphkit.ops import compiled as loops

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


_LOOPS = "graphkit/loops"  # in pytest's cache: the tests that reach a compiled loop


def pytest_addoption(parser: pytest.Parser) -> None:
    parser.addoption(
        "--loops",
        action="store_true",
        help="only tests that asked for a compiled loop when they ran last, for a run with "
        "GRAPHKIT_COMPILED=0",
    )


def pytest_collection_modifyitems(config: pytest.Config, items: list[pytest.Item]) -> None:
    """Leave nightly tests out, unless ``-m`` names them or ``CI_FULL=1`` takes everything; with
    ``--loops``, also those that need no compiled loop."""
    if config.option.loops:
        known = config.cache.get(_LOOPS, None)
        if known is None:
            raise pytest.UsageError("--loops: run the tests once without it")
        keep_only(config, items, [item for item in items if item.nodeid in set(known)])
    if "nightly" in config.option.markexpr or os.environ.get("CI_FULL") == "1":
        return
    keep_only(config, items, [item for item in items if not item.get_closest_marker("nightly")])


def keep_only(config: pytest.Config, items: list[pytest.Item], kept: list[pytest.Item]) -> None:
    """Deselect the others."""
    chosen = set(kept)
    if left := [item for item in items if item not in chosen]:
        config.hook.pytest_deselected(items=left)
        items[:] = kept


class LoopDiary:
    """Notes which tests ask :func:`graphkit.ops.use_compiled`, and keeps their names for later."""

    def __init__(self) -> None:
        self.asked = 0
        self.found: dict[str, bool] = {}
        self._plain = loops._numba

    def numba(self) -> Any:
        self.asked += 1
        return self._plain()

    @pytest.hookimpl(wrapper=True)
    def pytest_runtest_protocol(self, item: pytest.Item) -> Iterator[None]:
        before = self.asked
        result = yield
        self.found[item.nodeid] = self.asked > before
        return result

    def pytest_sessionfinish(self, session: pytest.Session) -> None:
        cache = session.config.cache
        others = [name for name in cache.get(_LOOPS, None) or [] if name not in self.found]
        asking = [name for name, asked in self.found.items() if asked]
        cache.set(_LOOPS, sorted([*others, *asking]))


def pytest_configure(config: pytest.Config) -> None:
    if loops._numba() is None or config.option.loops:
        return  # no loops, nothing to learn
    diary = LoopDiary()

    def numba() -> Any:
        return diary.numba()

    numba.cache_clear = loops._numba.cache_clear  # as the function that it stands for
    loops._numba = numba
    config.pluginmanager.register(diary, "loop-diary")


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
