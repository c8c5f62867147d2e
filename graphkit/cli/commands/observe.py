"""Let a saved model observe events or readings that have happened, and save its state."""

from __future__ import annotations

import argparse
from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any

from graphkit.cli import fitted

if TYPE_CHECKING:
    import pandas as pd

    from graphkit.engine.predictor import Predictor

__all__ = ["add_arguments", "run"]


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Add the arguments of ``graphkit observe``."""
    fitted.add_model(parser)
    add = parser.add_argument
    add("input", type=Path, metavar="INPUT", help="CSV, Parquet, or the folder of a saved graph")
    add("--nodes", type=Path, metavar="FILE", help="features of new nodes, one row per label, the"
        " labels in the first column")  # fmt: skip
    add("--late", choices=["raise", "drop", "insert"], help="what becomes of rows before the last"
        " one observed (default: raise, which observes nothing)")  # fmt: skip
    fitted.add_gaps(parser)
    fitted.add_table(parser)


def run(args: argparse.Namespace) -> int:
    """Observe, save and report the counts; the folder is replaced as a whole or not at all."""
    predictor = fitted.open_predictor(args)
    table = fitted.read_input(predictor, args.input, args.sep)
    options = {"late": args.late, "gaps": args.gaps, "time_unit": args.time_unit}
    if args.nodes is not None:
        options["nodes"] = _features(predictor, args.nodes, args.sep)
    seen = fitted.ask(predictor, "observe", table, **options)
    predictor.save(args.model)
    print("\n".join([*_lines(seen._asdict()), f"model: {args.model}"]))
    return 0


def _lines(seen: Mapping[str, Any]) -> list[str]:
    """Report of the observed counts: the first one, and the others if they are not zero."""
    lines = []
    for name, value in seen.items():
        text = f"{value:,}" if isinstance(value, int) else ", ".join(map(str, value[:5]))
        if not isinstance(value, int) and len(value) > 5:
            text += f", ... ({len(value):,})"
        if value or not lines:
            lines.append(f"{name.replace('_', ' ')}: {text}")
    return lines


def _features(predictor: Predictor, path: Path, sep: str) -> pd.DataFrame:
    """Read a table of nodes with its first column as the index."""
    from graphkit.cli.tables import is_parquet, read_table

    frame = read_table(path, sep=sep, index=True)
    name = frame.columns[0]
    if not is_parquet(path):
        labels = read_table(path, sep=sep, text=(name,))[name].tolist()
        frame[name] = fitted.node_labels(predictor, labels, str(name))
    return frame.set_index(name)
