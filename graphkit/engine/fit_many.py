"""Many trainings as one: the models are stacked and step together."""

from __future__ import annotations

import functools
import itertools
import time
from collections.abc import Sequence
from contextlib import ExitStack
from dataclasses import dataclass, field, replace
from typing import Any

import torch
from torch import Tensor, nn

from graphkit.engine.collect import Collector
from graphkit.engine.compatible import check_match, check_model, check_task
from graphkit.engine.environment import device_name, peak_rss_mb, reset_peak_rss, versions
from graphkit.engine.hooks import Hooks, Training, check_hooks, hook_settings
from graphkit.engine.kept import Kept, check_loss, figures, kept_for
from graphkit.engine.keywords import says_keywords
from graphkit.engine.model_name import model_name
from graphkit.engine.optimizers import make_optimizer
from graphkit.engine.passes import Learner, score_pass
from graphkit.engine.progress import Progress
from graphkit.engine.result import Result
from graphkit.engine.runtime import Runtime, threads_set
from graphkit.errors import GraphError
from graphkit.nn.caching.unchanged import tensors_unchanged
from graphkit.protocols import Hook
from graphkit.tasks.answer import Answer

__all__ = ["fit_many"]


@says_keywords
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
    hooks: Sequence[Sequence[Hook]] | None = None,
    progress: bool = True,
    name: str | None = None,
) -> list[Result]:
    """Train each model on its task as :func:`graphkit.fit` would, all of them in one job.

    The models' class has ``stack(models, seeds)``, which makes one module of them: parameters
    with a leading axis of models, ``forward`` to logits ``[r, n, C]``, ``state_of(row)``,
    ``keep(rows)`` and, where the models have one, ``auxiliary_loss()`` to ``[r]``;
    :class:`graphkit.models.static.dagnn.StackedDAGNN` is one,
    :class:`~graphkit.nn.stacking.stack.Stack` another. A run that has stopped leaves the stack. The
    numbers are those of single runs with the same seeds, but for the order in which floating point
    sums are taken. Under ``torchrun`` every process trains all runs.

    Args:
        models: One model per run, of equal sizes, as drawn from the run's seed. Each is left with
            the weights of its chosen epoch, which are those that are tested.
        tasks: One per run, of one kind: :class:`graphkit.tasks.NodeClassification` on one graph
            (the same task for all, if their splits are the same), or
            :class:`graphkit.tasks.WindowClassification`, such as one per subject and fold, whose
            epochs have equally many windows. A task has ``stacked_logits(stack, queries)`` and
            ``answer(logits, query)``.
        seeds: One per run.
        epochs, batch_size, lr, weight_decay, optimizer: As for :func:`graphkit.fit`.
        patience, tolerance, mean_window, device, threads, progress, name: As there.
        hooks: A list of hooks for each run; ``None`` for no hooks. A hook belongs to one run. It
            reaches the parameters by ``training.parameters()``: views into the stack, which needs
            ``parameters_of(row)``.

    Returns:
        One result per run. ``timing["epoch_s"]`` holds the seconds of an epoch of the whole stack
        divided by the runs in it.

    Raises:
        GraphError: There are not as many tasks, seeds or lists of hooks as models, the models
            cannot be stacked, a model is not one for its task, or a loss is no longer finite.
        TypeError: There is no such argument; the message says the right one.
    """
    if not len(models) == len(tasks) == len(seeds) or not models:
        raise GraphError("models", "one task and one seed for each", got=len(models))
    for model, task in zip(models, tasks):
        check_model(model)
        check_task(task)
        check_match(model, task)
    hooks = _checked_hooks(hooks, len(models))
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
    with threads_set(threads) as used_threads, tensors_unchanged(), ExitStack() as held:
        reset_peak_rss()
        runtime = replace(Runtime.start(device), world=1)  # a process trains all runs, whole
        runs = [
            _Run(
                runtime.place(model),
                task,
                seed,
                batch_size,
                kept_for(task, epochs, patience, tolerance, mean_window),
                Hooks(
                    own,
                    Training(
                        name=name,
                        task=task,
                        seed=seed,
                        epochs=epochs,
                        settings={**settings, **hook_settings(own), "world": 1},
                        rank=runtime.rank,
                    ),
                ),
            )
            for model, task, seed, own in zip(models, tasks, seeds, hooks)
        ]
        stack = kind.stack(list(models), list(seeds))
        if hasattr(models[0], "auxiliary_loss") and not hasattr(stack, "auxiliary_loss"):
            raise GraphError(
                "models",
                f"{kind.__name__} has an auxiliary_loss, which its stack would leave out",
                fix="Give the stack an auxiliary_loss() -> [models], or use graphkit.fit.",
            )
        _point(runs, stack)
        for run in runs:
            held.enter_context(run.hooks.following())
        _train(stack, runs, runtime, settings, name, progress)
        results = []
        for run in runs:
            run.model.load_state_dict({**run.model.state_dict(), **run.kept.state})
            stream = run.stream("test", runtime.device, final=True)
            answer = score_pass(run.model, run.task, stream, runtime)
            test = figures(run.task, answer, "test", final=True, loss=False)
            run.hooks.call("on_evaluation", "test", dict(test))
            results.append(
                Result(
                    task=run.task.name,
                    dataset=run.task.dataset,
                    model=name,
                    seed=run.seed,
                    settings=run.hooks.training.settings,
                    versions=versions(),
                    device=device_name(runtime.device),
                    threads=used_threads,
                    protocol=run.task.protocol(),
                    metrics={"val": run.kept.val, "test": test},
                    timing={"epoch_s": run.epoch_s, "peak_rss_mb": peak_rss_mb()},
                    curves={**run.kept.curves, "best_epoch": run.kept.selection.best_epoch},
                ).of_run(run.model, run.task, batch_size)
            )
            run.hooks.finish(results[-1])
        return results


@dataclass
class _Run:
    """One of the runs: its task, its best epoch so far and its curves."""

    model: nn.Module
    task: Any
    seed: int
    batch_size: int
    kept: Kept
    hooks: Hooks
    epoch_s: list[float] = field(default_factory=list)

    @property
    def stopped(self) -> bool:
        return self.kept.selection.exhausted or self.hooks.training.stopping

    def stream(
        self, split: str, device: torch.device, *, epoch: int = 0, final: bool = False
    ) -> Any:
        return self.task.stream(split, self.batch_size, epoch=epoch, final=final, device=device)


def _train(
    stack: nn.Module,
    runs: list[_Run],
    runtime: Runtime,
    settings: dict[str, Any],
    name: str,
    show: bool,
) -> None:
    going = list(runs)
    optimizer = _optimizer(stack, settings)
    say = Progress(name, show)
    epochs = settings["epochs"]
    for epoch in range(epochs):
        began = time.perf_counter()
        for run in going:
            run.hooks.epoch_start(epoch)
        losses = _train_epoch(stack, going, optimizer, runtime, epoch)
        answers = _validate(stack, going, runtime)
        for row, (run, loss) in enumerate(zip(going, losses.tolist())):
            check_loss(loss, epoch, seed=run.seed)
            val = figures(run.task, answers[row], "val", final=False, loss=True)
            run.hooks.call("on_evaluation", "val", dict(val))
            run.kept.update(epoch, loss, val, lambda into, row=row: _copied(stack, row, into))
            run.hooks.epoch_end(loss, val)
        seconds = (time.perf_counter() - began) / len(going)
        for run in going:
            run.epoch_s.append(seconds)
        staying = [row for row, run in enumerate(going) if not run.stopped]
        if (epoch + 1) % max(1, epochs // 10) == 0 or not staying:
            text = f"epoch {epoch + 1}  {len(going)} runs  loss {float(losses.mean()):.4f}"
            say.say(f"{text}  {1e3 * seconds:.2f} ms per run and epoch")
        if not staying:
            break
        if len(staying) < len(going):
            going = [going[row] for row in staying]
            kept = _moments(optimizer, staying)
            stack.keep(staying)
            _point(going, stack)
            optimizer = _optimizer(stack, settings)
            _restore(optimizer, kept)
    say.end()


def _copied(stack: nn.Module, row: int, into: dict[str, Tensor] | None) -> dict[str, Tensor]:
    """A copy of the state of one model, in the tensors of an earlier copy."""
    found = stack.state_of(row)
    if into is None:
        return {key: value.clone() for key, value in found.items()}
    return {key: into[key].copy_(value) for key, value in found.items()}


def _train_epoch(
    stack: nn.Module,
    going: list[_Run],
    optimizer: torch.optim.Optimizer,
    runtime: Runtime,
    epoch: int,
) -> Tensor:
    """One pass over the training batches, all runs at a time; the mean loss of each run."""
    learner, device = Learner(stack, optimizer, runtime), runtime.device
    streams = [run.stream("train", device, epoch=epoch) for run in going]
    sizes = {stream.num_queries for stream in streams}
    if len({len(stream) for stream in streams}) > 1:
        raise GraphError(
            "tasks",
            "their epochs differ in length, so they cannot step together",
            got=f"{min(sizes)} to {max(sizes)} training queries",
            fix=f"Pass windows_per_epoch={min(sizes)} to every task.",
        )
    total: Tensor | None = None
    terms = any(run.hooks.have("on_loss") for run in going)
    hooked = [(row, run.hooks) for row, run in enumerate(going) if run.hooks]
    for queries in zip(*(stream.start() for stream in streams)):
        logits = going[0].task.stacked_logits(stack, queries)
        answers = [
            run.task.answer(logits[row], query)
            for row, (run, query) in enumerate(zip(going, queries))
        ]
        losses = torch.stack(
            [r.task.loss(answer, len(query)) for r, answer, query in zip(going, answers, queries)]
        )
        learner.backward(losses, term=_terms(going, queries, answers, losses) if terms else None)
        learner.step(None)
        for row, hooks in hooked:
            hooks.after_step(losses[row].detach())
        counts = torch.tensor([len(query) for query in queries], device=device)
        total = losses.detach() * counts + (0 if total is None else total)
    return total / torch.tensor([stream.num_queries for stream in streams], device=device)


def _terms(
    going: list[_Run], queries: Sequence[Any], answers: list[Answer], losses: Tensor
) -> Tensor:
    """What the hooks of each run add to its loss."""
    found = [run.hooks.term(*asked) for run, *asked in zip(going, queries, answers)]
    return torch.stack([losses.new_zeros(()) if term is None else term for term in found])


def _point(going: list[_Run], stack: nn.Module) -> None:
    """Show the hooks of each run the parameters of its row."""
    for row, run in enumerate(going):
        run.hooks.training._parameters = functools.partial(_parameters_of, stack, row)


def _parameters_of(stack: nn.Module, row: int) -> dict[str, Tensor]:
    if not hasattr(stack, "parameters_of"):
        raise GraphError(
            "hooks",
            f"{type(stack).__name__} does not show the parameters of one of its models",
            fix="Give it parameters_of(row) -> {name: view}, or use graphkit.fit.",
        )
    return stack.parameters_of(row)


def _checked_hooks(hooks: Sequence[Sequence[Any]] | None, runs: int) -> list[list[Any]]:
    if hooks is None:
        return [[] for _ in range(runs)]
    if not isinstance(hooks, (list, tuple)) or len(hooks) != runs:
        got = len(hooks) if isinstance(hooks, (list, tuple)) else type(hooks).__name__
        raise GraphError("hooks", "not one list of hooks for each run", expected=runs, got=got)
    each = [check_hooks(own) for own in hooks]
    check_hooks([hook for own in each for hook in own])  # one hook for two runs mixes their states
    return each


@torch.no_grad()
def _validate(stack: nn.Module, going: list[_Run], runtime: Runtime) -> list[Answer | None]:
    """Validation answers of every run."""
    stack.eval()
    streams = [run.stream("val", runtime.device) for run in going]
    found = [Collector(stream.num_queries) for stream in streams]
    last = [None] * len(going)
    for queries in itertools.zip_longest(*(stream.start() for stream in streams)):
        last = [q if q is not None else old for q, old in zip(queries, last)]  # one has no more
        logits = going[0].task.stacked_logits(stack, last)
        for row, (run, query) in enumerate(zip(going, queries)):
            if query is not None:
                found[row].add(query.first, run.task.answer(logits[row], query))
    return [collector.answer(runtime) for collector in found]


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
