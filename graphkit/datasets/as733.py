"""AS-733: the internet's autonomous systems, one undirected graph per day, in one archive."""

from __future__ import annotations

import io
import re
from datetime import date
from pathlib import Path

import numpy as np
import pandas as pd

from graphkit.datasets.files import BROKEN, members, mend
from graphkit.datasets.source import Events, Source, compact, dataset
from graphkit.datasets.table import Layout, diagnose
from graphkit.errors import GraphError

__all__ = ["SOURCE", "parse"]

LAYOUT = Layout({"src": "int", "dst": "int"}, comment="#")
_DAY = re.compile(r"as(\d{4})(\d\d)(\d\d)\.txt")
_HEADER = re.compile(rb"# Nodes:\s*(\d+)\s+Edges:\s*(\d+)")
_MAX_LABEL = (1 << 24) - 1  # numbers of autonomous systems had 16 bits in those years
_DAY_ZERO = date(1970, 1, 1).toordinal()

SOURCE = Source(
    name="as733",
    title="Peering of autonomous systems of the internet on 733 days (AS-733).",
    file="as-733.tar.gz",
    urls=("https://snap.stanford.edu/data/as-733.tar.gz",),
    home="https://snap.stanford.edu/data/as-733.html",
    licence="SNAP states none; asks for citation.",
    citation="Leskovec, Kleinberg, Faloutsos: Graphs over Time: Densification Laws, Shrinking "
    "Diameters and Possible Explanations. KDD 2005.",
    num_nodes=7_716,
    notes="The events of a day are its edges; t: 00:00 UTC of the day in Unix seconds (int64). "
    "Days are missing: 733 days within 786. Use g.snapshots(every='1d').",
)


def parse(path: Path, source: Source, *, both_directions: bool = False) -> Events:
    """Every undirected edge once a day, from the lower to the higher label, sorted by both.

    Args:
        both_directions: Give each edge a second event the other way round (self loops excepted).
    """
    keys, days, count = [], [], []
    member = None
    try:
        for member, handle in members(path, "as*.txt"):
            match = _DAY.fullmatch(member)
            if match is None:
                raise GraphError(
                    path.name, "a member is not a day", expected="asYYYYMMDD.txt", got=member
                )
            edges = _read_day(path, member, handle.read())
            keys.append(edges)
            days.append(date(*map(int, match.groups())).toordinal() - _DAY_ZERO)
            count.append(len(edges))
    except BROKEN as error:
        raise GraphError(
            path.name,
            f"the archive ends early or is damaged after {member} ({error})",
            row=len(keys) + 1,
            expected="733 members asYYYYMMDD.txt",
            fix=mend(path),
        ) from error
    if not keys:
        raise GraphError(path.name, "the archive has no days", expected="members asYYYYMMDD.txt")
    key = np.concatenate(keys)
    t = np.repeat(np.array(days, dtype=np.int64) * 86_400, count)
    low, high = key >> 32, key & 0xFFFFFFFF
    if both_directions:
        back = low != high
        low, high = np.concatenate([low, high[back]]), np.concatenate([high, low[back]])
        t = np.concatenate([t, t[back]])
    (src, dst), labels = compact(low, high)
    return Events(src, dst, t, labels)


def _read_day(path: Path, member: str, text: bytes) -> np.ndarray:
    """The undirected edges of a day as sorted ``low << 32 | high``."""
    try:
        frame = pd.read_csv(
            io.BytesIO(text), sep=r"\s+", comment="#", header=None, names=[0, 1], dtype=np.int64
        )
    except ValueError as error:
        diagnose(path, LAYOUT, member, error)
    rows = frame.to_numpy()
    if rows.min(initial=0) < 0 or rows.max(initial=0) > _MAX_LABEL:
        raise GraphError(
            f"{path.name}: {member}",
            "a label is out of range",
            expected=f"0..{_MAX_LABEL}",
            got=f"{rows.min()}..{rows.max()}",
            fix=mend(path),
        )
    header = _HEADER.search(text)
    if header is not None:
        # "Edges:" is half the number of rows: an edge has two, a self loop one.
        expected = (int(header[1]), int(header[2]))
        got = (int(np.count_nonzero(np.bincount(rows.reshape(-1)))), len(rows) // 2)
        if got != expected:
            raise GraphError(
                f"{path.name}: {member}",
                "the rows are not what the header announces (cut short?)",
                row=text.count(b"\n"),
                expected=f"{expected[0]} nodes and {2 * expected[1]} rows or one more",
                got=f"{got[0]} nodes and {len(rows)} rows",
                fix=mend(path),
            )
    edges = np.sort(rows.min(axis=1) << 32 | rows.max(axis=1))
    return edges[np.flatnonzero(np.diff(edges, prepend=-1))]


dataset(SOURCE, parse)
