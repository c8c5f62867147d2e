"""Rows of a command's table and the settings of each: files, ``--set``, ``--sweep``, epochs."""

from __future__ import annotations

import inspect
from collections.abc import Callable
from typing import Any

from benchmarks import _settings
from graphkit import fit, registry, renamed
from graphkit.engine import fit_many
from graphkit.errors import GraphError

__all__ = ["Plans", "Row", "can_stack", "complete", "fit_names", "models_that", "sweep_rows"]

Row = tuple[str, dict[str, Any]]
"""A model, and what is set for this row alone: keys and values as of ``--set``."""
Plans = dict[str, tuple[str, _settings.Settings]]
"""For each row of the table its model and its settings."""

_BY_COMMAND = {"model", "task", "seed", "progress", "name", "checkpoint_dir", "resume"}
_OWN_ARGUMENTS = ("epochs", "batch_size", "device", "threads")


def models_that(models: list[str], otherwise: str, **facts: Any) -> dict[str, Callable[..., Any]]:
    """The models of ``--model`` by name.

    Args:
        models: Their names.
        otherwise: What one that does not fit lacks, in words.
        facts: What is registered of the models of the command, such as
            ``tasks="node_classification"``.

    Raises:
        UnknownNameError: There is no such model.
        GraphError: One does not fit.
    """
    makers = {name: registry.get("model", name) for name in models}
    fitting = registry.names("model", **facts)
    for name in models:
        if name not in fitting:
            raise GraphError("--model", f"{name!r} {otherwise}", expected=" or ".join(fitting))
    return makers


def fit_names(*, checkpoints: bool = True) -> set[str]:
    """Arguments of :func:`graphkit.fit` that are settings; the command gives the others.

    Args:
        checkpoints: Whether the command writes checkpoints while it trains.
    """
    without = _BY_COMMAND if checkpoints else _BY_COMMAND | {"checkpoint_every"}
    return set(inspect.signature(fit).parameters) - without


def can_stack(model: Any, settings: _settings.Settings) -> bool:
    """Whether runs of a model with these settings can be trained as one stack."""
    return (
        hasattr(model, "stack")
        and settings.fit.keys() <= inspect.signature(fit_many).parameters.keys()
    )


def complete(
    found: _settings.Settings,
    model: str,
    values: dict[str, Any],
    options: dict[str, Any],
    known: dict[str, set[str] | None],
    task: Any,
    *,
    without: set[str] = frozenset(),
    fit_settings: set[str] | None = None,
) -> _settings.Settings:
    """Put what the command line says over the settings of a model's file.

    Args:
        found: From :func:`_settings.read`; changed in place.
        model: Name of the model.
        values: Of ``--set``, and of the row.
        options: The command's arguments, of which ``--epochs``, ``--batch-size``, ``--device``
            and ``--threads`` have the last word.
        known: Names of the settings of every model of the command.
        task: The task's class.
        without: Settings of the task that the command gives.
        fit_settings: Names of the settings of :func:`graphkit.fit`; by default all.

    Raises:
        UnknownNameError: Nothing takes one of the values; the message lists what is taken.
        GraphError: A value is of a wrong type.
    """
    _settings.apply(
        found,
        model,
        values,
        model_names=known[model],
        fit_names=fit_names() if fit_settings is None else fit_settings,
        task_names=_settings.task_settings(task) - without,
        others=known,
    )
    _settings.check_types(found, registry.get("model", model), task)
    for name in _OWN_ARGUMENTS:
        if options.get(name) is not None:
            found.fit[name] = options[name]
    return found


def sweep_rows(
    models: list[str], sweep: list[str], key_for: Callable[[str, str, str], str | None]
) -> dict[str, Row]:
    """A row ``MODEL NAME=VALUE`` for each value of ``--sweep`` and each model that takes it.

    Args:
        models: Names of models.
        sweep: As given; without any there is one row per model.
        key_for: ``(model, owner, name) -> key`` of the setting, ``OWNER.NAME`` or ``NAME`` on the
            command line: ``""`` if the model has none and gets one row to compare with, ``None``
            if it gets no row.

    Raises:
        GraphError: A sweep has no values.
    """
    rows: dict[str, Row] = {} if sweep else {model: (model, {}) for model in models}
    for swept, choices in _settings.parse_sweep(sweep).items():
        owner, _, name = swept.rpartition(".")
        name = renamed.setting((owner,) if owner else ("fit", "task", "model", *models), name)
        for model in models:
            key = key_for(model, owner, name)
            if key == "":
                rows.setdefault(model, (model, {}))
            elif key is not None:
                for text, value in choices.items():
                    rows[f"{model} {name}={text}"] = (model, {key: value})
    return rows
