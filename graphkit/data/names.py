"""Names that a graph carries along: those of its source columns, of its classes, of its clock.

``column_names`` and ``class_names`` of :class:`~graphkit.TemporalGraph` are checked here, and
written to and read from JSON for every format that has a place for them.
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from datetime import tzinfo
from typing import TYPE_CHECKING, Any

import numpy as np
import torch
from torch import Tensor

from graphkit import renamed
from graphkit.errors import GraphError

if TYPE_CHECKING:
    from graphkit.data.temporal_graph import TemporalGraph
    from graphkit.data.time_unit import TimeUnit

__all__ = [
    "as_class_names",
    "as_column_names",
    "as_time_zone",
    "check_dates",
    "facts_from_json",
    "facts_to_json",
]

NAMED_COLUMNS = ("src", "dst", "t", "edge_attr", "edge_y", "edge_weight", "edge_type",
                 "x", "y", "node_type", "signal")  # fmt: skip
"""Columns of a graph whose source columns may have names."""


def as_column_names(
    value: Mapping[str, Any] | None, columns: Mapping[str, Any]
) -> dict[str, tuple[str, ...]]:
    """Names of source columns, one per value of a row.

    Args:
        value: A mapping such as ``{"src": "user", "edge_attr": ["price", "count"]}``.
        columns: The columns of the graph by name; ``None`` where it has none.

    Raises:
        GraphError: A key is unknown or the graph lacks its column, a name occurs twice within a
            key, or the number of names is not the width of the column.
    """
    names: dict[str, tuple[str, ...]] = {}
    for key, given in _mapping(value, "column_names").items():
        if key not in NAMED_COLUMNS:
            raise GraphError(
                "column_names",
                f"there is no column {key!r}",
                expected=f"one of {', '.join(NAMED_COLUMNS)}",
            )
        chosen = (given,) if isinstance(given, str) else tuple(str(name) for name in given)
        where = f"column_names[{key!r}]"
        _check_distinct(chosen, where)
        column = columns.get(key)
        if column is None and key not in ("src", "dst", "t"):
            raise GraphError(
                where, "the graph has no such column", fix=f"Pass {key}= too, or no name for it."
            )
        width = _width(key, column)
        if len(chosen) != width:
            raise GraphError(
                where,
                "the number of names is not the number of values in a row",
                expected=f"{width} names",
                got=list(chosen),
            )
        names[key] = chosen
    return names


def as_class_names(
    value: Mapping[str, Any] | None, columns: Mapping[str, Any]
) -> dict[str, tuple[Any, ...]]:
    """Names of classes; the class ``i`` of a label column is called ``names[i]``.

    Args:
        value: A mapping of ``"y"``, ``"edge_y"`` or ``"recordings.<column>"`` to names: text,
            numbers or truth values.
        columns: The label columns of the graph by these keys.

    Raises:
        GraphError: A key is unknown or the graph lacks its column, the column does not hold one
            integer per row, a label is neither -1 (not known) nor the number of a name, or a name
            occurs twice or is of another kind.
    """
    names: dict[str, tuple[Any, ...]] = {}
    given_names = renamed.keys("class_names", _mapping(value, "class_names"))
    for key, given in given_names.items():
        where = f"class_names[{key!r}]"
        if key not in ("y", "edge_y") and not key.startswith("recordings."):
            raise GraphError(
                "class_names",
                f"{key!r} is no column of labels",
                expected="'y', 'edge_y' or 'recordings.<column>'",
            )
        if isinstance(given, str):
            raise GraphError(where, "not a sequence of names", got=repr(given))
        chosen = tuple(_class_name(name, where) for name in given)
        _check_distinct(chosen, where)
        labels = columns.get(key)
        if labels is None:
            raise GraphError(where, "the graph has no such column", fix="Leave these names out.")
        for label in labels if isinstance(labels, tuple) else (labels,):
            _check_labels(label, len(chosen), where)
        names[key] = chosen
    return names


def as_time_zone(value: Any) -> str | None:
    """The name of a time zone, such as ``"Europe/Berlin"``, ``"UTC"`` or ``"UTC+01:00"``.

    Raises:
        GraphError: There is no such zone.
    """
    if value is None:
        return None
    import pandas as pd

    name = value.key if hasattr(value, "key") else str(value)
    try:
        pd.Timestamp(0, tz=name)
    except Exception as error:  # zoneinfo, pytz and pandas each have their own
        if isinstance(value, tzinfo):
            return "UTC"  # a zone without a name: its dates are the same instants in UTC
        raise GraphError(
            "time_zone",
            "there is no such time zone",
            expected="a name such as 'Europe/Berlin' or 'UTC+01:00'",
            got=repr(value),
        ) from error
    return name


def check_dates(dates: bool, unit: TimeUnit, clocks: list[Tensor | None]) -> bool:
    """Whether times are dates.

    Raises:
        GraphError: They should be, and are not whole numbers of a unit with a length.
    """
    broken = any(t is not None and t.numel() and t.is_floating_point() for t in clocks)
    if dates and (unit.nanoseconds is None or broken):
        raise GraphError(
            "dates",
            "such times are no dates",
            expected="int64 times in a unit with a length",
            got=f"{'float64' if broken else 'int64'} times in '{unit}'",
            fix="Leave dates= and time_zone= out.",
        )
    return bool(dates)


def facts_to_json(graph: TemporalGraph) -> dict[str, Any]:
    """What describes a graph beside its columns, as values that JSON can hold.

    A fact that says nothing (no names, no zone) is left out.
    """
    facts: dict[str, Any] = {"time_unit": str(graph.time_unit)}
    if graph.name is not None:
        facts["name"] = graph.name
    if graph.column_names:
        facts["column_names"] = {key: list(names) for key, names in graph.column_names.items()}
    if graph.class_names:
        facts["class_names"] = {key: list(names) for key, names in graph.class_names.items()}
    if graph.dates:
        facts["has_dates"] = True
    if graph.time_zone is not None:
        facts["time_zone"] = graph.time_zone
    return facts


def facts_from_json(facts: Mapping[str, Any]) -> dict[str, Any]:
    """What :func:`facts_to_json` kept, as arguments of :class:`~graphkit.TemporalGraph`."""
    keys = ("time_unit", "name", "column_names", "class_names", "time_zone")
    known = {key: facts[key] for key in keys if facts.get(key) is not None}
    if "class_names" in known:
        known["class_names"] = renamed.stored("TemporalGraph", known["class_names"])
    return known | {"dates": bool(facts.get("has_dates"))}


def tuples(names: Mapping[str, Any] | None) -> dict[str, tuple[Any, ...]]:
    """Names that come from JSON, where a tuple is a list."""
    return {key: tuple(values) for key, values in (names or {}).items()}


def _mapping(value: Any, name: str) -> Mapping[str, Any]:
    if value is None:
        return {}
    if not isinstance(value, Mapping):
        raise GraphError(
            name,
            "not understood",
            expected="a dict from the name of a column to names",
            got=type(value).__name__,
        )
    return value


def _check_distinct(names: tuple[Any, ...], where: str) -> None:
    twice = next((name for i, name in enumerate(names) if name in names[:i]), None)
    if twice is not None:
        raise GraphError(where, "a name occurs twice", got=repr(twice))


def _width(key: str, column: Any) -> int:
    if key in ("src", "dst", "t") or column is None:
        return 1
    return column.shape[2] if key == "signal" else math.prod(column.shape[1:])


def _class_name(name: Any, where: str) -> str | int | float | bool:
    name = name.item() if isinstance(name, np.generic) else name
    if isinstance(name, str):
        return str(name)
    if not isinstance(name, (bool, int, float)) or name != name:
        raise GraphError(
            where, "not the name of a class", expected="text or a number", got=repr(name)
        )
    return name


def _check_labels(labels: Any, count: int, where: str) -> None:
    whole = isinstance(labels, Tensor) and not labels.is_floating_point() and labels.dim() == 1
    if not whole or labels.dtype == torch.bool:
        raise GraphError(
            where,
            "the column does not hold one class per row",
            expected="integers of shape [rows]",
            got=f"{labels.dtype} {list(labels.shape)}",
            fix="Name the columns of several labels in column_names.",
        )
    wrong = (labels < -1) | (labels >= count)
    if bool(wrong.any()):
        row = int(wrong.nonzero()[0, 0])
        raise GraphError(
            where,
            "a label has no name",
            row=row,
            expected=f"0 to {count - 1}, or -1 where it is not known",
            got=int(labels[row]),
        )
