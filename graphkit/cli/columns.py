"""Describes a column of a table: kind, values, missing values and problems."""

from __future__ import annotations

import re
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any

import numpy as np
import pandas as pd

if TYPE_CHECKING:
    from collections.abc import Iterable

__all__ = ["KINDS", "ColumnLook", "look_at", "words"]

KINDS = {
    "empty": "nothing",
    "ids": "integers",
    "labels": "text",
    "mixed": "numbers and text",
    "dates": "dates",
    "texts of dates": "dates, not ISO 8601",
    "times": "times",
    "classes": "classes",
    "numbers": "numbers",
}
"""The kinds of columns, with their names in the output."""

_FEW = 20  # largest number of distinct values of a class column
_TIME_WORDS = {"t", "ts", "time", "times", "timestamp", "date", "datetime", "when", "sent",
               "created", "at", "day", "hour", "epoch"}  # fmt: skip
_ERA = (788_918_400, 2_524_608_000)  # 1995 to 2050, seconds since 1970
_PER_SECOND = {"s": 1, "ms": 10**3, "us": 10**6, "ns": 10**9}


@dataclass(frozen=True)
class ColumnLook:
    """Description of a column.

    Attributes:
        name: Name of the column.
        kind: One of :data:`KINDS`.
        distinct: Number of distinct values.
        missing: Number of rows without a value.
        bad_row: First row, from 0, whose value is missing or of another kind; ``None`` if there is
            none.
        low, high: Range of the values as text, or examples of the values.
        unit: Guessed unit of times; ``None`` without a guess.
        note: Further remarks.
    """

    name: str
    kind: str
    distinct: int
    missing: int
    bad_row: int | None = None
    low: str = ""
    high: str = ""
    unit: str | None = None
    note: str = ""


def look_at(column: pd.Series) -> ColumnLook:
    """Guess what a column contains. Nothing is modified or refused."""
    absent = column.isna().to_numpy()
    present = column[~absent]
    start = ColumnLook(
        str(column.name),
        "empty",
        distinct=int(present.nunique()),
        missing=int(absent.sum()),
        bad_row=int(absent.argmax()) if absent.any() else None,
    )
    if present.empty:
        return start
    if isinstance(column.dtype, pd.CategoricalDtype):
        present = present.astype(column.cat.categories.dtype)
    present = present.infer_objects()
    kind = present.dtype.kind
    if kind in "mM":
        return _dates(start, present)
    if kind == "b":
        return replace(start, kind="classes", low="False", high="True")
    if pd.api.types.is_numeric_dtype(present.dtype):
        return _numbers(start, present, column)
    return _text(start, present.astype(str), column)


def words(name: str) -> set[str]:
    """Split a name into words: ``userId``, ``user_id`` and ``User ID`` give ``user``, ``id``."""
    apart = re.sub(r"(?<=[a-z0-9])(?=[A-Z])", " ", name)
    return set(re.split(r"[\W_]+", apart.lower())) - {""}


def _dates(look: ColumnLook, dates: pd.Series) -> ColumnLook:
    from graphkit.data.convert.dates import coarsest_unit

    if getattr(dates.dt, "tz", None) is not None:
        dates = dates.dt.tz_convert("UTC").dt.tz_localize(None)
    unit = str(coarsest_unit(dates.to_numpy()))
    low, high = str(dates.min()), str(dates.max())
    return replace(look, kind="dates", low=low, high=high, unit=unit)


def _numbers(look: ColumnLook, present: pd.Series, column: pd.Series) -> ColumnLook:
    values = present.to_numpy(dtype=np.float64)
    finite = np.isfinite(values)
    if not finite.all():
        row = _first(present.index[~finite], column)
        look = replace(look, bad_row=_earlier(look.bad_row, row), note="not all finite")
    if not finite.any():
        return replace(look, kind="numbers")
    whole = bool((values[finite] == np.floor(values[finite])).all())
    low, high = present[finite].min(), present[finite].max()
    look = replace(look, low=_short(low), high=_short(high))
    unit = next((u for u, n in _PER_SECOND.items()
                 if _ERA[0] * n <= low and high <= _ERA[1] * n), None)  # fmt: skip
    if unit is not None:
        return replace(look, kind="times", unit=unit)
    if words(look.name) & _TIME_WORDS:
        return replace(look, kind="times", note="their unit cannot be seen")
    if not whole:
        return replace(look, kind="numbers")
    if low >= 0 and look.distinct <= _FEW and look.distinct * 10 <= len(present):
        return replace(look, kind="classes")
    return replace(look, kind="numbers" if low < 0 else "ids")


def _text(look: ColumnLook, texts: pd.Series, column: pd.Series) -> ColumnLook:
    values = texts.unique()
    examples = {"low": _cut(values[0]), "high": _cut(values[-1])}
    numeric = pd.to_numeric(texts, errors="coerce").notna()
    if numeric.all():
        return replace(look, kind="labels", **examples, note="numbers as text")
    if numeric.mean() > 0.5:
        row = _first(texts.index[~numeric], column)
        return replace(
            look,
            kind="mixed",
            bad_row=_earlier(look.bad_row, row),
            low=examples["low"],
            high=_cut(str(column.iloc[row])),
            note=f"{int((~numeric).sum()):,} not numbers",
        )
    dates = pd.to_datetime(texts, errors="coerce", format="ISO8601", utc=True)
    if dates.notna().mean() > 0.5:
        wrong = texts.index[dates.isna()]
        found = _dates(look, dates[dates.notna()])
        if len(wrong):
            row = _first(wrong, column)
            found = replace(found, bad_row=_earlier(look.bad_row, row),
                            note=f"{len(wrong):,} not dates")  # fmt: skip
        return found
    if words(look.name) & _TIME_WORDS and _are_dates(values[:1000]):
        return replace(look, kind="texts of dates", **examples)
    few = look.distinct <= _FEW and look.distinct * 10 <= len(texts)
    return replace(look, kind="classes" if few else "labels", **examples)


def _are_dates(values: Iterable[str]) -> bool:
    import warnings

    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        parsed = pd.to_datetime(pd.Series(values), errors="coerce", format="mixed", utc=True)
    return bool(parsed.notna().mean() > 0.5)


def _first(index: pd.Index, column: pd.Series) -> int:
    """Position in the column of the first of the given rows."""
    return int(column.index.get_loc(index[0]))


def _earlier(row: int | None, other: int) -> int:
    return other if row is None else min(row, other)


def _short(value: Any) -> str:
    return str(int(value)) if float(value).is_integer() else f"{float(value):.6g}"


def _cut(text: str, width: int = 20) -> str:
    return text if len(text) <= width else text[: width - 3] + "..."
