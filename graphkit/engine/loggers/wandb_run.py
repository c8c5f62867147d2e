"""A log at Weights & Biases."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from graphkit.errors import require

__all__ = ["WandbLogger"]


class WandbLogger:
    """A run at `Weights & Biases <https://docs.wandb.ai>`_ (extra ``loggers``).

    A resumed training goes on with the same run. The service keeps the first value of a step, so
    that what is logged again after a resume is dropped. With ``mode="offline"`` there is no service
    to ask: each life of the run is a folder of its own, and steps after the last checkpoint are in
    two of them, with equal values; wandb's own process may be writing for a moment after ``fit``.

    Args:
        project: Name of the project.
        mode: ``"online"`` or ``"offline"``.
        settings: More arguments of ``wandb.init``, such as ``entity``, ``group``, ``dir``.
    """

    def __init__(self, project: str, *, mode: str = "online", **settings: Any) -> None:
        self.project, self.mode, self.settings = project, mode, settings
        self._run: Any = None

    def start(self, run: Mapping[str, Any], state: dict[str, Any] | None, overwrite: bool) -> None:
        """See :meth:`graphkit.protocols.Logger.start`.

        Raises:
            MissingPackageError: The package is not installed.
        """
        wandb = require("wandb", "loggers")
        resumed = {} if state is None else {"id": state["id"], "resume": "allow"}
        self._run = wandb.init(
            project=self.project,
            name=f"{run['name']}-{run['dataset']}-{run['seed']}",
            config=dict(run),
            mode=self.mode,
            **{**self.settings, **resumed},
        )

    def log(self, values: Mapping[str, float], *, step: int, epoch: int) -> None:
        self._run.log({"epoch": epoch, **values}, step=step)

    def state_dict(self) -> dict[str, Any]:
        return {"id": str(self._run.id)}

    def finish(self, failed: bool) -> None:
        if self._run is not None:
            self._run.finish(exit_code=1 if failed else 0)
            self._run = None
