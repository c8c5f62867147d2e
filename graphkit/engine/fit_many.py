"""Many trainings on one static graph as one: the models are stacked and step together."""

from __future__ import annotations

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

__all__ = ["fit_many"]


def fit_many(
    models: Sequence[nn.Module],
    tasks: Sequence[Any],
    *,
    seeds: Sequence[int],
    epochs: int = 50,
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
    ``keep(rows)``; :class:`graphkit.models.static.dagnn.StackedDAGNN` is one. A run that has
    stopped leaves the stack. The numbers are those of single runs with the same seeds, but for the
    order in which floating point sums are taken.

    Args:
        models: One model per run, of equal sizes, as drawn from the run's seed. Each is left with
            the weights of its chosen epoch, which are those that are tested.
        tasks: One :class:`graphkit.tasks.NodeClassification` per run, on one graph (the same one
            for all, if their splits are the same).
        seeds: One per run.
        epochs, lr, weight_decay, optimizer, patience, tolerance: As for :func:`graphkit.fit`.
        mean_window, device, threads, progress, name: As for :func:`graphkit.fit`.

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
            _Run(model, task, Selection(patience, tolerance, mean_window, settled=epochs // 2))
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

    def __init__(self, model: nn.Module, task: Any, selection: Selection) -> None:
        self.model, self.task, self.selection = model, task, selection
        self.best: dict[str, Tensor] = {}
        self.val: dict[str, float] = {}
        self.epoch_s: list[float] = []
        self.curves: dict[str, list[float]] = {
            "train_loss": [],
            "val_loss": [],
            f"val_{task.selection}": [],
        }

    def query(self, split: str, device: torch.device) -> Any:
        return next(self.task.stream(split, device=device).start())

    @torch.no_grad()
    def score(self, model: nn.Module, split: str, device: torch.device) -> dict[str, float]:
        model.eval()
        scores = self.task.score(model, self.query(split, device))
        return self.task.metrics(scores, split, final=True)

    def update(self, epoch: int, loss: float, logits: Tensor, state: Any, device: Any) -> None:
        """Take an epoch's validation logits; keep the weights if it is the best one so far."""
        query = self.query("val", device)
        scores = self.task.truth_first(logits, query)
        val = self.task.metrics(scores, "val")
        self.curves["train_loss"].append(loss)
        self.curves["val_loss"].append(float(self.task.loss(scores, len(query))))
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
        stack.train()
        stack.zero_grad(set_to_none=True)
        logits = going[0].task.logits(stack, going[0].query("train", device))
        losses = []
        for row, run in enumerate(going):
            query = run.query("train", device)
            losses.append(run.task.loss(run.task.truth_first(logits[row], query), len(query)))
        losses = torch.stack(losses)
        losses.sum().backward()
        optimizer.step()
        losses = losses.detach()
        if not bool(losses.isfinite().all()):
            raise GraphError(
                "loss",
                f"it is not finite after epoch {epoch + 1}",
                fix="Lower lr.",
            )
        stack.eval()
        with torch.no_grad():
            logits = going[0].task.logits(stack, going[0].query("val", device))
        for row, (run, loss) in enumerate(zip(going, losses.tolist())):
            run.update(epoch, loss, logits[row], lambda row=row: stack.state_of(row), device)
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
