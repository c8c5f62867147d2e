"""Reading of tables and graphs of readings in the same way as the training data."""

from __future__ import annotations

import warnings
from collections.abc import Mapping
from typing import Any

import pandas as pd
import torch
from torch import Tensor

from graphkit.data import TemporalGraph
from graphkit.data.cadence import Cadence
from graphkit.data.signal_schema import Readings, SignalSchema
from graphkit.errors import GraphError

__all__ = ["SignalReader", "recording_of", "signal_of"]


class SignalReader:
    """Names, time unit, sampling rate and missing readings of the training signal.

    Args:
        schema: Sensors, channels and time unit.
        cadence: Time between consecutive rows.
        masked: Whether models received a mask of the readings in training.
    """

    def __init__(self, schema: SignalSchema, cadence: Cadence, masked: bool) -> None:
        self.schema, self.cadence, self.masked = schema, cadence, masked

    @classmethod
    def of(cls, graph: TemporalGraph) -> SignalReader:
        """Create the reader for the signal of a graph."""
        return cls(SignalSchema.of(graph), Cadence.of(graph), graph.signal_mask is not None)

    def to_json(self) -> dict[str, Any]:
        """Return the reader as JSON values."""
        return {
            "schema": self.schema.to_json(),
            "cadence": self.cadence.to_json(),
            "masked": self.masked,
        }

    @classmethod
    def from_json(cls, saved: Mapping[str, Any]) -> SignalReader:
        """Create a reader from the output of :meth:`to_json`."""
        schema = SignalSchema.from_json(saved["schema"])
        return cls(schema, Cadence(**saved["cadence"]), saved["masked"])

    @property
    def time(self) -> str:
        """Name of the time column."""
        return self.schema.time or "time"

    def written(self, ticks: Any) -> Any:
        """Convert a time in ticks to the format of the source."""
        return self.schema.clock.write_one(ticks)

    def readings(self, table: Any, time_unit: str | None) -> Readings:
        """Read the rows of a table or graph, ordered by time.

        Raises:
            GraphError: See :meth:`SignalSchema.read`; or a table has no times although the time
                unit is one of real time.
        """
        table = _frame(table)
        if not self.timed(table) and self.schema.clock.time_unit != "step" and len(table):
            raise GraphError(
                self.time,
                "the table has no times",
                expected=f"a column {self.time!r}, or times in the index",
                got="an index 0, 1, ...",
                fix="table.index = times.",
            )
        return self.schema.read(table, time_unit=time_unit)

    def timed(self, table: Any) -> bool:
        """Whether a table has times; always true for a graph."""
        if not isinstance(table, pd.DataFrame):
            return True
        index, columns = table.index, table.columns
        named = columns.get_level_values(0) if columns.nlevels > 1 else columns
        plain = isinstance(index, pd.RangeIndex) and index.start == 0 and index.step == 1
        return not plain or (self.schema.time is not None and self.schema.time in named)

    def recordings(self, table: Any, time_unit: str | None) -> TemporalGraph:
        """Return a table as a graph with one recording, or a graph with its recordings.

        Raises:
            GraphError: See :meth:`SignalSchema.read`; or the sampling rate differs from training.
        """
        table = _frame(table)
        readings = self.schema.read(table, time_unit=time_unit)
        recording = recording_of(table, len(readings.t))
        if not len(recording):
            raise GraphError("signal", "there are no readings", got="0 rows")
        graph = signal_of(readings, recording)
        if self.timed(table):
            self.cadence.check(graph, self.time, self.written)
        return graph

    def mask(self, graph: TemporalGraph) -> bool:
        """Whether a model receives the mask of the readings of a graph; warns if readings are
        missing but the model received no mask in training."""
        missing = graph.signal_mask is not None
        if missing and not self.masked:
            warnings.warn(
                "readings are missing, and none was missing in training: answers may be worse",
                stacklevel=4,
            )
        return missing or self.masked


def _frame(table: Any) -> Any:
    """Convert a ``pyarrow.Table`` to a DataFrame; return other values unchanged."""
    if type(table).__module__.startswith("pyarrow") and hasattr(table, "to_pandas"):
        return table.to_pandas()
    return table


def recording_of(table: Any, num_rows: int) -> Tensor:
    """Return the recording of each row of a table or graph, int64 ``[T]``; a table is one."""
    if isinstance(table, TemporalGraph) and table.signal_recording is not None:
        return table.signal_recording.cpu()
    return torch.zeros(num_rows, dtype=torch.int64)


def signal_of(readings: Readings, recording: Tensor) -> TemporalGraph:
    """Create a graph that contains only a signal."""
    return TemporalGraph(
        [],
        [],
        [],
        num_nodes=readings.values.shape[1],
        signal=readings.values,
        signal_t=readings.t,
        signal_mask=None if bool(readings.mask.all()) else readings.mask,
        signal_recording=recording,
    )
