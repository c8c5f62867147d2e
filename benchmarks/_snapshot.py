"""What the commands for tasks on snapshots share: arguments, settings, tasks."""

from __future__ import annotations

import argparse
import functools
import inspect
from pathlib import Path
from typing import TYPE_CHECKING, Any

from benchmarks import _command
from benchmarks._train import Trained, Training

if TYPE_CHECKING:
    from benchmarks._plans import Plans
    from benchmarks._settings import Settings
    from graphkit.engine import Result

__all__ = ["SnapshotTraining", "add_arguments", "defaults"]

_ALIASES = {"gcn": "gcn_snapshot"}  # "gcn" alone is the model of static graphs


def defaults(data: str) -> dict[str, Any]:
    """Defaults of a command whose data set is ``data``."""
    return {
        "model": "evolvegcn_o,evolvegcn_h,gcn,gcn_gru",
        "data": data,
        "seeds": "0",
        "settings": "published",
        "set": [],
    }


def add_arguments(parser: argparse.ArgumentParser, defaults: dict[str, Any]) -> None:
    """Arguments of a command."""
    add = parser.add_argument
    add_shared = functools.partial(_command.add_shared, parser, defaults)
    add_shared(["model", "data", "epochs", "seeds"])
    add(
        "--settings",
        choices=["published", "tuned", "pair_history"],
        help="those of the authors' code; those chosen here on validation; or these, and scores "
        "that know which pairs have met (published)",
    )
    add("--mode", choices=["window", "carry"], help="begin afresh, or carry the state (window)")
    add_shared(
        ["device", "threads", "set", "json", "resume"],
        set="a setting of fit, of the task or of the model: lr=1e-3, task.every=100000",
    )


class SnapshotTraining(Training):
    """What the commands for snapshots share; each says its data set, its task and its folder."""

    lacks = "does not do this over snapshots"

    def models(self) -> list[str]:
        """Names of the models, those of static graphs read as those of snapshots."""
        return [_ALIASES.get(name, name) for name in super().models()]

    @property
    def settings_folder(self) -> Path:
        """The folder of the task, or ``tuned`` in it."""
        published = self.options["settings"] == "published"
        return super().settings_folder / ("" if published else "tuned")

    def read(self, model: str) -> Settings:
        """From the model's file, and over it those of ``--settings pair_history``."""
        from benchmarks import _settings

        found = super().read(model)
        if self.options["settings"] == "pair_history":
            found.update(_settings.read("_pair_history", self.dataset, self.settings_folder))
        return found

    def plan(self) -> Plans:
        """As in every command; ``--mode`` has the last word."""
        plans = super().plan()
        if self.options.get("mode") is not None:
            for _, settings in plans.values():
                settings.task["mode"] = self.options["mode"]
        return plans

    def make_task(self, graph: Any, seed: int, settings: Settings) -> Any:
        """A task that draws nothing takes no seed."""
        if "seed" in inspect.signature(self.task).parameters:
            return super().make_task(graph, seed, settings)
        return self.task(graph, **settings.task)

    def finish(self, result: Result, trained: Trained) -> None:
        """What others report."""
        result.published = trained.settings.published.get("transductive", {})
