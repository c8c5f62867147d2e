"""Reading delimited text into arrays: pandas' C reader, and a slow look for the first bad row."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import NoReturn

import numpy as np
import pandas as pd

from graphkit.datasets.files import BROKEN, mend, open_data
from graphkit.errors import GraphError

__all__ = ["Layout", "diagnose", "read_table", "whole"]

_EXPECTED = {
    "int": "an integer",
    "number": "a finite number",
    "real": "a finite number",
    "text": "",
}
_WIDE = 32  # columns from which a second reading costs more than reading numbers as text at once
_INT64 = np.iinfo(np.int64)


@dataclass(frozen=True)
class Layout:
    """How the rows of a file are laid out.

    Args:
        columns: Name and kind of every field, in order. Kinds: ``"int"`` (int64), ``"real"``
            (float64), ``"number"`` (int64 if every value is whole, else float64, exactly as
            written), ``"text"``, and ``"skip"``.
        separator: One character, or ``r"\\s+"`` for any white space.
        header: The first line is a header.
        comment: Lines that start with this character are skipped.
        features: Rows may go on with any number of reals, the same number in each row.
    """

    columns: Mapping[str, str]
    separator: str = r"\s+"
    header: bool = False
    comment: str | None = None
    features: bool = False

    def fields(self, line: bytes) -> list[str]:
        """The fields of one line."""
        text = line.decode("utf-8", "replace").rstrip("\r\n")
        return text.split() if self.separator == r"\s+" else text.split(self.separator)

    def is_data(self, number: int, line: bytes) -> bool:
        """Whether line ``number`` (from 1) is a row of data."""
        if (self.header and number == 1) or not line.strip():
            return False
        return self.comment is None or not line.startswith(self.comment.encode())


def read_table(
    path: Path, layout: Layout, member: str | None = None, *, features: bool = True
) -> dict[str, np.ndarray]:
    """All rows of a file as one array per column.

    Args:
        path: The file, plain or compressed.
        layout: What the rows look like.
        member: The member to read if the file is an archive.
        features: Read the trailing features too, if the layout has them: float32 ``[E, F]``
            under the name ``"features"``, absent if the rows have none.

    Raises:
        GraphError: The file is empty, ends within a row or within its compressed data, or a value
            does not fit its column. Names the file, the line (from 1) and what was expected.
    """
    try:
        width = _width(path, layout, member)
        extra = width - len(layout.columns)
        if extra < 0 or (extra > 0 and not layout.features):
            diagnose(path, layout, member)
        names = list(layout.columns)
        kinds = dict(layout.columns)
        if features:
            names += [f"feature{i}" for i in range(extra)]
            kinds |= {f"feature{i}": "feature" for i in range(extra)}
        exact = len(names) > _WIDE
        frame = _read(path, member, layout, names, kinds, width, exact)
        if not exact and _has_fractions(frame, kinds):
            frame = _read(path, member, layout, names, kinds, width, True)
        table = _columns(frame, kinds)
    except GraphError:
        raise
    except (*BROKEN, ValueError, OverflowError) as error:
        diagnose(path, layout, member, error)
    if not len(frame) or any(
        value.dtype.kind == "f" and not np.isfinite(value).all() for value in table.values()
    ):
        diagnose(path, layout, member)
    return table


def whole(values: np.ndarray) -> np.ndarray:
    """Numbers as int64 if every one is whole, else as they are (float64)."""
    if values.dtype.kind == "f" and (
        np.all(np.abs(values) < 2.0**53) and np.all(values == np.rint(values))
    ):
        return values.astype(np.int64)
    return values


def _width(path: Path, layout: Layout, member: str | None) -> int:
    """Number of fields in the first row of data."""
    with open_data(path, member) as handle:
        for number, line in enumerate(handle, start=1):
            if layout.is_data(number, line):
                return len(layout.fields(line))
    raise GraphError(path.name, "the file has no rows", fix=mend(path))


def _read(
    path: Path,
    member: str | None,
    layout: Layout,
    names: list[str],
    kinds: dict[str, str],
    width: int,
    exact: bool,
) -> pd.DataFrame:
    """The rows. ``exact`` reads numbers as text: pandas may err in the last bit of a fraction."""
    dtypes = {"int": np.int64, "real": np.float64, "text": str, "skip": str, "feature": np.float32}
    if exact:
        dtypes["number"] = str
    with open_data(path, member) as handle:
        return pd.read_csv(
            handle,
            sep=layout.separator,
            header=None,
            names=list(range(width)),
            # With usecols pandas overlooks rows that are too long.
            usecols=list(range(len(names))) if len(names) < width else None,
            dtype={
                i: dtype
                for i, name in enumerate(names)
                if (dtype := dtypes.get(kinds[name])) is not None
            },
            skiprows=1 if layout.header else 0,
            comment=layout.comment,
            engine="c",
            quoting=3,
            na_values=[""],
            keep_default_na=False,
            low_memory=False,
            encoding_errors="replace",
        ).set_axis(names, axis="columns")


def _has_fractions(frame: pd.DataFrame, kinds: dict[str, str]) -> bool:
    numbers = [frame[name].to_numpy() for name, kind in kinds.items() if kind == "number"]
    return any(column.dtype.kind == "f" and whole(column) is column for column in numbers)


def _columns(frame: pd.DataFrame, kinds: dict[str, str]) -> dict[str, np.ndarray]:
    table: dict[str, np.ndarray] = {}
    for name, kind in kinds.items():
        if kind in ("skip", "feature"):
            continue
        column = frame[name]
        if kind == "text":
            if column.isna().any():
                raise ValueError(f"empty field in {name}")
            table[name] = column.to_numpy(dtype=object)
            continue
        if kind == "number":
            if column.dtype.kind not in "if":
                column = column.astype(object).astype(np.float64)
            table[name] = whole(column.to_numpy())
        else:
            table[name] = column.to_numpy()
    features = [name for name, kind in kinds.items() if kind == "feature"]
    if features:
        table["features"] = frame[features].to_numpy(dtype=np.float32)
    return table


def diagnose(
    path: Path, layout: Layout, member: str | None, cause: Exception | None = None
) -> NoReturn:
    """Find the first bad row, line by line, and raise a :class:`GraphError` that names it."""
    named = path.name if member is None else f"{path.name}: {member}"
    number, width = 0, None
    kinds = list(layout.columns.items())
    try:
        with open_data(path, member) as handle:
            for number, line in enumerate(handle, start=1):
                if not layout.is_data(number, line):
                    continue
                fields = layout.fields(line)
                width = width or (len(fields) if layout.features else len(kinds))
                if len(fields) != width or width < len(kinds):
                    raise GraphError(
                        named,
                        "wrong number of fields (a file cut short?)",
                        row=number,
                        expected=f"{max(width, len(kinds))} fields ({', '.join(layout.columns)}"
                        f"{', features' if layout.features else ''})",
                        got=repr(_short(line)),
                        fix=mend(path),
                    )
                for i, field in enumerate(fields):
                    name, kind = kinds[i] if i < len(kinds) else ("features", "real")
                    if not _fits(field, kind):
                        raise GraphError(
                            named,
                            f"bad value in column {name!r}",
                            row=number,
                            expected=_EXPECTED[kind] or "some text",
                            got=repr(field[:40]),
                            fix=mend(path),
                        )
    except BROKEN as error:
        raise GraphError(
            named,
            f"the compressed data end early or are damaged ({error})",
            row=number + 1,
            expected="more rows",
            fix=mend(path),
        ) from error
    if width is None:
        raise GraphError(named, "the file has no rows", fix=mend(path)) from cause
    raise GraphError(named, f"the file cannot be read ({cause})", fix=mend(path)) from cause


def _fits(field: str, kind: str) -> bool:
    if kind == "skip":
        return True
    if kind == "text":
        return bool(field)
    try:
        if kind == "int":
            return _INT64.min <= int(field) <= _INT64.max
        return math.isfinite(float(field))
    except ValueError:
        return False


def _short(line: bytes) -> str:
    text = line.decode("utf-8", "replace").rstrip("\r\n")
    return text if len(text) <= 60 else text[:57] + "..."
