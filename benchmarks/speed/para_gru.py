"""ParaGRU's trajectory by Newton's method beside torch's sequential GRU, 4,096 positions.

64 channels, float32, forward alone and with the backward pass. They are not the same model: the
recurrent weights of ParaGRU are diagonal, which is what makes its trajectory parallel. Weights are
those of the start (Newton's method takes three or four steps there). With one thread CPU time is
compared, otherwise wall time.
"""

from __future__ import annotations

import time
from typing import Any

import torch

from benchmarks.speed._timing import alternate, row
from graphkit.encoders.sequence import ParaGRU

__all__ = ["measure", "run"]


def measure(
    batch: int, length: int = 4096, channels: int = 64, repeats: int = 5
) -> dict[str, tuple[float, float, int]]:
    """Seconds of ParaGRU and of GRU for ``"forward"`` and ``"train"``, and Newton's steps."""
    torch.manual_seed(0)
    ours, baseline = ParaGRU(channels), torch.nn.GRU(channels, channels, batch_first=True)
    x = torch.randn(batch, length, channels)

    def forward(model: Any, **options: Any) -> None:
        with torch.no_grad():
            model(x, **options)

    def train(model: Any, **options: Any) -> None:
        y = model(x, **options)
        y = y[0] if isinstance(y, tuple) else y
        torch.autograd.grad(y.square().mean(), list(model.parameters()))

    found = {}
    for name, call in (("forward", forward), ("train", train)):
        seconds = alternate(
            lambda call=call: call(ours, form="parallel"),
            lambda call=call: call(baseline),
            repeats=repeats,
            clock=time.process_time if torch.get_num_threads() == 1 else time.perf_counter,
        )
        found[name] = (*seconds, ours.newton.iterations)
    return found


def run(quick: bool = False) -> list[dict[str, Any]]:
    """Rows for one and for eight sequences."""
    rows = []
    for batch in (1, 8):
        found = measure(batch, 256 if quick else 4096, 16 if quick else 64, 1 if quick else 5)
        for name, (ours, baseline, steps) in found.items():
            what = "forward" if name == "forward" else "forward and backward"
            rows.append(
                row(
                    f"ParaGRU, parallel, {batch} x {256 if quick else 4096}: {what}",
                    ours,
                    baseline,
                    target="> 1x torch.nn.GRU",
                    note=f"{steps} Newton steps",
                )
            )
    return rows
