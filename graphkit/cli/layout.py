"""Guesses how to train on a table: which columns are ends and times, or readings of sensors."""

from __future__ import annotations

import shlex
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from graphkit.cli.columns import ColumnLook, words
from graphkit.cli.graphs import TableColumns

__all__ = ["Layout", "guess_layout"]

_SRC = {"src", "source", "from", "sender", "user", "u", "author", "customer", "caller", "person",
        "head", "account", "i", "subject"}  # fmt: skip
_DST = {"dst", "dest", "destination", "target", "to", "receiver", "recipient", "item", "v", "movie",
        "product", "callee", "tail", "j", "object", "business", "song", "page"}  # fmt: skip
_THINGS = ({"user", "customer", "person", "author", "account"},
           {"item", "movie", "product", "business", "song", "page"})  # fmt: skip
_ENDS = ("ids", "labels", "mixed", "classes")
_TIMES = ("dates", "texts of dates", "times")
_WEIGHTS = {"weight", "weights"}


@dataclass(frozen=True)
class Layout:
    """Guessed layout of a table.

    Attributes:
        kind: ``"events"``, ``"readings"``, or ``"unknown"``.
        columns: How to read the table, as far as roles were found.
        missing: Roles without a column, out of ``"src"``, ``"dst"``, ``"time"``.
        left_out: Unused columns, each with the reason.
    """

    kind: str
    columns: TableColumns
    missing: tuple[str, ...] = ()
    left_out: tuple[tuple[str, str], ...] = ()

    def command(self, path: Path, sep: str = ",", out: str = "model/") -> str:
        """The command that trains on the table."""
        c = self.columns
        line = ["graphkit", "train", str(path)]
        if self.kind == "readings":
            line += ["--task", "forecast", "--model", "linear"]
        else:
            line += ["--src", c.src, "--dst", c.dst]
        line += ["--time", c.time]
        if c.edge_attr:
            line += ["--edge-attr", ",".join(c.edge_attr)]
        if c.edge_weight:
            line += ["--edge-weight", c.edge_weight]
        line += ["--bipartite"] * c.bipartite + ["--dates"] * c.dates
        if c.time_unit:
            line += ["--time-unit", c.time_unit]
        if sep != ",":
            line += ["--sep", {"\t": "tab", " ": "space"}.get(sep, sep)]
        return shlex.join([*line, "--out", out])


def guess_layout(looks: Sequence[ColumnLook], num_rows: int, sep: str = ",") -> Layout:
    """Guess the roles of columns from their names and contents.

    Args:
        looks: Descriptions of the columns, in their order.
        num_rows: Number of rows of the table.
        sep: Separator of fields, stored in the layout.
    """
    time = _named(looks, _TIMES, None) or _first(looks, _TIMES)
    rest = [look for look in looks if look is not time]
    src, dst = _named(rest, _ENDS, _SRC), _named(rest, _ENDS, _DST)
    ends = [look for look in rest if look.kind in _ENDS]
    # Exactly two integer columns among numbers are ends; none or more than two are readings.
    wide = time is not None and src is None and dst is None and len(ends) != 2 and len(rest) > 1
    if wide and time.distinct == num_rows and all(map(_numeric, rest)):
        return Layout("readings", _columns(time, sep=sep))
    src = src or next((look for look in ends if look is not dst), None)
    dst = dst or next((look for look in ends if look is not src), None)
    roles = {"src": src, "dst": dst, "time": time}
    missing = tuple(role for role, look in roles.items() if look is None)
    if missing:
        kind = "unknown" if src is None or dst is None else "events"
        return Layout(kind, _columns(time, src, dst, sep=sep), missing)
    used, left_out, weight = [], [], None
    for look in rest:
        if look in (src, dst):
            continue
        if words(look.name) & _WEIGHTS and look.kind in ("numbers", "ids", "classes"):
            weight = look.name
            continue
        why = _why_not(look)
        if why is None:
            used.append(look.name)
        else:
            left_out.append((look.name, why))
    columns = _columns(time, src, dst, tuple(used), weight, sep)
    return Layout("events", columns, (), tuple(left_out))


def _columns(
    time: ColumnLook | None,
    src: ColumnLook | None = None,
    dst: ColumnLook | None = None,
    edge_attr: tuple[str, ...] = (),
    weight: str | None = None,
    sep: str = ",",
) -> TableColumns:
    dated = time is not None and time.kind in ("dates", "texts of dates")
    things = src is not None and dst is not None and (
        bool(words(src.name) & _THINGS[0]) and bool(words(dst.name) & _THINGS[1])
    )  # fmt: skip
    return TableColumns(
        src=src.name if src else "src",
        dst=dst.name if dst else "dst",
        time=time.name if time else "t",
        edge_attr=edge_attr,
        edge_weight=weight,
        bipartite=things,
        sep=sep,
        dates=dated,
        time_unit=time.unit if time and not dated and time.unit not in (None, "s") else None,
    )


def _named(
    looks: Sequence[ColumnLook], kinds: Sequence[str], names: set[str] | None
) -> ColumnLook | None:
    """The column whose name contains the most of the given words; times are also found by kind."""
    found = [look for look in looks if look.kind in kinds]
    if names is None:
        whole = [look for look in found if look.name.lower() in ("t", "ts", "time", "timestamp")]
        return whole[0] if whole else None
    scored = [
        (len(words(look.name) & names) / len(words(look.name) or {""}), look) for look in found
    ]
    best = max((score for score, _ in scored), default=0)
    return next((look for score, look in scored if score == best and best > 0), None)


def _first(looks: Sequence[ColumnLook], kinds: Sequence[str]) -> ColumnLook | None:
    return next((look for kind in kinds for look in looks if look.kind == kind), None)


def _why_not(look: ColumnLook) -> str | None:
    """Reason why a column cannot be a feature of events; ``None`` if it can."""
    if look.kind == "empty":
        return "it is empty"
    if not _numeric(look):
        return "not numbers; encode it as numbers to use it"
    if look.bad_row is not None:
        return f"row {look.bad_row} has no number"
    if look.distinct < 2:
        return "it has one value only"
    return None


def _numeric(look: ColumnLook) -> bool:
    if look.kind not in ("numbers", "ids", "classes", "times"):
        return False
    try:
        float(look.low)
    except ValueError:
        return False
    return True
