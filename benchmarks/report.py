"""Write the tables of README and docs from the records in benchmarks/results."""

from __future__ import annotations

import argparse
import difflib
import json
import re
import sys
from pathlib import Path
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from graphkit.engine import Result

ROOT = Path(__file__).resolve().parent.parent
RESULTS = ROOT / "benchmarks" / "results"

# <!-- report: link_pred_collegemsg --> ... <!-- /report -->: the table of the record of that name;
# with "brief" behind the name, four columns of it.
_BLOCK = re.compile(
    r"(?P<open><!-- report: *(?P<name>[\w.-]+)(?P<brief> +brief)? *-->\n)"
    r"(?P<body>.*?)(?P<close><!-- /report -->)",
    re.DOTALL,
)


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Arguments of ``run.py report``."""
    parser.add_argument(
        "files", nargs="*", metavar="FILE", help="Markdown files (default: README.md, docs/**.md)"
    )
    parser.add_argument(
        "--check", action="store_true", help="change nothing; exit code 1 if a table is out of date"
    )


def run(args: argparse.Namespace) -> int:
    """Bring every marked table up to date; 1 with ``--check`` if one was not."""
    from graphkit.files import write_text

    files = [Path(f) for f in args.files] or [
        ROOT / "README.md",
        *sorted(ROOT.glob("docs/**/*.md")),
    ]
    stale = []
    for path in files:
        if not path.exists() and not args.files:
            continue
        text = path.read_text(encoding="utf-8")
        new = filled(text)
        if new == text:
            continue
        stale.append(path)
        if not args.check:
            write_text(path, new)
    verb = "out of date" if args.check else "written"
    for path in stale:
        print(f"{verb}: {path}")
    if not stale:
        print("every table is up to date")
    if stale and args.check:
        print("Run: python benchmarks/run.py report", file=sys.stderr)
    return int(bool(stale and args.check))


def filled(text: str, folder: Path = RESULTS) -> str:
    """A Markdown text with every marked table made from its record.

    Raises:
        GraphError: A marker names a record that is not there, or a file is not a record.
    """

    def replace(match: re.Match[str]) -> str:
        body = "\n".join(rendered(match["name"], folder, brief=bool(match["brief"])))
        return f"{match['open']}{body}\n{match['close']}"

    return _BLOCK.sub(replace, text)


def rendered(name: str, folder: Path = RESULTS, brief: bool = False) -> list[str]:
    """The lines of one table: title, table, footnotes; with `brief` four columns and no more."""
    from benchmarks.encoders import SCHEMA as ENCODERS
    from benchmarks.speed import SCHEMA as SPEED
    from graphkit.engine.result import SCHEMA as RESULT
    from graphkit.errors import GraphError

    path = folder / f"{name}.json"
    if not path.exists():
        known = sorted(p.stem for p in folder.glob("*.json"))
        close = difflib.get_close_matches(name, known, n=1)
        raise GraphError(
            "report",
            f"there is no record {path.name} in benchmarks/results",
            fix=f"Did you mean {close[0]!r}?" if close else f"There are: {', '.join(known)}.",
        )
    record = json.loads(path.read_text(encoding="utf-8"))
    kinds = {r.get("schema") for r in (record if isinstance(record, list) else [record])}
    if brief and kinds == {RESULT}:
        return _brief(path)
    makers = {
        RESULT: lambda: _results(path),
        SPEED: lambda: _speed(record),
        ENCODERS: lambda: _encoders(record),
    }
    if len(kinds) != 1 or not kinds <= set(makers):
        raise GraphError("report", f"{path.name} is not a record", expected=" or ".join(makers))
    return makers[kinds.pop()]()


def _brief(path: Path) -> list[str]:
    from benchmarks._tables import brief
    from graphkit.engine import load_results

    return brief(load_results(path))


def _results(path: Path) -> list[str]:
    from benchmarks._tables import FIRST, comparison, fold, title
    from graphkit.engine import load_results

    results = load_results(path)
    if results[0].task == "reliability":
        return _reliability(results)
    head, rows, notes = comparison(results)
    versions = results[0].versions
    table = fold(head, rows, FIRST.get(results[0].task, ()))
    lines = [f"*{'. '.join(line for line in title(results) if line)}.*", "", *table]
    made = ", ".join(f"{k} {versions[k]}" for k in ("graphkit", "torch") if k in versions)
    return [*lines, "", *[f"{note}.  " for note in notes], f"Made with {made}."]


def _reliability(results: list[Result]) -> list[str]:
    from benchmarks._tables import markdown
    from benchmarks.reliability import HEAD, rows

    minutes = sum(result.timing["run_s"] for result in results) / 60
    versions = results[0].versions
    return [
        f"*Seed {results[0].seed}, {minutes:.1f} minutes on one thread.*",
        "",
        *markdown(HEAD, rows(results)),
        "",
        f"Made with graphkit {versions['graphkit']}, torch {versions['torch']}.",
    ]


def _encoders(record: dict[str, Any]) -> list[str]:
    from benchmarks._tables import FIRST, fold
    from benchmarks.encoders import about, tables

    folded = [fold(head, rows, FIRST["encoders"]) for head, rows in tables(record)]
    return [f"*{about(record)}*", *(line for table in folded for line in ("", *table))]


def _speed(record: dict[str, Any]) -> list[str]:
    from benchmarks._tables import markdown
    from benchmarks.speed import HEAD, cells

    size = ", quick sizes" if record["quick"] else ""
    return [
        f"*torch {record['versions']['torch']}, {record['threads']} thread(s){size}, medians.*",
        "",
        *markdown(HEAD, [cells(row) for row in record["rows"]]),
    ]
