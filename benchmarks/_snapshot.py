"""What the commands for tasks on snapshots share: arguments, training, table."""

from __future__ import annotations

import argparse
import functools
import inspect
from pathlib import Path
from typing import Any

from benchmarks import _command

__all__ = ["add_arguments", "run"]

_DEFAULTS = {
    "model": "evolvegcn_o,evolvegcn_h,gcn,gcn_gru",
    "seeds": "0",
    "settings": "published",
    "set": [],
}
_ALIASES = {"gcn": "gcn_snapshot"}  # "gcn" alone is the model of static graphs


def add_arguments(parser: argparse.ArgumentParser, data: str) -> None:
    """Arguments of a command; ``data`` is the default data set."""
    defaults = {**_DEFAULTS, "data": data}
    add = parser.add_argument
    add_shared = functools.partial(_command.add_shared, parser, defaults)
    add_shared(["model", "data", "epochs", "seeds"])
    add(
        "--settings",
        choices=["published", "tuned", "pair_history"],
        help="those of the authors' code; those chosen here on validation; or these, and scores "
        "that know which pairs have met (published)",
    )
    add("--mode", choices=["window", "carry"], help="begin afresh, or carry the state (window)")
    add_shared(
        ["device", "threads", "set", "json", "resume"],
        set="a setting of fit, of the task or of the model: lr=1e-3, task.every=100000",
    )


def run(args: argparse.Namespace, data: str, task_class: Any, folder: Path) -> int:
    """Train every model with every seed and print the table.

    Args:
        args: From :func:`add_arguments`.
        data: The default data set.
        task_class: Makes the task of ``(graph, **settings)``.
        folder: Where the settings of the models are.
    """
    from graphkit import load

    job = _command.open_job(args, args.data or data)
    options = {**_DEFAULTS, "data": data, **job.arguments}
    if options["settings"] != "published":
        folder = folder / "tuned"
    models = [_ALIASES.get(name, name) for name in _command.names(options["model"], "--model")]
    seeds = _command.seeds(options["seeds"])
    plans = {m: _settings(m, options, task_class, folder, models) for m in models}
    graph = load(options["data"])
    results = (
        _train(model, seed, graph, settings, task_class, job)
        for model, settings in plans.items()
        for seed in job.waiting(model, seeds)
    )
    report = functools.partial(_command.print_results, job, args.json)
    return _command.train(args, job, results, report, len(plans) * len(seeds))


def _settings(
    model: str, options: dict[str, Any], task_class: Any, folder: Path, models: list[str]
) -> Any:
    """Settings of a model from its file, then from the command line; checks every name."""
    from benchmarks import _plans, _settings

    makers = _plans.models_that(models, "does not do this over snapshots", tasks=task_class.name)
    known = {name: _settings.known_settings(make) for name, make in makers.items()}
    found = _settings.read(model, options["data"], folder)
    if options["settings"] == "pair_history":
        more = _settings.read("_pair_history", options["data"], folder)
        for part in ("model", "fit", "task"):
            getattr(found, part).update(getattr(more, part))
    values = _settings.parse(options["set"])
    _plans.complete(found, model, values, options, known, task_class)
    if options.get("mode") is not None:
        found.task["mode"] = options["mode"]
    return found


def _train(model: str, seed: int, graph: Any, settings: Any, task_class: Any, job: Any) -> Any:
    from benchmarks._job import sign
    from graphkit import fit, registry, seed_everything

    task = task_class(
        graph, **{"seed": seed, **settings.task} if _draws(task_class) else settings.task
    )
    seed_everything(seed)
    result = fit(
        registry.get("model", model).from_task(task, **settings.model),
        task,
        **{"threads": 1, **settings.fit},
        seed=seed,
        checkpoint_dir=job.checkpoints(model, seed),
        resume=True,
        name=model,
    )
    sign(result, settings)
    result.published = settings.published.get("transductive", {})
    return result


def _draws(task_class: Any) -> bool:
    """Whether the task draws anything, and so takes a seed."""
    return "seed" in inspect.signature(task_class).parameters
