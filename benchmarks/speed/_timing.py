"""Fair timing: the candidates take turns in one process, and the median counts."""

from __future__ import annotations

import statistics
import time
from collections.abc import Callable
from typing import Any

__all__ = ["alternate", "row"]


def alternate(
    *functions: Callable[[], Any],
    repeats: int = 5,
    warmup: int = 1,
    clock: Callable[[], float] = time.perf_counter,
) -> list[float]:
    """Median seconds of each function; they run in turn, so that a busy moment hits all alike.

    Args:
        functions: What to time, without arguments.
        repeats: Timed rounds.
        warmup: Rounds before the first timed one.
        clock: ``time.process_time`` counts CPU time, which, with one thread, does not depend on
            what else the machine does.
    """
    times: list[list[float]] = [[] for _ in functions]
    for turn in range(warmup + repeats):
        for function, spent in zip(functions, times):
            began = clock()
            function()
            if turn >= warmup:
                spent.append(clock() - began)
    return [statistics.median(spent) for spent in times]


def row(
    name: str,
    ours_s: float,
    baseline_s: float | None = None,
    *,
    target: str | None = None,
    unit: str = "s",
    note: str = "",
) -> dict[str, Any]:
    """A row of the speed table; the ratio is baseline over ours."""
    return {
        "name": name,
        "ours_s": ours_s,
        "baseline_s": baseline_s,
        "ratio": None if baseline_s is None else baseline_s / ours_s,
        "target": target,
        "unit": unit,
        "note": note,
    }
