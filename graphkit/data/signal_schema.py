"""What a table of readings must look like to go with a graph's signal, without the graph."""

from __future__ import annotations

from dataclasses import asdict, dataclass, field
from typing import Any

import numpy as np
import pandas as pd
import torch
from torch import Tensor

from graphkit.data.convert.node_tables import wide_table
from graphkit.data.labels import Labels, labels_from_json, labels_to_json
from graphkit.data.readings import Readings
from graphkit.data.schema_times import Clock
from graphkit.data.temporal_graph import TemporalGraph
from graphkit.errors import GraphError

__all__ = ["Readings", "SignalSchema"]


@dataclass(frozen=True, eq=False)
class SignalSchema:
    """Sensors, channels and clock of a graph's signal.

    Attributes:
        names: ``[N]`` labels of the nodes, in order of id.
        channels: Names of the channels, in order.
        clock: Unit, type and zone of the times.
        dtype: Type of the readings.
        time: Name of the column of times; a table without one has them in its index.
        multi: Whether columns are pairs of label and channel. Plain columns are labels alone.
    """

    names: np.ndarray
    channels: tuple[str, ...]
    clock: Clock = field(default_factory=Clock)
    dtype: str = "float32"
    time: str | None = None
    multi: bool = False

    @classmethod
    def of(cls, graph: TemporalGraph) -> SignalSchema:
        """The schema of a graph's signal. Nodes and channels without names are called 0, 1, ...

        Raises:
            GraphError: The graph has no signal, or two nodes have one label.
        """
        if graph.signal is None:
            raise GraphError("signal", "the graph has no signal")
        names = graph.node_names
        names = np.arange(graph.num_nodes) if names is None else names
        Labels(names)
        width = graph.signal.shape[2]
        channels = graph.column_names.get("signal")
        return cls(
            names,
            tuple(map(str, range(width))) if channels is None else channels,
            Clock.of(graph, signal=True),
            str(graph.signal.dtype).removeprefix("torch."),
            graph.column_names.get("t", (None,))[0],
            width > 1 or channels is not None,
        )

    @property
    def num_nodes(self) -> int:
        """Number of nodes, ``N``."""
        return len(self.names)

    def read(self, table: Any, *, time_unit: str | None = None) -> Readings:
        """Read a wide table, one row per time.

        Args:
            table: A DataFrame whose columns are labels of nodes in any order (pairs of label and
                channel if there are several channels), with times in the column called
                :attr:`time` or in the index, NaN where a reading is missing; or a graph with a
                signal.
            time_unit: Unit of times that are numbers, if it is another than the schema's.

        Raises:
            GraphError: A node or channel is missing, a column belongs to no node, readings are not
                finite numbers, or times do not increase or do not fit the clock.
        """
        if isinstance(table, TemporalGraph):
            table = self._frame_of(table)
            time_unit = table.attrs["time_unit"] if time_unit is None else time_unit
        if not isinstance(table, pd.DataFrame):
            raise GraphError(
                "signal",
                "not a table of readings",
                expected="a DataFrame or a TemporalGraph",
                got=type(table).__name__,
            )
        if self.multi and len(self.channels) == 1 and not isinstance(table.columns, pd.MultiIndex):
            wide = wide_table(table, self.names, self.time)
        else:
            wide = wide_table(table, self.names, self.time, channels=self.channels)
        times = wide.times
        if times is None:
            times = pd.Series(np.arange(len(table)))
        t = self.clock.read(times, self.time or "time", time_unit)
        still = t[1:] <= t[:-1]
        if still.any():
            raise GraphError(
                self.time or "time",
                "times of readings must increase",
                row=int(np.argmax(still)) + 1,
                fix="Sort the rows (sort_index) and merge duplicates first.",
            )
        values, dtype = torch.tensor(wide.values), getattr(torch, self.dtype)
        if values.is_floating_point() and bool(values.to(dtype).isinf().any()):
            row = int(values.to(dtype).isinf().flatten(1).any(1).nonzero()[0])
            raise GraphError(
                "signal", "a reading is not finite", row=row, expected="a number, NaN if missing"
            )
        mask = (
            ~torch.isnan(values) if values.is_floating_point() else torch.ones_like(values).bool()
        )
        values = values.masked_fill(~mask, 0).to(dtype)
        return Readings(torch.from_numpy(t.copy()), values, mask)

    def frame(self, t: Any, values: Any, mask: Any = None) -> pd.DataFrame:
        """Readings as a table with the original labels and times.

        Args:
            t: ``[T]`` times in ticks.
            values: ``[T, N, C]``, or ``[T, N]`` for one channel.
            mask: bool of the shape of ``values``; other places become NaN.

        Returns:
            One row per time (dates, if the graph's times were dates) and one column per node, or
            per pair of node and channel.

        Raises:
            GraphError: The shape is another.
        """
        values = np.asarray(values.detach().cpu() if isinstance(values, Tensor) else values)
        ticks = np.asarray(t.cpu() if isinstance(t, Tensor) else t)
        values = values[..., None] if values.ndim == 2 else values
        if values.shape != (len(ticks), len(self.names), len(self.channels)):
            raise GraphError(
                "values",
                "the shape is not that of the signal",
                expected=f"[{len(ticks)}, {len(self.names)}, {len(self.channels)}]",
                got=list(values.shape),
            )
        if mask is not None:
            values = np.where(np.asarray(mask).reshape(values.shape), values, np.nan)
        index = pd.Index(self.clock.write(ticks), name=self.time)
        columns: Any = pd.Index(self.names.tolist(), tupleize_cols=False)
        if self.multi:
            columns = pd.MultiIndex.from_product([columns, self.channels])
        return pd.DataFrame(values.reshape(len(ticks), -1), index=index, columns=columns)

    def to_json(self) -> dict[str, Any]:
        """The schema as values that JSON can hold.

        Raises:
            GraphError: A label is neither text nor a number.
        """
        saved = {key: getattr(self, key) for key in ("channels", "dtype", "time", "multi")}
        return saved | {"names": labels_to_json(self.names), "clock": asdict(self.clock)}

    @classmethod
    def from_json(cls, saved: dict[str, Any]) -> SignalSchema:
        """What :meth:`to_json` kept, also after it went through JSON text."""
        told = {
            "names": labels_from_json(saved["names"]),
            "channels": tuple(saved["channels"]),
            "clock": Clock(**saved["clock"]),
        }
        return cls(**(saved | told))

    def _frame_of(self, graph: TemporalGraph) -> pd.DataFrame:
        """The signal of a graph as a table of numbers, named as this schema names it."""
        own = SignalSchema.of(graph)
        if self.channels != own.channels and graph.column_names.get("signal") is None:
            own = SignalSchema(
                own.names, self.channels, own.clock, own.dtype, self.time, self.multi
            )
        values = graph.signal.cpu()
        if values.shape[2] != len(self.channels):
            raise GraphError(
                "signal",
                "the number of channels differs",
                expected=f"channels {', '.join(self.channels)}",
                got=values.shape[2],
            )
        mask = graph.signal_mask
        mask = None if mask is None else mask.cpu().expand(values.shape)
        clock = own.clock
        if not self.clock.dates or not clock.dates:
            clock = Clock(clock.time_unit, clock.dtype)
        elif (clock.time_zone is None) != (self.clock.time_zone is None):
            clock = Clock(clock.time_unit, clock.dtype, True, self.clock.time_zone)
        own = SignalSchema(own.names, own.channels, clock, own.dtype, self.time, own.multi)
        frame = own.frame(graph.signal_t, values, mask)
        frame.attrs["time_unit"] = clock.time_unit
        return frame
