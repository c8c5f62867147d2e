"""A saved model and its input tables; labels read as text are converted to the model's types."""

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
    """Add the arguments shared by all commands that use a saved model."""
    add = parser.add_argument
    add("model", type=Path, metavar="MODEL", help="the folder that graphkit train --out wrote")
    add("--device", default="cpu", help="cpu, cuda, cuda:1 (default: cpu)")
    add("--threads", type=int, default=1, help="CPU threads of torch (default: 1)")


def add_table(parser: argparse.ArgumentParser) -> None:
    """Add the arguments that describe the format of an input table."""
    add = parser.add_argument
    add("--sep", type=separator, default=",", help="what parts two fields: ';', tab (default: ,)")
    add("--time-unit", metavar="UNIT", help="of times that are numbers (default: as in training)")


def add_gaps(parser: argparse.ArgumentParser) -> None:
    """Add the argument for readings that are missing between two rows."""
    parser.add_argument("--gaps", choices=["raise", "missing", "split", "join"], help="of "
        "readings: what becomes of a row that is missing (default: raise)")  # fmt: skip


def open_predictor(args: argparse.Namespace) -> Predictor:
    """Open the saved model.

    Raises:
        GraphError: The folder is not a saved model, is damaged or incomplete, or ``--threads`` is
            not positive.
    """
    import torch

    from graphkit.checks import check_count
    from graphkit.engine.predictor import Predictor

    torch.set_num_threads(check_count(args.threads, "--threads"))
    return Predictor.open(args.model, device=args.device)


def ask(predictor: Predictor, method: str, *values: Any, **options: Any) -> Any:
    """Call a method of a predictor and return the result.

    Args:
        values: Positional arguments of the method.
        options: Keyword arguments of the method; those that are ``None`` are omitted.

    Raises:
        GraphError: The predictor has no such method, or the method does not accept an option.
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
    """Read a table, with labels in the type of the predictor's labels, or a saved graph.

    Raises:
        GraphError: The file is not a table, or a label has another type.
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
    """Convert labels from text to the type of a predictor's labels.

    Args:
        side: If sources and destinations have separate labels, 0 for the labels of sources.
    """
    from graphkit.cli.labels import typed_labels

    labels = getattr(predictor, "labels", None)
    if labels is None:
        return list(texts)
    if labels.names is None:
        return typed_labels(texts, [0], column)  # without labels, ids serve as labels
    known = labels.names
    if labels.space is not None:
        known = known[labels.space.numpy() == bool(side)]
    return typed_labels(texts, known, column)


def next_steps(predictor: Predictor, folder: Path) -> str:
    """Text that lists the commands for a saved model."""
    lines = [line for method, line in _NEXT.items() if method in predictor.offers]
    place = shlex.quote(str(folder))
    return "\n".join(["Go on with:", *(f"  graphkit {line.format(place)}" for line in lines)])


def show_or_write(frame: pd.DataFrame, out: Path | None, *, pretty: bool = False) -> None:
    """Write a table to a file or print it, as CSV or aligned.

    An index other than 0, 1, ... is also written; an index without a name is called ``label``.
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
    """Convert the column names of a table of readings to the type of the sensor labels of training.

    If the column of times had no name in training, the first column holds the times.
    """
    from graphkit.cli.labels import typed_labels

    if schema.time is None:
        frame = frame.set_index(frame.columns[0])
    sensors = [name for name in frame.columns if name != schema.time]
    labels = typed_labels(sensors, schema.names, "signal")
    return frame.rename(columns=dict(zip(sensors, labels)))


def _label_columns(schema: Any) -> dict[str, int]:
    """Columns with labels in tables of events, each with its side."""
    names = (getattr(schema, "src", None), getattr(schema, "dst", None))
    return {name: side for side, name in enumerate(names) if name is not None}


def _column(labels: list[Any]) -> Any:
    """Convert a column to Python values; integers stay exact if values are missing."""
    import pandas as pd

    if all(isinstance(label, int) for label in labels):
        return pd.array(labels, dtype="int64")
    return pd.Series(labels, dtype=object).to_numpy()
