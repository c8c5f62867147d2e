"""Labels of nodes, of any kind, to ids and back."""

from __future__ import annotations

from typing import Any

import numpy as np
import pandas as pd

from graphkit.errors import GraphError

__all__ = ["labels_from_json", "labels_to_json", "map_nodes"]


def map_nodes(
    ends: tuple[pd.Series, pd.Series],
    columns: tuple[Any, Any],
    ids: str,
    node_names: Any,
    num_nodes: int | None,
) -> tuple[np.ndarray, np.ndarray, np.ndarray | None]:
    """Ids of the two ends of events, and the labels by id if they were not ids already.

    Args:
        ends: Labels of sources and of destinations.
        columns: Names of the two, for messages.
        ids: ``"auto"``, ``"as_is"`` or ``"compact"``; see :func:`from_pandas`.
        node_names: Labels by id, if they are known.
        num_nodes: Number of nodes, if it is known.

    Raises:
        GraphError: A label is missing or unknown, or ids that should be taken as they are are
            not integers.
    """
    if ids not in ("auto", "as_is", "compact"):
        raise GraphError("ids", "unknown", expected="'auto', 'as_is' or 'compact'", got=repr(ids))
    for end, column in zip(ends, columns):
        missing = end.isna().to_numpy()
        if missing.any():
            raise GraphError(
                str(column),
                "a node is missing",
                row=int(np.argmax(missing)),
                expected="a label or an id",
                got=repr(end.iloc[int(np.argmax(missing))]),
                fix="Drop rows with missing nodes: events.dropna(subset=[...]).",
            )
    if node_names is not None:
        return *_look_up(ends, columns, node_names), np.asarray(node_names)
    whole = all(_is_whole(end) for end in ends)
    if ids == "as_is" and not whole:
        bad = next(i for i, end in enumerate(ends) if not _is_whole(end))
        raise GraphError(
            str(columns[bad]),
            "labels cannot be taken as ids",
            row=0,
            expected="integers",
            got=repr(ends[bad].iloc[0]) if len(ends[bad]) else str(ends[bad].dtype),
            fix="Use ids='compact' to number the labels.",
        )
    if ids == "as_is" or (ids == "auto" and whole and _are_ids(ends, num_nodes)):
        src, dst = (end.to_numpy(dtype=np.int64) for end in ends)
        return src, dst, None
    return _number(ends)


def labels_to_json(names: np.ndarray | None) -> dict[str, Any] | None:
    """Labels as values that JSON can hold.

    Raises:
        GraphError: A label is neither text nor a number, so that it would come back changed.
    """
    if names is None:
        return None
    items = names.tolist()
    row = next((i for i, item in enumerate(items) if type(item) not in (str, int, float)), None)
    if row is not None:
        raise GraphError(
            "node_names",
            "this label cannot be written",
            row=row,
            expected="text or a number",
            got=repr(items[row]),
            fix="Turn labels into text when the graph is built.",
        )
    return {"dtype": names.dtype.str, "items": items}


def labels_from_json(saved: dict[str, Any] | None) -> np.ndarray | None:
    """What :func:`labels_to_json` kept."""
    return None if saved is None else np.array(saved["items"], dtype=np.dtype(saved["dtype"]))


def _is_whole(end: pd.Series) -> bool:
    if pd.api.types.is_bool_dtype(end.dtype):
        return False
    if pd.api.types.is_float_dtype(end.dtype):  # integers that once had missing values beside them
        values = end.to_numpy(dtype=np.float64)
        return bool((values == np.floor(values)).all() and (np.abs(values) < 2**53).all())
    return pd.api.types.is_integer_dtype(end.dtype)


def _are_ids(ends: tuple[pd.Series, pd.Series], num_nodes: int | None) -> bool:
    if not len(ends[0]):
        return True
    if min(end.min() for end in ends) < 0:
        return False
    return num_nodes is not None or max(end.max() for end in ends) < 2 * len(ends[0])


def _number(ends: tuple[pd.Series, pd.Series]) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    labels = pd.concat(ends, ignore_index=True)
    codes, names = pd.factorize(labels)
    names = _array(names)
    try:
        order = np.argsort(names, kind="stable")
    except TypeError:  # labels of kinds that cannot be compared
        order = np.arange(len(names))
    rank = np.empty(len(names), dtype=np.int64)
    rank[order] = np.arange(len(names))
    codes = rank[codes]
    return codes[: len(ends[0])], codes[len(ends[0]) :], names[order]


def _look_up(
    ends: tuple[pd.Series, pd.Series], columns: tuple[Any, Any], node_names: Any
) -> tuple[np.ndarray, np.ndarray]:
    index = pd.Index(node_names)
    if not index.is_unique:
        row = int(np.argmax(index.duplicated()))
        raise GraphError("node_names", "a name occurs twice", row=row, got=repr(index[row]))
    found = []
    for end, column in zip(ends, columns):
        place = index.get_indexer(pd.Index(end)).astype(np.int64)
        if (place < 0).any():
            row = int(np.argmax(place < 0))
            raise GraphError(
                str(column),
                "a node is not in node_names",
                row=row,
                expected=f"one of {len(index)} names",
                got=repr(end.iloc[row]),
                fix="Add it to node_names, or leave node_names out.",
            )
        found.append(place)
    return found[0], found[1]


def _array(names: Any) -> np.ndarray:
    """Labels as a one-dimensional array, tuples as single items."""
    if getattr(names, "dtype", None) is not None and names.dtype.kind in "iuf":
        return np.asarray(names)
    out = np.empty(len(names), dtype=object)
    out[:] = list(names)
    return out
