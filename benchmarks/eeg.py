"""Classes of EEG windows under honest splits: HiSTN, EEGNet and CSP side by side."""

from __future__ import annotations

import argparse
import inspect
import json
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
    "model": "histn,eegnet,csp_lda",
    "data": "eeg_eye_state",
    "seeds": "0,1,2",
    "split": None,
    "set": [],
    "sweep": [],
}
_FOLDER = Path(__file__).parent / "configs" / "eeg"
_SHOWN = ("balanced_accuracy", "vote_balanced_accuracy")


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Arguments of ``run.py eeg``. None has a default here: see which were given."""
    add = parser.add_argument
    add("--model", help=f"models, separated by commas (default: {_DEFAULTS['model']})")
    add("--data", help=f"data set (default: {_DEFAULTS['data']})")
    add("--seeds", help="seeds, separated by commas; each goes through every fold (default: 0,1,2)")
    add("--split", help="a split of benchmarks/configs/eeg/_data.json (default: its first)")
    add("--epochs", type=int, help="the most epochs (default: as in benchmarks/configs)")
    add("--device", help="auto, cpu, cuda, cuda:1 (default: auto)")
    add("--threads", type=int, help="CPU threads of torch (default: 1)")
    add(
        "--set",
        action="append",
        metavar="KEY=VALUE",
        help="a setting of fit, of the task or of the model: lr=0.01, histn.kernel_size=16",
    )
    add(
        "--sweep",
        action="append",
        metavar="KEY=A,B,C",
        help="train with each of these values in turn",
    )
    add("--json", metavar="PATH", help="also write the results here")
    add("--plot", metavar="PATH", help="write the importance of HiSTN's regions here")
    add("--resume", metavar="DIR", help="go on with an interrupted run, or start one there")


def run(args: argparse.Namespace) -> int:
    """Train every model on every fold with every seed, print the table, plot the scalp."""
    from benchmarks import link_pred
    from benchmarks._job import Job

    given = {k: v for k, v in vars(args).items() if v is not None}
    for other in ("command", "list", "json", "plot", "resume"):
        given.pop(other, None)
    job = Job.open(args.resume, given, f"results/eeg-{given.get('data', _DEFAULTS['data'])}")
    options = {**_DEFAULTS, **job.arguments}
    data, splits = _data(options["data"], options["split"])
    seeds = link_pred._seeds(options["seeds"])
    plans = _plan(link_pred._names(options["model"]), options, data["task"])
    graph = _load(options["data"], data["load"])
    try:
        for label, (model, settings) in plans.items():
            waiting = [s for s in seeds if job.find(label, s) is None]
            if waiting:
                for result in _train(model, label, waiting, graph, splits(graph), settings):
                    job.add(result)
    except KeyboardInterrupt:
        print(f"\nInterrupted. Go on with\n  python {sys.argv[0]} eeg --resume {job.folder}")
        _report(job, args, graph)
        return 130
    _report(job, args, graph)
    return 0


def _data(name: str, split: str | None) -> tuple[dict[str, Any], Any]:
    """How a data set is loaded and asked about, and a function that makes its folds."""
    from graphkit.data.window_splits import block_folds, leave_one_out
    from graphkit.errors import UnknownNameError

    known = json.loads((_FOLDER / "_data.json").read_text(encoding="utf-8"))
    section = {"load": {}, "task": {}, "splits": {"blocks": {"blocks": 5}}, **known.get(name, {})}
    kinds = section["splits"]
    split = split or next(iter(kinds))
    if split not in kinds:
        raise UnknownNameError("split", split, kinds)
    chosen = kinds[split]
    section["task"] = {**section["task"], **chosen.get("task", {})}
    if "leave_out" in chosen:
        return section, lambda graph: leave_one_out(graph, chosen["leave_out"])
    within = chosen.get("within", "part")
    return section, lambda graph: block_folds(chosen["blocks"], within)


def _load(name: str, options: dict[str, Any]) -> TemporalGraph:
    from graphkit import load

    return load(name, **options)


def _plan(models: list[str], options: dict[str, Any], task: dict[str, Any]) -> dict[str, Any]:
    """For each row of the table its model and its settings. Checks every name."""
    from benchmarks import _settings
    from graphkit import GraphError, registry
    from graphkit.engine import fit
    from graphkit.tasks import GraphClassification

    makers = {name: registry.get("model", name) for name in models}
    for name, make in makers.items():
        if getattr(make, "kind", None) != "classify":
            fitting = [e.name for e in registry.entries("model")
                       if getattr(e.make, "kind", None) == "classify"]  # fmt: skip
            raise GraphError(
                "--model", f"{name!r} does not classify windows", expected=" or ".join(fitting)
            )
    known = {name: _known(make) for name, make in makers.items()}
    ours = {"model", "task", "seed", "progress", "name", "checkpoint_dir", "resume"}
    fit_names = set(inspect.signature(fit).parameters) - ours
    task_names = set(inspect.signature(GraphClassification).parameters) - {"graph", "split", "seed"}
    values = _settings.parse(options["set"])

    def settings(model: str, **changes: Any) -> _settings.Settings:
        found = _settings.read(model, options["data"], _FOLDER)
        found.task = {**task, **found.task}
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
            if owner in ("", model) and name in known[model] | fit_names | task_names:
                for text, value in choices.items():
                    change = key if owner else name
                    plans[f"{model} {name}={text}"] = (model, settings(model, **{change: value}))
            else:
                plans.setdefault(model, (model, settings(model)))
    return plans


def _known(make: Any) -> set[str]:
    """Settings that ``from_task`` of a model takes."""
    names = set()
    for function in (make.from_task, make.__init__):
        parameters = inspect.signature(function).parameters.values()
        names |= {
            p.name for p in parameters if p.kind is p.KEYWORD_ONLY or p.default is not p.empty
        }
    return names | {"hops", "super_hops"}


def _train(
    model: str,
    label: str,
    seeds: list[int],
    graph: TemporalGraph,
    splits: list[Any],
    settings: Any,
) -> list[Result]:
    """All folds with all seeds: as one stack if the model can, else one after the other."""
    from graphkit import registry, seed_everything
    from graphkit.engine import fit, fit_many
    from graphkit.tasks import GraphClassification

    kind = registry.get("model", model)
    jobs = [(seed, split) for seed in seeds for split in splits]
    tasks = [GraphClassification(graph, split=s, seed=seed, **settings.task) for seed, s in jobs]
    if "windows_per_epoch" not in settings.task:  # as many for every fold, so that they can stack
        fewest = min(len(task.index[0]) for task in tasks)
        options = {**settings.task, "windows_per_epoch": fewest}
        tasks = [GraphClassification(graph, split=s, seed=seed, **options) for seed, s in jobs]

    def build(seed: int, task: Any) -> Any:
        seed_everything(seed)
        return kind.from_task(task, **settings.model)

    models = [build(seed, task) for (seed, _), task in zip(jobs, tasks)]
    fitting = {"threads": 1, **settings.fit}
    began = time.perf_counter()
    if hasattr(kind, "stack") and len(jobs) > 1:
        results = fit_many(
            models, tasks, seeds=[seed for seed, _ in jobs], name=label, progress=True, **fitting
        )
    else:
        results = []
        for m, task, (seed, _) in zip(models, tasks, jobs):
            results.append(fit(m, task, seed=seed, name=label, progress=False, **fitting))
            print(f"{label}: {len(results)} of {len(jobs)} done", file=sys.stderr, flush=True)
    seconds = (time.perf_counter() - began) / len(jobs)
    folds = len(splits)
    return [
        _over_folds(
            results[i * folds : (i + 1) * folds],
            models[i * folds : (i + 1) * folds],
            tasks[i * folds : (i + 1) * folds],
            settings,
            seconds,
        )
        for i in range(len(seeds))
    ]


def _over_folds(
    results: list[Result], models: list[Any], tasks: list[Any], settings: Any, seconds: float
) -> Result:
    """One record for the folds of a seed: means over them, each fold in ``curves["folds"]``."""
    from benchmarks.link_pred import _commit

    first = results[0]
    folds = [
        {"split": r.protocol["split"], "metrics": {p: dict(m) for p, m in r.metrics.items()}}
        for r in results
    ]
    for part in first.metrics:
        names = first.metrics[part]
        first.metrics[part] = {
            n: statistics.fmean(fold["metrics"][part][n] for fold in folds) for n in names
        }
    numbers = [sum(len(i) for i in task.index[1:]) for task in tasks]
    first.protocol = {
        **first.protocol,
        "summary": f"{tasks[0].split.name} split, mean over {len(folds)} folds, windows of "
        f"{tasks[0].in_steps} steps, epoch chosen by validation "
        f"{tasks[0].selection.replace('_', ' ')}",
        "folds": len(folds),
        "windows_val_and_test": numbers,
    }
    importance = _importance(models, tasks)
    first.curves = {"folds": folds, **({"importance": importance} if importance else {})}
    count = sum(p.numel() for p in models[0].parameters() if p.requires_grad)
    first.settings |= {
        "model": settings.model, "task": settings.task, "parameters": count or None,
    }  # fmt: skip
    first.versions |= _commit()
    first.timing["run_s"] = seconds
    return first


def _importance(models: list[Any], tasks: list[Any]) -> dict[str, Any]:
    """What the test log likelihood loses without each region, mean over folds."""
    hierarchy = getattr(models[0], "hierarchy", None)
    if hierarchy is None:
        return {}
    from graphkit.engine.importance import node_importance

    each = [
        node_importance(m, t, hierarchy.partition, metric="log_likelihood")
        for m, t in zip(models, tasks)
    ]
    mean = [statistics.fmean(float(e[r]) for e in each) for r in range(hierarchy.num_regions)]
    return {"regions": dict(zip(hierarchy.names, mean)), "region_of": hierarchy.region_of.tolist()}


def _report(job: Job, args: argparse.Namespace, graph: TemporalGraph) -> None:
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
    try:
        path = _plot(job.done, graph, Path(args.plot or job.folder / "scalp.png"))
        if path:
            print(f"scalp: {path}")
    except MissingPackageError as error:
        print(f"no plot: {error}")


def _plot(results: list[Result], graph: TemporalGraph, path: Path) -> Path | None:
    """The regions of the first model that has some, coloured by importance."""
    from graphkit.engine.scalp_plot import scalp_plot

    found = [r for r in results if r.curves.get("importance")]
    found = [r for r in found if r.model == found[0].model]
    if not found:
        return None
    names = found[0].curves["importance"]["regions"]
    mean = [statistics.fmean(r.curves["importance"]["regions"][n] for r in found) for n in names]
    values = [mean[r] for r in found[0].curves["importance"]["region_of"]]
    return scalp_plot(
        values,
        graph.node_names.tolist(),
        path,
        title=f"{found[0].model} on {found[0].dataset}",
        label="log likelihood lost without the region",
    )
