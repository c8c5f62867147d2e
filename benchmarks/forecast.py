"""Forecasting of signals on graphs: masked errors at every horizon, in original units."""

from __future__ import annotations

import argparse
import functools
from typing import TYPE_CHECKING, Any, ClassVar

from benchmarks import _command
from benchmarks._train import Trained, Training

if TYPE_CHECKING:
    from benchmarks._plans import Row
    from benchmarks._settings import Settings
    from graphkit.engine import Result

_DEFAULTS = {
    "model": "gwnet,gru,linear,ha,last_value",
    "data": "los_loop",
    "seeds": "0",
    "set": [],
    "sweep": [],
}


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


class _Training(Training):
    defaults = _DEFAULTS
    folder = "forecast"
    task_class = "graphkit.tasks.Forecast"
    lacks = "is no forecaster"
    without = frozenset({"seed"})
    fitting: ClassVar[dict[str, Any]] = {"threads": 1, "batch_size": 64}

    def read(self, model: str) -> Settings:
        """The settings of the task that all models share, then those of the model."""
        from benchmarks import _settings

        found = super().read(model)
        shared = _settings.read("_task", self.dataset, self.settings_folder)
        found.task = {**shared.task, **found.task}
        return found

    def rows(self, models: list[str]) -> dict[str, Row]:
        """All rows of a model, then those of the next."""
        found: dict[str, Row] = {}
        for model in models:
            found |= super().rows([model])
        return found

    def key_for(self, model: str, owner: str, name: str) -> str | None:
        """A model that has no such setting gets one row to compare with."""
        if owner:
            return f"{owner}.{name}" if owner in ("fit", "task", model) else None
        taken = (self.known[model] or set()) | self.fit_names | self.task_names
        return name if name in taken else ""

    def make_task(self, graph: Any, seed: int, settings: Settings) -> Any:
        """A split of three numbers is a list in JSON."""
        split = settings.task.get("split")
        chosen = {**settings.task, **({"split": tuple(split)} if split else {})}
        return self.task(graph, **{"seed": seed, **chosen})

    def finish(self, result: Result, trained: Trained) -> None:
        """Parameters, what others report, and the forecasts for the picture."""
        from benchmarks._forecast_plot import keep

        label, model, made, task, settings = trained
        result.settings["parameters"] = sum(p.numel() for p in made.parameters() if p.requires_grad)
        if label == model:
            result.published = settings.published.get("published", {})
        if self.job.leads:
            batch_size = {**self.fitting, **settings.fit}["batch_size"]
            keep(self.job.folder, label, made, task, batch_size)

    def report(self, graph: Any, labels: list[str]) -> None:
        """The table, and a picture of truth and forecasts."""
        from benchmarks._forecast_plot import plot

        if not _command.print_results(self.job, self.args.json):
            return
        with _command.plotting():
            made = plot(self.job.folder, labels, self.args.plot, self.dataset)
            print(f"plot: {made}" if made else "no plot: no forecast was kept")


def run(args: argparse.Namespace) -> int:
    """Train every model with every seed, print the table, draw truth and forecasts."""
    return _Training(args).run()
