"""Builds the reader, task, model and settings of a training run from command-line arguments."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any

from graphkit.checks import check_choice
from graphkit.cli import settings_text
from graphkit.cli.graphs import TableColumns, events_graph, readings_graph, saved_graph
from graphkit.errors import GraphError

if TYPE_CHECKING:
    from graphkit.data import TemporalGraph
    from graphkit.engine import Result

__all__ = ["Training"]

_BY_COMMAND = {"seed", "progress", "name", "checkpoint_dir", "resume"}


@dataclass
class Training:
    """A task, a model and their settings. All names are checked before data is read.

    Attributes:
        task_name, model_name: Registered names.
        view: View of the task.
        model, fit, task: Settings of each.
    """

    task_name: str
    model_name: str
    view: str
    model: dict[str, Any] = field(default_factory=dict)
    fit: dict[str, Any] = field(default_factory=dict)
    task: dict[str, Any] = field(default_factory=dict)

    @classmethod
    def plan(cls, task: str, model: str | None) -> Training:
        """Create the plan of training a model on a task, both given by name.

        Raises:
            UnknownNameError: There is no such task or model.
            GraphError: The model does not fit the task, or no model is given.
        """
        from graphkit import registry

        tasks = {entry.name: entry for entry in registry.entries("task")}
        check_choice(task, "task", tasks)
        fitting = registry.names("model", tasks=task)
        if model is None:
            raise GraphError(
                "--model", f"no model is named for {task}", expected=" or ".join(fitting)
            )
        if model not in fitting:
            registry.get("model", model)
            raise GraphError(
                "--model", f"{model!r} is not made for {task}", expected=" or ".join(fitting)
            )
        return cls(task, model, tasks[task].facts["view"])

    def settle(
        self,
        assignments: Iterable[str],
        given: dict[str, dict[str, Any]],
        *,
        checkpoints: bool = True,
    ) -> None:
        """Assign the settings to the model, to ``fit`` and to the task.

        Args:
            assignments: Values of ``--set``.
            given: Settings from other arguments, by group; they take precedence over ``--set``.
            checkpoints: Whether checkpoints are written, so that their interval can be set.

        Raises:
            UnknownNameError: A setting is not accepted by any of them.
            GraphError: A setting has a wrong type.
        """
        from graphkit import fit, registry

        without = _BY_COMMAND if checkpoints else _BY_COMMAND | {"checkpoint_every"}
        make = registry.get("model", self.model_name)
        names = settings_text.known_settings(make)
        task = registry.get("task", self.task_name)
        task_names = settings_text.task_settings(task)
        settings_text.apply(
            self,
            self.model_name,
            settings_text.parse(list(assignments)),
            model_names=names,
            fit_names=settings_text.optional_parameters(fit) - without,
            task_names=task_names,
            others={self.model_name: names},
        )
        self.fit |= given.get("fit", {})
        wanted = dict(given.get("task", {}))
        self.task |= _shares(
            {name: wanted.pop(name) for name in ("val", "test") if name in wanted},
            task_names,
            self.view,
            self.task_name,
        )
        for name, value in wanted.items():
            check_choice(name, f"setting of {self.task_name}", task_names)
            self.task[name] = value
        settings_text.check_types(self, make, task)

    def read(self, path: Path, columns: TableColumns, edges: Path | None = None) -> TemporalGraph:
        """Read the graph from a file or a folder.

        Raises:
            GraphError: The task needs data that a table cannot contain, or the data is invalid.
        """
        if path.is_dir():
            if edges is not None or columns != TableColumns():
                raise GraphError(
                    str(path),
                    "arguments about columns are given, but this is the folder of a saved graph",
                    fix="Leave out --src, --dst, --time and the others: the graph has them.",
                )
            return saved_graph(path)
        return _READERS[self.view](path, columns, edges)

    def run(
        self,
        graph: TemporalGraph,
        *,
        seed: int = 0,
        checkpoint_dir: Path | None = None,
        resume: bool = False,
    ) -> Result:
        """Train the model and evaluate it on the test subset."""
        from graphkit import fit, registry, seed_everything

        task = registry.get("task", self.task_name)(graph, **self.task)
        seed_everything(seed)
        model = registry.get("model", self.model_name).from_task(task, **self.model)
        result = fit(
            model,
            task,
            **self.fit,
            seed=seed,
            checkpoint_dir=checkpoint_dir,
            resume=resume,
            name=self.model_name,
        )
        result.settings |= {"model": self.model, "task": self.task}
        return result


def _shares(given: dict[str, float], names: set[str], view: str, task: str) -> dict[str, Any]:
    """Convert ``--val`` and ``--test`` to the arguments of a task.

    Tasks on events accept both; tasks on steps accept the shares of training and validation; tasks
    on windows accept a split.
    """
    if not given:
        return {}
    if "train" in names:
        val = given.get("val", 0.1)
        return {"train": 1 - val - given.get("test", 0.2), "val": val}
    if given.keys() <= names:
        return given
    if view == "signal":
        from graphkit.data.window_splits import TimeSplit

        return {"split": TimeSplit(**given)}
    raise GraphError(
        f"--{next(iter(given))}",
        f"{task} is not split by shares",
        fix="See its settings; --set task.KEY=VALUE sets one.",
    )


def _read_events(path: Path, columns: TableColumns, edges: Path | None) -> TemporalGraph:
    if edges is not None:
        raise GraphError("--edges", "a table of events holds the links itself")
    return events_graph(path, columns)


def _refuse_table(path: Path, columns: TableColumns, edges: Path | None) -> TemporalGraph:
    raise GraphError(
        str(path),
        "a table has no place for features and classes of nodes",
        expected="the folder of a saved graph",
        fix='Build the graph in Python and save it: graph.save("folder").',
    )


_READERS: dict[str, Callable[[Path, TableColumns, Path | None], Any]] = {
    "stream": _read_events,
    "snapshot": _read_events,
    "signal": readings_graph,
    "static": _refuse_table,
}
