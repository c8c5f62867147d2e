"""Draw the figures of the benchmark pages from the records in benchmarks/results.

python docs/figures/benchmarks.py [FOLDER]
"""

from __future__ import annotations

import json
import statistics
import sys
from pathlib import Path
from typing import Any

import _style
import matplotlib.pyplot as plt
from matplotlib.ticker import LogLocator, NullFormatter

RESULTS = Path(__file__).parents[2] / "benchmarks" / "results"

# Record, metric, its name, title of the panel, whether less is better.
SPEED = (
    ("link_pred_collegemsg", "ap", "AP", "Links: CollegeMsg", False),
    ("snapshot_link_collegemsg_tuned", "mrr", "MRR", "Snapshots: CollegeMsg", False),
    ("edge_cls_bitcoin_otc_tuned", "f1", "F1", "Edges: Bitcoin OTC", False),
    ("node_cls_cora", "accuracy", "accuracy", "Nodes: Cora", False),
    ("forecast_los_loop", "mae", "MAE (lower is better)", "Forecasts: Los-loop", True),
    ("eeg_eegmmidb", "balanced_accuracy", "balanced accuracy", "EEG: left or right fist", False),
)
NEGATIVES = (("ap", "random"), ("ap_historical", "historical"), ("ap_inductive", "inductive"))
STREAMS = ("collegemsg", "enron", "wikipedia")
FORECASTS = {"forecast_los_loop": "Los-loop", "forecast_hangzhou_metro": "Hangzhou metro"}


def records(name: str) -> dict[str, list[dict[str, Any]]]:
    """The results of a record by model, in the order of the record."""
    found: dict[str, list[dict[str, Any]]] = {}
    for result in json.loads((RESULTS / f"{name}.json").read_text(encoding="utf-8")):
        found.setdefault(result["model"], []).append(result)
    return found


def spread(results: list[dict[str, Any]], metric: str) -> tuple[float, float]:
    """Mean and standard deviation of a metric of the test split over the seeds."""
    values = [r["metrics"]["test"][metric] for r in results]
    return statistics.fmean(values), statistics.stdev(values) if len(values) > 1 else 0.0


def epoch_seconds(results: list[dict[str, Any]]) -> float:
    """Mean over the seeds of the median duration of an epoch."""
    return statistics.fmean(statistics.median(r["timing"]["epoch_s"]) for r in results)


def accuracy_speed() -> plt.Figure:
    """One panel per task: the metric against the seconds of an epoch, a point per model."""
    figure, panels = plt.subplots(2, 3, figsize=(10, 6.2), layout="constrained")
    for axes, (name, metric, label, title, less) in zip(panels.flat, SPEED):
        points = []
        for color, (model, results) in zip(_style.CYCLE, records(name).items()):
            x, (y, deviation) = epoch_seconds(results), spread(results, metric)
            axes.errorbar(x, y, deviation, fmt="o", color=color, capsize=2, markersize=6)
            points.append((x, y, deviation, color, model.replace("eegnet variant=", "eegnet ")))
        axes.set_xscale("log")
        wide = max(point[0] for point in points) > 50 * min(point[0] for point in points)
        axes.xaxis.set_major_locator(LogLocator(subs=(1,) if wide else (1, 2, 5)))
        axes.xaxis.set_major_formatter("{x:g}")
        axes.xaxis.set_minor_formatter(NullFormatter())
        axes.margins(x=0.22, y=0.16)
        if less:
            axes.invert_yaxis()
        axes.set_title(title)
        axes.set_ylabel(label)
        axes.set_xlabel("seconds per epoch")
        _name(figure, axes, points)
    return figure


Point = tuple[float, float, float, str, str]  # x, y, deviation, colour, name


def _name(figure: plt.Figure, axes: plt.Axes, points: list[Point]) -> None:
    """Write the names beside the points, each at the first place where it covers nothing."""
    figure.draw_without_rendering()
    dots = [axes.transData.transform(point[:2]) for point in points]
    taken = [(x - 6, y - 6, x + 6, y + 6) for x, y in dots]
    for x, y, deviation, _, _ in points:
        ends = axes.transData.transform([(x, y - deviation), (x, y + deviation)])
        taken.append((ends[0, 0] - 4, ends[:, 1].min(), ends[0, 0] + 4, ends[:, 1].max()))
    frame = axes.bbox
    for (_, _, _, color, text), (left, low) in zip(points, dots):
        wide, high = 5.4 * len(text) * figure.dpi / 72, 10 * figure.dpi / 72
        places = [(8, -4), (-wide - 8, -4), (-wide / 2, 9), (-wide / 2, -17)]
        places += [(8, 8), (-wide - 8, 8), (8, -18), (-wide - 8, -18), (8, 20), (-wide - 8, 20)]

        costs = []
        for across, up in places:
            a, b = left + across, low + up
            covered = sum(
                max(0, min(a + wide, t[2]) - max(a, t[0]))
                * max(0, min(b + high, t[3]) - max(b, t[1]))
                for t in taken
            )
            outside = a < frame.x0 or a + wide > frame.x1 + 4
            costs.append(covered + 1e4 * outside)
        a, b = places[costs.index(min(costs))]
        taken.append((left + a, low + b, left + a + wide, low + b + high))
        at = axes.transData.inverted().transform((left + a, low + b))
        axes.text(*at, text, color=color, fontsize=8, fontweight="bold")


def ap_negatives() -> plt.Figure:
    """AP on random, historical and inductive negatives, a group of bars per model."""
    found = {stream: records(f"link_pred_{stream}") for stream in STREAMS}
    sizes = [len(models) for models in found.values()]
    figure, panels = plt.subplots(
        1, 3, figsize=(10, 3.2), layout="constrained", sharey=True, width_ratios=sizes
    )
    for axes, (stream, models) in zip(panels, found.items()):
        for i, (metric, kind) in enumerate(NEGATIVES):
            values = [spread(results, metric) for results in models.values()]
            axes.bar(
                [place + 0.27 * (i - 1) for place in range(len(models))],
                [mean for mean, _ in values],
                0.25,
                yerr=[deviation for _, deviation in values],
                color=_style.CYCLE[i],
                error_kw={"elinewidth": 1, "ecolor": _style.INK},
                label=f"{kind} negatives",
            )
        axes.axhline(0.5, color=_style.QUIET, linewidth=1, linestyle=":")
        axes.set_xticks(range(len(models)), list(models))
        axes.grid(axis="x", visible=False)
        axes.set_title(stream)
    panels[0].set_ylabel("AP")
    panels[0].set_ylim(0, 1.05)
    handles, labels = panels[0].get_legend_handles_labels()
    figure.legend(handles, labels, loc="outside lower center", ncols=3, frameon=False)
    return figure


def horizon_errors() -> plt.Figure:
    """MAE at three steps of the horizon, a line per model."""
    figure, panels = plt.subplots(1, 2, figsize=(10, 3.8), layout="constrained")
    steps = (3, 6, 12)
    for axes, (name, title) in zip(panels, FORECASTS.items()):
        for color, (model, results) in zip(_style.CYCLE, records(name).items()):
            values = [spread(results, f"mae@{step}") for step in steps]
            axes.errorbar(
                steps,
                [mean for mean, _ in values],
                [deviation for _, deviation in values],
                marker="o",
                markersize=4,
                capsize=2,
                color=color,
                label=model,
            )
        axes.set_xticks(steps)
        axes.set_xlabel("steps ahead")
        axes.set_ylabel("MAE")
        axes.set_title(title)
    handles, labels = panels[0].get_legend_handles_labels()
    figure.legend(handles, labels, loc="outside lower center", ncols=6, frameon=False)
    return figure


FIGURES = {f.__name__: f for f in (accuracy_speed, ap_negatives, horizon_errors)}


def main(folder: Path = _style.FOLDER) -> None:
    """Write every figure."""
    _style.use()
    for name, draw in FIGURES.items():
        _style.write(draw(), name, folder)


if __name__ == "__main__":
    main(*map(Path, sys.argv[1:2]))
