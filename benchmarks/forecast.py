"""Forecasting of signals on graphs: masked errors at every horizon, in original units."""

from __future__ import annotations

import argparse
import inspect
from pathlib import Path
from typing import Any

_MODELS = "gwnet,gru,linear,ha,last_value"
_FOLDER = Path(__file__).parent / "configs" / "forecast"


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Arguments of ``run.py forecast``."""
    add = parser.add_argument
    add("--model", default=_MODELS, help=f"models, separated by commas (default: {_MODELS})")
    add("--data", default="los_loop", help="data set (default: los_loop)")
    add("--seeds", default="0", help="seeds, separated by commas (default: 0)")
    add("--epochs", type=int, help="the most epochs (default: as in benchmarks/configs/forecast)")
    add("--device", help="auto, cpu, cuda, cuda:1 (default: auto)")
    add("--threads", type=int, help="CPU threads of torch (default: 1)")
    add(
        "--set",
        action="append",
        default=[],
        metavar="KEY=VALUE",
        help="a setting of fit, of the task or of the model: lr=1e-3, task.horizon=6",
    )
    add(
        "--sweep",
        action="append",
        default=[],
        metavar="KEY=A,B,C",
        help="train with each of these values in turn: gwnet.embedding_dim=0,10",
    )
    add("--json", metavar="PATH", help="also write the results here")
    add("--plot", metavar="PATH", help="write truth and forecasts of a node here")
    add("--resume", metavar="DIR", help="go on with an interrupted run, or start one there")


def run(args: argparse.Namespace) -> int:
    """Train every model with every seed, print the table, draw truth and forecasts."""
    from benchmarks._forecast_plot import plot
    from benchmarks._job import Job
    from benchmarks._tables import comparison, title
    from graphkit import load
    from graphkit.engine.result import table
    from graphkit.errors import MissingPackageError

    given = {k: v for k, v in vars(args).items() if v is not None}
    for other in ("command", "list", "json", "plot", "resume"):
        given.pop(other, None)
    job = Job.open(args.resume, given, f"results/forecast-{args.data}")
    plans = _plans(args)
    graph = load(args.data)
    for label, (model, settings) in plans.items():
        for seed in map(int, args.seeds.split(",")):
            if job.find(label, seed) is None:
                job.add(_train(label, model, seed, graph, settings, job))
    if not job.leads:
        return 0
    head, rows, notes = comparison(job.done)
    print("\n" + "\n".join([*title(job.done), "", *table(head, rows), "", *notes]))
    if args.json:
        job.save(args.json)
    print(f"JSON: {args.json or job.folder / 'result.json'}")
    try:
        made = plot(job.folder, [label for label in plans], args.plot, args.data)
        print(f"plot: {made}" if made else "no plot: no forecast was kept")
    except MissingPackageError as error:
        print(f"no plot: {error}")
    return 0


def _plans(args: argparse.Namespace) -> dict[str, tuple[str, Any]]:
    """For each row of the table its model and its settings. Checks every name."""
    from benchmarks import _settings

    models = [name for name in (part.strip() for part in args.model.split(",")) if name]
    known = {name: _known(name) for name in models}
    values = _settings.parse(args.set)
    plans: dict[str, tuple[str, Any]] = {}
    swept = _settings.parse_sweep(args.sweep)
    for model in models:
        if not swept:
            plans[model] = (model, _read(model, values, args, known))
        for key, choices in swept.items():
            owner, _, name = key.rpartition(".")
            if owner not in ("", "fit", "task", model):
                continue
            if owner == "" and name not in known[model] and name not in _shared():
                plans.setdefault(model, (model, _read(model, values, args, known)))
                continue
            for text, value in choices.items():
                settings = _read(model, {**values, key: value}, args, known)
                plans[f"{model} {name}={text}"] = (model, settings)
    return plans


def _read(
    model: str, values: dict[str, Any], args: argparse.Namespace, known: dict[str, set[str]]
) -> Any:
    from benchmarks import _settings

    found = _settings.read(model, args.data, _FOLDER)
    found.task = {**_settings.read("_task", args.data, _FOLDER).task, **found.task}
    fit_names, task_names = _shared(apart=True)
    _settings.apply(
        found,
        model,
        values,
        model_names=known[model],
        fit_names=fit_names,
        task_names=task_names,
        others=known,
    )
    for name in ("epochs", "device", "threads"):
        if getattr(args, name) is not None:
            found.fit[name] = getattr(args, name)
    return found


def _shared(*, apart: bool = False) -> Any:
    """Names of settings of training and of the task."""
    from graphkit import fit
    from graphkit.tasks import Forecast

    ours = {"model", "task", "seed", "progress", "name", "checkpoint_dir", "resume", "graph"}
    fit_names = set(inspect.signature(fit).parameters) - ours
    task_names = set(inspect.signature(Forecast).parameters) - ours
    return (fit_names, task_names) if apart else fit_names | task_names


def _known(model: str) -> set[str]:
    """Names of a model's settings.

    Raises:
        GraphError: It forecasts nothing.
    """
    from graphkit import registry
    from graphkit.errors import GraphError

    make = registry.get("model", model)
    if getattr(make, "kind", None) != "forecast":
        fit_for = [e.name for e in registry.entries("model")
                   if getattr(e.make, "kind", None) == "forecast"]  # fmt: skip
        raise GraphError("--model", f"{model} is no forecaster", expected=", ".join(fit_for))
    names: set[str] = set()
    for function in (make.from_task, make.__init__):
        names |= {
            p.name
            for p in inspect.signature(function).parameters.values()
            if p.kind is p.KEYWORD_ONLY or p.default is not p.empty
        }
    names |= {"hidden_channels"} & set(inspect.signature(make.__init__).parameters)
    return names - {"target_channels", "covariate_names"}


def _train(label: str, model: str, seed: int, graph: Any, settings: Any, job: Any) -> Any:
    from benchmarks._forecast_plot import keep
    from benchmarks.link_pred import _commit
    from graphkit import fit, registry, seed_everything
    from graphkit.tasks import Forecast

    split = settings.task.get("split")
    task = Forecast(
        graph,
        **{"seed": seed, **settings.task, **({"split": tuple(split)} if split else {})},
    )
    seed_everything(seed)
    made = registry.get("model", model).from_task(task, **settings.model)
    options = {"threads": 1, "batch_size": 64, **settings.fit}
    result = fit(
        made,
        task,
        **options,
        seed=seed,
        checkpoint_dir=job.checkpoints(label, seed),
        resume=True,
        name=label,
    )
    result.versions |= _commit()
    result.settings["model"], result.settings["task"] = settings.model, settings.task
    result.settings["parameters"] = sum(p.numel() for p in made.parameters() if p.requires_grad)
    if label == model:
        result.published = settings.published.get("published", {})
    if job.leads:
        keep(job.folder, label, made, task, options["batch_size"])
    return result
