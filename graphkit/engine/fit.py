"""Training: epochs over a stream, the best one kept, tested at the end."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from contextlib import ExitStack
from pathlib import Path

import torch
from torch import nn

from graphkit.checks import check_count
from graphkit.engine.checkpoint import CheckpointCadence, Checkpoints, plain_attributes
from graphkit.engine.compatible import check_match, check_model, check_task
from graphkit.engine.data_fingerprint import data_fingerprint
from graphkit.engine.environment import device_name, peak_rss_mb, reset_peak_rss, versions
from graphkit.engine.hooks import Hooks, Training, check_hooks, hook_settings
from graphkit.engine.kept import kept_for
from graphkit.engine.keywords import says_keywords
from graphkit.engine.model_name import model_name
from graphkit.engine.optimizers import make_optimizer
from graphkit.engine.progress import Progress
from graphkit.engine.result import Result
from graphkit.engine.run import Run
from graphkit.engine.runtime import Runtime, threads_set
from graphkit.engine.schedules import make_schedule
from graphkit.engine.seeds import seed_everything
from graphkit.errors import GraphError
from graphkit.nn.caching.unchanged import tensors_unchanged
from graphkit.protocols import Hook, Task

__all__ = ["fit", "model_name"]


@says_keywords
def fit(
    model: nn.Module,
    task: Task,
    *,
    epochs: int = 50,
    batch_size: int = 100,
    lr: float = 1e-4,
    weight_decay: float = 0.0,
    optimizer: str | Callable[[list[nn.Parameter]], torch.optim.Optimizer] = "adam",
    clip_norm: float | None = None,
    schedule: str = "constant",
    warmup: float = 0.0,
    patience: int | None = 5,
    tolerance: float = 1e-3,
    mean_window: int | None = None,
    seed: int = 0,
    device: str | torch.device = "auto",
    precision: str = "32-true",
    threads: int | None = None,
    checkpoint_dir: str | Path | None = None,
    checkpoint_every: int | str | None = "60s",
    resume: bool = False,
    hooks: Sequence[Hook] = (),
    progress: bool = True,
    name: str | None = None,
) -> Result:
    """Train a model on a task, keep the epoch that validates best, and test it.

    Every epoch empties the stream state and streams the training events, then the validation
    events. A batch is scored first, the loss is taken, the model observes the batch, and the
    parameters step. After the last epoch the model gets the weights and the stream state of the
    selected epoch back and goes on through the test events; it is left in that state. A model
    without parameters goes through the stream once.

    Under ``torchrun`` each process scores its share of every batch; losses and metrics are those
    of one process to float tolerance (except for the random numbers of dropout).

    Args:
        model: A model of the view that the task asks about; moved to the device.
        task: A task such as :class:`graphkit.LinkPrediction`.
        epochs: The most epochs to train.
        batch_size: Events per batch, in every pass.
        lr: Learning rate.
        weight_decay: Weight decay.
        optimizer: ``"adam"``, ``"adamw"``, ``"sgd"``, or a function of the parameters.
        clip_norm: Largest norm of the gradient, ``None`` for no limit.
        schedule: ``"constant"``, or ``"cosine"``: the learning rate falls to 0 over ``epochs``.
        warmup: Epochs (a fraction too) over which the learning rate rises at the beginning.
        patience: Epochs without improvement before stopping; ``None`` never stops early.
        tolerance: Smallest relative improvement of the validation metric that renews patience.
        mean_window: Also stop, after half the epochs, at the first epoch whose validation metric is
            below its mean over so many epochs before it; ``None`` for no such rule.
        seed: Seeds Python, NumPy and torch at the beginning.
        device: ``"auto"``, ``"cpu"``, ``"cuda"``, ``"cuda:1"``, ``"mps"``.
        precision: ``"32-true"``, ``"64-true"`` or ``"bf16-mixed"``.
        threads: CPU threads of torch (``None``: as it is).
        checkpoint_dir: Where checkpoints go, one at the end of every epoch.
        checkpoint_every: Besides, inside an epoch: batches, or a span such as ``"30s"``.
        resume: Go on from the checkpoint in ``checkpoint_dir``, if there is one.
        hooks: Called at steps, epochs and evaluations, in this order; see
            :class:`graphkit.Hook`. Their states are part of a checkpoint.
        progress: Print a line per epoch, and a bar where a person watches.
        name: Name of the model in the result; otherwise its registered name, or its class name.

    Raises:
        GraphError: A setting is out of range, the loss is no longer finite, the checkpoint is
            damaged or belongs to other settings or data, another run writes to its folder, or the
            processes of a run were started with different arguments or data, or disagree about the
            state.
        GraphError: The model is not one for the task; the message names registered ones that are.
        TypeError: There is no such argument; the message says the right one.
    """
    check_model(model)
    check_task(task)
    check_match(model, task)
    epochs = check_count(epochs, "epochs", "there is nothing to do")
    if patience is not None:
        patience = check_count(patience, "patience", "no epoch would be trained")
    if resume and checkpoint_dir is None:
        raise GraphError("checkpoint_dir", "resume needs the folder of the checkpoints")
    hooks = check_hooks(hooks)
    curve = make_schedule(schedule, epochs, warmup)
    settings = {
        "batch_size": batch_size,
        "lr": lr,
        "weight_decay": weight_decay,
        "optimizer": optimizer if isinstance(optimizer, str) else repr(optimizer),
        "clip_norm": clip_norm,
        "precision": precision,
    }
    if curve is not None:
        settings |= {"schedule": schedule, "warmup": warmup, "schedule_epochs": epochs}
    settings |= hook_settings(hooks)
    stopping = {
        "epochs": epochs,
        "patience": patience,
        "tolerance": tolerance,
        "mean_window": mean_window,
    }
    with threads_set(threads) as used_threads, tensors_unchanged(), ExitStack() as held:
        reset_peak_rss()
        runtime = Runtime.start(device, precision)
        checkpoints = None
        if runtime.world > 1 or checkpoint_dir is not None:
            identity = {
                "seed": seed,
                **settings,
                "data": data_fingerprint(task),
                "task": task.identity(),
                "model": plain_attributes(model),
            }
            keeping = {"resume": resume, "checkpoints": checkpoint_dir is not None}
            keeping["checkpoint_every"] = checkpoint_every
            runtime.check_same({**identity, **stopping, **keeping})
            if checkpoint_dir is not None:
                checkpoints = Checkpoints(checkpoint_dir, identity)
                runtime.from_leader(lambda: held.enter_context(checkpoints.hold()))
        seed_everything(seed)
        runtime.place(model)
        runtime.copy_from_leader(model.state_dict())
        parameters = [p for p in model.parameters() if p.requires_grad]
        training = Training(
            name=name or model_name(model),
            task=task,
            seed=seed,
            epochs=epochs,
            settings={**settings, **stopping, "world": runtime.world},
            rank=runtime.rank,
            world=runtime.world,
            resume=resume,
            _model=model,
        )
        run = Run(
            model=model,
            task=task,
            runtime=runtime,
            batch_size=batch_size,
            clip_norm=clip_norm,
            optimizer=make_optimizer(optimizer, parameters, lr, weight_decay)
            if parameters
            else None,
            kept=kept_for(task, epochs, patience, tolerance, mean_window),
            schedule=curve,
            progress=Progress(training.name, progress and runtime.leads),
            cadence=CheckpointCadence(checkpoint_every),
            checkpoints=checkpoints,
            hooks=Hooks(hooks, training, runtime.any_says),
        )
        if resume:
            run.resume()
        held.enter_context(run.hooks.following())
        last = epochs if parameters else 1
        while run.epoch < last and not run.stopped:
            run.one_epoch()
        test = run.test()
        result = Result(
            task=task.name,
            dataset=task.dataset,
            model=training.name,
            seed=seed,
            settings=training.settings,
            versions=versions(),
            device=device_name(runtime.device),
            threads=used_threads,
            protocol=task.protocol(),
            metrics={"val": run.kept.val, "test": test},
            timing={**run.clock.rates(), "peak_rss_mb": peak_rss_mb()},
            curves={**run.kept.curves, "best_epoch": run.kept.selection.best_epoch},
        )
        result = result.of_run(model, task, batch_size)
        run.hooks.finish(result)
        return result
