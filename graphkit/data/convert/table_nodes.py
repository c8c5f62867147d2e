"""Nodes of a table of events: their ids, and node data in the order of these ids."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
import pandas as pd
import torch
from torch import Tensor

from graphkit.data.convert.classes import named_classes
from graphkit.data.convert.labels import MappedNodes, map_nodes
from graphkit.data.convert.node_tables import is_labelled, labels_of, node_rows
from graphkit.data.convert.table_columns import as_float, find_column, numeric_column, stacked
from graphkit.data.labels import labels_from_json
from graphkit.errors import GraphError

__all__ = ["labels_by_id", "map_table_nodes", "node_column"]


def map_table_nodes(
    events: pd.DataFrame,
    ends: tuple[Any, Any],
    meta: dict[str, Any],
    ids: str,
    bipartite: bool,
    num_nodes: int | None,
    node_names: Any,
    node_space: Any,
    tables: dict[str, Any],
    signal: Any,
    node_events: Any,
) -> MappedNodes:
    """Ids of the ends, and a refusal of arrays whose order the caller could not know."""
    columns = find_column(events, ends[0]), find_column(events, ends[1])
    bare = {key: v for key, v in tables.items() if v is not None and not is_labelled(v)}
    if signal is not None and not is_labelled(signal, columns=True):
        bare["signal"] = signal
    named = [labels_of(v) for v in tables.values() if is_labelled(v)]
    if is_labelled(signal, columns=True) and not isinstance(signal.columns, pd.MultiIndex):
        named.append(signal.columns)
    if node_names is None and ids == "auto":
        node_names = labels_from_json(meta.get("node_names"))
        if node_names is not None and node_space is None and "node_space" in meta:
            node_space = np.array(meta["node_space"], dtype=bool)
    known = num_nodes
    if known is None and bare:
        key, value = next(iter(bare.items()))
        known = np.shape(value)[1] if key == "signal" else len(value)
    if known is None and node_names is None and not meta.get("labels"):
        known = meta.get("num_nodes")
        node_space = meta.get("node_space") if node_space is None else node_space
        if node_space is not None:
            node_space = np.array(node_space, dtype=bool)
    if known is None and node_names is None and named and ids == "auto" and not bipartite:
        known = _plain_ids(named[0])
    mapped = map_nodes(columns, ends, ids, node_names=node_names, num_nodes=known,
                       bipartite=bipartite, node_space=node_space)  # fmt: skip
    if mapped.names is None and node_space is not None:
        mapped = mapped._replace(space=node_space)
    if mapped.numbered:
        if node_events is not None:
            bare["node_events"] = node_events
        if bare:
            raise GraphError(
                next(iter(bare)),
                "an array in the caller's order meets labels that are numbered here",
                expected="node data by label, or node_names in the order of the array",
                got=f"{len(mapped.names)} labels such as {mapped.names.tolist()[0]!r}",
                fix="Pass node_names=[label of every row], or a pandas table with labels as its "
                "index (columns, for a signal); ids='as_is' if the integers are the ids.",
            )
        if num_nodes is not None and num_nodes != len(mapped.names):
            raise GraphError(
                "num_nodes",
                "the number of labels differs",
                expected=f"{len(mapped.names)} labels in the table",
                got=num_nodes,
                fix="Name the nodes without events too: node_names=[...]; or leave it out.",
            )
    return mapped


def _plain_ids(labels: pd.Index) -> int | None:
    """``N`` if the labels of a table are ``0..N-1`` in any order: then they are the ids."""
    if not pd.api.types.is_integer_dtype(labels.dtype):
        return None
    values = np.sort(labels.to_numpy())
    return len(values) if np.array_equal(values, np.arange(len(values))) else None


def labels_by_id(mapped: MappedNodes, column: str) -> np.ndarray | None:
    """The labels by id that a table of nodes must have; ``None`` where its own decide."""
    if mapped.names is None:
        return None
    if mapped.space is not None and len(set(np.asarray(mapped.names).tolist())) < len(mapped.names):
        raise GraphError(
            column,
            "a label stands for a source and for a destination",
            fix="Pass node data as an array in order of id, with node_names= and node_space=.",
        )
    return np.asarray(mapped.names) if hasattr(mapped.names, "dtype") else mapped.names


def node_column(
    value: Any,
    key: str,
    mapped: MappedNodes,
    known: Sequence[Any] | None,
    float_dtype: torch.dtype | None,
) -> tuple[Any, tuple[Any, ...] | None, list[str] | None]:
    """Node data in order of id, names of classes, and names of columns."""
    if not isinstance(value, (pd.DataFrame, pd.Series)):
        text = key == "y" and not isinstance(value, Tensor) and _has_text(value)
        if not text:
            return value, None, None
        value = pd.Series(list(value), dtype=object)
    if is_labelled(value):
        labels = labels_of(value)
        wanted = labels_by_id(mapped, key)
        wanted = np.arange(len(value)) if wanted is None else wanted
        value = value.iloc[node_rows(labels, wanted, key)]
    if isinstance(value, pd.DataFrame) and value.shape[1] == 1 and key in ("y", "node_type"):
        value = value.iloc[:, 0]
    if isinstance(value, pd.Series):
        called = None if value.name is None else [str(value.name)]
        if key == "y":
            found = named_classes(value, str(value.name or key), known)
            if found is not None:
                return found[0], found[1], called
        frame = value.rename(value.name if value.name is not None else key).to_frame()
        array = numeric_column(frame, frame.columns[0])
    else:
        called = [str(column) for column in value.columns]
        places = value.set_axis(range(value.shape[1]), axis=1)
        arrays = [numeric_column(places, i, called[i]) for i in places.columns]
        array = stacked(arrays, called, float_dtype)
    return as_float(torch.from_numpy(array), float_dtype), None, called


def _has_text(value: Any) -> bool:
    value = np.asarray(value)
    return value.dtype.kind in "US" or (
        value.dtype == object and value.ndim == 1 and any(isinstance(v, str) for v in value)
    )
