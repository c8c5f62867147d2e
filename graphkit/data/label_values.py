"""Conversion of node labels to arrays without loss."""

from __future__ import annotations

from collections.abc import Iterable
from numbers import Integral
from typing import Any

import numpy as np
import pandas as pd
from torch import Tensor

from graphkit.errors import GraphError

__all__ = ["label_values", "object_array"]


def label_values(values: Any, column: str, rows: np.ndarray | None = None) -> np.ndarray:
    """Convert labels, one per row, without passing through float.

    Args:
        values: A column of pandas, an array, a tensor or a list.
        column: Name used in messages.
        rows: Row numbers used in messages, if they are not ``0, 1, ...``.

    Returns:
        int64 (uint64 above ``2**63 - 1``) if all labels are whole numbers, float64 if they are
        other numbers, and an object array of Python values otherwise.

    Raises:
        GraphError: A label is missing, boolean, infinite, not hashable, or a float that may
            have lost an integer (``2**53`` and more).
    """
    if isinstance(values, Tensor):
        values = values.detach().cpu().numpy()
    if not isinstance(values, (pd.Series, pd.Index, np.ndarray)):
        values = object_array(list(values))
    series = pd.Series(values)
    missing = series.isna().to_numpy()
    if missing.any():
        raise _bad(column, "a node is missing", missing, series, rows, "a label or an id",
                   "Drop rows with missing nodes: events.dropna(subset=[...]).")  # fmt: skip
    if isinstance(series.dtype, pd.CategoricalDtype):
        categories = label_values(series.cat.categories, column)
        return categories[series.cat.codes.to_numpy()]
    if pd.api.types.is_bool_dtype(series.dtype):
        raise _bad(column, "truth values are not labels of nodes", ~missing, series, rows,
                   "text or integers", "Turn them into text or integers.")  # fmt: skip
    if pd.api.types.is_integer_dtype(series.dtype):
        unsigned = pd.api.types.is_unsigned_integer_dtype(series.dtype)
        return _signed(series.to_numpy(dtype=np.uint64 if unsigned else np.int64))
    if pd.api.types.is_float_dtype(series.dtype):
        return _floats(series.to_numpy(dtype=np.float64), series, column, rows)
    if isinstance(series.dtype, pd.StringDtype):
        return series.to_numpy(dtype=object)
    return _objects(series.astype(object), column, rows)


def object_array(items: Iterable[Any]) -> np.ndarray:
    """Values as an object array, tuples as single items."""
    items = list(items)
    out = np.empty(len(items), dtype=object)
    for row, item in enumerate(items):  # out[:] = items would take tuples apart
        out[row] = item
    return out


def _signed(array: np.ndarray) -> np.ndarray:
    """Unsigned integers as int64 if they fit."""
    if array.dtype == np.uint64 and (not array.size or array.max() < 2**63):
        return array.astype(np.int64)
    return array


def _floats(
    array: np.ndarray, series: pd.Series, column: str, rows: np.ndarray | None
) -> np.ndarray:
    infinite = np.isinf(array)
    if infinite.any():
        raise _bad(column, "a label is not finite", infinite, series, rows, "a finite number")
    whole = array == np.floor(array)
    coarse = whole & (np.abs(array) >= 2**53)
    if coarse.any():
        raise _bad(column, "a float does not hold ids of this size exactly", coarse, series, rows,
                   "integers or text",
                   "Read the column again from its source as int64 or text.")  # fmt: skip
    return array.astype(np.int64) if whole.all() else array


def _objects(series: pd.Series, column: str, rows: np.ndarray | None) -> np.ndarray:
    items = series.to_list()
    kinds = {type(item) for item in items}
    if any(issubclass(kind, (bool, np.bool_)) for kind in kinds):
        wrong = np.array([isinstance(item, (bool, np.bool_)) for item in items])
        raise _bad(column, "truth values are not labels of nodes", wrong, series, rows,
                   "text or integers", "Turn them into text or integers.")  # fmt: skip
    plain = (np.number, np.str_, np.bytes_)
    if any(issubclass(kind, plain) for kind in kinds):
        items = [item.item() if isinstance(item, plain) else item for item in items]
        kinds = {type(item) for item in items}
    if any(issubclass(kind, float) for kind in kinds):
        floats = np.array([float(v) if isinstance(v, float) else 0.0 for v in items])
        _floats(floats, series, column, rows)
        if all(issubclass(kind, (float, Integral)) for kind in kinds):
            whole = not (floats != np.floor(floats)).any()
            items = [int(v) for v in items] if whole else items
            kinds = {int} if whole else kinds
    if kinds and all(issubclass(kind, Integral) for kind in kinds):
        low, high = min(items), max(items)
        if low >= -(2**63) and high < 2**63:
            return np.array(items, dtype=np.int64)
        return (
            np.array(items, dtype=np.uint64) if low >= 0 and high < 2**64 else object_array(items)
        )
    for row, item in enumerate(items):
        try:
            hash(item)
        except TypeError:
            wrong = np.arange(len(items)) == row
            raise _bad(column, "a label is not hashable", wrong, series, rows, None,
                       "Use text, a number or a tuple.") from None  # fmt: skip
    return object_array(items)


def _bad(
    column: str,
    problem: str,
    wrong: np.ndarray,
    series: pd.Series,
    rows: np.ndarray | None,
    expected: str | None,
    fix: str | None = None,
) -> GraphError:
    row = int(np.argmax(wrong))
    return GraphError(
        str(column),
        problem,
        row=row if rows is None else int(rows[row]),
        expected=expected,
        got=repr(series.iloc[row]),
        fix=fix,
    )
