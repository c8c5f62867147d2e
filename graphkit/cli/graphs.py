"""Reads the graph of a command: a table of events, a table of readings, or a saved graph."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from graphkit.cli.tables import first_line, is_parquet, read_table
from graphkit.errors import GraphError

if TYPE_CHECKING:
    import pandas as pd

    from graphkit.data import TemporalGraph

__all__ = ["TableColumns", "events_graph", "readings_graph", "saved_graph"]


@dataclass(frozen=True)
class TableColumns:
    """Roles of the columns of a table, and the format of the table.

    Attributes:
        src, dst, time: Columns of the two ends and of the time of events; ``time`` is also the
            column of times of readings.
        edge_attr: Columns of event features.
        edge_weight, label: Columns of event weights and of event classes.
        bipartite: Whether sources and destinations are separate sets of nodes with their own
            labels.
        sep: Separator of the fields of a text file.
        dates: Whether times are dates.
        time_unit: Unit of numeric times.
    """

    src: str = "src"
    dst: str = "dst"
    time: str = "t"
    edge_attr: tuple[str, ...] = ()
    edge_weight: str | None = None
    label: str | None = None
    bipartite: bool = False
    sep: str = ","
    dates: bool = False
    time_unit: str | None = None


def saved_graph(path: Path) -> TemporalGraph:
    """Open the graph that :meth:`TemporalGraph.save` wrote to a folder."""
    from graphkit.data import TemporalGraph

    return TemporalGraph.open(path)


def events_graph(path: Path, columns: TableColumns) -> TemporalGraph:
    """Read a table with one row per event.

    Raises:
        GraphError: :meth:`TemporalGraph.from_pandas` refuses the table.
    """
    from graphkit.data import TemporalGraph

    options: dict[str, Any] = {
        "edge_attr": list(columns.edge_attr) or None,
        "edge_weight": columns.edge_weight,
        "edge_y": columns.label,
        "time_unit": columns.time_unit,
        "name": path.name.partition(".")[0],
    }
    if columns.bipartite:
        options["bipartite"] = True
    names = (columns.src, columns.dst, columns.time)
    if is_parquet(path):
        frame = _with_times(read_table(path), columns)
        return TemporalGraph.from_pandas(frame, *names, **options)
    if not first_line(path).startswith("# graphkit "):
        times = read_table(path, sep=columns.sep, only=columns.time)
        _with_times(times, columns)  # raises errors that refer to the command-line options
    options |= {"sep": columns.sep, "dates": columns.dates}
    return TemporalGraph.from_csv(path, *names, **options)


def readings_graph(path: Path, columns: TableColumns, edges: Path | None = None) -> TemporalGraph:
    """Read a table with one row per time and one column per sensor, and a table of links.

    Args:
        path: The readings; an empty field is a missing reading.
        columns: ``time`` is the column of times; ``src``, ``dst`` and ``edge_weight`` are columns
            of ``edges``.
        edges: Links between sensors, which are referred to by column name.

    Raises:
        GraphError: A column is missing or not numeric, times do not increase, or a link refers to
            an unknown sensor.
    """
    import numpy as np

    from graphkit.data import TemporalGraph
    from graphkit.data.convert.dates import read_times
    from graphkit.data.convert.node_tables import wide_table
    from graphkit.data.convert.pandas import find_column

    for option, value in (("--edge-attr", columns.edge_attr), ("--label", columns.label),
                          ("--bipartite", columns.bipartite)):  # fmt: skip
        if value:
            raise GraphError(option, "a table of readings has no events")
    frame = read_table(path, sep=columns.sep, index=True)
    frame = _with_times(frame, columns)
    find_column(frame, columns.time)
    wide = wide_table(frame, None, columns.time)
    times = read_times(wide.times, columns.time, columns.time_unit)
    late = np.flatnonzero(~(np.diff(times.values) > 0))
    if len(late):
        row = int(late[0]) + 1
        raise GraphError(
            columns.time,
            "times of readings must increase",
            row=row,
            expected=f"later than {wide.times.iloc[row - 1]}",
            got=wide.times.iloc[row],
            fix="Sort the rows by time, and keep one row per time.",
        )
    sensors = [name for name in frame.columns if name != columns.time]
    if not sensors:
        raise GraphError(str(path), "there is no reading", expected="one column per sensor")
    links = {"src": [], "dst": [], "t": []}
    if edges is not None:
        links = _links(edges, columns, sensors)
    return TemporalGraph(
        **links,
        signal=wide.values.astype(np.float32),
        signal_t=times.values,
        node_names=sensors,
        time_unit=times.unit,
        dates=times.dates,
        time_zone=times.zone,
        column_names={"t": columns.time},
        name=path.name.partition(".")[0],
    )


def _with_times(frame: pd.DataFrame, columns: TableColumns) -> pd.DataFrame:
    """Convert texts to dates in a table if ``--dates`` is set.

    Raises:
        GraphError: A time is missing or not finite, a text is not a date, or times are text and
            ``--dates`` is not set.
    """
    import numpy as np
    import pandas as pd

    from graphkit.data.convert.dates import parse_dates

    if columns.time not in frame.columns or frame[columns.time].empty:
        return frame
    times = frame[columns.time]
    text = not pd.api.types.is_numeric_dtype(times) and times.dtype.kind not in "Mm"
    if columns.dates and pd.api.types.is_numeric_dtype(times):
        raise GraphError(
            columns.time,
            "times are numbers",
            row=0,
            expected="dates, as --dates says",
            got=str(times.iloc[0]),
            fix="Leave out --dates, and say --time-unit; or write dates as 2024-03-01.",
        )
    wrong, expected = times.isna(), "a time"
    if text and columns.dates:
        wrong |= pd.to_datetime(times, errors="coerce", format="ISO8601", utc=True).isna()
        expected = "an ISO 8601 date such as 2024-03-01 or 2024-03-01T12:00:00+02:00"
    elif text:
        wrong |= pd.to_numeric(times, errors="coerce").isna()
        expected = "a number"
    elif times.dtype.kind == "f":
        wrong |= ~np.isfinite(times)
        expected = "a finite number"
    if wrong.any():
        row = int(wrong.to_numpy().argmax())
        absent = bool(times.isna().iloc[row])
        raise GraphError(
            columns.time,
            "a time is missing" if absent else "not a time",
            row=row,
            expected=expected,
            got=None if absent else repr(times.iloc[row]) if text else str(times.iloc[row]),
            fix="If times are dates such as 2024-03-01T12:00, add --dates."
            if text and not columns.dates and not absent
            else None,
        )
    if text and columns.dates:
        return frame.assign(**{columns.time: parse_dates(times, columns.time)})
    return frame


def _links(path: Path, columns: TableColumns, sensors: list[str]) -> dict[str, Any]:
    """Links between sensors, all with the same time: a static network."""
    frame = read_table(path, sep=columns.sep, text=(columns.src, columns.dst))
    ids = {str(name): node for node, name in enumerate(sensors)}
    links: dict[str, Any] = {"t": [0] * len(frame)}
    for key, name in (("src", columns.src), ("dst", columns.dst)):
        if name not in frame.columns:
            raise GraphError(
                name,
                f"'{path}' has no such column",
                expected=f"one of {', '.join(map(repr, frame.columns))}",
                fix=f"Name the columns of the links: --{key}.",
            )
        nodes = [ids.get(str(label)) for label in frame[name]]
        if None in nodes:
            row = nodes.index(None)
            raise GraphError(
                name,
                "a link names no sensor",
                row=row,
                expected=f"one of {', '.join(list(ids)[:5])}{', ...' * (len(ids) > 5)}",
                got=repr(frame[name].iloc[row]),
            )
        links[key] = nodes
    if columns.edge_weight is not None:
        if columns.edge_weight not in frame.columns:
            raise GraphError(columns.edge_weight, f"'{path}' has no such column")
        links["edge_weight"] = frame[columns.edge_weight].to_numpy()
    return links
