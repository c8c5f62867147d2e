"""Node classification on a static graph: accuracy of several runs beside published numbers."""

from __future__ import annotations

import argparse
import functools
import inspect
import statistics
import sys
import time
from pathlib import Path
from typing import TYPE_CHECKING, Any

from benchmarks import _command

if TYPE_CHECKING:
    from benchmarks._job import Job
    from benchmarks._plans import Plans
    from benchmarks._settings import Settings
    from graphkit import TemporalGraph
    from graphkit.engine import Result

_DEFAULTS = {
    "model": "dagnn,gcn,appnp,mlp",
    "data": "cora",
    "runs": 20,
    "split": None,
    "group": 10,
    "set": [],
    "sweep": [],
}
_DEPTHS = ("K", "num_layers")  # a model with layers of one hop takes a sweep over K as its layers


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Arguments of ``run.py node_cls``. None has a default here: see which were given."""
    add = parser.add_argument
    add_shared = functools.partial(_command.add_shared, parser, _DEFAULTS)
    add_shared(["model", "data"])
    add("--runs", type=int, help="runs, with seeds 0, 1, 2 and so on (default: 20)")
    add("--split", choices=["public", "random"], help="default: public where the data have one")
    add_shared(["epochs"])
    add("--group", type=int, help="runs trained as one stack, where a model can (default: 10)")
    add_shared(
        ["device", "threads", "set", "sweep", "json", "plot", "resume"],
        set="a setting of fit, of the task or of the model: lr=0.01, dagnn.dropout=0.5",
        sweep="train with each of these values in turn; K=1,5,20: depth, layers of a GCN",
        plot="of a sweep: write accuracy against the value here",
    )


def run(args: argparse.Namespace) -> int:
    """Train every model as often as asked, print the table, say where the files are."""
    from graphkit import load, registry

    job = _command.open_job(args, args.data or _DEFAULTS["data"])
    options = {**_DEFAULTS, **job.arguments}
    plans = _plan(_command.names(options["model"], "--model"), options)
    graph = load(options["data"])
    if options["split"] is None:
        public = hasattr(registry.get("dataset", options["data"]), "public_split")
        options["split"] = "public" if public else "random"
    group = options["group"]
    results = (
        result
        for label, (model, settings) in plans.items()
        for waiting in [job.waiting(label, range(options["runs"]))]
        for at in range(0, len(waiting), group)
        for result in _train(model, label, waiting[at : at + group], graph, settings, options)
    )
    report = functools.partial(_report, job, args, options)
    return _command.train(args, job, results, report, len(plans) * options["runs"])


def _plan(models: list[str], options: dict[str, Any]) -> Plans:
    """For each row of the table its model and its settings. Checks every name."""
    from benchmarks import _plans, _settings
    from graphkit.tasks import NodeClassification

    makers = _plans.models_that(
        models, "does not classify the nodes of a static graph", tasks="node_classification"
    )
    known = {name: _settings.known_settings(make) for name, make in makers.items()}
    values = _settings.parse(options["set"])
    # Nothing is done by halves (a run takes seconds), and a batch is the whole graph.
    fit_names = _plans.fit_names(checkpoints=False) - {"batch_size"}

    def settings(model: str, changes: dict[str, Any]) -> Settings:
        found = _settings.read(model, options["data"])
        return _plans.complete(
            found,
            model,
            {**values, **changes},
            options,
            known,
            NodeClassification,
            without={"seed", "split"},
            fit_settings=fit_names,
        )

    def key_for(model: str, owner: str, name: str) -> str | None:
        if owner not in ("", model):
            return None
        names = _DEPTHS if name in _DEPTHS else (name,)
        own = next((n for n in names if n in known[model] | fit_names), None)
        return f"{model}.{own}" if own else ""

    rows = _plans.sweep_rows(models, options["sweep"], key_for)
    return {label: (model, settings(model, changes)) for label, (model, changes) in rows.items()}


def _train(
    model: str,
    label: str,
    seeds: list[int],
    graph: TemporalGraph,
    settings: Any,
    options: dict[str, Any],
) -> list[Result]:
    """A group of runs: as one stack if the model can, else one after the other."""
    from benchmarks._job import sign
    from benchmarks._plans import can_stack
    from graphkit import registry, seed_everything
    from graphkit.engine import fit, fit_many
    from graphkit.tasks import NodeClassification

    kind = registry.get("model", model)
    tasks = _tasks(NodeClassification, graph, seeds, settings.task, options["split"])
    fitting = {"threads": 1, "progress": True, "name": label, **settings.fit}

    def build(seed: int) -> Any:
        seed_everything(seed)
        return kind.from_graph(graph, **settings.model)

    began = time.perf_counter()
    if can_stack(kind, settings) and len(seeds) > 1:
        results = fit_many([build(s) for s in seeds], tasks, seeds=seeds, **fitting)
    else:
        fitting["progress"] = False
        results = []
        for seed, task in zip(seeds, tasks):
            results.append(fit(build(seed), task, seed=seed, **fitting))
    seconds = (time.perf_counter() - began) / len(seeds)
    for result in results:
        sign(result, settings)
        result.timing["run_s"] = seconds
        _shorten(result)
        if label == model:
            result.published = settings.published.get(options["split"], {})
    print(f"{label}: seeds {seeds[0]} to {seeds[-1]} done", file=sys.stderr, flush=True)
    return results


def _shorten(result: Result) -> None:
    """Keep records small: of hundreds of epochs, how many, which one, and their median seconds."""
    seconds = result.timing["epoch_s"]
    result.timing["epoch_s"] = [round(statistics.median(seconds), 6)]
    result.curves = {"best_epoch": result.curves["best_epoch"], "epochs": len(seconds)}


def _tasks(make: Any, graph: Any, seeds: list[int], options: dict[str, Any], split: str) -> list:
    """One task per seed; with the public split the same one for all."""
    if split == "public":
        rest = {k: v for k, v in options.items() if k in inspect.signature(make).parameters}
        return [make(graph, split=split, **rest)] * len(seeds)
    return [make(graph, split=split, seed=seed, **options) for seed in seeds]


def _report(job: Job, args: argparse.Namespace, options: dict[str, Any]) -> None:
    if not _command.print_results(job, args.json):
        return
    if options["sweep"]:
        with _command.plotting():
            print(f"plot: {_plot(job.done, Path(args.plot or job.folder / 'sweep.png'))}")


def _plot(results: list[Result], path: Path) -> Path:
    """Test accuracy against the swept value: mean and standard deviation of the runs."""
    from graphkit.errors import require
    from graphkit.files import whole_file

    require("matplotlib", extra="plot")
    from matplotlib.figure import Figure

    lines: dict[str, dict[float, list[float]]] = {}
    flat: dict[str, list[float]] = {}
    key = "value"
    for result in results:
        model, _, setting = result.model.partition(" ")
        accuracy = 100 * result.metrics["test"]["accuracy"]
        if setting:
            key, _, value = setting.partition("=")
            lines.setdefault(model, {}).setdefault(float(value), []).append(accuracy)
        else:
            flat.setdefault(model, []).append(accuracy)
    figure = Figure(figsize=(6, 4), layout="constrained")
    axes = figure.add_subplot()
    for model, points in lines.items():
        at = sorted(points)
        mean = [statistics.fmean(points[value]) for value in at]
        std = [statistics.stdev(p) if len(p := points[value]) > 1 else 0.0 for value in at]
        axes.errorbar(at, mean, std, marker="o", capsize=3, label=model)
    for model, values in flat.items():
        axes.axhline(statistics.fmean(values), linestyle=":", color="grey", label=model)
    axes.set(xlabel=key, ylabel="test accuracy, %", title=results[0].dataset)
    if lines and min(min(points) for points in lines.values()) > 0:
        axes.set_xscale("log")
    axes.legend()
    axes.grid(alpha=0.3)
    with whole_file(path) as hidden:
        figure.savefig(hidden, dpi=150)
    return path
