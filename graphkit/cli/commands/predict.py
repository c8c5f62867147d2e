"""Answer the rows of a table with a saved model: scores of pairs, classes, or forecasts.

A table of pairs has the columns of the table of training, by name. Without its column of times the
pairs are scored as of the last event that the model has observed.
"""

from __future__ import annotations

import argparse
from pathlib import Path
from typing import TYPE_CHECKING, Any

from graphkit.cli import fitted

if TYPE_CHECKING:
    import pandas as pd

    from graphkit.engine.predictor import Predictor

__all__ = ["add_arguments", "run"]


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Arguments of ``graphkit predict``."""
    fitted.add_model(parser)
    add = parser.add_argument
    add("input", type=Path, metavar="INPUT", help="CSV, Parquet, or the folder of a saved graph")
    add("--out", type=Path, metavar="FILE", help="CSV or Parquet (default: CSV on the screen)")
    fitted.add_table(parser)
    add("--observe", action="store_true", help="of streams: the rows have happened; each batch is"
        " scored, then observed, and the model is saved as it is after them")  # fmt: skip


def run(args: argparse.Namespace) -> int:
    """Answer, write the table, and save the state if the rows were observed."""
    from graphkit.cli.tables import check_output
    from graphkit.errors import GraphError

    if args.out is not None:
        check_output(args.out)
    predictor = fitted.open_predictor(args)
    method = next(name for name in _ANSWERS if name in predictor.offers)
    if args.observe and not {"score", "observe"} <= set(predictor.offers):
        raise GraphError(
            "--observe", f"a model of '{predictor.task_name}' scores no stream", fix="Leave it out."
        )
    table = fitted.read_input(predictor, args.input, args.sep)
    answer = _ANSWERS[method](predictor, table, args)
    fitted.show_or_write(answer, args.out)
    if args.observe:
        predictor.save(args.model)
    return 0


def _score(predictor: Predictor, table: Any, args: argparse.Namespace) -> pd.DataFrame:
    return predictor.score(table, observe=args.observe, time_unit=args.time_unit)


def _predict(predictor: Predictor, table: Any, args: argparse.Namespace) -> pd.DataFrame:
    return predictor.predict(table)


def _forecast(predictor: Predictor, table: Any, args: argparse.Namespace) -> pd.DataFrame:
    return predictor.forecast(frame=table)


_ANSWERS = {"score": _score, "predict": _predict, "forecast": _forecast}
