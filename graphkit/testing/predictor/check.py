"""Checks that a predictor, saved and opened elsewhere, equals ``evaluate``."""

from __future__ import annotations

import tempfile
from collections.abc import Callable
from pathlib import Path
from typing import Any

from torch import nn

from graphkit.engine.predictor import Predictor
from graphkit.errors import GraphError
from graphkit.testing.predictor.elsewhere import Elsewhere
from graphkit.testing.predictor.forecast import check_forecast
from graphkit.testing.predictor.snapshot import (
    check_snapshot_edges,
    check_snapshot_links,
    check_snapshot_nodes,
)
from graphkit.testing.predictor.static import check_static
from graphkit.testing.predictor.stream import check_stream
from graphkit.testing.predictor.windows import check_recordings, check_windows

__all__ = ["check_predictor"]

_CHECKS: dict[str, Callable[..., None]] = {
    "forecast": check_forecast,
    "recordings": check_recordings,
    "snapshot_edges": check_snapshot_edges,
    "snapshot_links": check_snapshot_links,
    "snapshot_nodes": check_snapshot_nodes,
    "static": check_static,
    "stream": check_stream,
    "windows": check_windows,
}


def check_predictor(
    model: nn.Module,
    task: Any,
    *,
    batch_size: int = 50,
    seed: int = 0,
    tolerance: float = 1e-5,
    separate_process: bool = True,
    again: nn.Module | None = None,
) -> None:
    """Check that a predictor gives the same answers as :func:`graphkit.evaluate`.

    A predictor with the state before the test subset is saved and opened in a fresh process. The
    test subset is passed to it there as new tables: nodes by label, columns in another order, times
    in a finer unit, in pieces. The answers, and the task's metrics computed from them, have to be
    equal to those of ``evaluate``.

    Args:
        model: A model for the task, fitted or not; it is not changed.
        task: The task.
        batch_size: Batch size of ``evaluate`` and of the predictor.
        seed: Seed of the pieces.
        tolerance: Largest difference of an answer, absolute and relative.
        separate_process: Open the folder in a separate process. Set it to ``False`` for a model
            whose class cannot be imported there.
        again: A newly created model, required if its class is not registered; see
            :meth:`graphkit.Predictor.open`.

    Raises:
        AssertionError: An answer or a metric differs; the message contains the place.
    """
    predictor = Predictor(model, task, batch_size=batch_size, until="val")
    check = _CHECKS.get(predictor.kind)
    if check is None:
        raise GraphError("task", f"no check of predictors of kind {predictor.kind!r} yet")
    with tempfile.TemporaryDirectory() as folder:
        path = predictor.save(Path(folder) / "predictor")
        with Elsewhere(path, separate_process, again) as opened:
            check(model, task, opened, batch_size=batch_size, seed=seed, tolerance=tolerance)
