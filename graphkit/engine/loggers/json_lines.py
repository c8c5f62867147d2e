"""A log as lines of JSON."""

from __future__ import annotations

import json
import math
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from graphkit.engine.loggers.growing_file import GrowingFile

__all__ = ["JSONLinesLogger"]


class JSONLinesLogger:
    """A file with one JSON object per line, which ``pandas.read_json(path, lines=True)`` reads.

    The first line has the run (``name``, ``task``, ``dataset``, ``seed``, ``settings``); each of
    the others has ``step``, ``epoch`` and the values. NaN and infinite values are ``null``.

    Args:
        path: The file; one with content is replaced only by a run with ``resume``.
    """

    def __init__(self, path: str | Path) -> None:
        self._file = GrowingFile(path)

    def start(self, run: Mapping[str, Any], state: dict[str, Any] | None, overwrite: bool) -> None:
        if self._file.open(state, overwrite):
            self._write(run)

    def log(self, values: Mapping[str, float], *, step: int, epoch: int) -> None:
        finite = {name: value if math.isfinite(value) else None for name, value in values.items()}
        self._write({"step": step, "epoch": epoch, **finite})

    def state_dict(self) -> dict[str, Any]:
        return self._file.state_dict()

    def finish(self, failed: bool) -> None:
        self._file.close()

    def _write(self, row: Mapping[str, Any]) -> None:
        self._file.write(json.dumps(row, allow_nan=False, default=str) + "\n")
