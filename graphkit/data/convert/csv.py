"""CSV files to a graph and back; compressed ones too (.gz, .bz2, .xz)."""

from __future__ import annotations

import bz2
import gzip
import json
import lzma
import os
from pathlib import Path
from typing import IO, TYPE_CHECKING, Any

import numpy as np
import pandas as pd

from graphkit.data.convert.labels import labels_from_json, labels_to_json
from graphkit.data.convert.pandas import from_pandas, to_pandas
from graphkit.errors import GraphError, MissingFileError
from graphkit.files import whole_file

if TYPE_CHECKING:
    from graphkit.data.temporal_graph import TemporalGraph

__all__ = ["from_csv", "to_csv"]

_OPEN = {".gz": gzip.open, ".bz2": bz2.open, ".xz": lzma.open}
_MARK = "# graphkit "
# Floats are read to the last bit: by default from pandas 3.1 on, which warns if asked to.
_OLD = tuple(int(part) for part in pd.__version__.split(".")[:2]) < (3, 1)
_EXACT = {"float_precision": "round_trip"} if _OLD else {}


def from_csv(
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
    **options: Any,
) -> TemporalGraph:
    """Read a table of events with pandas' C parser.

    Args:
        path: The file; its suffix tells the compression.
        src, dst, time: Columns, by name, or by number if the file has no header.
        sep: What parts two fields.
        header: Line of the column names; ``None`` if there are none.
        names: Names to use instead.
        dates: Read the time column as dates.
        read: Further options of :func:`pandas.read_csv`.
        options: Options of :func:`~graphkit.data.convert.pandas.from_pandas`: ``edge_attr``,
            ``ids``, ``time_unit``, ...

    A file written with ``to_csv(meta=True)`` is read back exactly, without options.

    Raises:
        GraphError: The file is empty or no table, or what ``from_pandas`` raises.
        MissingFileError: There is no such file (a ``FileNotFoundError`` too).
    """
    if not os.path.exists(path) or os.path.isdir(path):
        raise MissingFileError(path)
    meta = _read_meta(path)
    settings: dict[str, Any] = {"sep": sep, "header": header, "names": names}
    settings |= {"engine": "c", "low_memory": False} | _EXACT
    if meta is not None:
        labels = meta.pop("node_names", None)
        settings |= {"header": 0, "keep_default_na": False}
        if labels is not None:
            options.setdefault("node_names", labels_from_json(labels))
            if labels["items"] and isinstance(labels["items"][0], str):
                settings["dtype"] = {src: str, dst: str}
        dates = dates or meta.pop("dates", False)
    settings |= read or {}
    try:
        if meta is None:
            table = pd.read_csv(path, **settings)
        else:
            with _open(path, "rt") as file:
                file.readline()
                table = pd.read_csv(file, **settings)
    except pd.errors.EmptyDataError:
        raise GraphError(str(path), "the file is empty", expected="one event per line") from None
    except (pd.errors.ParserError, UnicodeDecodeError) as error:
        raise GraphError(
            str(path),
            f"the file is no table ({str(error).strip()})",
            fix="Check sep=, header= and names=, or pass read={...} for pandas.read_csv.",
        ) from error
    if meta is not None:
        table.attrs["graphkit"] = meta
    if dates and time in table.columns:
        try:
            table[time] = pd.to_datetime(table[time], format="ISO8601")
        except ValueError as error:
            raise GraphError(str(time), f"a time is no ISO date: {error}") from error
    return from_pandas(table, src, dst, time, **options)


def to_csv(
    graph: TemporalGraph,
    path: str | os.PathLike[str],
    *,
    labels: bool = True,
    dates: bool = False,
    meta: bool = False,
    **options: Any,
) -> None:
    """Write the events as a table, one line each; the file appears when it is complete.

    Args:
        graph: Any graph. Node data and signals have no place in the table.
        path: The file; its suffix tells the compression.
        labels: Write ``node_names`` instead of ids, if the graph has them.
        dates: Write times as ISO dates.
        meta: Begin with a comment line that holds what a table cannot: number of nodes, time unit,
            types and labels by id, so that :func:`from_csv` gives the same graph back. Other
            programs must skip that line.
        options: Further options of :meth:`pandas.DataFrame.to_csv`.

    Raises:
        GraphError: Labels that are not text or whole numbers cannot be written with ``meta``.
    """
    table = to_pandas(graph, labels=labels, dates=dates)
    options = {"index": False} | options
    with whole_file(path) as part, _open(part, "wt") as file:
        if meta:
            facts = dict(table.attrs["graphkit"], dates=dates)
            if labels and graph.node_names is not None:
                facts["node_names"] = _text_labels(graph.node_names)
            file.write(f"{_MARK}{json.dumps(facts)}\n")
        table.to_csv(file, **options)


def _open(path: str | os.PathLike[str], mode: str) -> IO[str]:
    return _OPEN.get(Path(path).suffix, open)(path, mode, encoding="utf-8", newline="")


def _read_meta(path: str | os.PathLike[str]) -> dict[str, Any] | None:
    try:
        with _open(path, "rt") as file:
            if file.read(len(_MARK)) != _MARK:
                return None
            return json.loads(file.readline())
    except (UnicodeDecodeError, ValueError):
        return None  # another encoding, for which pandas has an option


def _text_labels(names: np.ndarray) -> dict[str, Any]:
    labels = labels_to_json(names)
    kinds = {type(item) for item in labels["items"]}
    if kinds not in ({str}, {int}):
        raise GraphError(
            "node_names",
            "labels of these kinds cannot be told apart in text",
            expected="all text, or all whole numbers",
            got=", ".join(sorted(kind.__name__ for kind in kinds)),
            fix="Pass labels=False to write ids, or meta=False.",
        )
    return labels
