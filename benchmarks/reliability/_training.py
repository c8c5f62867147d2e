"""A training that takes a fraction of a second, and all that it comes to."""

from __future__ import annotations

import functools
import hashlib
import json
from pathlib import Path
from typing import Any

__all__ = ["graph", "outcome", "predictor"]

FIT = {"epochs": 3, "batch_size": 50, "lr": 0.01, "patience": None, "checkpoint_every": 2}


@functools.cache
def graph() -> Any:
    """A generated stream of 400 events."""
    from graphkit import load

    return load("triadic", num_events=400, num_nodes=30)


def outcome(
    seed: int, folder: Path | None = None, *, resume: bool = False, **options: Any
) -> dict[str, Any]:
    """Train NAT, with dropout; metrics, curves and a checksum of parameters and stream state.

    Args:
        seed: Seed of the run.
        folder: Where checkpoints go.
        resume: Go on from the checkpoint there.
        options: Further settings of :func:`graphkit.fit`.
    """
    result, model = _trained(seed, folder, resume, options)
    digest = hashlib.sha256()
    for name, value in model.state_dict().items():
        digest.update(name.encode() + value.cpu().numpy().tobytes())
    plain = {"metrics": result.metrics, "curves": result.curves, "state": digest.hexdigest()}
    return json.loads(json.dumps(plain))


@functools.cache
def predictor() -> Any:
    """The predictor of such a training."""
    return _trained(0, None, False, {})[0].predictor


def _trained(seed: int, folder: Path | None, resume: bool, options: dict[str, Any]) -> Any:
    from graphkit import LinkPrediction, fit, registry, seed_everything

    seed_everything(seed)
    model = registry.get("model", "nat").from_graph(graph())
    task = LinkPrediction(graph(), candidates=5)
    settings = {**FIT, **options, "device": "cpu", "threads": 1, "progress": False, "seed": seed}
    return fit(model, task, checkpoint_dir=folder, resume=resume, **settings), model
