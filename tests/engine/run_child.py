"""A training in a process of its own: to be killed and resumed, or one of several ranks.

Options: {"model": {...}, "task": {...}, "fit": {...}, "pause": 0.01, "of_rank": {"1": {...}}}, and
"hooks": {"log": file, "every": 3, "stop_in": [rank, epoch]} for hooks with a state and a log.
What ``of_rank`` gives is put over the others in that rank.
"""

from __future__ import annotations

import json
import os
import time
from pathlib import Path

import torch
from stream_toy import Counter, Prune, Pull, Toy, stream

from graphkit import Hook, LinkPrediction, fit, seed_everything
from graphkit.engine import LogMetrics
from graphkit.engine.loggers import CSVLogger, JSONLinesLogger


class Slow(Toy):
    """Takes its time over every batch, so that there is a moment to be killed at."""

    pause = 0.0

    def observe(self, events) -> None:
        time.sleep(self.pause)
        super().observe(events)


class Noisy(Slow):
    """Draws random numbers while it observes, which no model may do."""

    def observe(self, events) -> None:
        super().observe(events)
        self.memory += torch.rand_like(self.memory)


class Stop(Hook):
    """Stops the training in one process alone."""

    def __init__(self, rank: int, epoch: int) -> None:
        self.place = rank, epoch

    def on_step(self, training, loss) -> None:
        if (training.rank, training.epoch) == self.place:
            training.stop()


def hooks(log: str, every: int, stop_in: list | None = None) -> list:
    files = JSONLinesLogger(log), CSVLogger(log + ".csv")
    found = [Prune(), Pull(), LogMetrics(*files, every=every)]
    return [*found, Stop(*stop_in)] if stop_in else found


def main(out: str, options: dict) -> None:
    own = options.get("of_rank", {}).get(os.environ.get("RANK", "0"), {})
    options = {**options, **{k: {**options.get(k, {}), **v} for k, v in own.items()}}
    graph = stream(**options.get("data", {}))
    task = LinkPrediction(graph, **options.get("task", {}))
    # Each rank begins with its own parameters: the engine has to make them equal.
    seed_everything(int(os.environ.get("RANK", 0)))
    Slow.pause = options.get("pause", 0.0)
    settings = options.get("model", {})
    kind = {"counter": Counter, "noisy": Noisy}.get(options.get("kind"), Slow)
    model = kind(graph.num_nodes, **settings)
    own_hooks = hooks(**options["hooks"]) if "hooks" in options else []
    result = fit(
        model, task, device="cpu", threads=1, progress=False, hooks=own_hooks, **options["fit"]
    )
    if int(os.environ.get("RANK", 0)) == 0:
        state = {k: v.double().sum().item() for k, v in model.state_dict().items()}
        record = {"metrics": result.metrics, "curves": result.curves, "state": state}
        temporary = Path(out + ".part")
        temporary.write_text(json.dumps(record))
        temporary.rename(out)


def rank(out: str, options: dict, environment: dict, log: str) -> None:
    """One process of a training, with the variables that torchrun sets."""
    with open(log, "w") as file:
        os.dup2(file.fileno(), 1)
        os.dup2(file.fileno(), 2)
    os.environ.update(environment)
    torch.set_num_threads(1)
    main(out, options)
    if torch.distributed.is_initialized():
        torch.distributed.destroy_process_group()
