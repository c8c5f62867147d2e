"""Tables and graphs of readings, read as those that a model was trained on."""

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

__all__ = ["SignalReader", "signal_of"]


class SignalReader:
    """Names, clock, rate and missing readings of the signal of training.

    Args:
        schema: Sensors, channels and clock.
        cadence: How far apart rows lie.
        masked: Whether models were told which readings are missing.
    """

    def __init__(self, schema: SignalSchema, cadence: Cadence, masked: bool) -> None:
        self.schema, self.cadence, self.masked = schema, cadence, masked

    @classmethod
    def of(cls, graph: TemporalGraph) -> SignalReader:
        """That of a graph's signal."""
        return cls(SignalSchema.of(graph), Cadence.of(graph), graph.signal_mask is not None)

    def to_json(self) -> dict[str, Any]:
        """What it is made of, as values that JSON holds."""
        return {
            "schema": self.schema.to_json(),
            "cadence": self.cadence.to_json(),
            "masked": self.masked,
        }

    @classmethod
    def from_json(cls, saved: Mapping[str, Any]) -> SignalReader:
        """What :meth:`to_json` kept."""
        schema = SignalSchema.from_json(saved["schema"])
        return cls(schema, Cadence(**saved["cadence"]), saved["masked"])

    @property
    def time(self) -> str:
        """Name of the column of times."""
        return self.schema.time or "time"

    def written(self, ticks: Any) -> Any:
        """A time as the source has it."""
        return self.schema.clock.write_one(ticks)

    def readings(self, table: Any, time_unit: str | None) -> Readings:
        """The rows of a table or graph, in order of time.

        Raises:
            GraphError: See :meth:`SignalSchema.read`; or a table of a clock of real time has no
                times.
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
        """Whether a table says when its rows were read, and a graph always does."""
        if not isinstance(table, pd.DataFrame):
            return True
        index, columns = table.index, table.columns
        named = columns.get_level_values(0) if columns.nlevels > 1 else columns
        plain = isinstance(index, pd.RangeIndex) and index.start == 0 and index.step == 1
        return not plain or (self.schema.time is not None and self.schema.time in named)

    def recordings(self, table: Any, time_unit: str | None) -> TemporalGraph:
        """A table as one recording, or the recordings of a graph, as a graph.

        Raises:
            GraphError: See :meth:`SignalSchema.read`; or rows are of another rate than in training.
        """
        table = _frame(table)
        readings = self.schema.read(table, time_unit=time_unit)
        recording = torch.zeros(len(readings.t), dtype=torch.int64)
        if isinstance(table, TemporalGraph) and table.signal_recording is not None:
            recording = table.signal_recording.cpu()
        if not len(recording):
            raise GraphError("signal", "there are no readings", got="0 rows")
        graph = signal_of(readings, recording)
        if self.timed(table):
            self.cadence.check(graph, self.time, self.written)
        return graph

    def mask(self, graph: TemporalGraph) -> bool:
        """Whether a model is told which readings of a graph are missing; warns where it never was
        in training."""
        missing = graph.signal_mask is not None
        if missing and not self.masked:
            warnings.warn(
                "readings are missing, and none was missing in training: answers may be worse",
                stacklevel=4,
            )
        return missing or self.masked


def _frame(table: Any) -> Any:
    """A ``pyarrow.Table`` as a DataFrame, anything else as it is."""
    if type(table).__module__.startswith("pyarrow") and hasattr(table, "to_pandas"):
        return table.to_pandas()
    return table


def signal_of(readings: Readings, recording: Tensor) -> TemporalGraph:
    """Readings as a graph of nothing but a signal."""
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
