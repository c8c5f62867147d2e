"""Many trainings as one: the models are stacked and step together."""

from __future__ import annotations

import itertools
import time
from collections.abc import Sequence
from typing import Any

import torch
from torch import Tensor, nn

from graphkit.engine.environment import device_name, peak_rss_mb, reset_peak_rss, versions
from graphkit.engine.fit import model_name
from graphkit.engine.optimizers import make_optimizer
from graphkit.engine.progress import Progress
from graphkit.engine.result import Result
from graphkit.engine.runtime import Runtime, threads_set
from graphkit.engine.selection import Selection
from graphkit.errors import GraphError
from graphkit.tasks.answer import Answer

__all__ = ["fit_many"]


def fit_many(
    models: Sequence[nn.Module],
    tasks: Sequence[Any],
    *,
    seeds: Sequence[int],
    epochs: int = 50,
    batch_size: int = 100,
    lr: float = 1e-4,
    weight_decay: float = 0.0,
    optimizer: str = "adam",
    patience: int | None = 5,
    tolerance: float = 1e-3,
    mean_window: int | None = None,
    device: str | torch.device = "auto",
    threads: int | None = None,
    progress: bool = True,
    name: str | None = None,
) -> list[Result]:
    """Train each model on its task as :func:`graphkit.fit` would, all of them in one job.

    The models' class has ``stack(models, seeds)``, which makes one module of them: parameters
    with a leading axis of models, ``forward`` to logits ``[r, n, C]``, ``state_of(row)`` and
    ``keep(rows)``; :class:`graphkit.models.static.dagnn.StackedDAGNN` is one,
    :class:`graphkit.nn.stacking.Stack` another. A run that has stopped leaves the stack. The
    numbers are those of single runs with the same seeds, but for the order in which floating point
    sums are taken.

    Args:
        models: One model per run, of equal sizes, as drawn from the run's seed. Each is left with
            the weights of its chosen epoch, which are those that are tested.
        tasks: One per run, of one kind: :class:`graphkit.tasks.NodeClassification` on one graph
            (the same task for all, if their splits are the same), or
            :class:`graphkit.tasks.GraphClassification`, such as one per subject and fold, whose
            epochs have equally many windows. A task has ``stacked_logits(stack, queries)`` and
            ``answer(logits, query)``.
        seeds: One per run.
        epochs, batch_size, lr, weight_decay, optimizer: As for :func:`graphkit.fit`.
        patience, tolerance, mean_window, device, threads, progress, name: As there.

    Returns:
        One result per run. ``timing["epoch_s"]`` holds the seconds of an epoch of the whole stack
        divided by the runs in it.

    Raises:
        GraphError: There are not as many tasks and seeds as models, the models cannot be stacked,
            or a loss is no longer finite.
    """
    if not len(models) == len(tasks) == len(seeds) or not models:
        raise GraphError("models", "one task and one seed for each", got=len(models))
    kind = type(models[0])
    if not hasattr(kind, "stack"):
        raise GraphError("models", f"{kind.__name__} has no stack()", fix="Use graphkit.fit.")
    name = name or model_name(models[0])
    settings = {
        "batch_size": batch_size,
        "lr": lr,
        "weight_decay": weight_decay,
        "optimizer": optimizer,
        "precision": "32-true",
        "epochs": epochs,
        "patience": patience,
        "tolerance": tolerance,
        "mean_window": mean_window,
        "stacked": len(models),
    }
    with threads_set(threads) as used_threads:
        reset_peak_rss()
        runtime = Runtime.start(device)
        for model in models:
            runtime.place(model)
        runs = [
            _Run(
                model,
                task,
                Selection(
                    patience,
                    tolerance,
                    mean_window,
                    settled=epochs // 2,
                    mode=getattr(task, "selection_mode", "max"),
                ),
                batch_size,
            )
            for model, task in zip(models, tasks)
        ]
        _train(kind.stack(list(models), list(seeds)), runs, runtime, settings, name, progress)
        results = []
        for run, seed in zip(runs, seeds):
            run.model.load_state_dict({**run.model.state_dict(), **run.best})
            metrics = {"val": run.val, "test": run.score(run.model, "test", runtime.device)}
            results.append(
                Result(
                    task=run.task.name,
                    dataset=run.task.dataset,
                    model=name,
                    seed=seed,
                    settings={**settings, "world": 1},
                    versions=versions(),
                    device=device_name(runtime.device),
                    threads=used_threads,
                    protocol=run.task.protocol(),
                    metrics=metrics,
                    timing={"epoch_s": run.epoch_s, "peak_rss_mb": peak_rss_mb()},
                    curves={**run.curves, "best_epoch": run.selection.best_epoch},
                )
            )
        return results


class _Run:
    """One of the runs: its task, its best epoch so far and its curves."""

    def __init__(self, model: nn.Module, task: Any, selection: Selection, batch_size: int) -> None:
        self.model, self.task, self.selection = model, task, selection
        self.batch_size = batch_size
        self.best: dict[str, Tensor] = {}
        self.val: dict[str, float] = {}
        self.epoch_s: list[float] = []
        self.curves: dict[str, list[float]] = {
            "train_loss": [],
            "val_loss": [],
            f"val_{task.selection}": [],
        }

    def stream(self, split: str, device: torch.device, epoch: int = 0) -> Any:
        return self.task.stream(split, self.batch_size, epoch=epoch, device=device)

    @torch.no_grad()
    def score(self, model: nn.Module, split: str, device: torch.device) -> dict[str, float]:
        model.eval()
        answers = [self.task.score(model, q) for q in self.stream(split, device).start()]
        return self.task.metrics(answers, split, final=True)

    def update(self, epoch: int, loss: float, answer: Answer, state: Any) -> None:
        """Take an epoch's validation answers; keep the weights if it is the best one so far."""
        val = self.task.metrics(answer, "val", final=False)
        self.curves["train_loss"].append(loss)
        self.curves["val_loss"].append(float(self.task.loss(answer, len(answer))))
        self.curves[f"val_{self.task.selection}"].append(val[self.task.selection])
        if self.selection.update(epoch, val[self.task.selection]):
            self.val = val
            for key, value in state().items():
                old = self.best.get(key)
                self.best[key] = value.clone() if old is None else old.copy_(value)


def _train(
    stack: nn.Module,
    runs: list[_Run],
    runtime: Runtime,
    settings: dict[str, Any],
    name: str,
    show: bool,
) -> None:
    device, going = runtime.device, list(runs)
    optimizer = _optimizer(stack, settings)
    say = Progress(name, show)
    epochs = settings["epochs"]
    for epoch in range(epochs):
        began = time.perf_counter()
        losses = _train_epoch(stack, going, optimizer, device, epoch)
        if not bool(losses.isfinite().all()):
            raise GraphError(
                "loss",
                f"it is not finite after epoch {epoch + 1}",
                fix="Lower lr.",
            )
        answers = _validate(stack, going, device)
        for row, (run, loss) in enumerate(zip(going, losses.tolist())):
            run.update(epoch, loss, answers[row], lambda row=row: stack.state_of(row))
        seconds = (time.perf_counter() - began) / len(going)
        for run in going:
            run.epoch_s.append(seconds)
        staying = [row for row, run in enumerate(going) if not run.selection.exhausted]
        if (epoch + 1) % max(1, epochs // 10) == 0 or not staying:
            text = f"epoch {epoch + 1}  {len(going)} runs  loss {float(losses.mean()):.4f}"
            say.say(f"{text}  {1e3 * seconds:.2f} ms per run and epoch")
        if not staying:
            break
        if len(staying) < len(going):
            going = [going[row] for row in staying]
            kept = _moments(optimizer, staying)
            stack.keep(staying)
            optimizer = _optimizer(stack, settings)
            _restore(optimizer, kept)
    say.end()


def _train_epoch(
    stack: nn.Module,
    going: list[_Run],
    optimizer: torch.optim.Optimizer,
    device: torch.device,
    epoch: int,
) -> Tensor:
    """One pass over the training batches, all runs at a time; the mean loss of each run."""
    stack.train()
    streams = [run.stream("train", device, epoch) for run in going]
    sizes = {stream.num_queries for stream in streams}
    if len({len(stream) for stream in streams}) > 1:
        raise GraphError(
            "tasks",
            "their epochs differ in length, so they cannot step together",
            got=f"{min(sizes)} to {max(sizes)} training queries",
            fix=f"Pass windows_per_epoch={min(sizes)} to every task.",
        )
    total: Tensor | None = None
    for queries in zip(*(stream.start() for stream in streams)):
        stack.zero_grad(set_to_none=True)
        logits = going[0].task.stacked_logits(stack, queries)
        losses = torch.stack(
            [
                run.task.loss(run.task.answer(logits[row], query), len(query))
                for row, (run, query) in enumerate(zip(going, queries))
            ]
        )
        losses.sum().backward()
        optimizer.step()
        counts = torch.tensor([len(query) for query in queries], device=device)
        total = losses.detach() * counts + (0 if total is None else total)
    return total / torch.tensor([stream.num_queries for stream in streams], device=device)


@torch.no_grad()
def _validate(stack: nn.Module, going: list[_Run], device: torch.device) -> list[Answer]:
    """Validation answers of every run."""
    stack.eval()
    streams = [run.stream("val", device).start() for run in going]
    found: list[list[Answer]] = [[] for _ in going]
    last = [None] * len(going)
    for queries in itertools.zip_longest(*streams):
        last = [q if q is not None else old for q, old in zip(queries, last)]  # one has no more
        logits = going[0].task.stacked_logits(stack, last)
        for row, (run, query) in enumerate(zip(going, queries)):
            if query is not None:
                found[row].append(run.task.answer(logits[row], query))
    return [Answer.cat(answers) for answers in found]


def _optimizer(stack: nn.Module, settings: dict[str, Any]) -> torch.optim.Optimizer:
    parameters = list(stack.parameters())
    chosen = settings["optimizer"], parameters, settings["lr"], settings["weight_decay"]
    return make_optimizer(*chosen)


def _moments(optimizer: torch.optim.Optimizer, rows: list[int]) -> list[dict[str, Any]]:
    """The optimiser's state of some rows of every parameter."""
    parameters = optimizer.param_groups[0]["params"]
    return [
        {
            key: value[rows] if torch.is_tensor(value) and value.shape == p.shape else value
            for key, value in optimizer.state[p].items()
        }
        for p in parameters
    ]


def _restore(optimizer: torch.optim.Optimizer, moments: list[dict[str, Any]]) -> None:
    for p, state in zip(optimizer.param_groups[0]["params"], moments):
        optimizer.state[p] = {  # laid out as the parameter is, which fused optimisers rely on
            key: torch.empty_like(p).copy_(value)
            if torch.is_tensor(value) and value.shape == p.shape
            else value
            for key, value in state.items()
        }
