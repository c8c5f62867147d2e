"""HiSTN: many small models as one stack, beside training them one after the other.

A stack takes one step of all its models; the baselines take a step of each model in turn. Steps are
forward, loss, backward and Adam, with a batch of windows of its own for each model. The plain model
is that of ``_plain_histn.py``; a second row has graphkit's own model one after the other, which
tells what stacking alone is worth.
"""

from __future__ import annotations

from typing import Any

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from benchmarks.speed._plain_histn import PlainHiSTN
from benchmarks.speed._timing import alternate, row
from graphkit.engine.optimizers import make_optimizer
from graphkit.models.signal.eegnet import EEGNet
from graphkit.models.signal.histn import HiSTN

__all__ = ["OneByOne", "Stacked", "run"]


class OneByOne:
    """Models that take their steps in turn."""

    def __init__(self, models: list[nn.Module], x: Tensor, y: Tensor) -> None:
        self.models, self.x, self.y = [m.train() for m in models], x, y
        self.optimizers = [make_optimizer("adam", list(m.parameters()), 1e-3) for m in models]

    def step(self) -> None:
        """One step of every model."""
        for model, optimizer, x, y in zip(self.models, self.optimizers, self.x, self.y):
            optimizer.zero_grad(set_to_none=True)
            F.cross_entropy(model(x), y).backward()
            optimizer.step()
            if hasattr(model, "shorten"):
                model.shorten()


class Stacked:
    """The same as one module."""

    def __init__(self, models: list[HiSTN], x: Tensor, y: Tensor) -> None:
        self.stack = HiSTN.stack(models, list(range(len(models)))).train()
        self.x, self.y = x, y
        self.optimizer = make_optimizer("adam", list(self.stack.parameters()), 1e-3)

    def step(self) -> None:
        """One step of every model."""
        self.optimizer.zero_grad(set_to_none=True)
        logits = self.stack(self.x)
        loss = F.cross_entropy(logits.flatten(0, 1), self.y.flatten(), reduction="sum")
        (loss / self.y.shape[1]).backward()
        self.optimizer.step()


def run(quick: bool = False) -> list[dict[str, Any]]:
    """The speed table's rows; seconds are per model and step."""
    count, batch, repeats = (3, 4, 2) if quick else (16, 16, 15)
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(0)
        x = torch.randn(count, batch, 128, 14, 1)
        y = torch.randint(5, (count, batch))
        runners = [
            Stacked([HiSTN() for _ in range(count)], x, y),
            OneByOne([HiSTN() for _ in range(count)], x, y),
            OneByOne([PlainHiSTN() for _ in range(count)], x, y),
            OneByOne([EEGNet(5, 14) for _ in range(count)], x, y),
        ]
        timed = alternate(*(r.step for r in runners), repeats=repeats)
    stacked, ours, plain, eegnet = (s / count for s in timed)
    what = f"{count} models, {batch} windows each"
    return [
        row(
            "HiSTN training step, a stack, per model",
            stacked,
            plain,
            target=">= 10x",
            note=f"{what}; baseline: plain torch, one after the other",
        ),
        row(
            "HiSTN training step, a stack against one by one",
            stacked,
            ours,
            note=f"{what}; baseline: graphkit's HiSTN, one after the other",
        ),
        row("HiSTN training step, one by one", ours, plain, note="baseline: plain torch"),
        row("EEGNet-8,2 training step", eegnet, None, note="14 electrodes"),
    ]
