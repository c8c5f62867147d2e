"""Node classification on a static graph: accuracy of several runs beside published numbers."""

from __future__ import annotations

import argparse
import functools
import inspect
import statistics
import sys
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


class _Training(Training):
    defaults = _DEFAULTS
    folder = "node_cls"
    task_class = "graphkit.tasks.NodeClassification"
    lacks = "does not classify the nodes of a static graph"
    without = frozenset({"seed", "split"})
    checkpoints = False  # nothing is done by halves: a run takes seconds
    unfit = frozenset({"batch_size"})  # a batch is the whole graph

    def seeds(self) -> list[int]:
        """One for each run."""
        return list(range(self.options["runs"]))

    def load(self) -> TemporalGraph:
        """The graph, and the split that its data set has."""
        from graphkit import registry

        graph = super().load()
        if self.options["split"] is None:
            public = hasattr(registry.get("dataset", self.dataset), "public_split")
            self.options["split"] = "public" if public else "random"
        return graph

    def key_for(self, model: str, owner: str, name: str) -> str | None:
        """A depth is that of the model; a model that has none gets one row to compare with."""
        if owner not in ("", model):
            return None
        names = _DEPTHS if name in _DEPTHS else (name,)
        own = next((n for n in names if n in self.known[model] | self.fit_names), None)
        return f"{model}.{own}" if own else ""

    def results(
        self, label: str, model: str, seeds: list[int], graph: Any, settings: Settings
    ) -> Iterator[Result]:
        """Train groups of runs, each as one stack if the model can."""
        from benchmarks._job import sign
        from graphkit import registry, seed_everything

        kind, split, group = (
            registry.get("model", model),
            self.options["split"],
            self.options["group"],
        )
        for at in range(0, len(seeds), group):
            part, models = seeds[at : at + group], []
            tasks = _tasks(self.task, graph, part, settings.task, split)
            for seed in part:
                seed_everything(seed)
                models.append(kind.from_graph(graph, **settings.model))
            done, seconds = self.together(label, models, tasks, part, settings)
            for result in done:
                sign(result, settings)
                result.timing["run_s"] = seconds
                _shorten(result)
                if label == model:
                    result.published = settings.published.get(split, {})
            print(f"{label}: seeds {part[0]} to {part[-1]} done", file=sys.stderr, flush=True)
            yield from done

    def report(self, graph: Any, labels: list[str]) -> None:
        """The table; of a sweep a plot too."""
        if not _command.print_results(self.job, self.args.json):
            return
        if self.options["sweep"]:
            path = Path(self.args.plot or self.job.folder / "sweep.png")
            with _command.plotting():
                print(f"plot: {_plot(self.job.done, path)}")


def run(args: argparse.Namespace) -> int:
    """Train every model as often as asked, print the table, say where the files are."""
    return _Training(args).run()


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
