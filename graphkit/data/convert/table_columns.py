"""Columns of a table by name, as numbers that lose nothing."""

from __future__ import annotations

import difflib
from collections.abc import Sequence
from typing import Any

import numpy as np
import pandas as pd
import torch
from torch import Tensor

from graphkit.errors import GraphError

__all__ = ["as_float", "as_saved", "does_not_fit", "find_column", "numeric_column", "stacked"]


def find_column(events: pd.DataFrame, name: Any) -> pd.Series:
    """A column of a table by name.

    Raises:
        GraphError: There is none, or several; the message lists those at hand.
    """
    if name not in events.columns:
        close = difflib.get_close_matches(str(name), map(str, events.columns), n=1)
        raise GraphError(
            str(name),
            "there is no such column",
            expected=f"one of {', '.join(map(repr, events.columns))}",
            fix=f"Did you mean {close[0]!r}?" if close else "Name the columns: src=, dst=, time=.",
        )
    column = events[name]
    if isinstance(column, pd.DataFrame):
        raise GraphError(
            str(name),
            f"{column.shape[1]} columns have this name",
            fix="Rename them so that each name is unique.",
        )
    return column


def numeric_column(events: pd.DataFrame, name: Any, called: str | None = None) -> np.ndarray:
    """A column of numbers without missing values.

    Raises:
        GraphError: The column is missing, not numeric, or a value is missing.
    """
    column = find_column(events, name)
    name = name if called is None else called
    if not len(column):  # an empty column has no type to go by
        return np.empty(0, dtype=np.float64)
    if not pd.api.types.is_numeric_dtype(column.dtype) or column.dtype.kind == "c":
        text = pd.to_numeric(column, errors="coerce").isna().to_numpy()
        row = int(np.argmax(text)) if text.any() else 0
        raise GraphError(
            str(name),
            "a feature column is not numeric",
            row=row,
            expected="numbers",
            got=f"{column.iloc[row]!r}",
            fix="Encode categories as numbers, for example with pandas.factorize.",
        )
    missing = column.isna().to_numpy()
    if missing.any():
        raise GraphError(
            str(name),
            "a value is missing",
            row=int(np.argmax(missing)),
            expected="a number",
            got="NaN",
            fix="Fill missing values (events[column].fillna(...)) or drop these rows.",
        )
    value = column.to_numpy()
    if value.dtype == object:  # a nullable type of pandas
        value = column.to_numpy(dtype=column.dtype.name.lower())
    if value.dtype.kind == "u" and value.dtype.itemsize > 1:  # torch has few operations for them
        large = value > np.iinfo(np.int64).max
        if large.any():
            row = int(np.argmax(large))
            raise GraphError(
                str(name), "a value does not fit in int64", row=row, got=int(value[row])
            )
        value = value.astype(np.int64)
    return value.copy() if not value.flags.writeable else value


def as_float(value: Tensor, float_dtype: torch.dtype | None) -> Tensor:
    return value.to(float_dtype) if float_dtype and value.dtype == torch.float64 else value


def as_saved(value: Tensor, dtype: torch.dtype, name: str) -> Tensor:
    """A column in the type that it had when its table was written.

    Args:
        value: ``[E, ...]``, as it stands in the table now.
        dtype: The type that it had.
        name: Name of the column, for messages.

    Raises:
        GraphError: A value was changed to one that does not fit: half an integer, or an integer
            too large for a float.
    """
    found = value.to(dtype)
    if dtype.is_floating_point and value.is_floating_point():
        return found
    wrong = (found.to(value.dtype) != value).reshape(len(value), -1).any(1)
    if bool(wrong.any()):
        row = int(wrong.nonzero()[0])
        raise does_not_fit(name, row, dtype, value[row].squeeze().tolist())
    return found


def does_not_fit(name: str, row: int, dtype: torch.dtype, got: object) -> GraphError:
    """The error about a value that was changed since its table was written."""
    return GraphError(
        name,
        "a value does not fit in the type that this column had",
        row=row,
        expected=str(dtype).removeprefix("torch."),
        got=got,
        fix=f"Change the value, or name the column, so that it is read anew: {name}=...",
    )


def stacked(
    arrays: list[np.ndarray], names: Sequence[str], float_dtype: torch.dtype | None
) -> np.ndarray:
    """Columns side by side, ``[E, D]``.

    Raises:
        GraphError: An integer beside floats would lose digits.
    """
    kind = np.result_type(*arrays)
    final = torch.empty(0, dtype=float_dtype) if float_dtype and kind == np.float64 else None
    limit = 2**53
    if final is not None and final.is_floating_point():
        limit = int(2 / torch.finfo(final.dtype).eps)
    if kind.kind == "f":
        for array, name in zip(arrays, names):
            if array.dtype.kind in "iu" and array.dtype.itemsize > 1 and len(array):
                coarse = (array > limit) | (array < -limit)
                if coarse.any():
                    row = int(np.argmax(coarse))
                    raise GraphError(
                        name,
                        "an integer beside floating-point columns loses digits",
                        row=row,
                        expected=f"at most {limit}",
                        got=int(array[row]),
                        fix="Pass float_dtype=None, scale the column, or pass it by itself.",
                    )
    return np.stack(arrays, axis=1)
