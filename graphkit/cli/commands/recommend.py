"""Rank the best destinations of some nodes with a saved model."""

from __future__ import annotations

import argparse
from pathlib import Path
from typing import TYPE_CHECKING

from graphkit.cli import fitted

if TYPE_CHECKING:
    from graphkit.engine.predictor import Predictor

__all__ = ["add_arguments", "run"]


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Add the arguments of ``graphkit recommend``."""
    fitted.add_model(parser)
    add = parser.add_argument
    add("nodes", nargs="+", metavar="LABEL", help="sources, as in the table of training"
        " (after -- if one begins with a dash)")  # fmt: skip
    add("--k", type=int, default=10, help="destinations per source (default: 10)")
    add("--new-only", action="store_true", help="leave out destinations that the source has met")
    add("--at", metavar="TIME", help="time of the question (default: that of the last event)")
    add("--out", type=Path, metavar="FILE", help="CSV or Parquet (default: the screen)")


def run(args: argparse.Namespace) -> int:
    """Rank the destinations, and print or write the table."""
    from graphkit.cli.tables import check_output

    if args.out is not None:
        check_output(args.out)
    predictor = fitted.open_predictor(args)
    nodes = fitted.node_labels(predictor, args.nodes, "LABEL")
    at = None if args.at is None else _time(predictor, args.at)
    answer = fitted.ask(
        predictor, "recommend", nodes, k=args.k, met=False if args.new_only else None, at=at
    )
    fitted.show_or_write(answer, args.out, pretty=True)
    return 0


def _time(predictor: Predictor, text: str) -> int | float | str:
    """Return a date as text if times are dates, otherwise a number."""
    clock = getattr(getattr(predictor, "schema", None), "clock", None)
    if clock is None or clock.dates:
        return text
    try:
        return int(text) if text.lstrip("+-").isdigit() else float(text)
    except ValueError:
        return text  # raises in the conversion of times
