"""Forecasting of signals on graphs: masked errors at every horizon, in original units."""

from __future__ import annotations

import argparse
import functools
from pathlib import Path
from typing import TYPE_CHECKING, Any

from benchmarks import _command

if TYPE_CHECKING:
    from benchmarks._job import Job
    from benchmarks._plans import Plans
    from benchmarks._settings import Settings

_DEFAULTS = {
    "model": "gwnet,gru,linear,ha,last_value",
    "data": "los_loop",
    "seeds": "0",
    "set": [],
    "sweep": [],
}
_FOLDER = Path(__file__).parent / "configs" / "forecast"


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Arguments of ``run.py forecast``."""
    add_shared = functools.partial(_command.add_shared, parser, _DEFAULTS)
    epochs = "the most epochs (default: as in benchmarks/configs/forecast)"
    add_shared(["model", "data", "seeds", "epochs"], epochs=epochs)
    add_shared(
        ["device", "threads", "set", "sweep", "json", "plot", "resume"],
        set="a setting of fit, of the task or of the model: lr=1e-3, task.horizon=6",
        sweep="train with each of these values in turn: gwnet.embedding_dim=0,10",
        plot="write truth and forecasts of a node here",
    )


def run(args: argparse.Namespace) -> int:
    """Train every model with every seed, print the table, draw truth and forecasts."""
    from graphkit import load

    job = _command.open_job(args, args.data or _DEFAULTS["data"])
    options = {**_DEFAULTS, **job.arguments}
    seeds, plans = _command.seeds(options["seeds"]), _plan(options)
    graph = load(options["data"])
    results = (
        _train(label, model, seed, graph, settings, job)
        for label, (model, settings) in plans.items()
        for seed in job.waiting(label, seeds)
    )
    report = functools.partial(_report, job, args, list(plans), options["data"])
    return _command.train(args, job, results, report, len(plans) * len(seeds))


def _report(job: Job, args: argparse.Namespace, labels: list[str], data: str) -> None:
    from benchmarks._forecast_plot import plot

    if not _command.print_results(job, args.json):
        return
    with _command.plotting():
        made = plot(job.folder, labels, args.plot, data)
        print(f"plot: {made}" if made else "no plot: no forecast was kept")


def _plan(options: dict[str, Any]) -> Plans:
    """For each row of the table its model and its settings. Checks every name."""
    from benchmarks import _plans, _settings
    from graphkit.tasks import Forecast

    models = _command.names(options["model"], "--model")
    makers = _plans.models_that(models, "is no forecaster", tasks="forecast")
    known = {name: _settings.known_settings(make) or set() for name, make in makers.items()}
    values = _settings.parse(options["set"])
    fit_names = _plans.fit_names()
    task_names = _settings.task_settings(Forecast) - {"seed"}

    def settings(model: str, changes: dict[str, Any]) -> Settings:
        found = _settings.read(model, options["data"], _FOLDER)
        found.task = {**_settings.read("_task", options["data"], _FOLDER).task, **found.task}
        return _plans.complete(
            found, model, {**values, **changes}, options, known, Forecast, without={"seed"}
        )

    def key_for(model: str, owner: str, name: str) -> str | None:
        if owner:
            return f"{owner}.{name}" if owner in ("fit", "task", model) else None
        return name if name in known[model] | fit_names | task_names else ""

    rows: dict[str, _plans.Row] = {}
    for model in models:  # all rows of a model, then the next
        rows |= _plans.sweep_rows([model], options["sweep"], key_for)
    return {label: (model, settings(model, changes)) for label, (model, changes) in rows.items()}


def _train(label: str, model: str, seed: int, graph: Any, settings: Any, job: Any) -> Any:
    from benchmarks._forecast_plot import keep
    from benchmarks._job import sign
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
    sign(result, settings)
    result.settings["parameters"] = sum(p.numel() for p in made.parameters() if p.requires_grad)
    if label == model:
        result.published = settings.published.get("published", {})
    if job.leads:
        keep(job.folder, label, made, task, options["batch_size"])
    return result
