"""What the commands for tasks on snapshots share: arguments, training, table."""

from __future__ import annotations

import argparse
import inspect
from pathlib import Path
from typing import Any

__all__ = ["add_arguments", "run"]

_MODELS = "evolvegcn_o,evolvegcn_h,gcn,gcn_gru"
_ALIASES = {"gcn": "gcn_snapshot"}  # "gcn" alone is the model of static graphs


def add_arguments(parser: argparse.ArgumentParser, data: str) -> None:
    """Arguments of a command; ``data`` is the default data set."""
    add = parser.add_argument
    add("--model", default=_MODELS, help=f"models, separated by commas (default: {_MODELS})")
    add("--data", default=data, help=f"data set (default: {data})")
    add("--epochs", type=int, help="the most epochs (default: as in benchmarks/configs)")
    add("--seeds", default="0", help="seeds, separated by commas (default: 0)")
    add(
        "--settings",
        choices=["published", "tuned", "pair_history"],
        default="published",
        help="those of the authors' code; those chosen here on validation; or these, and scores "
        "that know which pairs have met (published)",
    )
    add("--mode", choices=["window", "carry"], help="begin afresh, or carry the state (window)")
    add("--device", help="auto, cpu, cuda, cuda:1 (default: auto)")
    add("--threads", type=int, help="CPU threads of torch (default: 1)")
    add(
        "--set",
        action="append",
        default=[],
        metavar="KEY=VALUE",
        help="a setting of fit, of the task or of the model: lr=1e-3, task.every=100000",
    )
    add("--json", metavar="PATH", help="also write the results here")
    add("--resume", metavar="DIR", help="go on with an interrupted run, or start one there")


def run(args: argparse.Namespace, command: str, task_class: Any, folder: Path) -> int:
    """Train every model with every seed and print the table.

    Args:
        args: From :func:`add_arguments`.
        command: Name of the command.
        task_class: Makes the task of ``(graph, **settings)``.
        folder: Where the settings of the models are.
    """
    from benchmarks._job import Job
    from benchmarks._tables import comparison, title
    from graphkit import load
    from graphkit.engine.result import table

    given = {k: v for k, v in vars(args).items() if v is not None}
    for other in ("command", "list", "json", "resume"):
        given.pop(other, None)
    if args.settings == "published":
        given.pop("settings")  # as in runs that know of no other
    else:
        folder = folder / "tuned"
    job = Job.open(args.resume, given, f"results/{command}-{args.data}")
    graph = load(args.data)
    models = [_ALIASES.get(m, m) for m in (part.strip() for part in args.model.split(",")) if m]
    plans = {m: _settings(m, args, task_class, folder, models) for m in models}
    for model, settings in plans.items():
        for seed in map(int, args.seeds.split(",")):
            if job.find(model, seed) is None:
                job.add(_train(model, seed, graph, settings, task_class, job))
    head, rows, notes = comparison(job.done)
    print("\n" + "\n".join([*title(job.done), "", *table(head, rows), "", *notes]))
    if args.json:
        job.save(args.json)
    print(f"JSON: {args.json or job.folder / 'result.json'}")
    return 0


def _settings(
    model: str, args: argparse.Namespace, task_class: Any, folder: Path, models: list[str]
) -> Any:
    """Settings of a model from its file, then from the command line; checks every name."""
    from benchmarks import _settings
    from graphkit import fit, registry
    from graphkit.tasks.snapshot_timeline import Timeline

    def takes(*functions: Any) -> set[str]:
        return {
            p.name
            for f in functions
            for p in inspect.signature(f).parameters.values()
            if p.kind not in (p.VAR_KEYWORD, p.VAR_POSITIONAL)
        }

    known = {}
    for name in models:
        make = registry.get("model", name)
        known[name] = takes(make, make.from_task) - {"in_channels", "task"}
    ours = {"model", "task", "seed", "progress", "name", "checkpoint_dir", "resume"}
    found = _settings.read(model, args.data, folder)
    if args.settings == "pair_history":
        more = _settings.read("_pair_history", args.data, folder)
        for part in ("model", "fit", "task"):
            getattr(found, part).update(getattr(more, part))
    _settings.apply(
        found,
        model,
        _settings.parse(args.set),
        model_names=known[model],
        fit_names=takes(fit) - ours,
        task_names=takes(task_class, Timeline) - {"graph", "labels"},
        others=known,
    )
    for name in ("epochs", "device", "threads"):
        if getattr(args, name) is not None:
            found.fit[name] = getattr(args, name)
    if args.mode is not None:
        found.task["mode"] = args.mode
    return found


def _train(model: str, seed: int, graph: Any, settings: Any, task_class: Any, job: Any) -> Any:
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
    result.settings["model"], result.settings["task"] = settings.model, settings.task
    result.published = settings.published.get("transductive", {})
    return result


def _draws(task_class: Any) -> bool:
    """Whether the task draws anything, and so takes a seed."""
    return "seed" in inspect.signature(task_class).parameters
