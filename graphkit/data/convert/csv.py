"""CSV files to a graph and back; compressed ones too (.gz, .bz2, .xz)."""

from __future__ import annotations

import bz2
import csv
import gzip
import json
import lzma
import os
import re
import warnings
from collections.abc import Iterator, Mapping
from contextlib import contextmanager, nullcontext, suppress
from pathlib import Path
from typing import IO, TYPE_CHECKING, Any

import numpy as np
import pandas as pd
import torch

from graphkit.data.convert.dates import parse_dates
from graphkit.data.convert.labels import is_canonical
from graphkit.data.convert.pandas import from_pandas, to_pandas
from graphkit.data.label_values import label_values
from graphkit.data.labels import labels_from_json
from graphkit.data.verify import named
from graphkit.errors import GraphError, MissingFileError
from graphkit.files import unpacked, whole_file
from graphkit.json_record import opened, sealed

if TYPE_CHECKING:
    from graphkit.data.columns import NodeEvents
    from graphkit.data.temporal_graph import TemporalGraph
    from graphkit.data.time_unit import TimeUnit

__all__ = ["from_csv", "to_csv"]

_OPEN = {".gz": gzip.open, ".bz2": bz2.open, ".xz": lzma.open}
_MARK = "# graphkit "
# What stands for a missing number: pandas' own list. A missing node is an empty field alone.
# fmt: off
_MISSING = ["", "#N/A", "#N/A N/A", "#NA", "-1.#IND", "-1.#QNAN", "-NaN", "-nan", "1.#IND",
            "1.#QNAN", "<NA>", "N/A", "NA", "NULL", "NaN", "None", "n/a", "nan", "null"]
# fmt: on
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
    """Read a table of events with pandas' C parser.

    Labels of nodes are read as text, unless all of them (of both columns) are integers as they are
    normally written: ``007`` and ``7`` are two labels, and so are ``NA`` and ``null``; only an
    empty field is a missing node.

    Args:
        path: The file; its suffix tells the compression.
        src, dst, time: Columns, by name, or by number if the file has no header.
        sep: What parts two fields.
        header: Line of the column names; ``None`` if there are none.
        names: Names to use instead.
        dates: Read the time column as ISO 8601 dates. Offsets from UTC may change within it.
        read: Further options of :func:`pandas.read_csv`; a ``dtype`` for ``src`` and ``dst`` is
            taken as it is.
        edge_attr, edge_y, edge_weight, edge_type, x, y, node_type, node_events, signal, signal_t, \
            signal_mask, signal_recording, recordings, ids, bipartite, num_nodes, node_names, \
            node_space, time_unit, time_zone, float_dtype, column_names, class_names, sort, \
            name: See :func:`~graphkit.data.convert.pandas.from_pandas`.

    A file written with ``to_csv(meta=True)`` is read back exactly, without options.

    Raises:
        GraphError: The file is empty or no table, a row has more fields than the header, labels
            differ in surrounding blanks only, or what ``from_pandas`` raises.
        MissingFileError: There is no such file (a ``FileNotFoundError`` too).
    """
    own = ("path", "sep", "header", "names", "dates", "read")
    options = {key: value for key, value in locals().items() if key not in (*own, "own")}
    if not os.path.exists(path) or os.path.isdir(path):
        raise MissingFileError(path)
    with unpacked(path):
        meta = _read_meta(path)
    settings: dict[str, Any] = {"sep": sep, "header": header, "names": names}
    settings |= {"engine": "c", "low_memory": False} | _EXACT
    if meta is not None:
        settings |= {"header": 0}
        dates = dates or meta.pop("dates", False)
    used = [src, dst, time]
    for chosen in (edge_attr, edge_y, edge_weight, edge_type):
        used += list(chosen) if isinstance(chosen, (list, pd.Index, np.ndarray)) else [chosen]
    numbers = ids == "as_is" or (meta is not None and not meta.get("labels", True))
    marked = meta is not None
    with unpacked(path):
        _check_header(path, settings | (read or {}), used, marked)
        table = _read_table(path, settings, read or {}, [] if numbers else [src, dst], marked)
    with named(path) if marked else nullcontext():
        if not numbers:
            _type_labels(table, [end for end in (src, dst) if end in table.columns], meta)
        if marked:
            table.attrs["graphkit"] = meta
        if dates and time in table.columns:
            table[time] = parse_dates(table[time], str(time))
        return from_pandas(table, **options)


def to_csv(
    graph: TemporalGraph,
    path: str | os.PathLike[str],
    *,
    labels: bool = True,
    dates: bool = False,
    source_names: bool = False,
    meta: bool = False,
    sep: str = ",",
    write: dict[str, Any] | None = None,
) -> None:
    """Write the events as a table, one line each; the file appears when it is complete.

    Args:
        graph: Any graph. Node data and signals have no place in the table.
        path: The file; its suffix tells the compression.
        labels: Write ``node_names`` instead of ids, if the graph has them.
        dates: Write times as ISO dates, in ``graph.time_zone`` with their offset from UTC.
        source_names: Call columns as the graph's source did; see
            :func:`~graphkit.data.convert.pandas.to_pandas`.
        meta: Begin with a comment line that holds what a table cannot: number of nodes, time unit,
            types and labels by id, so that :func:`from_csv` gives the same graph back. Other
            programs must skip that line.
        sep: What parts two fields.
        write: Further options of :meth:`pandas.DataFrame.to_csv`.

    Raises:
        GraphError: Labels that are not text or whole numbers, or that a text file cannot hold,
            cannot be written with ``meta``, nor can ``source_names``.
    """
    if meta and source_names:
        raise GraphError("source_names", "meta=True keeps these names", fix="Leave it out.")
    table = to_pandas(graph, labels=labels, dates=dates, source_names=source_names)
    options = _quoted(
        {"index": False, "sep": sep} | (write or {}), graph.node_names if labels else None
    )
    with whole_file(path) as part, _open(part, "wt") as file:
        if meta:
            facts = dict(table.attrs["graphkit"], dates=dates)
            if labels and graph.node_names is not None:
                _check_labels(graph.node_names)
            file.write(f"{_MARK}{json.dumps(sealed(facts))}\n")
        table.to_csv(file, **options)


def _read_table(
    path: str | os.PathLike[str],
    settings: dict[str, Any],
    read: dict[str, Any],
    labels: list[Any],
    skip_line: bool,
) -> pd.DataFrame:
    """The table, with columns of labels as text."""
    try:
        if labels and not {"dtype", "keep_default_na", "na_values", "converters"} & set(read):
            with _opened(path, skip_line) as file:
                columns = pd.read_csv(file, **(settings | read | {"nrows": 0})).columns
            text = [column for column in labels if column in columns]
            missing = {column: [""] if column in text else _MISSING for column in columns}
            settings |= {"dtype": dict.fromkeys(text, str), "keep_default_na": False,
                         "na_values": missing}  # fmt: skip
        with _opened(path, skip_line) as file:
            table = pd.read_csv(file, **(settings | read))
    except pd.errors.EmptyDataError:
        raise GraphError(str(path), "the file is empty", expected="one event per line") from None
    except (pd.errors.ParserError, UnicodeDecodeError) as error:
        found = re.search(r"Expected (\d+) fields in line (\d+), saw (\d+)", str(error))
        if found is not None:
            raise _too_wide(path, settings, read, *map(int, found.groups())) from error
        raise GraphError(
            str(path),
            f"the file is no table ({str(error).strip()})",
            fix="Check sep=, header= and names=, or pass read={...} for pandas.read_csv.",
        ) from error
    if "index_col" not in read and _took_index(table, path, settings | read, skip_line):
        width = table.shape[1]
        raise GraphError(
            str(path),
            "rows have more fields than the header",
            row=0,
            expected=f"{width} fields",
            got=f"{width + table.index.nlevels} fields",
            fix="Mend the header or the rows, or name all columns: names=[...], header=0.",
        )
    return table


def _check_header(
    path: str | os.PathLike[str], settings: dict[str, Any], used: list[Any], skip_line: bool
) -> None:
    """Refuse a column that is named twice: pandas renames the second one without a word."""
    if settings["names"] is not None or settings["header"] not in ("infer", 0):
        return
    kept = {key: value for key, value in settings.items() if key not in ("usecols", "dtype")}
    with suppress(pd.errors.EmptyDataError, pd.errors.ParserError, UnicodeDecodeError):
        with _opened(path, skip_line) as file:
            first = pd.read_csv(file, **(kept | {"header": None, "nrows": 1, "dtype": str}))
        fields = first.iloc[0].tolist()
        twice = next((name for name in used if fields.count(name) > 1), None)
        if twice is not None:
            raise GraphError(
                str(twice),
                f"{fields.count(twice)} columns have this name",
                got=", ".join(map(str, fields)),
                fix="Rename them, or name all columns: names=[...], header=0.",
            )


def _took_index(table: pd.DataFrame, path: Any, options: dict[str, Any], skip_line: bool) -> bool:
    """Whether rows are wider than the header, so that pandas took their first fields for an index.

    Fields 0, 1, 2, ... make the index that a table has anyway: then the first row is read again,
    all of its fields as columns.
    """
    index = table.index
    if not isinstance(index, pd.RangeIndex) or (len(index) and (index[0], index.step) != (0, 1)):
        return True
    if table.empty:
        return False
    options = {k: v for k, v in options.items() if k not in ("skipfooter", "converters")}
    options |= {"nrows": 1, "dtype": str, "parse_dates": False}
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("error", pd.errors.ParserWarning)
            with _opened(path, skip_line) as file:
                all_fields = pd.read_csv(file, **(options | {"index_col": False}))
    except pd.errors.ParserWarning:  # it would lose a field
        return True
    with _opened(path, skip_line) as file:
        return not all_fields.equals(pd.read_csv(file, **options))


def _too_wide(
    path: Any, settings: dict[str, Any], read: dict[str, Any], width: int, line: int, got: int
) -> GraphError:
    # Lines that are skipped make the row unknown; the line is right in any case.
    plain = not {"skiprows", "comment", "skipfooter"} & set(read)
    first = 0 if settings["header"] is None and not settings["names"] else 1
    return GraphError(
        str(path),
        f"the file is no table: line {line} has too many fields",
        row=line - 1 - first if plain else None,
        expected=f"{width} fields",
        got=f"{got} fields",
        fix="Check sep=, header= and names=, or pass read={...} for pandas.read_csv.",
    )


def _type_labels(table: pd.DataFrame, ends: list[Any], meta: dict[str, Any] | None) -> None:
    """Columns of labels as integers, if all of both are; decided by their distinct texts."""
    if not all(
        isinstance(table[end].dtype, (pd.StringDtype, np.dtypes.ObjectDType)) for end in ends
    ):
        return  # the caller's own dtype
    known = labels_from_json(meta.get("node_names")) if meta is not None else None
    if known is not None:
        numbers = {type(label) for label in known.tolist()} == {int}
        distinct: list[set[str]] = []
    else:
        distinct = [set(table[end].dropna().unique()) for end in ends]
        numbers = all(is_canonical(text) for texts in distinct for text in texts)
    if numbers:
        for end in ends:
            if not table[end].isna().any():
                table[end] = _integers(table[end])
        return
    texts = set().union(*distinct)
    blank = next((text for text in texts if text != text.strip() and text.strip() in texts), None)
    if blank is not None:
        raise GraphError(
            str(ends[0]),
            "labels differ in surrounding blanks only",
            got=f"{blank!r} and {blank.strip()!r}",
            fix="Pass read={'skipinitialspace': True}, or strip the labels.",
        )


def _integers(column: pd.Series) -> pd.Series:
    try:
        return column.astype(np.int64)
    except (ValueError, OverflowError):  # beyond 64 bits
        return pd.Series(label_values(column.map(int).to_list(), str(column.name)))


@contextmanager
def _opened(path: str | os.PathLike[str], skip_line: bool) -> Iterator[Any]:
    """What pandas reads: the path, or a file behind its first line."""
    if not skip_line:
        yield path
        return
    with _open(path, "rt") as file:
        file.readline()
        yield file


def _open(path: str | os.PathLike[str], mode: str) -> IO[str]:
    return _OPEN.get(Path(path).suffix, open)(path, mode, encoding="utf-8", newline="")


def _read_meta(path: str | os.PathLike[str]) -> dict[str, Any] | None:
    try:
        with _open(path, "rt") as file:
            if file.read(len(_MARK)) != _MARK:
                return None
            line = file.readline()
    except UnicodeDecodeError:
        return None  # another encoding, for which pandas has an option
    try:
        meta = json.loads(line)
    except (ValueError, RecursionError) as error:
        raise GraphError(str(path), f"its first line is damaged ({error})") from error
    meta = opened(meta, path)
    if not isinstance(meta.get("dates", False), bool):
        raise GraphError(str(path), "its first line is damaged", got=line[:40])
    return meta


def _check_labels(names: np.ndarray) -> None:
    """Refuse labels that a text file gives back as something else."""
    items = names.tolist()
    kinds = {type(item) for item in items}
    if kinds not in ({str}, {int}):
        raise GraphError(
            "node_names",
            "labels of these kinds cannot be told apart in text",
            expected="all text, or all whole numbers",
            got=", ".join(sorted(kind.__name__ for kind in kinds)),
            fix="Pass labels=False to write ids, or meta=False.",
        )
    if kinds == {int}:
        return
    bad = next((i for i, item in enumerate(items) if item == "" or "\0" in item), None)
    if bad is not None:
        raise GraphError(
            "node_names",
            "an empty label, or one with a NUL, cannot be read back from text",
            row=bad,
            got=repr(items[bad]),
            fix="Pass labels=False to write ids, or use g.save(folder).",
        )


def _quoted(options: dict[str, Any], names: np.ndarray | None) -> dict[str, Any]:
    """Quote all text if a label holds a carriage return, which ends a line otherwise."""
    if names is None or "quoting" in options:
        return options
    returns = any(isinstance(name, str) and "\r" in name for name in names.tolist())
    return options | {"quoting": csv.QUOTE_NONNUMERIC} if returns else options
