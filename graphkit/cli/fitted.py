"""A saved model and the tables that it is given: labels as text get the type of its labels."""

from __future__ import annotations

import argparse
import inspect
import shlex
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

from graphkit.cli.parser import separator
from graphkit.cli.tables import is_parquet, read_table, write_table
from graphkit.errors import GraphError

if TYPE_CHECKING:
    import pandas as pd

    from graphkit.data.signal_schema import SignalSchema
    from graphkit.engine.predictor import Predictor

__all__ = [
    "add_gaps",
    "add_model",
    "add_table",
    "ask",
    "next_steps",
    "node_labels",
    "open_predictor",
    "read_input",
    "show_or_write",
]


_NEXT = {
    "score": "predict {} pairs.csv --out scores.csv",
    "predict": "predict {} INPUT --out answers.csv",
    "recommend": "recommend {} LABEL --k 10",
    "forecast": "forecast {} --out next.csv",
    "observe": "observe {} new.csv",
}


def add_model(parser: argparse.ArgumentParser) -> None:
    """Arguments of every command that uses a saved model."""
    add = parser.add_argument
    add("model", type=Path, metavar="MODEL", help="the folder that graphkit train --out wrote")
    add("--device", default="cpu", help="cpu, cuda, cuda:1 (default: cpu)")
    add("--threads", type=int, default=1, help="CPU threads of torch (default: 1)")


def add_table(parser: argparse.ArgumentParser) -> None:
    """How a table that a saved model is given is written."""
    add = parser.add_argument
    add("--sep", type=separator, default=",", help="what parts two fields: ';', tab (default: ,)")
    add("--time-unit", metavar="UNIT", help="of times that are numbers (default: as in training)")


def add_gaps(parser: argparse.ArgumentParser) -> None:
    """What becomes of readings that are missing between two rows."""
    parser.add_argument("--gaps", choices=["raise", "missing", "split", "join"], help="of "
        "readings: what becomes of a row that is missing (default: raise)")  # fmt: skip


def open_predictor(args: argparse.Namespace) -> Predictor:
    """The saved model.

    Raises:
        GraphError: The folder is none, is damaged or incomplete; or ``--threads`` is not positive.
    """
    import torch

    from graphkit.checks import check_count
    from graphkit.engine.predictor import Predictor

    torch.set_num_threads(check_count(args.threads, "--threads"))
    return Predictor.open(args.model, device=args.device)


def ask(predictor: Predictor, method: str, *values: Any, **options: Any) -> Any:
    """The answer of a method of a predictor.

    Args:
        values: Passed on.
        options: Passed on but for those that are ``None``, which were not given.

    Raises:
        GraphError: The predictor has no such method, or the method takes no such option.
    """
    call = getattr(predictor, method)
    options = {name: value for name, value in options.items() if value is not None}
    if method in predictor.offers:
        known = inspect.signature(call).parameters
        for name in options:
            if name not in known:
                raise GraphError(
                    f"--{name.replace('_', '-')}",
                    f"{method} has no such choice for a model of '{predictor.task_name}'",
                    fix="Leave it out.",
                )
    return call(*values, **options)


def read_input(predictor: Predictor, path: Path, sep: str = ",") -> Any:
    """A table for a predictor, its labels in the type of the predictor's; or a saved graph.

    Raises:
        GraphError: The file is no table, or a label is of another type.
    """
    if path.is_dir():
        from graphkit.data import TemporalGraph

        return TemporalGraph.open(path)
    if is_parquet(path):  # its columns have types
        return read_table(path, index=True)
    schema = getattr(predictor, "schema", None)
    if hasattr(schema, "channels"):
        return _readings(read_table(path, sep=sep), schema)
    columns = _label_columns(schema)
    frame = read_table(path, sep=sep, text=tuple(columns))
    for name, side in columns.items():
        if name in frame.columns:
            labels = node_labels(predictor, frame[name].tolist(), name, side=side)
            frame[name] = _column(labels)
    return frame


def node_labels(
    predictor: Predictor, texts: Sequence[Any], column: str, *, side: int = 0
) -> list[Any]:
    """Labels as text in the type of a predictor's labels.

    Args:
        side: Where sources and destinations have separate labels, 0 for those of sources.
    """
    from graphkit.cli.labels import typed_labels

    labels = getattr(predictor, "labels", None)
    if labels is None:
        return list(texts)
    if labels.names is None:
        return typed_labels(texts, [0], column)  # ids are the labels
    known = labels.names
    if labels.space is not None:
        known = known[labels.space.numpy() == bool(side)]
    return typed_labels(texts, known, column)


def next_steps(predictor: Predictor, folder: Path) -> str:
    """Commands that use a saved model, for the screen."""
    lines = [line for method, line in _NEXT.items() if method in predictor.offers]
    place = shlex.quote(str(folder))
    return "\n".join(["Go on with:", *(f"  graphkit {line.format(place)}" for line in lines)])


def show_or_write(frame: pd.DataFrame, out: Path | None, *, pretty: bool = False) -> None:
    """Write a table to a file, or print it: as CSV, or aligned.

    An index that is not 0, 1, ... is written too; one without a name is called ``label``.
    """
    import pandas as pd

    index = not isinstance(frame.index, pd.RangeIndex)
    if index and frame.index.names == [None]:
        frame = frame.rename_axis("label")
    if out is not None:
        write_table(frame, out, index=index)
        print(f"{len(frame):,} rows: {out}")
    elif pretty:
        print(frame.to_string(index=index))
    else:
        frame.to_csv(sys.stdout, index=index)


def _readings(frame: pd.DataFrame, schema: SignalSchema) -> pd.DataFrame:
    """Readings whose columns are labels of sensors in the type of training.

    Where training had no name for the column of times, it is the first.
    """
    from graphkit.cli.labels import typed_labels

    if schema.time is None:
        frame = frame.set_index(frame.columns[0])
    sensors = [name for name in frame.columns if name != schema.time]
    labels = typed_labels(sensors, schema.names, "signal")
    return frame.rename(columns=dict(zip(sensors, labels)))


def _label_columns(schema: Any) -> dict[str, int]:
    """Columns of labels of tables of events, each with its side."""
    names = (getattr(schema, "src", None), getattr(schema, "dst", None))
    return {name: side for side, name in enumerate(names) if name is not None}


def _column(labels: list[Any]) -> Any:
    """A column of Python values as they are; integers stay exact beside missing ones."""
    import pandas as pd

    if all(isinstance(label, int) for label in labels):
        return pd.array(labels, dtype="int64")
    return pd.Series(labels, dtype=object).to_numpy()
