"""Classes of EEG windows under honest splits: HiSTN, EEGNet and CSP side by side."""

from __future__ import annotations

import argparse
import functools
import json
import statistics
from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Any

from benchmarks import _command
from benchmarks._train import Training

if TYPE_CHECKING:
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


class _Training(Training):
    defaults = _DEFAULTS
    folder = "eeg"
    task_class = "graphkit.tasks.WindowClassification"
    lacks = "does not classify windows"
    without = frozenset({"split", "seed"})
    checkpoints = False
    announces = True

    def __init__(self, args: argparse.Namespace) -> None:
        super().__init__(args)
        self.data, self.splits = _data(self.settings_folder, self.dataset, self.options["split"])

    def load(self) -> TemporalGraph:
        """The graph, with the options of its data set."""
        from graphkit import load

        return load(self.dataset, **self.data["load"])

    def read(self, model: str) -> Settings:
        """What is asked about the data set, then the settings of the model."""
        found = super().read(model)
        found.task = {**self.data["task"], **found.task}
        return found

    def key_for(self, model: str, owner: str, name: str) -> str:
        """A model that has no such setting gets one row to compare with."""
        taken = (self.known[model] or set()) | self.fit_names | self.task_names
        if owner not in ("", model) or name not in taken:
            return ""
        return f"{owner}.{name}" if owner else name

    def results(
        self, label: str, model: str, seeds: list[int], graph: Any, settings: Settings
    ) -> Iterator[Result]:
        """Train all folds with all seeds, as one stack if the model can."""
        from graphkit import seed_everything

        if not seeds:
            return
        splits, options = self.splits(graph), settings.task
        jobs = [(seed, split) for seed in seeds for split in splits]
        tasks = [self.task(graph, split=s, seed=seed, **options) for seed, s in jobs]
        if "windows_per_epoch" not in options:  # as many for every fold, so that they can stack
            options = {**options, "windows_per_epoch": min(len(task.index[0]) for task in tasks)}
            tasks = [self.task(graph, split=s, seed=seed, **options) for seed, s in jobs]
        models = []
        for (seed, _), task in zip(jobs, tasks):
            seed_everything(seed)
            models.append(self.build(model, task, settings))
        every = [seed for seed, _ in jobs]
        results, seconds = self.together(label, models, tasks, every, settings)
        for at in range(0, len(jobs), len(splits)):
            folds = slice(at, at + len(splits))
            yield _over_folds(results[folds], models[folds], tasks[folds], settings, seconds)

    def report(self, graph: Any, labels: list[str]) -> None:
        """The table, and the regions on the scalp."""
        if not _command.print_results(self.job, self.args.json):
            return
        with _command.plotting():
            path = Path(self.args.plot or self.job.folder / "scalp.png")
            if _plot(self.job.done, graph, path):
                print(f"scalp: {path}")


def run(args: argparse.Namespace) -> int:
    """Train every model on every fold with every seed, print the table, plot the scalp."""
    return _Training(args).run()


def _data(folder: Path, name: str, split: str | None) -> tuple[dict[str, Any], Any]:
    """How a data set is loaded and asked about, and a function that makes its folds."""
    from graphkit.data.recording_splits import leave_one_out
    from graphkit.data.window_splits import block_folds
    from graphkit.errors import UnknownNameError

    known = json.loads((folder / "_data.json").read_text(encoding="utf-8"))
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
