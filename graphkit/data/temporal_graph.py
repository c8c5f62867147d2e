"""The one data container: timed events, node data and signals, and cheap views of them."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterable, Mapping, Sequence
from types import MappingProxyType
from typing import TYPE_CHECKING, Any

import numpy as np
import torch
from torch import Tensor

from graphkit import renamed
from graphkit.data.batches import EventBatches
from graphkit.data.columns import Columns, NodeEvents, Tables, build_columns
from graphkit.data.inputs import as_tensor
from graphkit.data.recordings import RecordingColumn
from graphkit.data.splits import HeldOutNodes, Split, hold_out_nodes, split_by_time
from graphkit.data.time_unit import TimeUnit
from graphkit.errors import GraphError

if TYPE_CHECKING:
    import os

    from networkx import Graph, MultiDiGraph
    from pandas import DataFrame
    from torch_geometric.data import Data, TemporalData

    from graphkit.data.csr import TemporalCSR
    from graphkit.data.snapshots import Snapshots
    from graphkit.data.windows import Windows

__all__ = ["TemporalGraph"]


@renamed.old_attributes("TemporalGraph")
class TemporalGraph:
    """A graph whose edges are events in time.

    A graph is a set of columns, sorted by time and immutable once built. Slices share storage.
    A static graph is one whose events all have the same time. Ids and times are copied from what
    is passed; feature columns share its memory where they can (do not write to it afterwards).

    Args:
        src: int ``[E]``, source node of every event, ids ``0..N-1``.
        dst: int ``[E]``, destination node.
        t: int or float ``[E]``, time in ticks of ``time_unit``; kept as int64 or float64.
        edge_attr: ``[E, ...]`` features of the events.
        edge_y: ``[E, ...]`` labels of the events.
        edge_weight: ``[E]`` weights.
        edge_type: int ``[E]``, kept as int64.
        x: ``[N, ...]`` node features that do not change.
        y: ``[N, ...]`` node labels that do not change.
        node_type: int ``[N]``, kept as int64.
        node_events: :class:`NodeEvents`, or a dict of ``node``, ``t``, ``x``, ``y``: node data
            that do change.
        signal: ``[T, N, C]`` regular readings of every node; NaN marks a missing reading.
        signal_t: ``[T]`` increasing times of the readings (default ``0..T-1``).
        signal_mask: bool, shape of ``signal`` (or ``[T, N]``), true where a reading is valid.
        signal_recording: int ``[T]``, the recording (session, trial, clip) of every row, never
            falling, from 0; rows of two recordings are no neighbours in time. Kept as int64.
        recordings: Columns with one value per recording, such as ``{"y": [...], "subject":
            [...]}``: numbers ``[P, ...]``, or text ``[P]``.
        num_nodes: ``N``; inferred if left out.
        node_names: ``[N]`` original labels of the nodes.
        node_space: bool ``[N]`` of a bipartite graph whose sources and destinations have separate
            labels: false for sources, true for destinations. A column and not a border, so that
            sources that are born later get the next ids and no destination is renumbered.
        time_unit: What one tick is: ``"ns" "us" "ms" "s" "m" "h" "d" "w"`` or ``"step"``.
        dates: Ticks count from 1970-01-01 UTC, so that times can be written as dates.
        time_zone: Zone in which dates are written, such as ``"Europe/Berlin"``; implies ``dates``.
            Ticks are UTC all the same.
        sort: Sort unsorted events (stable: ties keep their order) instead of raising.
        name: A name for tables and plots.
        column_names: Names of the source columns: one for ``"src"``, ``"dst"``, ``"t"``, one per
            value of a row for ``"edge_attr"``, ``"edge_weight"``, ``"edge_type"``, ``"edge_y"``,
            ``"x"``, ``"y"``, ``"node_type"``, one per channel for ``"signal"``.
        class_names: Names of the classes of ``"y"``, ``"edge_y"`` and ``"recordings.<column>"``:
            the class ``i`` is called ``class_names[key][i]``; -1 is a label that is not known.

    Raises:
        GraphError: NaN or infinite time, a negative id, an id not below ``num_nodes``, columns of
            different lengths, unsorted times with ``sort=False``, values that are not numbers,
            NaN or infinity in features, infinity in a reading, or an empty graph. The message
            names column, first bad row and mend.

    Example:
        >>> g = TemporalGraph(src=[0, 1, 0], dst=[1, 2, 2], t=[10, 20, 20])
        >>> [len(batch) for batch in g.batches(size=2)]
        [2, 1]
    """

    __slots__ = ("_columns", "_events", "_node_events", "_signal")

    @renamed.old_arguments("TemporalGraph")
    def __init__(
        self,
        src: Any,
        dst: Any,
        t: Any,
        *,
        edge_attr: Any = None,
        edge_y: Any = None,
        edge_weight: Any = None,
        edge_type: Any = None,
        x: Any = None,
        y: Any = None,
        node_type: Any = None,
        node_events: NodeEvents | dict[str, Any] | None = None,
        signal: Any = None,
        signal_t: Any = None,
        signal_mask: Any = None,
        signal_recording: Any = None,
        recordings: Mapping[str, Any] | None = None,
        num_nodes: int | None = None,
        node_names: Any = None,
        node_space: Any = None,
        time_unit: TimeUnit | str = "s",
        dates: bool = False,
        time_zone: Any = None,
        sort: bool = True,
        name: str | None = None,
        column_names: Mapping[str, Any] | None = None,
        class_names: Mapping[str, Any] | None = None,
    ) -> None:
        given = {k: v for k, v in locals().items() if k != "self"}
        built = build_columns(**given)
        self._set(built, (0, built.src.numel()), None, None)

    @classmethod
    def _of(
        cls,
        columns: Columns,
        events: tuple[int, int] | None = None,
        node_events: tuple[int, int] | None = None,
        signal: tuple[int, int] | None = None,
    ) -> TemporalGraph:
        graph = object.__new__(cls)
        graph._set(columns, events or (0, columns.src.numel()), node_events, signal)
        return graph

    def _set(
        self,
        columns: Columns,
        events: tuple[int, int],
        node_events: tuple[int, int] | None,
        signal: tuple[int, int] | None,
    ) -> None:
        put = object.__setattr__
        put(self, "_columns", columns)
        put(self, "_events", events)
        changes = columns.node_events
        put(self, "_node_events", node_events or (0, 0 if changes is None else len(changes)))
        steps = 0 if columns.signal_t is None else columns.signal_t.numel()
        put(self, "_signal", signal or (0, steps))

    def __setattr__(self, name: str, value: object) -> None:
        raise AttributeError(
            f"a TemporalGraph cannot be changed (tried to set '{name}'); build a new one"
        )

    def __delattr__(self, name: str) -> None:
        raise AttributeError(f"a TemporalGraph cannot be changed (tried to delete '{name}')")

    # ---------------------------------------------------------------- columns
    @property
    def columns(self) -> Columns:
        """The storage that this graph and its slices share."""
        return self._columns

    @property
    def event_range(self) -> tuple[int, int]:
        """First and one-past-last row of this slice in the shared storage."""
        return self._events

    @property
    def node_event_range(self) -> tuple[int, int]:
        """First and one-past-last node event of this slice in the shared storage."""
        return self._node_events

    @property
    def signal_range(self) -> tuple[int, int]:
        """First and one-past-last row of the signal of this slice in the shared storage."""
        return self._signal

    def _event_column(self, name: str) -> Tensor | None:
        column = getattr(self._columns, name)
        return None if column is None else column[self._events[0] : self._events[1]]

    @property
    def src(self) -> Tensor:
        """int64 ``[E]``, source nodes."""
        return self._event_column("src")

    @property
    def dst(self) -> Tensor:
        """int64 ``[E]``, destination nodes."""
        return self._event_column("dst")

    @property
    def t(self) -> Tensor:
        """int64 or float64 ``[E]``, times."""
        return self._event_column("t")

    @property
    def event_id(self) -> Tensor:
        """int64 ``[E]``, the row of each event in :attr:`tables`."""
        return self._event_column("event_id")

    @property
    def edge_attr(self) -> Tensor | None:
        """``[E, ...]`` event features, or ``None``."""
        return self._event_column("edge_attr")

    @property
    def edge_y(self) -> Tensor | None:
        """``[E, ...]`` event labels, or ``None``."""
        return self._event_column("edge_y")

    @property
    def edge_weight(self) -> Tensor | None:
        """``[E]`` event weights, or ``None``."""
        return self._event_column("edge_weight")

    @property
    def edge_type(self) -> Tensor | None:
        """``[E]`` event types, or ``None``."""
        return self._event_column("edge_type")

    @property
    def tables(self) -> Tables:
        """Event columns of the whole stream, indexed by :attr:`event_id`."""
        return self._columns.tables

    @property
    def x(self) -> Tensor | None:
        """``[N, ...]`` node features, or ``None``."""
        return self._columns.x

    @property
    def y(self) -> Tensor | None:
        """``[N, ...]`` node labels, or ``None``."""
        return self._columns.y

    @property
    def node_type(self) -> Tensor | None:
        """``[N]`` node types, or ``None``."""
        return self._columns.node_type

    @property
    def node_names(self) -> np.ndarray | None:
        """``[N]`` original labels of the nodes, or ``None``."""
        return self._columns.node_names

    @property
    def node_space(self) -> Tensor | None:
        """bool ``[N]``, true for destinations of a bipartite graph with two id spaces."""
        return self._columns.node_space

    @property
    def num_src_nodes(self) -> int | None:
        """Number of sources of a graph with two id spaces, or ``None`` if it has one.

        They are ``0 .. num_src_nodes - 1`` when a graph is built from a table; after
        :meth:`append` only ``node_space`` says which nodes are sources.
        """
        space = self._columns.node_space
        return None if space is None else int((~space).sum())

    @property
    def column_names(self) -> Mapping[str, tuple[str, ...]]:
        """Names of the source columns, as far as they are known."""
        return MappingProxyType(self._columns.column_names)

    @property
    def class_names(self) -> Mapping[str, tuple[Any, ...]]:
        """Names of the classes of ``"y"``, ``"edge_y"`` and ``"recordings.<column>"``."""
        return MappingProxyType(self._columns.class_names)

    @property
    def node_events(self) -> NodeEvents | None:
        """Node data that change over time, within this slice, or ``None``."""
        changes = self._columns.node_events
        return None if changes is None else changes[slice(*self._node_events)]

    def _signal_column(self, name: str) -> Tensor | None:
        column = getattr(self._columns, name)
        return None if column is None else column[self._signal[0] : self._signal[1]]

    @property
    def signal(self) -> Tensor | None:
        """``[T, N, C]`` regular readings, or ``None``."""
        return self._signal_column("signal")

    @property
    def signal_t(self) -> Tensor | None:
        """``[T]`` times of the readings, or ``None``."""
        return self._signal_column("signal_t")

    @property
    def signal_mask(self) -> Tensor | None:
        """bool, true where a reading is valid, or ``None`` if all are."""
        return self._signal_column("signal_mask")

    @property
    def signal_recording(self) -> Tensor | None:
        """int64 ``[T]``, the recording of every row of the signal, or ``None``."""
        return self._signal_column("signal_recording")

    @property
    def recordings(self) -> Mapping[str, RecordingColumn]:
        """Columns with one value per recording of the whole graph; empty if there are none."""
        return MappingProxyType(self._columns.recordings or {})

    @property
    def num_recordings(self) -> int:
        """Number of recordings of the whole graph's signal; 0 without ``signal_recording``."""
        if self._columns.recordings:
            return len(next(iter(self._columns.recordings.values())))
        recording = self._columns.signal_recording
        return 0 if recording is None or not recording.numel() else int(recording[-1]) + 1

    # ---------------------------------------------------------------- facts
    @property
    def num_events(self) -> int:
        """Number of events, ``E``."""
        return self._events[1] - self._events[0]

    def __len__(self) -> int:
        return self.num_events

    @property
    def num_nodes(self) -> int:
        """Number of nodes, ``N``, the same for every slice."""
        return self._columns.num_nodes

    @property
    def time_unit(self) -> TimeUnit:
        """What one tick of :attr:`t` is."""
        return self._columns.time_unit

    @property
    def dates(self) -> bool:
        """Whether ticks count from 1970-01-01 UTC, so that times can be written as dates."""
        return self._columns.dates

    @property
    def time_zone(self) -> str | None:
        """Zone in which dates are written; ticks are UTC."""
        return self._columns.time_zone

    @property
    def name(self) -> str | None:
        """Name for tables and plots."""
        return self._columns.name

    @property
    def device(self) -> torch.device:
        """Where the columns are."""
        return self._columns.src.device

    @property
    def t_min(self) -> int | float | None:
        """Time of the first event, or ``None`` without events."""
        return self._columns.t[self._events[0]].item() if len(self) else None

    @property
    def t_max(self) -> int | float | None:
        """Time of the last event, or ``None`` without events."""
        return self._columns.t[self._events[1] - 1].item() if len(self) else None

    @property
    def is_static(self) -> bool:
        """Whether all events of the whole graph share one time."""
        t = self._columns.t
        return t.numel() == 0 or bool(t[0] == t[-1])

    # ---------------------------------------------------------------- slices
    def __getitem__(self, events: slice) -> TemporalGraph:
        """Events by position; node data and signals stay whole."""
        if not isinstance(events, slice) or events.step not in (None, 1):
            raise GraphError(
                "index",
                "a graph is sliced by contiguous events",
                expected="g[a:b]",
                got=repr(events),
                fix="Use g.filter_events(mask) for an arbitrary choice.",
            )
        start, stop, _ = events.indices(len(self))
        base = self._events[0]
        return self._of(
            self._columns, (base + start, base + max(start, stop)), self._node_events, self._signal
        )

    def between(
        self, start: int | float | None = None, end: int | float | None = None
    ) -> TemporalGraph:
        """Everything with ``start <= t < end`` (``None``: unbounded): events, node events, signal.

        Where the events all have one time and a signal is there, the events are its fixed network:
        they are not timed and stay.
        """
        start, end = _as_bound(start, "start"), _as_bound(end, "end")
        events = self._events
        if not (self.is_static and self._columns.signal_t is not None):
            events = _clip(self._columns.t, self._events, start, end)
        changes, signal = self._node_events, self._signal
        if self._columns.node_events is not None:
            changes = _clip(self._columns.node_events.t, changes, start, end)
        if self._columns.signal_t is not None:
            signal = _clip(self._columns.signal_t, signal, start, end)
        return self._of(self._columns, events, changes, signal)

    def split(self, val: float = 0.15, test: float = 0.15) -> Split:
        """Train, validation and test by time quantile; see :func:`split_by_time`."""
        return split_by_time(self, val, test)

    def hold_out_nodes(
        self,
        fraction: float = 0.1,
        *,
        seed: int = 0,
        after: float = 0.7,
        nodes: Tensor | None = None,
    ) -> HeldOutNodes:
        """The inductive protocol; see :func:`hold_out_nodes`."""
        return hold_out_nodes(self, fraction, seed=seed, after=after, nodes=nodes)

    def filter_events(self, mask: Tensor) -> TemporalGraph:
        """The events where a bool mask ``[E]`` is true. Copies their columns, keeps event ids."""
        mask = as_tensor(mask, "mask")
        if mask.dtype != torch.bool or mask.shape != (len(self),):
            raise GraphError(
                "mask",
                "not a mask over the events",
                expected=f"bool [{len(self)}]",
                got=f"{str(mask.dtype).removeprefix('torch.')} {list(mask.shape)}",
                fix="Compare a column, as in g.filter_events(g.src != 3).",
            )
        rows = mask.to(self.device).nonzero().flatten() + self._events[0]
        return self._of(self._columns.take_events(rows), None, self._node_events, self._signal)

    # ---------------------------------------------------------------- growth
    @classmethod
    def concat(cls, graphs: Iterable[TemporalGraph]) -> TemporalGraph:
        """Several graphs as one stream; see :func:`graphkit.data.concat.concat`."""
        from graphkit.data.concat import concat

        return concat(graphs)

    def append(
        self, table: Any, *, nodes: DataFrame | None = None, time_unit: TimeUnit | str | None = None
    ) -> TemporalGraph:
        """This graph and later events, of a table or a graph; see
        :func:`graphkit.data.concat.append`."""
        from graphkit.data.concat import append

        return append(self, table, nodes=nodes, time_unit=time_unit)

    # ---------------------------------------------------------------- views
    def batches(self, size: int | None = None, *, every: str | float | None = None) -> EventBatches:
        """The stream view: :class:`EventBatch` after :class:`EventBatch`, by count or by time."""
        return EventBatches(self, size, every)

    def snapshots(
        self,
        every: str | int | float | None = None,
        count: int | None = None,
        at: Any = None,
        cumulative: bool = False,
        reduce: str | Mapping[str, str] = "sum",
        empty: str = "keep",
        origin: str | int | float = "first",
        symmetric: bool = False,
        columns: Sequence[str] | None = None,
    ) -> Snapshots:
        """The snapshot view; see :func:`graphkit.data.snapshots.snapshots`."""
        given = _arguments(locals())
        from graphkit.data.snapshots import snapshots

        return snapshots(self, **given)

    def windows(
        self,
        history: int,
        horizon: int,
        stride: int = 1,
        *,
        delay: int = 0,
        target_channels: int | slice | Sequence[int] | None = None,
        gaps: str | None = None,
    ) -> Windows:
        """The window view of the signal; see :func:`graphkit.data.windows.windows`."""
        given = _arguments(locals())
        from graphkit.data.windows import windows

        return windows(self, **given)

    def static(
        self,
        at: int | float | None = None,
        *,
        coalesce: bool = False,
        reduce: str | Mapping[str, str] = "sum",
    ) -> Data:
        """The static view; see :func:`graphkit.data.static.static`."""
        given = _arguments(locals())
        from graphkit.data.static import static

        return static(self, **given)

    @property
    def csr(self) -> TemporalCSR:
        """Per-node, time-ordered adjacency of the whole storage; built once, shared by slices."""
        cache = self._columns.cache
        if "csr" not in cache:
            from graphkit.data.csr import TemporalCSR

            cache["csr"] = TemporalCSR.build(
                self._columns.src, self._columns.dst, self._columns.t, self._columns.num_nodes
            )
        return cache["csr"]

    # ---------------------------------------------------------------- device
    def to(self, device: torch.device | str, *, non_blocking: bool = False) -> TemporalGraph:
        """The same graph on another device; itself if it is there already.

        A slice goes there with all of the storage that it shares. Move a graph first and cut it
        then: ``train, val, test = graph.to("cuda").split(...)`` has one copy there, not three.
        """
        if torch.empty(0, device=device).device == self.device:  # "cuda" may be "cuda:0"
            return self
        return self._mapped(lambda v: v.to(device, non_blocking=non_blocking))

    def pin_memory(self) -> TemporalGraph:
        """The same graph in page-locked memory."""
        return self._mapped(lambda v: v.pin_memory())

    def _mapped(self, function: Callable[[Tensor], Tensor]) -> TemporalGraph:
        return self._of(
            self._columns.map_tensors(function), self._events, self._node_events, self._signal
        )

    # ---------------------------------------------------------------- conversions
    @classmethod
    @renamed.old_arguments("TemporalGraph")
    def from_pandas(
        cls,
        events: DataFrame,
        src: Any = "src",
        dst: Any = "dst",
        time: Any = "t",
        *,
        edge_attr: Any = None,
        edge_y: Any = None,
        edge_weight: Any = None,
        edge_type: Any = None,
        x: Any = None,
        y: Any = None,
        node_type: Any = None,
        node_events: NodeEvents | dict[str, Any] | None = None,
        signal: Any = None,
        signal_t: Any = None,
        signal_mask: Any = None,
        signal_recording: Any = None,
        recordings: Mapping[str, Any] | None = None,
        ids: str = "auto",
        bipartite: bool = False,
        num_nodes: int | None = None,
        node_names: Any = None,
        node_space: Any = None,
        time_unit: TimeUnit | str | None = None,
        dates: bool = False,
        time_zone: Any = None,
        float_dtype: torch.dtype | None = torch.float32,
        column_names: Mapping[str, Any] | None = None,
        class_names: Mapping[str, Any] | None = None,
        sort: bool = True,
        name: str | None = None,
    ) -> TemporalGraph:
        """From a DataFrame; see :func:`graphkit.data.convert.pandas.from_pandas`."""
        given = _arguments(locals())
        from graphkit.data.convert.pandas import from_pandas

        return from_pandas(**given)

    @renamed.old_arguments("TemporalGraph.to_pandas")
    def to_pandas(
        self,
        table: str = "events",
        *,
        labels: bool = True,
        dates: bool = False,
        source_names: bool = False,
    ) -> DataFrame:
        """To a DataFrame; see :func:`graphkit.data.convert.pandas.to_pandas`."""
        given = _arguments(locals())
        from graphkit.data.convert.pandas import to_pandas

        return to_pandas(self, **given)

    @classmethod
    @renamed.old_arguments("TemporalGraph")
    def from_csv(
        cls,
        path: str | os.PathLike[str],
        src: Any = "src",
        dst: Any = "dst",
        time: Any = "t",
        *,
        sep: str = ",",
        header: int | str | None = "infer",
        names: list[Any] | None = None,
        dates: bool = False,
        read: dict[str, Any] | None = None,
        edge_attr: Any = None,
        edge_y: Any = None,
        edge_weight: Any = None,
        edge_type: Any = None,
        x: Any = None,
        y: Any = None,
        node_type: Any = None,
        node_events: NodeEvents | dict[str, Any] | None = None,
        signal: Any = None,
        signal_t: Any = None,
        signal_mask: Any = None,
        signal_recording: Any = None,
        recordings: Mapping[str, Any] | None = None,
        ids: str = "auto",
        bipartite: bool = False,
        num_nodes: int | None = None,
        node_names: Any = None,
        node_space: Any = None,
        time_unit: TimeUnit | str | None = None,
        time_zone: Any = None,
        float_dtype: torch.dtype | None = torch.float32,
        column_names: Mapping[str, Any] | None = None,
        class_names: Mapping[str, Any] | None = None,
        sort: bool = True,
        name: str | None = None,
    ) -> TemporalGraph:
        """From a CSV file; see :func:`graphkit.data.convert.csv.from_csv`."""
        given = _arguments(locals())
        from graphkit.data.convert.csv import from_csv

        return from_csv(**given)

    def to_csv(
        self,
        path: str | os.PathLike[str],
        *,
        labels: bool = True,
        dates: bool = False,
        source_names: bool = False,
        meta: bool = False,
        sep: str = ",",
        write: dict[str, Any] | None = None,
    ) -> None:
        """To a CSV file; see :func:`graphkit.data.convert.csv.to_csv`."""
        given = _arguments(locals())
        from graphkit.data.convert.csv import to_csv

        return to_csv(self, **given)

    @classmethod
    @renamed.old_arguments("TemporalGraph")
    def from_pyg(
        cls,
        data: TemporalData | Data | Sequence[Data],
        *,
        time: str = "edge_time",
        times: Any = None,
        edge_attr: Any = None,
        edge_y: Any = None,
        edge_weight: Any = None,
        edge_type: Any = None,
        x: Any = None,
        y: Any = None,
        node_type: Any = None,
        node_events: NodeEvents | dict[str, Any] | None = None,
        signal: Any = None,
        signal_t: Any = None,
        signal_mask: Any = None,
        signal_recording: Any = None,
        recordings: Mapping[str, Any] | None = None,
        num_nodes: int | None = None,
        node_names: Any = None,
        node_space: Any = None,
        time_unit: TimeUnit | str | None = None,
        dates: bool = False,
        time_zone: Any = None,
        sort: bool = True,
        name: str | None = None,
        column_names: Mapping[str, Any] | None = None,
        class_names: Mapping[str, Any] | None = None,
    ) -> TemporalGraph:
        """From PyG; see :func:`graphkit.data.convert.pyg.from_pyg`."""
        given = _arguments(locals())
        from graphkit.data.convert.pyg import from_pyg

        return from_pyg(**given)

    def to_pyg(self, kind: str = "temporal", times: Any = None) -> Any:
        """To a PyG object; see :func:`graphkit.data.convert.pyg.to_pyg`."""
        given = _arguments(locals())
        from graphkit.data.convert.pyg import to_pyg

        return to_pyg(self, **given)

    @classmethod
    @renamed.old_arguments("TemporalGraph")
    def from_networkx(
        cls,
        graph: Graph,
        time: str | None = "t",
        *,
        edge_attr: str | Sequence[str] | None = None,
        edge_weight: str | None = None,
        edge_type: str | None = None,
        edge_y: str | None = None,
        x: str | Sequence[str] | None = None,
        y: str | None = None,
        node_type: str | None = None,
        both_directions: bool = True,
        node_events: NodeEvents | dict[str, Any] | None = None,
        signal: Any = None,
        signal_t: Any = None,
        signal_mask: Any = None,
        signal_recording: Any = None,
        recordings: Mapping[str, Any] | None = None,
        node_space: Any = None,
        time_unit: TimeUnit | str | None = None,
        dates: bool = False,
        time_zone: Any = None,
        column_names: Mapping[str, Any] | None = None,
        class_names: Mapping[str, Any] | None = None,
        sort: bool = True,
        name: str | None = None,
    ) -> TemporalGraph:
        """From networkx; see :func:`graphkit.data.convert.networkx.from_networkx`."""
        given = _arguments(locals())
        from graphkit.data.convert.networkx import from_networkx

        return from_networkx(**given)

    def to_networkx(self, *, labels: bool = True) -> MultiDiGraph:
        """To a ``MultiDiGraph``; see :func:`graphkit.data.convert.networkx.to_networkx`."""
        given = _arguments(locals())
        from graphkit.data.convert.networkx import to_networkx

        return to_networkx(self, **given)

    @classmethod
    @renamed.old_arguments("TemporalGraph")
    def from_dgl(
        cls,
        graph: Any,
        *,
        time: str = "t",
        names: dict[str, str] | None = None,
        edge_attr: Any = None,
        edge_y: Any = None,
        edge_weight: Any = None,
        edge_type: Any = None,
        x: Any = None,
        y: Any = None,
        node_type: Any = None,
        node_events: NodeEvents | dict[str, Any] | None = None,
        signal: Any = None,
        signal_t: Any = None,
        signal_mask: Any = None,
        signal_recording: Any = None,
        recordings: Mapping[str, Any] | None = None,
        num_nodes: int | None = None,
        node_names: Any = None,
        node_space: Any = None,
        time_unit: TimeUnit | str | None = None,
        dates: bool = False,
        time_zone: Any = None,
        sort: bool = True,
        name: str | None = None,
        column_names: Mapping[str, Any] | None = None,
        class_names: Mapping[str, Any] | None = None,
    ) -> TemporalGraph:
        """From DGL; see :func:`graphkit.data.convert.dgl.from_dgl`."""
        given = _arguments(locals())
        from graphkit.data.convert.dgl import from_dgl

        return from_dgl(**given)

    def to_dgl(self) -> Any:
        """To DGL; see :func:`graphkit.data.convert.dgl.to_dgl`."""
        from graphkit.data.convert.dgl import to_dgl

        return to_dgl(self)

    def save(self, path: str | os.PathLike[str]) -> None:
        """Write to disk; see :func:`graphkit.data.storage.save`."""
        given = _arguments(locals())
        from graphkit.data.storage import save

        save(self, **given)

    @classmethod
    def open(
        cls, path: str | os.PathLike[str], *, mmap: bool = True, verify: bool | None = None
    ) -> TemporalGraph:
        """Open what :meth:`save` wrote; see :func:`graphkit.data.storage.open_graph`."""
        given = _arguments(locals())
        from graphkit.data.storage import open_graph

        return open_graph(**given)

    def __repr__(self) -> str:
        from graphkit.data.describe import describe

        return describe(self)

    def __reduce__(self) -> tuple[Any, ...]:
        # A pickled slice takes the storage along without what can be derived from it.
        state = {
            f: getattr(self._columns, f) for f in self._columns.__dataclass_fields__ if f != "cache"
        }
        return (_unpickle, (state, self._events, self._node_events, self._signal))


def _arguments(given: dict[str, Any]) -> dict[str, Any]:
    """The arguments of a method, for the function behind it."""
    return {name: value for name, value in given.items() if name not in ("self", "cls")}


def _unpickle(state: dict[str, Any], *ranges: tuple[int, int]) -> TemporalGraph:
    state = renamed.stored("TemporalGraph", state)
    if state.get("class_names"):
        state["class_names"] = renamed.stored("TemporalGraph", state["class_names"])
    return TemporalGraph._of(Columns(**state), *ranges)


def _clip(
    t: Tensor, rows: tuple[int, int], start: int | float | None, end: int | float | None
) -> tuple[int, int]:
    times = t[rows[0] : rows[1]]
    low = 0 if start is None else _rank(times, start)
    high = times.numel() if end is None else _rank(times, end)
    return rows[0] + low, rows[0] + max(low, high)


def _as_bound(value: Any, name: str) -> int | float | None:
    if value is None:
        return None
    if isinstance(value, (Tensor, np.ndarray, np.generic)) and value.ndim == 0:
        value = value.item()
    if isinstance(value, bool) or not isinstance(value, (int, float)):
        raise GraphError(
            name,
            "not a time",
            expected="a number of ticks or None",
            got=repr(value),
            fix="Times are counted in the graph's time_unit.",
        )
    if value != value:
        raise GraphError(name, "a bound is NaN", expected="a number of ticks or None")
    return value


def _rank(t: Tensor, value: int | float) -> int:
    """Number of entries below a value; exact for any Python number."""
    if t.is_floating_point():
        if isinstance(value, int):
            value = _float_from(value)
    else:
        info = torch.iinfo(torch.int64)
        if value > info.max:
            return t.numel()
        if value < info.min:
            return 0
        value = math.ceil(value)  # t < 2.5 holds for the integers below 3
    return int(torch.searchsorted(t, torch.tensor(value, dtype=t.dtype, device=t.device)))


def _float_from(value: int) -> float:
    """The first float that is not below an integer."""
    try:
        near = float(value)
    except OverflowError:
        return math.inf if value > 0 else -math.inf
    return math.nextafter(near, math.inf) if near < value else near
