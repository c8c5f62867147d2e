"""The results of ``evaluate``, answer by answer, and comparisons with them."""

from __future__ import annotations

import copy
import math
from typing import Any

import numpy as np
import pandas as pd
import torch
from torch import Tensor, nn

from graphkit.engine.evaluate import evaluate
from graphkit.engine.passes import replay, score_pass
from graphkit.engine.runtime import Runtime
from graphkit.tasks.answer import Answer

__all__ = ["assert_equal", "assert_metrics", "finer", "reference"]


def reference(model: nn.Module, task: Any, batch_size: int) -> tuple[dict[str, float], Answer]:
    """The metrics of the test subset, and the answers they are computed from."""
    model = copy.deepcopy(model)
    metrics = evaluate(model, task, batch_size=batch_size, device="cpu")
    runtime = Runtime.start("cpu", "32-true")
    replay(model, task.past("test"), batch_size, runtime.device)
    stream = task.stream("test", batch_size, final=True)
    answer = score_pass(model, task, stream, runtime)
    assert_metrics(task, answer, metrics, "the reference itself")
    return metrics, answer


def assert_metrics(
    task: Any, answer: Answer, expected: dict[str, float], what: str, tolerance: float = 1e-5
) -> None:
    """Check that the task's metrics of an answer equal the expected ones."""
    found = task.metrics(answer, "test", final=True)
    assert found.keys() == expected.keys(), f"{what}: metrics {sorted(found)}"
    for name, value in expected.items():
        same = math.isclose(found[name], value, rel_tol=tolerance, abs_tol=tolerance)
        both = math.isnan(found[name]) and math.isnan(value)
        assert same or both, f"{what}: {name} is {found[name]}, evaluate gives {value}"


def assert_equal(found: Any, expected: Any, what: str, tolerance: float) -> None:
    """Check that two arrays have the same shape, missing entries and values."""
    a = np.asarray(found, dtype=np.float64)
    b = np.asarray(expected.cpu() if isinstance(expected, Tensor) else expected, dtype=np.float64)
    assert a.shape == b.shape, f"{what}: shape {a.shape}, expected {b.shape}"
    missing = np.isnan(a) != np.isnan(b)
    assert not missing.any(), f"{what}: {int(missing.sum())} values are missing on one side only"
    far = np.abs(a - b) > tolerance * (1 + np.abs(b))
    if far.any():
        place = tuple(int(i) for i in np.argwhere(far)[0])
        raise AssertionError(
            f"{what}: {int(far.sum())} of {far.size} values differ, first at {list(place)}: "
            f"{a[place]}, expected {b[place]}"
        )


def finer(table: pd.DataFrame, column: Any, unit: str) -> tuple[pd.DataFrame, str | None]:
    """Convert the times of a table to a finer unit; dates and steps stay unchanged."""
    finest = {"w": ("d", 7), "d": ("h", 24), "h": ("m", 60), "m": ("s", 60), "s": ("ms", 1000)}
    finest |= {"ms": ("us", 1000), "us": ("ns", 1000)}
    if unit not in finest or column not in table or table[column].dtype.kind not in "iu":
        return table, None
    name, factor = finest[unit]
    limit = np.iinfo(np.int64).max // factor
    if len(table) and int(table[column].abs().max()) > limit:
        return table, None
    return table.assign(**{column: table[column] * factor}), name


def pieces(rows: int, step: int, seed: int) -> list[slice]:
    """Cut rows into pieces whose lengths are random multiples of ``step``."""
    draw, found, start = torch.Generator().manual_seed(seed), [], 0
    while start < rows:
        size = step * int(torch.randint(1, 4, (1,), generator=draw))
        found.append(slice(start, start + size))
        start += size
    return found
