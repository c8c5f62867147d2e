"""Rank the best destinations of some nodes with a saved model."""

from __future__ import annotations

import argparse
from pathlib import Path

from graphkit.cli import fitted

__all__ = ["add_arguments", "run"]


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Arguments of ``graphkit recommend``."""
    fitted.add_model(parser)
    add = parser.add_argument
    add("nodes", nargs="+", metavar="LABEL", help="sources, as in the table of training"
        " (after -- if one begins with a dash)")  # fmt: skip
    add("--k", type=int, default=10, help="destinations per source (default: 10)")
    add("--new-only", action="store_true", help="leave out destinations that the source has met")
    add("--at", metavar="TIME", help="time of the question (default: that of the last event)")
    add("--out", type=Path, metavar="FILE", help="CSV or Parquet (default: the screen)")


def run(args: argparse.Namespace) -> int:
    """Rank, and print or write the table."""
    from graphkit.cli.tables import check_output

    if args.out is not None:
        check_output(args.out)
    predictor = fitted.open_predictor(args)
    nodes = fitted.node_labels(predictor, args.nodes, "LABEL")
    options = {"at": _time(args.at)} if args.at is not None else {}
    answer = predictor.recommend(nodes, k=args.k, met=not args.new_only, **options)
    fitted.show_or_write(answer, args.out, pretty=True)
    return 0


def _time(text: str) -> int | float | str:
    """A number, or the text of a date."""
    for kind in (int, float):
        try:
            return kind(text)
        except ValueError:
            continue
    return text
