"""A log as a table."""

from __future__ import annotations

import csv
import io
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from graphkit.engine.loggers.growing_file import GrowingFile

__all__ = ["CSVLogger"]


class CSVLogger:
    """A CSV file with the columns ``step``, ``epoch``, ``name``, ``value``: one row per number.

    Names of metrics differ between steps, epochs and the test, so that a column for each would be
    mostly empty; ``table.pivot(index="step", columns="name", values="value")`` makes these columns.

    Args:
        path: The file; one with content is replaced only by a run with ``resume``.
    """

    def __init__(self, path: str | Path) -> None:
        self._file = GrowingFile(path)

    def start(self, run: Mapping[str, Any], state: dict[str, Any] | None, overwrite: bool) -> None:
        if self._file.open(state, overwrite):
            self._write([("step", "epoch", "name", "value")])

    def log(self, values: Mapping[str, float], *, step: int, epoch: int) -> None:
        self._write([(step, epoch, name, repr(float(v))) for name, v in values.items()])

    def state_dict(self) -> dict[str, Any]:
        return self._file.state_dict()

    def finish(self, failed: bool) -> None:
        self._file.close()

    def _write(self, rows: list[tuple[Any, ...]]) -> None:
        text = io.StringIO()
        csv.writer(text, lineterminator="\n").writerows(rows)
        self._file.write(text.getvalue())
