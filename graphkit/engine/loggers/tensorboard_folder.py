"""A log for TensorBoard."""

from __future__ import annotations

import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from graphkit.engine.loggers.growing_file import cut
from graphkit.errors import GraphError, require

__all__ = ["TensorBoardLogger"]


class TensorBoardLogger:
    """Event files in a folder, which ``tensorboard --logdir`` reads (extra ``loggers``).

    Values are scalars over the optimiser steps; the run is a text named ``run``. A resumed run cuts
    the event files back to its checkpoint, so that no point is drawn twice.

    Args:
        folder: Of this run alone; event files in it are replaced only by a run with ``resume``.
    """

    def __init__(self, folder: str | Path) -> None:
        self.folder = Path(folder)
        self._writer: Any = None

    def start(self, run: Mapping[str, Any], state: dict[str, Any] | None, overwrite: bool) -> None:
        """See :meth:`graphkit.protocols.Logger.start`.

        Raises:
            MissingPackageError: TensorBoard is not installed.
            GraphError: The folder holds another run, or its files have lost what was logged.
        """
        require("tensorboard", "loggers")
        from torch.utils.tensorboard import SummaryWriter

        files = self._files()
        if state is None and files and not overwrite:
            raise GraphError(
                "folder",
                f"{self.folder} holds the log of another run",
                fix="Choose another folder, delete its files, or resume its run.",
            )
        sizes = {} if state is None else state["sizes"]
        for name, size in sizes.items():
            cut(self.folder / name, size)
        for path in files:
            if path.name not in sizes:
                path.unlink()
        self._writer = SummaryWriter(str(self.folder))
        if state is None:
            self._writer.add_text("run", f"```\n{json.dumps(run, indent=2, default=str)}\n```")

    def log(self, values: Mapping[str, float], *, step: int, epoch: int) -> None:
        for name, value in values.items():
            self._writer.add_scalar(name, value, step)

    def state_dict(self) -> dict[str, Any]:
        self._writer.flush()
        return {"sizes": {path.name: path.stat().st_size for path in self._files()}}

    def finish(self, failed: bool) -> None:
        if self._writer is not None:
            self._writer.close()
            self._writer = None

    def _files(self) -> list[Path]:
        return sorted(self.folder.glob("events.out.tfevents.*"))
