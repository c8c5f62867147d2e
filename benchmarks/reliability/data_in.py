"""Data in: arrays, frames and CSV files, against plain Python.

A graph that is built must hold what the rows say, sorted by time with ties in input order; what has
no right graph must be refused.
"""

from __future__ import annotations

import bz2
import csv
import gzip
import io
import lzma
import math
import re
from collections.abc import Callable
from datetime import datetime, timedelta, timezone
from typing import Any

import numpy as np
import pandas as pd
import torch

from benchmarks.reliability._case import REFUSED, RIGHT, Case, refused
from benchmarks.reliability._converted import edited_frames, networkx_graphs, pyg_objects
from benchmarks.reliability._graphs import LABELS, check_same, random_graph
from graphkit import TemporalGraph

_BIG = 2**53
_TIMES = [0, 1, 2, 3, -5, _BIG, _BIG + 1, 2**62, -(2**62), 2**63 - 1, -(2**63)]
_NOT_NUMBERS = [math.nan, math.inf, -math.inf]
_ID_DTYPES = ["int8", "int16", "int32", "int64", "uint8", "uint16", "uint32", "uint64", "float64"]


def arrays(case: Case) -> str:
    """Lists, arrays and tensors of every dtype, with and without a fault."""
    rows, nodes = case.draw.randint(1, 2 * case.size), case.draw.randint(1, 6)
    src, dst = ([case.draw.randrange(nodes) for _ in range(rows)] for _ in range(2))
    whole = case.chance(0.6)
    t: list[Any] = [_time(case, whole) for _ in range(rows)]
    weight: list[Any] = [case.draw.choice([0.0, 1.5, -2.0, 1e-30]) for _ in range(rows)]
    options: dict[str, Any] = {"num_nodes": nodes}
    reason = None
    if case.chance(0.5):
        reason = case.draw.choice(list(_ARRAY_FAULTS))
        _ARRAY_FAULTS[reason](case, src, dst, t, weight, options)
        if reason == "times are unsorted" and t == sorted(t):
            reason = None
    made = _container(case, src), _container(case, dst), _times(case, t)
    case.tell(src=made[0], dst=made[1], t=made[2], edge_weight=weight, fault=reason, **options)
    whole = all(type(value) is int for value in t)
    with refused(case, reason is not None, str(reason)) as message:
        graph = TemporalGraph(*made, edge_weight=weight, **options)
    if message:
        return REFUSED
    order = sorted(range(rows), key=lambda row: t[row])
    case.check(graph.src.tolist() == [int(src[i]) for i in order], f"src is {graph.src.tolist()}")
    case.check(graph.dst.tolist() == [int(dst[i]) for i in order], f"dst is {graph.dst.tolist()}")
    expected = [t[i] if whole else float(t[i]) for i in order]
    case.check(graph.t.tolist() == expected, f"t is {graph.t.tolist()}, not {expected}")
    kept = torch.tensor([weight[i] for i in order], dtype=graph.edge_weight.dtype).tolist()
    case.check(graph.edge_weight.tolist() == kept, f"weights are {graph.edge_weight.tolist()}")
    case.check(graph.num_nodes == nodes, f"num_nodes is {graph.num_nodes}")
    return RIGHT


def _put(values: list[Any], case: Case, *choices: Any) -> None:
    values[case.draw.randrange(len(values))] = case.draw.choice(choices)


_ARRAY_FAULTS: dict[str, Callable[..., Any]] = {
    "an id is negative": lambda c, s, d, t, w, o: _put(s, c, -1, -(2**63)),
    "an id is not below num_nodes": lambda c, s, d, t, w, o: _put(d, c, o["num_nodes"], 2**62),
    "an id is no integer": lambda c, s, d, t, w, o: _put(s, c, 0.5, math.nan, math.inf),
    "an id is beyond 64 bits": lambda c, s, d, t, w, o: _put(d, c, 2**63, 2**64 - 1),
    "a time is no number": lambda c, s, d, t, w, o: _put(t, c, *_NOT_NUMBERS),
    "a time is text": lambda c, s, d, t, w, o: _put(t, c, "3", "yesterday", None),
    "lengths differ": lambda c, s, d, t, w, o: c.draw.choice([s, d, t, w]).append(0),
    "a weight is no number": lambda c, s, d, t, w, o: _put(w, c, *_NOT_NUMBERS),
    "times are unsorted": lambda c, s, d, t, w, o: (c.draw.shuffle(t), o.update(sort=False)),
}


def _time(case: Case, whole: bool) -> int | float:
    if whole:
        return case.draw.choice(_TIMES) if case.chance(0.3) else case.draw.randrange(10)
    return case.draw.choice([0.5, -1.25, 1e300, 5e-324, 3.0, -0.0, 2.0**60])


def _container(case: Case, ids: list[Any]) -> Any:
    kind = case.draw.choice(["list", "tensor", "object", *_ID_DTYPES])
    if kind in ("tensor", *_ID_DTYPES):
        try:
            array = np.array(ids)
            cast = array.astype("int64" if kind == "tensor" else kind)
            if not all(int(a) == b for a, b in zip(cast.tolist(), ids)):
                return ids
        except (ValueError, OverflowError, TypeError):
            return ids
        return torch.from_numpy(cast) if kind == "tensor" else cast
    return np.array(ids, dtype=object) if kind == "object" else ids


def _times(case: Case, t: list[Any]) -> Any:
    ints = all(type(value) is int for value in t)
    kind = case.draw.choice(["list", "numpy", "tensor"])
    if kind == "list" or not all(type(value) in (int, float) for value in t):
        return t
    array = np.array(t, dtype=np.int64 if ints else np.float64)
    return array if kind == "numpy" else torch.from_numpy(array)


_ABSENT = [None, math.nan, pd.NA, pd.NaT]


def frames(case: Case) -> str:
    """Labels of every kind in pandas columns: each event ends at the nodes of its labels."""
    rows = case.draw.randint(1, 2 * case.size)
    pool = case.draw.choice(
        [[1, 2, 7, -1], [_BIG, _BIG + 1, 2**63 - 1], [2**63, 2**64 - 1, 3], ["a", "007", "7", "NA"],
         LABELS, LABELS]
    )  # fmt: skip
    ends = [[case.draw.choice(pool) for _ in range(rows)] for _ in range(2)]
    reason = None
    if case.chance(0.2):
        _put(ends[case.draw.randrange(2)], case, *_ABSENT)
        reason = "a label is missing"
    columns = [_series(case, end) for end in ends]
    times = [case.draw.randrange(5) for _ in range(rows)]
    table = pd.DataFrame({"u": columns[0], "v": columns[1], "t": times})
    bipartite = case.chance(0.25)
    case.tell(u=ends[0], v=ends[1], dtypes=[str(c.dtype) for c in columns], t=times)
    case.tell(bipartite=bipartite, fault=reason)
    with refused(case, reason is not None, str(reason)) as message:
        graph = TemporalGraph.from_pandas(table, "u", "v", "t", bipartite=bipartite)
    if message:
        return REFUSED
    order = sorted(range(rows), key=times.__getitem__)
    _check_labels(case, graph, [(ends[0][i], ends[1][i]) for i in order], bipartite)
    return RIGHT


def _series(case: Case, labels: list[Any]) -> pd.Series:
    """The labels in a column of some dtype that holds them exactly, or as objects."""
    for dtype in case.draw.sample(["category", "string", "Int64", "uint64", "int64", "UInt64"], 3):
        if dtype == "string" and not all(isinstance(label, str) for label in labels):
            continue
        if dtype.lower().endswith("int64") and not all(type(label) is int for label in labels):
            continue
        try:
            return pd.Series(labels, dtype=object).astype(dtype)
        except (ValueError, TypeError, OverflowError):
            continue
    return pd.Series(labels, dtype=object)


def _same(label: Any, name: Any) -> bool:
    return isinstance(label, (str, bytes)) == isinstance(name, (str, bytes)) and label == name


def _check_labels(
    case: Case, graph: TemporalGraph, pairs: list[tuple[Any, Any]], bipartite: bool = False
) -> None:
    """Whether every event ends at the nodes of its labels, and every label is one node."""
    names = graph.node_names
    for row, pair in enumerate(pairs):
        for side, ids in enumerate((graph.src, graph.dst)):
            node = int(ids[row])
            name = node if names is None else names[node]
            case.check(_same(pair[side], name), f"row {row}: {pair[side]!r} became {name!r}")
    if names is not None:
        kinds = graph.node_space.tolist() if bipartite else [False] * len(names)
        seen: list[tuple[Any, bool]] = []
        for name, kind in zip(names.tolist(), kinds):
            twice = any(_same(name, other) and kind == k for other, k in seen)
            case.check(not twice, f"{name!r} is two nodes")
            seen.append((name, kind))


_TEXTS = [
    "1", "7", "007", "+7", "-0", "a", "b", "NA", "null", "nan", "N/A", "1.0", "1e5", "é", "x,y",
    'q"q', "a;b", str(_BIG), str(_BIG + 1), str(2**63), "True", "#x", "\u00a0z", "0x1f",
]  # fmt: skip
_OPEN = {"": open, ".gz": gzip.open, ".bz2": bz2.open, ".xz": lzma.open}
_WHOLE = re.compile(r"-?(0|[1-9]\d*)")


def csv_files(case: Case) -> str:
    """CSV text of awkward labels, ragged rows and dates whose offset from UTC changes."""
    rows = case.draw.randint(1, 2 * case.size)
    pool = case.draw.choice([_TEXTS, ["1", "7", "12", str(2**62)], ["007", "7"], _TEXTS[:9]])
    table = [[case.draw.choice(pool), case.draw.choice(pool), ""] for _ in range(rows)]
    dates, written = case.chance(0.3), [_date(case) for _ in range(rows)]
    for row, (text, _) in zip(table, written):
        row[2] = text if dates else str(case.draw.choice([3, 0, -2, _BIG + 1, 1.5][: 4 + rows % 2]))
    reason = None
    if case.chance(0.35):
        reason = case.draw.choice(["too wide", "too narrow", "no label", "no time", "all too wide"])
        row = case.draw.choice(table)
        if reason == "too wide":
            row.append("99")
        elif reason == "all too wide":
            for each in table:
                each.append("99")
        elif reason == "too narrow":
            del row[2]
        else:
            row[0 if reason == "no label" else 2] = ""
    sep = case.draw.choice([",", ";", "\t"])
    text = io.StringIO()
    end = case.draw.choice(["\n", "\r\n"])
    csv.writer(text, delimiter=sep, lineterminator=end).writerows([["src", "dst", "t"], *table])
    suffix = case.draw.choice(list(_OPEN))
    path = case.folder / f"events.csv{suffix}"
    with _OPEN[suffix](path, "wb") as file:
        file.write((b"\xef\xbb\xbf" if case.chance(0.1) else b"") + text.getvalue().encode())
    case.tell(rows=table, sep=sep, suffix=suffix, dates=dates, fault=reason)
    with refused(case, reason is not None, str(reason)) as message:
        graph = TemporalGraph.from_csv(path, sep=sep, dates=dates)
    if message:
        return REFUSED
    if dates:
        times = [moment for _, moment in written]
        got = [_moment(tick, str(graph.time_unit)) for tick in graph.t.tolist()]
    else:
        whole = all(_WHOLE.fullmatch(row[2]) for row in table)
        times = [int(row[2]) if whole else float(row[2]) for row in table]
        got = graph.t.tolist()
    order = sorted(range(rows), key=times.__getitem__)
    case.check(got == [times[i] for i in order], f"times are {got}")
    labels = [row[:2] for row in table]
    if all(_WHOLE.fullmatch(x) and x != "-0" and abs(int(x)) < 2**63 for p in labels for x in p):
        labels = [[int(a), int(b)] for a, b in labels]
    _check_labels(case, graph, [tuple(labels[i]) for i in order])
    return RIGHT


def _date(case: Case) -> tuple[str, datetime]:
    """A moment, written with one of several offsets."""
    moment = datetime(2024, 3, 31, tzinfo=timezone.utc)
    moment += timedelta(minutes=case.draw.randrange(0, 6000, 15))
    if case.chance(0.3):
        moment += timedelta(milliseconds=case.draw.randrange(1000))
    offset = case.draw.choice([0, 60, 120, -330, 345])
    return moment.astimezone(timezone(timedelta(minutes=offset))).isoformat(), moment


def _moment(tick: int, unit: str) -> datetime:
    per_second = {"s": 1, "ms": 10**3, "us": 10**6, "ns": 10**9}[unit]
    microseconds = tick * 10**6 // per_second
    return datetime(1970, 1, 1, tzinfo=timezone.utc) + timedelta(microseconds=microseconds)


def round_trips(case: Case) -> str:
    """Any graph through CSV with its facts, a folder, Arrow and pandas: the same columns."""
    graph, labels = random_graph(case)
    kind = case.draw.choice(["csv", "csv.gz", "folder", "arrow", "parquet", "pandas"])
    case.tell(src=graph.src.tolist(), dst=graph.dst.tolist(), t=graph.t.tolist(), names=labels)
    case.tell(through=kind)
    with refused(case, False) as message:
        if kind == "pandas":
            again = TemporalGraph.from_pandas(graph.to_pandas(), "src", "dst", "t")
        elif kind.startswith("csv"):
            path = case.folder / f"graph.{kind}"
            graph.to_csv(path, meta=True)
            again = TemporalGraph.from_csv(path)
        else:
            path = case.folder / ("graph" if kind == "folder" else f"graph.{kind}")
            graph.save(path)
            again = TemporalGraph.open(path, verify=True)
    if message:
        return REFUSED
    check_same(case, graph, again)
    return RIGHT


def node_tables(case: Case) -> str:
    """Tables of nodes and of readings whose rows and columns are in another order than the ids."""
    nodes = case.draw.randint(2, 3 + case.size)
    pool = case.draw.choice([[f"n{i}" for i in range(nodes)], list(range(100, 100 + nodes))])
    labels = case.draw.sample(pool, nodes)
    rows = case.draw.randint(nodes, 3 * nodes)
    pairs = [(a, case.draw.choice(labels)) for a in labels]
    pairs += [(case.draw.choice(labels), case.draw.choice(labels)) for _ in range(rows - nodes)]
    events = pd.DataFrame(pairs, columns=["u", "v"])
    value = {label: case.draw.uniform(-5, 5) for label in labels}
    order = case.draw.sample(labels, nodes)
    bad = case.draw.choice([None, None, "missing", "twice", "unknown"])
    index = list(order)
    if bad == "missing":
        index = index[1:]
    elif bad == "twice":
        index[0] = index[-1]
    elif bad == "unknown":
        index[0] = "nobody"
    x = pd.DataFrame({"a": [value.get(i, 0.0) for i in index]}, index=index)
    readings = pd.DataFrame({label: [value[label], -value[label]] for label in order})
    case.tell(pairs=pairs, index=index, columns=order, fault=bad)
    with refused(case, bad is not None, f"a label of x is {bad}") as message:
        graph = TemporalGraph.from_pandas(
            events, "u", "v", None, x=x, signal=readings, float_dtype=torch.float64
        )
    if message:
        return REFUSED
    for node, name in enumerate(graph.node_names.tolist()):
        case.check(float(graph.x[node, 0]) == value[name], f"x of {name!r} is another's")
        case.check(
            graph.signal[:, node, 0].tolist() == [value[name], -value[name]],
            f"readings of {name!r} are another's",
        )
    return RIGHT


def features(case: Case) -> str:
    """Feature columns of mixed types: kept to the last bit, or refused."""
    rows = case.draw.randint(1, 2 * case.size)
    kinds = [case.draw.choice(["int", "float", "big", "bool", "bad", "text"]) for _ in range(2)]
    draw: dict[str, Callable[[], Any]] = {
        "int": lambda: case.draw.randrange(100),
        "float": lambda: case.draw.uniform(-1, 1),
        "big": lambda: case.draw.choice([_BIG, _BIG + 1, 2**62 + 1]),
        "bool": lambda: case.chance(0.5),
        "bad": lambda: case.draw.choice([1.0, *_NOT_NUMBERS]),
        "text": lambda: case.draw.choice(["3", "x"]),
    }
    columns = [[draw[kind]() for _ in range(rows)] for kind in kinds]
    table = pd.DataFrame({"u": 0, "v": 1, "f0": columns[0], "f1": columns[1]})
    case.tell(f0=columns[0], f1=columns[1])
    flat = [value for column in columns for value in column]
    bad = any(isinstance(v, float) and not math.isfinite(v) for v in flat)
    with refused(case, bad, "a feature is not finite") as message:
        graph = TemporalGraph.from_pandas(
            table, "u", "v", None, edge_attr=["f0", "f1"], float_dtype=None
        )
    if message:
        return REFUSED
    got = graph.edge_attr.tolist()
    for row in range(rows):
        for at in range(2):
            value = got[row][at]
            case.check(
                not isinstance(columns[at][row], str) and value == columns[at][row],
                f"row {row}: {columns[at][row]!r} became {value!r}",
            )
    return RIGHT


def between(case: Case) -> str:
    """Slices by time, up to the limits of 64 bits."""
    rows = case.draw.randint(1, 2 * case.size)
    t = sorted(_time(case, True) for _ in range(rows))
    bounds = [
        case.draw.choice([None, *t, t[0] - 1, t[-1] + 1, 2**64, 0.5, float(_BIG), math.inf])
        for _ in range(2)
    ]
    graph = TemporalGraph([0] * rows, [1] * rows, t)
    case.tell(t=t, bounds=bounds)
    with refused(case, False) as message:
        got = graph.between(*bounds).t.tolist()
    if message:
        return REFUSED
    low = -math.inf if bounds[0] is None else bounds[0]
    high = math.inf if bounds[1] is None else bounds[1]
    expected = [x for x in t if low <= x < high]
    case.check(got == expected, f"{got}, not {expected}")
    return RIGHT


KINDS = {
    "arrays": arrays,
    "frames": frames,
    "csv_files": csv_files,
    "round_trips": round_trips,
    "edited_frames": edited_frames,
    "networkx_graphs": networkx_graphs,
    "pyg_objects": pyg_objects,
    "node_tables": node_tables,
    "features": features,
    "between": between,
}
