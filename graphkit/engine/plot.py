"""Plots of the curves of one or several runs."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from graphkit.errors import GraphError, require
from graphkit.files import write_atomically

if TYPE_CHECKING:
    from graphkit.engine.result import Result

__all__ = ["plot_curves"]


def plot_curves(results: Sequence[Result], path: str | Path) -> Path:
    """Plot the loss (left) and the selection metric (right), with one line per run.

    A ring marks the selected epoch. A model without training is drawn as a dotted horizontal line.

    Args:
        results: Results of the runs.
        path: Path of the PNG file.

    Raises:
        GraphError: ``results`` is empty.
        MissingPackageError: matplotlib is absent; the message names the extra ``plot``.
    """
    if not results:
        raise GraphError("results", "there is nothing to plot", expected="at least one result")
    require("matplotlib", extra="plot")
    from matplotlib.backends.backend_agg import FigureCanvasAgg
    from matplotlib.figure import Figure

    figure = Figure(figsize=(10, 4), layout="constrained")
    FigureCanvasAgg(figure)
    left, right = figure.subplots(1, 2)
    metric = results[0].protocol.get("selection", "ap")
    models = list(dict.fromkeys(r.model for r in results))
    for result in results:
        color = f"C{models.index(result.model) % 10}"
        label = f"{result.model}, seed {result.seed}" if len(results) > 1 else result.model
        curves = result.curves
        _line(left, curves.get("train_loss"), color, label=label)
        _line(left, curves.get("val_loss"), color, style="--")
        values = curves.get(f"val_{metric}")
        if values and not curves.get("train_loss"):
            right.axhline(values[-1], color=color, linestyle=":", label=label)
            continue
        _line(right, values, color, label=label)
        best = curves.get("best_epoch")
        if values and best is not None:
            right.plot([best + 1], [values[best]], "o", color=color, fillstyle="none")
    left.set(xlabel="epoch", ylabel="loss", title="loss (dashed: validation)")
    right.set(xlabel="epoch", ylabel=metric, title=f"validation {metric}")
    for axes in (left, right):
        axes.grid(alpha=0.3)
        axes.xaxis.get_major_locator().set_params(integer=True)
        if axes.get_legend_handles_labels()[0]:
            axes.legend(fontsize="small")
    figure.suptitle(f"{results[0].task} on {results[0].dataset}")
    return write_atomically(path, lambda file: figure.savefig(file, format="png", dpi=120))


def _line(axes, values, color: str, style: str = "-", label: str | None = None) -> None:
    if values:
        axes.plot(range(1, len(values) + 1), values, style, color=color, label=label, markersize=3)
