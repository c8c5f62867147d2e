"""Time the hot paths beside the obvious baselines, in one process, alternating.

Every module of this package that has ``run(quick: bool) -> list[dict]`` is a benchmark. Each row
has ``name``, ``ours_s``, ``baseline_s`` (or ``None``), ``ratio`` (baseline over ours, or what the
target is about), ``target``, ``unit`` and ``note``.
"""

from __future__ import annotations

import argparse
import importlib
import json
import pkgutil
import sys
import traceback
from typing import Any

SCHEMA = "graphkit.speed/1"


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Arguments of ``run.py speed``."""
    parser.add_argument("--only", metavar="NAME", help="benchmarks whose name contains this")
    parser.add_argument("--quick", action="store_true", help="small sizes, to see that it works")
    parser.add_argument("--threads", type=int, default=1, help="CPU threads of torch (default: 1)")
    parser.add_argument("--json", metavar="PATH", help="also write the rows as JSON")


def benchmarks() -> list[str]:
    """Names of the benchmarks in this package."""
    return [i.name for i in pkgutil.iter_modules(__path__) if not i.name.startswith("_")]


def run(args: argparse.Namespace) -> int:
    """Run the benchmarks, print the table; 1 if one of them failed."""
    import torch

    from graphkit.engine.environment import versions
    from graphkit.engine.result import table
    from graphkit.errors import UnknownNameError
    from graphkit.files import write_text

    chosen = [n for n in benchmarks() if args.only is None or args.only in n]
    if not chosen:
        raise UnknownNameError("speed benchmark", args.only, benchmarks())
    torch.set_num_threads(args.threads)
    rows: list[dict[str, Any]] = []
    failed = []
    for name in chosen:
        print(f"{name} ...", file=sys.stderr, flush=True)
        try:
            found = importlib.import_module(f"{__name__}.{name}").run(args.quick)
        except Exception:  # one broken benchmark must not hide the others
            traceback.print_exc()
            failed.append(name)
            continue
        finally:
            torch.set_num_threads(args.threads)
        rows += [{"benchmark": name, **row} for row in found]
    print("\n".join(table(HEAD, [cells(row) for row in rows])))
    print(f"threads {args.threads}{', quick sizes' if args.quick else ''}; medians")
    if args.json:
        record = {
            "schema": SCHEMA,
            "versions": versions(),
            "threads": args.threads,
            "quick": args.quick,
            "rows": rows,
        }
        print(f"JSON: {write_text(args.json, json.dumps(record, indent=2) + chr(10))}")
    if failed:
        print(f"failed: {', '.join(failed)}", file=sys.stderr)
    return 1 if failed else 0


HEAD = ["what", "graphkit", "baseline", "ratio", "target", "note"]


def cells(row: dict[str, Any]) -> list[str]:
    target = row.get("target")
    return [
        row["name"],
        amount(row.get("ours_s"), row.get("unit", "s")),
        amount(row.get("baseline_s"), row.get("unit", "s")),
        "–" if row.get("ratio") is None else f"{row['ratio']:.2f}x",
        "–" if target is None else str(target),
        str(row.get("note") or ""),
    ]


def amount(value: float | None, unit: str) -> str:
    """Seconds, or a whole number of something else."""
    if value is None or unit == "s":
        return seconds(value)
    return f"{value:,.0f} {unit}"


def seconds(value: float | None) -> str:
    """A span in the unit that reads best."""
    if value is None:
        return "–"
    for factor, unit in ((1, "s"), (1e3, "ms")):
        if value * factor >= 1:
            return f"{value * factor:.3g} {unit}"
    return f"{value * 1e6:.3g} µs"
