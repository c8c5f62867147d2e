"""Where the time of a NAT batch goes: seconds of processor time by section, no baseline."""

from __future__ import annotations

import time
from collections.abc import Callable
from typing import Any

from benchmarks.speed.nat import BATCH, Ours, stream

__all__ = ["run"]


def run(quick: bool) -> list[dict[str, Any]]:
    """One row per section of a training and of an evaluation batch of 100 events."""
    graph = stream(quick)
    start, events = (1_000, 1_000) if quick else (15_000, 10_000)
    ours = Ours(graph)
    ours.train(start)
    rows = []
    for kind, work in (("training", ours.train), ("evaluation", ours.evaluate)):
        with _Watch(ours) as watch:
            began = time.process_time()
            work(events)
            total = time.process_time() - began
        seconds = watch.exclusive()
        seconds["rest: slices, negatives, loss"] = total - sum(seconds.values())
        batches = events / BATCH
        for section, spent in seconds.items():
            if spent > 0:
                rows.append(
                    {
                        "name": f"NAT {kind} batch: {section}",
                        "ours_s": spent / batches,
                        "baseline_s": None,
                        "ratio": None,
                        "target": None,
                        "unit": "s",
                        "note": f"{spent / total:.0%} of {total / batches * 1e3:.2f} ms",
                    }
                )
    return rows


class _Watch:
    """Counts processor time inside some methods of a runner while it is entered."""

    def __init__(self, runner: Ours) -> None:
        model = runner.model
        self.places: list[tuple[Any, str, str]] = [
            (model, "score", "score"),
            (model, "_read", "read"),
            (model.readout, "forward", "readout"),
            (model, "observe", "observe"),
            (runner.optimizer, "step", "step"),
        ]
        self.seconds = dict.fromkeys([label for _, _, label in self.places], 0.0)
        self.backward = 0.0

    def __enter__(self) -> _Watch:
        import torch

        for owner, name, label in self.places:
            setattr(owner, name, self._timed(getattr(owner, name), label))
        self._engine = torch.Tensor.backward
        torch.Tensor.backward = self._timed(self._engine, "backward")
        self.seconds["backward"] = 0.0
        return self

    def __exit__(self, *error: object) -> None:
        import torch

        torch.Tensor.backward = self._engine
        for owner, name, _ in self.places:
            delattr(owner, name)  # the class's own method shows again

    def exclusive(self) -> dict[str, float]:
        """Seconds by section, none counted twice."""
        s = self.seconds
        return {
            "read caches, apply events": s["read"],
            "readout of the pairs": s["readout"],
            "rest of score": s["score"] - s["read"] - s["readout"],
            "backward": s["backward"],
            "observe": s["observe"],
            "optimizer step": s["step"],
        }

    def _timed(self, function: Callable[..., Any], label: str) -> Callable[..., Any]:
        def call(*args: Any, **kwargs: Any) -> Any:
            began = time.process_time()
            try:
                return function(*args, **kwargs)
            finally:
                self.seconds[label] += time.process_time() - began

        return call
