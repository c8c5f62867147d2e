"""Forecast the next readings of every sensor with a saved model."""

from __future__ import annotations

import argparse
from pathlib import Path

from graphkit.cli import fitted

__all__ = ["add_arguments", "run"]


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Add the arguments of ``graphkit forecast``."""
    fitted.add_model(parser)
    add = parser.add_argument
    add("input", nargs="?", type=Path, metavar="READINGS", help="newer readings: the forecast"
        " begins after them (default: after the last reading observed)")  # fmt: skip
    add("--steps", type=int, help="how many (default: the horizon of training)")
    add("--out", type=Path, metavar="FILE", help="CSV or Parquet (default: CSV on the screen)")
    fitted.add_gaps(parser)
    fitted.add_table(parser)


def run(args: argparse.Namespace) -> int:
    """Forecast, and print or write the table. The saved model is not changed."""
    from graphkit.cli.tables import check_output

    if args.out is not None:
        check_output(args.out)
    predictor = fitted.open_predictor(args)
    if args.input is not None:
        readings = fitted.read_input(predictor, args.input, args.sep)
        options = {"gaps": args.gaps, "time_unit": args.time_unit}
        fitted.ask(predictor, "observe", readings, **options)
    fitted.show_or_write(fitted.ask(predictor, "forecast", steps=args.steps), args.out)
    return 0
