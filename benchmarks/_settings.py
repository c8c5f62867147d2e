"""Settings of a model on a data set: from ``configs/``, then from ``--set``."""

from __future__ import annotations

import json
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from graphkit import renamed
from graphkit.cli.settings_text import (
    apply,
    check_types,
    known_settings,
    parse,
    parse_sweep,
    scopes,
    task_settings,
)
from graphkit.errors import GraphError, UnknownNameError

__all__ = [
    "CONFIGS",
    "Settings",
    "apply",
    "check_types",
    "known_settings",
    "named",
    "parse",
    "parse_sweep",
    "read",
    "task_settings",
]

CONFIGS = Path(__file__).parent / "configs"
_PARTS = ("model", "fit", "task")


@dataclass
class Settings:
    """What one run is made with.

    Attributes:
        model: Arguments of the model's ``from_graph``.
        fit: Arguments of :func:`graphkit.fit`.
        task: Arguments of the task.
        published: Numbers of others for this data set:
            ``{"transductive" | "inductive": {metric: {"value", "std", "source"}}}``.
    """

    model: dict[str, Any] = field(default_factory=dict)
    fit: dict[str, Any] = field(default_factory=dict)
    task: dict[str, Any] = field(default_factory=dict)
    published: dict[str, Any] = field(default_factory=dict)

    def update(self, other: Settings) -> None:
        """Put the settings of another file over these; ``published`` stays."""
        for part in _PARTS:
            getattr(self, part).update(getattr(other, part))


def read(model: str, dataset: str, folder: Path) -> Settings:
    """The settings of a model on a data set: its section ``default``, then the data set's own.

    A model without a file, or a data set without a section, has the defaults of the code.

    Raises:
        GraphError: The file is not JSON, or has a section of an unknown name.
    """
    path = folder / f"{model}.json"
    if not path.exists():
        return Settings()
    try:
        sections = json.loads(path.read_text(encoding="utf-8"))
    except json.JSONDecodeError as error:
        raise GraphError("configs", f"{path.name} is not JSON ({error})") from error
    settings = Settings()
    for name in ("default", dataset):
        for part, values in sections.get(name, {}).items():
            if part == "note":
                continue
            if part not in (*_PARTS, "published"):
                known = (*_PARTS, "published", "note")
                raise UnknownNameError(f"part of {path.name}, {name}", part, known)
            if part != "published":
                values = {renamed.setting(scopes(part, model), k): v for k, v in values.items()}
            getattr(settings, part).update(values)
    return settings


def named(model: str, folder: Path) -> dict[str, dict[str, Any]]:
    """Settings of the model that have a name, from the section ``named`` of its file."""
    path = folder / f"{model}.json"
    sections = json.loads(path.read_text(encoding="utf-8")) if path.exists() else {}
    return sections.get("named", {})
