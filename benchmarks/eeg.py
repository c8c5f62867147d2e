"""Classes of EEG windows under honest splits: HiSTN, EEGNet and CSP side by side."""

from __future__ import annotations

import argparse
import functools
import json
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
    add_shared = functools.partial(_command.add_shared, parser, _DEFAULTS)
    each = "seeds, separated by commas; each goes through every fold (default: 0,1,2)"
    add_shared(["model", "data", "seeds"], seeds=each)
    add("--split", help="a split of benchmarks/configs/eeg/_data.json (default: its first)")
    add_shared(
        ["epochs", "device", "threads", "set", "sweep", "json", "plot", "resume"],
        set="a setting of fit, of the task or of the model: lr=0.01, histn.kernel_size=16",
        plot="write the importance of HiSTN's regions here",
    )


def run(args: argparse.Namespace) -> int:
    """Train every model on every fold with every seed, print the table, plot the scalp."""
    job = _command.open_job(args, args.data or _DEFAULTS["data"])
    options = {**_DEFAULTS, **job.arguments}
    data, splits = _data(options["data"], options["split"])
    seeds = _command.seeds(options["seeds"])
    plans = _plan(_command.names(options["model"], "--model"), options, data["task"])
    graph = _load(options["data"], data["load"])
    results = (
        result
        for label, (model, settings) in plans.items()
        if (waiting := job.waiting(label, seeds))
        for result in _train(model, label, waiting, graph, splits(graph), settings)
    )
    report = functools.partial(_report, job, args, graph)
    return _command.train(args, job, results, report, len(plans) * len(seeds))


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
    within = chosen.get("within", "recording")
    return section, lambda graph: block_folds(chosen["blocks"], within)


def _load(name: str, options: dict[str, Any]) -> TemporalGraph:
    from graphkit import load

    return load(name, **options)


def _plan(models: list[str], options: dict[str, Any], task: dict[str, Any]) -> Plans:
    """For each row of the table its model and its settings. Checks every name."""
    from benchmarks import _plans, _settings
    from graphkit.tasks import WindowClassification

    makers = _plans.models_that(models, "does not classify windows", tasks="window_classification")
    known = {name: _settings.known_settings(make) or set() for name, make in makers.items()}
    fit_names = _plans.fit_names(checkpoints=False)
    without = {"split", "seed"}
    task_names = _settings.task_settings(WindowClassification) - without
    values = _settings.parse(options["set"])

    def settings(model: str, changes: dict[str, Any]) -> Settings:
        found = _settings.read(model, options["data"], _FOLDER)
        found.task = {**task, **found.task}
        return _plans.complete(
            found,
            model,
            {**values, **changes},
            options,
            known,
            WindowClassification,
            without=without,
            fit_settings=fit_names,
        )

    def key_for(model: str, owner: str, name: str) -> str:
        if owner not in ("", model) or name not in known[model] | fit_names | task_names:
            return ""
        return f"{owner}.{name}" if owner else name

    rows = _plans.sweep_rows(models, options["sweep"], key_for)
    return {label: (model, settings(model, changes)) for label, (model, changes) in rows.items()}


def _train(
    model: str,
    label: str,
    seeds: list[int],
    graph: TemporalGraph,
    splits: list[Any],
    settings: Any,
) -> list[Result]:
    """All folds with all seeds: as one stack if the model can, else one after the other."""
    from benchmarks._plans import can_stack
    from graphkit import registry, seed_everything
    from graphkit.engine import fit, fit_many
    from graphkit.tasks import WindowClassification

    kind = registry.get("model", model)
    jobs = [(seed, split) for seed in seeds for split in splits]
    tasks = [WindowClassification(graph, split=s, seed=seed, **settings.task) for seed, s in jobs]
    if "windows_per_epoch" not in settings.task:  # as many for every fold, so that they can stack
        fewest = min(len(task.index[0]) for task in tasks)
        options = {**settings.task, "windows_per_epoch": fewest}
        tasks = [WindowClassification(graph, split=s, seed=seed, **options) for seed, s in jobs]

    def build(seed: int, task: Any) -> Any:
        seed_everything(seed)
        return kind.from_task(task, **settings.model)

    models = [build(seed, task) for (seed, _), task in zip(jobs, tasks)]
    fitting = {"threads": 1, **settings.fit}
    began = time.perf_counter()
    if can_stack(kind, settings) and len(jobs) > 1:
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
    from benchmarks._job import sign

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
    sign(first, settings)
    first.settings["parameters"] = count or None
    first.timing["run_s"] = seconds
    return first


def _importance(models: list[Any], tasks: list[Any]) -> dict[str, Any]:
    """What the test log likelihood loses without each region, mean over folds."""
    hierarchy = getattr(models[0], "hierarchy", None)
    if hierarchy is None:
        return {}
    from graphkit.analysis.importance import node_importance

    each = [
        node_importance(m, t, hierarchy.partition, metric="log_likelihood")
        for m, t in zip(models, tasks)
    ]
    mean = [statistics.fmean(float(e[r]) for e in each) for r in range(hierarchy.num_regions)]
    return {"regions": dict(zip(hierarchy.names, mean)), "region_of": hierarchy.region_of.tolist()}


def _report(job: Job, args: argparse.Namespace, graph: TemporalGraph) -> None:
    if not _command.print_results(job, args.json):
        return
    with _command.plotting():
        path = _plot(job.done, graph, Path(args.plot or job.folder / "scalp.png"))
        if path:
            print(f"scalp: {path}")


def _plot(results: list[Result], graph: TemporalGraph, path: Path) -> Path | None:
    """The regions of the first model that has some, coloured by importance."""
    from graphkit.analysis.scalp import scalp_plot

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
