"""Node classification on a static graph: accuracy of several runs beside published numbers."""

from __future__ import annotations

import argparse
import inspect
import statistics
import sys
import time
from pathlib import Path
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from benchmarks._job import Job
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
    add("--model", help=f"models, separated by commas (default: {_DEFAULTS['model']})")
    add("--data", help=f"data set (default: {_DEFAULTS['data']})")
    add("--runs", type=int, help="runs, with seeds 0, 1, 2 and so on (default: 20)")
    add("--split", choices=["public", "random"], help="default: public where the data have one")
    add("--epochs", type=int, help="the most epochs (default: as in benchmarks/configs)")
    add("--group", type=int, help="runs trained as one stack, where a model can (default: 10)")
    add("--device", help="auto, cpu, cuda, cuda:1 (default: auto)")
    add("--threads", type=int, help="CPU threads of torch (default: 1)")
    add(
        "--set",
        action="append",
        metavar="KEY=VALUE",
        help="a setting of fit, of the task or of the model: lr=0.01, dagnn.dropout=0.5",
    )
    add(
        "--sweep",
        action="append",
        metavar="KEY=A,B,C",
        help="train with each of these values in turn; K=1,5,20: depth, layers of a GCN",
    )
    add("--json", metavar="PATH", help="also write the results here")
    add("--plot", metavar="PATH", help="of a sweep: write accuracy against the value here")
    add("--resume", metavar="DIR", help="go on with an interrupted run, or start one there")


def run(args: argparse.Namespace) -> int:
    """Train every model as often as asked, print the table, say where the files are."""
    from benchmarks import link_pred
    from benchmarks._job import Job
    from graphkit import load, registry

    given = {k: v for k, v in vars(args).items() if v is not None}
    for other in ("command", "list", "json", "plot", "resume"):
        given.pop(other, None)
    data = given.get("data", _DEFAULTS["data"])
    job = Job.open(args.resume, given, f"results/node_cls-{data}")
    options = {**_DEFAULTS, **job.arguments}
    plans = _plan(link_pred._names(options["model"]), options)
    graph = load(options["data"])
    if options["split"] is None:
        public = hasattr(registry.get("dataset", options["data"]), "public_split")
        options["split"] = "public" if public else "random"
    try:
        for label, (model, settings) in plans.items():
            waiting = [s for s in range(options["runs"]) if job.find(label, s) is None]
            for at in range(0, len(waiting), options["group"]):
                seeds = waiting[at : at + options["group"]]
                for result in _train(model, label, seeds, graph, settings, options):
                    job.add(result)
    except KeyboardInterrupt:
        _report(job, args, options)
        total = len(plans) * options["runs"]
        print(f"\nInterrupted: {len(job.done)} of {total} trainings are done. Go on with")
        print(f"  python {sys.argv[0]} node_cls --resume {job.folder}")
        return 130
    _report(job, args, options)
    return 0


def _plan(models: list[str], options: dict[str, Any]) -> dict[str, Any]:
    """For each row of the table its model and its settings. Checks every name."""
    from benchmarks import _settings
    from graphkit import registry
    from graphkit.engine import fit
    from graphkit.tasks import NodeClassification
    from graphkit.tasks.node_splits import RANDOM_OPTIONS

    makers = {name: registry.get("model", name) for name in models}
    known = {name: _settings.known_settings(make) for name, make in makers.items()}
    values = _settings.parse(options["set"])
    ours = {"model", "task", "seed", "progress", "name", "checkpoint_dir", "resume"}
    fit_names = set(inspect.signature(fit).parameters) - ours
    task_names = set(inspect.signature(NodeClassification).parameters) | RANDOM_OPTIONS
    task_names -= {"graph", "seed", "split", "random_options"}

    def settings(model: str, **changes: Any) -> _settings.Settings:
        found = _settings.read(model, options["data"])
        _settings.apply(
            found,
            model,
            {**values, **changes},
            model_names=known[model],
            fit_names=fit_names,
            task_names=task_names,
            others=known,
        )
        for name in ("epochs", "device", "threads"):
            if name in options:
                found.fit[name] = options[name]
        return found

    plans = {} if options["sweep"] else {m: (m, settings(m)) for m in models}
    for key, choices in _settings.parse_sweep(options["sweep"]).items():
        owner, _, name = key.rpartition(".")
        for model in models:
            names = _DEPTHS if name in _DEPTHS else (name,)
            own = next((n for n in names if n in known[model] | fit_names), None)
            if owner not in ("", model):
                continue
            if own is None:  # a model that has no such setting: one row to compare with
                plans.setdefault(model, (model, settings(model)))
                continue
            for text, value in choices.items():
                plans[f"{model} {name}={text}"] = (
                    model,
                    settings(model, **{f"{model}.{own}": value}),
                )
    return plans


def _train(
    model: str,
    label: str,
    seeds: list[int],
    graph: TemporalGraph,
    settings: Any,
    options: dict[str, Any],
) -> list[Result]:
    """A group of runs: as one stack if the model can, else one after the other."""
    from benchmarks.link_pred import _commit
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
    if hasattr(kind, "stack") and len(seeds) > 1:
        fitting.pop("batch_size", None)
        results = fit_many([build(s) for s in seeds], tasks, seeds=seeds, **fitting)
    else:
        fitting["progress"] = False
        results = []
        for seed, task in zip(seeds, tasks):
            results.append(fit(build(seed), task, seed=seed, **fitting))
    seconds = (time.perf_counter() - began) / len(seeds)
    for result in results:
        result.versions |= _commit()
        result.settings |= {"model": settings.model, "task": settings.task}
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
    from benchmarks._tables import comparison, title
    from graphkit.engine.result import table
    from graphkit.errors import MissingPackageError

    if not job.leads or not job.done:
        return
    head, rows, notes = comparison(job.done)
    print("\n" + "\n".join([*title(job.done), "", *table(head, rows), "", *notes]))
    if args.json:
        job.save(args.json)
    print(f"JSON: {args.json or job.folder / 'result.json'}")
    if options["sweep"]:
        try:
            print(f"plot: {_plot(job.done, Path(args.plot or job.folder / 'sweep.png'))}")
        except MissingPackageError as error:
            print(f"no plot: {error}")


def _plot(results: list[Result], path: Path) -> Path:
    """Test accuracy against the swept value: mean and standard deviation of the runs."""
    from graphkit.errors import require

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
    path.parent.mkdir(parents=True, exist_ok=True)
    figure.savefig(path, dpi=150)
    return path
