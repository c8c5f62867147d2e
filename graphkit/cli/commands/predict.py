"""Answer the rows of a table with a saved model: scores of pairs, classes, or forecasts.

A table of pairs has the columns of the table of training, by name. Without its column of times the
pairs are scored as of the last event that the model has observed.
"""

from __future__ import annotations

import argparse
from pathlib import Path

from graphkit.cli import fitted

__all__ = ["add_arguments", "run"]

# Methods that accept a table, with the argument for it if it is not the first one.
_ANSWERS = {"score": None, "predict": None, "forecast": "frame"}


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Add the arguments of ``graphkit predict``."""
    fitted.add_model(parser)
    add = parser.add_argument
    add("input", type=Path, metavar="INPUT", help="CSV, Parquet, or the folder of a saved graph")
    add("--out", type=Path, metavar="FILE", help="CSV or Parquet (default: CSV on the screen)")
    fitted.add_table(parser)
    add("--observe", action="store_true", help="of streams: the rows have happened; each batch is"
        " scored, then observed, and the model is saved as it is after them")  # fmt: skip


def run(args: argparse.Namespace) -> int:
    """Predict, write the table, and save the state if the rows were observed."""
    from graphkit.cli.tables import check_output

    if args.out is not None:
        check_output(args.out)
    predictor = fitted.open_predictor(args)
    method = next(name for name in _ANSWERS if name in predictor.offers)
    table, place = fitted.read_input(predictor, args.input, args.sep), _ANSWERS[method]
    values, options = ((), {place: table}) if place else ((table,), {})
    options |= {"observe": args.observe or None, "time_unit": args.time_unit}
    answer = fitted.ask(predictor, method, *values, **options)
    fitted.show_or_write(answer, args.out)
    if args.observe:
        predictor.save(args.model)
    return 0
