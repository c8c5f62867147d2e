"""Columns of labels: classes by name become numbers."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
import pandas as pd

from graphkit.errors import GraphError

__all__ = ["class_ids", "named_classes"]


def named_classes(
    column: pd.Series, name: str, known: Sequence[Any] | None = None
) -> tuple[np.ndarray, tuple[Any, ...]] | None:
    """A column of text, categories or truth values as int64 classes and their names.

    Classes are in sorted order, those of a pandas categorical in its own order (unused ones
    too), truth values are ``(False, True)``. Names that are known fix the order.

    Args:
        column: Labels, one per row.
        name: Name of the column, for messages.
        known: Names of the classes.

    Returns:
        ``None`` if the column holds numbers and no names of numbers are known.

    Raises:
        GraphError: A label is missing, unknown, or of another kind than the others.
    """
    column = column.infer_objects()
    kind = column.dtype
    categorical = isinstance(kind, pd.CategoricalDtype)
    named = categorical or pd.api.types.is_bool_dtype(kind) or _is_text(kind)
    if not named and (known is None or all(isinstance(n, (str, bool)) for n in known)):
        return None
    missing = column.isna().to_numpy()
    if missing.any():
        row = int(np.argmax(missing))
        raise GraphError(
            name,
            "a label is missing",
            row=row,
            expected="the name of a class",
            got=repr(column.iloc[row]),
            fix="Drop these rows, or give them a class of their own.",
        )
    if known is None:
        known = _found(column, name)
    return class_ids(column, name, known), tuple(known)


def class_ids(
    column: pd.Series, name: str, known: Sequence[Any], rows: np.ndarray | None = None
) -> np.ndarray:
    """The number of every class, int64.

    Raises:
        GraphError: A class is unknown; the message names the row and all classes.
    """
    place = {label: number for number, label in enumerate(known)}
    codes, uniques = pd.factorize(column.astype(object))
    numbers = np.array([place.get(label, -1) for label in uniques], dtype=np.int64)
    unknown = codes < 0
    if len(numbers):
        unknown |= numbers[codes] < 0
    if unknown.any():
        row = int(np.argmax(unknown))
        raise GraphError(
            name,
            "there is no such class",
            row=row if rows is None else int(rows[row]),
            expected=f"one of {', '.join(map(repr, known[:20]))}{', ...' * (len(known) > 20)}",
            got=repr(column.iloc[row]),
        )
    return numbers[codes]


def _is_text(kind: Any) -> bool:
    return kind.kind == "O" or isinstance(kind, pd.StringDtype) or kind.name.startswith("string")


def _found(column: pd.Series, name: str) -> tuple[Any, ...]:
    if isinstance(column.dtype, pd.CategoricalDtype):
        return tuple(column.cat.categories.tolist())
    if pd.api.types.is_bool_dtype(column.dtype):
        return (False, True)
    labels = column.unique().tolist()
    wrong = next((label for label in labels if not isinstance(label, str)), None)
    if wrong is not None and all(isinstance(label, bool) for label in labels):
        return (False, True)
    if wrong is not None:
        raise GraphError(
            name,
            "labels are neither numbers nor text",
            row=int(np.argmax((column == wrong).to_numpy())),
            expected="names of classes",
            got=repr(wrong),
            fix="Give the column one type.",
        )
    return tuple(sorted(labels))
