"""Training for every command: rows of a table, each a model with its settings, over seeds.

A command says in a subclass of :class:`Training` what is its own: the task, the models that do it,
how a task is made, what stands in the record.
"""

from __future__ import annotations

import argparse
import functools
import importlib
import sys
import time
from collections.abc import Iterable
from pathlib import Path
from typing import TYPE_CHECKING, Any, ClassVar, NamedTuple

from benchmarks import _command

if TYPE_CHECKING:
    from benchmarks._plans import Plans, Row
    from benchmarks._settings import Settings
    from graphkit.engine import Result

__all__ = ["Trained", "Training"]


class Trained(NamedTuple):
    """One training that has ended.

    Attributes:
        label: The row of the table.
        model: Registered name of the model; a row without changes is called so too.
        made: The model.
        task: The task.
        settings: What both were made with.
    """

    label: str
    model: str
    made: Any
    task: Any
    settings: Settings


class Training:
    """A run of a command.

    Args:
        args: From the parser; what is not given is ``None``.

    Attributes:
        defaults: Default of every argument that has one.
        folder: Folder of settings in ``configs/``.
        task_class: Dotted name of the task's class, which is imported when it is needed, so that
            ``--help`` is quick.
        lacks: What a model that is not for the command does not do, in words.
        without: Settings of the task that the command gives.
        checkpoints: Whether checkpoints are written while a model trains.
        unfit: Settings of :func:`graphkit.fit` that mean nothing to the command.
        announces: Whether it is said when one of several models is trained.
        fitting: Settings of :func:`graphkit.fit` where neither files nor arguments say others.
        job: The folder of the run.
        options: Defaults, and what was given over them.
        dataset: Name of the data set whose settings are taken.
        known, fit_names, task_names: Names of the settings of every model (``None`` for any), of
            :func:`graphkit.fit` and of the task.
    """

    defaults: ClassVar[dict[str, Any]]
    folder: ClassVar[str]
    task_class: ClassVar[str]
    lacks: ClassVar[str]
    without: ClassVar[frozenset[str]] = frozenset()
    checkpoints: ClassVar[bool] = True
    unfit: ClassVar[frozenset[str]] = frozenset()
    announces: ClassVar[bool] = False
    fitting: ClassVar[dict[str, Any]] = {"threads": 1}  # batches are small: more threads wait

    known: dict[str, set[str] | None]
    fit_names: set[str]
    task_names: set[str]

    def __init__(self, args: argparse.Namespace) -> None:
        self.args = args
        self.job = _command.open_job(args, args.data or self.defaults.get("data", "default"))
        self.options = {**self.defaults, **self.job.arguments}
        self.dataset: str = self.options.get("data") or ""

    # ---------------------------------------------------------------- what a command says
    @functools.cached_property
    def task(self) -> Any:
        """The class of the task."""
        module, _, name = self.task_class.rpartition(".")
        return getattr(importlib.import_module(module), name)

    def models(self) -> list[str]:
        """Registered names of the models."""
        return _command.names(self.options["model"], "--model")

    def seeds(self) -> list[int]:
        """Seeds of every row."""
        return _command.seeds(self.options["seeds"])

    def load(self) -> Any:
        """The graph."""
        from graphkit import load

        return load(self.options["data"])

    def read(self, model: str) -> Settings:
        """Settings of a model from its file."""
        from benchmarks import _settings

        return _settings.read(model, self.dataset, self.settings_folder)

    def rows(self, models: list[str]) -> dict[str, Row]:
        """Rows of the table: of every model one, or one for each value of ``--sweep``."""
        from benchmarks import _plans

        return _plans.sweep_rows(models, self.options.get("sweep") or [], self.key_for)

    def key_for(self, model: str, owner: str, name: str) -> str | None:
        """The key of a swept setting; see :func:`benchmarks._plans.sweep_rows`."""
        raise NotImplementedError

    def make_task(self, graph: Any, seed: int, settings: Settings) -> Any:
        """The task of a seed."""
        return self.task(graph, **{"seed": seed, **settings.task})

    def build(self, model: str, task: Any, settings: Settings) -> Any:
        """A model for a task."""
        from graphkit import registry

        return registry.get("model", model).from_task(task, **settings.model)

    def finish(self, result: Result, trained: Trained) -> None:
        """Write into a signed result what the command adds to it."""

    def report(self, graph: Any, labels: list[str]) -> None:
        """Print and draw what is done."""
        _command.print_results(self.job, self.args.json)

    # ---------------------------------------------------------------- what all do alike
    @property
    def settings_folder(self) -> Path:
        """Where the settings of models are."""
        from benchmarks import _settings

        return _settings.CONFIGS / self.folder

    def run(self) -> int:
        """Train every row with every seed and report; the exit code."""
        seeds = self.seeds()
        plans, planned_for = self.plan(), self.dataset
        graph = self.load()
        if self.dataset != planned_for:
            plans = self.plan()
        results = (
            result
            for label, (model, settings) in plans.items()
            for result in self.results(
                label, model, self.job.waiting(label, seeds), graph, settings
            )
        )
        total = len(plans) * len(seeds)
        return _command.train(
            self.args, self.job, results, lambda: self.report(graph, list(plans)), total
        )

    def plan(self) -> Plans:
        """For each row of the table its model and its settings. Checks every name."""
        from benchmarks import _plans, _settings

        models = self.models()
        makers = _plans.models_that(models, self.lacks, tasks=self.task.name)
        self.known = {name: _settings.known_settings(make) for name, make in makers.items()}
        self.fit_names = _plans.fit_names(checkpoints=self.checkpoints) - self.unfit
        self.task_names = _settings.task_settings(self.task) - self.without
        values = _settings.parse(self.options["set"])
        return {
            label: (
                model,
                _plans.complete(
                    self.read(model),
                    model,
                    {**values, **changes},
                    self.options,
                    self.known,
                    self.task,
                    without=set(self.without),
                    fit_settings=self.fit_names,
                ),
            )
            for label, (model, changes) in self.rows(models).items()
        }

    def results(
        self, label: str, model: str, seeds: list[int], graph: Any, settings: Settings
    ) -> Iterable[Result]:
        """Train a row with some seeds, one after the other."""
        from benchmarks._job import sign
        from graphkit import fit, seed_everything

        for seed in seeds:
            task = self.make_task(graph, seed, settings)
            seed_everything(seed)
            made = self.build(model, task, settings)
            kept = {}
            if self.checkpoints:
                kept = {"checkpoint_dir": self.job.checkpoints(label, seed), "resume": True}
            fitting = {**self.fitting, **settings.fit}
            result = fit(made, task, **fitting, **kept, seed=seed, name=label)
            sign(result, settings)
            self.finish(result, Trained(label, model, made, task, settings))
            yield result

    def together(
        self, label: str, models: list[Any], tasks: list[Any], seeds: list[int], settings: Settings
    ) -> tuple[list[Result], float]:
        """Train models as one stack if they can, else one after the other.

        Returns:
            Their results, and the seconds that each took on average.
        """
        from benchmarks._plans import can_stack
        from graphkit.engine import fit, fit_many

        fitting = {"name": label, **self.fitting, **settings.fit}
        began = time.perf_counter()
        if can_stack(type(models[0]), settings) and len(models) > 1:
            results = fit_many(models, tasks, seeds=seeds, **{"progress": True, **fitting})
        else:
            fitting["progress"] = False
            results = []
            for made, task, seed in zip(models, tasks, seeds):
                results.append(fit(made, task, seed=seed, **fitting))
                if self.announces:
                    said = f"{label}: {len(results)} of {len(models)} done"
                    print(said, file=sys.stderr, flush=True)
        return results, (time.perf_counter() - began) / len(models)
