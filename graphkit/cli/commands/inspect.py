"""Show what the columns of a table look like, what would be refused, and how to train on it."""

from __future__ import annotations

import argparse
from pathlib import Path
from typing import TYPE_CHECKING

from graphkit.cli.parser import separator

if TYPE_CHECKING:
    import pandas as pd

    from graphkit.cli.columns import ColumnLook
    from graphkit.cli.layout import Layout

__all__ = ["add_arguments", "run"]

_SEPARATORS = (",", ";", "\t", "|")


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Add the arguments of ``graphkit inspect``."""
    add = parser.add_argument
    add("file", type=Path, metavar="FILE", help="CSV (also .gz, .bz2, .xz) or Parquet")
    add("--sep", type=separator, help="what parts two fields: ';', tab (default: as it looks)")


def run(args: argparse.Namespace) -> int:
    """Print a line per column, the problems and the command; return 2 if there are problems."""
    from graphkit.cli.columns import look_at
    from graphkit.cli.layout import guess_layout
    from graphkit.cli.tables import is_parquet, read_table

    sep = args.sep or ("," if is_parquet(args.file) else _separator(args.file))
    frame = read_table(args.file, sep=sep, index=True)
    looks = [look_at(frame[name]) for name in frame.columns]
    layout = guess_layout(looks, len(frame), sep)
    ends = (layout.columns.src, layout.columns.dst) if layout.kind == "events" else ()
    if not is_parquet(args.file) and any(look.name in ends and look.missing for look in looks):
        frame = read_table(args.file, sep=sep, text=ends)  # NA and null are labels in these columns
        looks = [look_at(frame[name]) for name in frame.columns]
    print(f"{args.file}: {len(frame):,} rows, {len(looks)} columns\n")
    print("\n".join(_table(looks)))
    print("\nRows are counted from 0, the first below the header.\n")
    print("\n".join(_roles(layout)))
    problems = _problems(args.file, frame, layout)
    if problems:
        print("\ntrain would refuse:")
        print("\n".join(f"  {problem}" for problem in problems))
    if not layout.missing:
        lead = "Once that is changed, train with" if problems else "Train with"
        print(f"\n{lead}:\n  {layout.command(args.file, sep)}")
    return 2 if problems else 0


def _separator(path: Path) -> str:
    """The separator that occurs most often in the first line."""
    from graphkit.cli.tables import first_line

    return max(_SEPARATORS, key=first_line(path).count)


def _table(looks: list[ColumnLook]) -> list[str]:
    from graphkit.cli.columns import KINDS

    head = ("column", "kind", "distinct", "missing", "first bad row", "values", "")
    rows = [head]
    for look in looks:
        unit = f" ({look.unit})" if look.unit else ""
        between = " to " if look.kind in ("ids", "numbers", "times", "dates") else ", "
        values = [v for v in dict.fromkeys((look.low, look.high)) if v]
        rows.append(
            (
                look.name,
                KINDS[look.kind] + unit,
                f"{look.distinct:,}",
                f"{look.missing:,}",
                "" if look.bad_row is None else str(look.bad_row),
                between.join(values),
                look.note,
            )
        )
    widths = [max(len(row[i]) for row in rows) for i in range(len(head))]
    return ["  ".join(c.ljust(w) for c, w in zip(row, widths)).rstrip() for row in rows]


def _roles(layout: Layout) -> list[str]:
    c = layout.columns
    if layout.kind == "readings":
        return [f"It looks like readings: one row per time ({c.time}), one column per sensor."]
    found = {"src": c.src, "dst": c.dst, "time": c.time}
    said = ", ".join(f"{role} = {name}" for role, name in found.items()
                     if role not in layout.missing)  # fmt: skip
    lines = [f"It looks like events: {said}." if said else "It looks like nothing known."]
    if c.bipartite:
        lines.append("Sources and destinations look like different things (--bipartite).")
    if c.edge_attr:
        lines.append(f"Features of events: {', '.join(c.edge_attr)}.")
    lines += [f"Not used: {name} ({why})." for name, why in layout.left_out]
    return lines


def _problems(path: Path, frame: pd.DataFrame, layout: Layout) -> list[str]:
    """Problems that training on the table would report, with the same messages."""
    from dataclasses import replace

    from graphkit import LinkPrediction
    from graphkit.cli.graphs import events_graph, readings_graph
    from graphkit.errors import GraphError
    from graphkit.tasks import Forecast

    if layout.missing:
        wanted = {"src": "sources", "dst": "destinations", "time": "times"}
        return [f"no column looks like {wanted[role]}: name it with --{role}"
                for role in layout.missing]  # fmt: skip
    if layout.kind == "readings":
        steps = ((lambda: Forecast(readings_graph(path, layout.columns))),)
    else:
        bare = replace(layout.columns, edge_attr=(), edge_weight=None)
        extra = [replace(bare, edge_attr=(name,)) for name in layout.columns.edge_attr]
        if layout.columns.edge_weight:
            extra.append(replace(bare, edge_weight=layout.columns.edge_weight))
        steps = (
            (lambda: LinkPrediction(events_graph(path, bare))),
            *((lambda one=one: events_graph(path, one)) for one in extra),
        )
    problems = []
    for step in steps:
        try:
            step()
        except GraphError as error:
            problems.append(" ".join(str(error).split()))
    return list(dict.fromkeys(problems))
