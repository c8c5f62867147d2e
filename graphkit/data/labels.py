"""Node labels and their ids, in one or two id spaces, with support for new labels."""

from __future__ import annotations

import difflib
import math
from collections.abc import Iterable, Sequence
from typing import TYPE_CHECKING, Any

import numpy as np
import pandas as pd
import torch
from torch import Tensor

from graphkit.data.inputs import label_array
from graphkit.data.label_values import label_values, object_array
from graphkit.errors import GraphError

if TYPE_CHECKING:
    from graphkit.data.temporal_graph import TemporalGraph

__all__ = ["Labels", "labels_from_json", "labels_to_json"]

_MANY = 10_000_000  # limit of new unnamed ids per call; more suggest a wrong column
_CLOSE = 5_000  # limit of names compared with an unknown one: comparing all would take minutes


class Labels:
    """A growing mapping of node labels to ids.

    A label is text, a number or anything else that can be a key of a dict; ``7`` and ``"7"`` are
    different labels. Without names the ids are the labels. In a graph with two id spaces
    (``bipartite=True``) a source and a destination may have the same label.

    Args:
        names: Labels by id, ``[N]``; ``None`` if the ids are the labels.
        space: bool ``[N]``, true for destinations; ``None`` for one space.
        num_nodes: Number of nodes, ``N``, if there are no names.

    Raises:
        GraphError: A label occurs twice in its space.
    """

    def __init__(
        self,
        names: Any = None,
        space: Any = None,
        *,
        num_nodes: int | None = None,
    ) -> None:
        self._array = names if isinstance(names, np.ndarray) else None
        self._names = None if names is None else _items(names)
        self._space = None if space is None else [bool(side) for side in _items(space)]
        known = self._names if self._names is not None else self._space
        self._count = len(known) if known is not None else int(num_nodes or 0)
        self._places: tuple[dict[Any, int], dict[Any, int]] = ({}, {})
        for node, label in enumerate(self._names or ()):
            if self._places[self._side(node)].setdefault(label, node) != node:
                raise GraphError("node_names", "a name is used twice", row=node, got=repr(label))

    @classmethod
    def of(cls, graph: TemporalGraph) -> Labels:
        """The labels of a graph's nodes."""
        return cls(graph.node_names, graph.node_space, num_nodes=graph.num_nodes)

    # ---------------------------------------------------------------- facts
    def __len__(self) -> int:
        return self._count

    @property
    def num_nodes(self) -> int:
        """Number of labels, ``N``."""
        return self._count

    @property
    def named(self) -> bool:
        """Whether nodes have names; otherwise ids are the labels."""
        return self._names is not None

    @property
    def names(self) -> np.ndarray | None:
        """``[N]`` labels by id, or ``None`` if the ids are the labels."""
        if self._names is None:
            return None
        if self._array is not None and len(self._array) == self._count:
            return self._array
        if self._array is not None and self._array.dtype == object:
            return object_array(self._names)
        return label_array(self._names)

    @property
    def space(self) -> Tensor | None:
        """bool ``[N]``, true for destinations, or ``None`` for one space."""
        return None if self._space is None else torch.tensor(self._space, dtype=torch.bool)

    def label(self, node: int) -> Any:
        """The label of a node."""
        return int(node) if self._names is None else self._names[node]

    def labels(self, nodes: Any) -> list[Any]:
        """The labels of several nodes."""
        return [self.label(node) for node in _items(nodes)]

    def copy(self) -> Labels:
        """An independent copy."""
        other = object.__new__(Labels)
        other.__dict__.update(self.__dict__)
        other._names = None if self._names is None else list(self._names)
        other._space = None if self._space is None else list(self._space)
        other._places = (dict(self._places[0]), dict(self._places[1]))
        return other

    def __repr__(self) -> str:
        kind = "names" if self.named else "ids"
        return f"Labels({self._count} {kind}{', two spaces' if self._space is not None else ''})"

    # ---------------------------------------------------------------- look up
    def ids(
        self,
        values: Any,
        column: str = "node",
        *,
        side: int = 0,
        admit: bool = False,
        rows: np.ndarray | None = None,
    ) -> np.ndarray:
        """The ids of one column of labels, int64; see :meth:`match`.

        Args:
            side: In two spaces, 0 for a source and 1 for a destination.
        """
        return self.match([values], [column], sides=[side], admit=admit, rows=rows)[0]

    def match(
        self,
        ends: Sequence[Any],
        columns: Sequence[str],
        *,
        sides: Sequence[int] = (0, 1),
        admit: bool = False,
        rows: np.ndarray | None = None,
    ) -> list[np.ndarray]:
        """The ids of the labels of events.

        Args:
            ends: Columns of labels of equal length, such as sources and destinations.
            columns: Names of the columns, used in messages.
            sides: In two spaces, 0 for a column of sources and 1 for one of destinations.
            admit: Whether to assign the next id to an unknown label. New labels are numbered in
                order of rows, and within a row in order of columns.
            rows: Row numbers used in messages, if the columns are not in the caller's order.

        Returns:
            int64 ids, one array per column.

        Raises:
            GraphError: A label is missing, invalid, or unknown (the message lists the closest
                ones). No label is admitted in this case.
        """
        coded = []
        for values, column in zip(ends, columns):
            array = label_values(values, column, rows)
            codes, uniques = pd.factorize(array)
            coded.append((codes, np.asarray(uniques).tolist()))
        if self._names is None:
            return self._match_ids(coded, columns, sides, admit, rows)
        found, unknown = [], []
        for which, (codes, uniques) in enumerate(coded):
            place = np.array(self.places(uniques, sides[which]), dtype=np.int64)
            found.append((codes, uniques, place))
            new = np.flatnonzero(place < 0)
            if len(new):
                first = np.unique(codes, return_index=True)[1]  # codes are 0, 1, ... and all occur
                unknown += [(int(first[code]), which, code) for code in new]
        unknown.sort()
        if unknown and not admit:
            row, which, code = unknown[0]
            raise self._unknown(
                columns[which], int(row if rows is None else rows[row]), found[which][1][code],
                sides[which],
            )  # fmt: skip
        for _, which, code in unknown:
            found[which][2][code] = self.add(found[which][1][code], sides[which])
        return [place[codes] for codes, _, place in found]

    def places(self, labels: Iterable[Any], side: int = 0) -> list[int]:
        """The ids of labels, -1 for unknown labels."""
        places = self._places[side if self._space is not None else 0]
        return [places.get(label, -1) for label in labels]

    def add(self, label: Any, side: int = 0) -> int:
        """The id of a label; an unknown label is added with the next id."""
        side = side if self._space is not None else 0
        node = self._places[side].setdefault(label, self._count)
        if node == self._count:
            self._names.append(label)
            if self._space is not None:
                self._space.append(bool(side))
            self._count += 1
        return node

    def forget(self, count: int) -> None:
        """Remove the labels with ids from ``count`` on, such as those of refused events."""
        for node in range(count, self._count if self._names is not None else count):
            del self._places[self._side(node)][self._names[node]]
        for column in (self._names, self._space):
            if column is not None:
                del column[count:]
        self._count = count

    def _match_ids(
        self,
        coded: list[tuple[np.ndarray, list[Any]]],
        columns: Sequence[str],
        sides: Sequence[int],
        admit: bool,
        rows: np.ndarray | None,
    ) -> list[np.ndarray]:
        """Ids of nodes whose ids are the labels."""
        grown, new_space = self._count, {}
        limit = self._count + max(_MANY, 4 * sum(len(codes) for codes, _ in coded))
        for (codes, uniques), column, side in zip(coded, columns, sides):
            for code, label in enumerate(uniques):
                whole = isinstance(label, int) and 0 <= label < 2**62
                fits = whole and (label < limit if admit else label < self._count)
                if fits and self._space is not None:
                    known = (
                        self._space[label] if label < self._count else new_space.get(label, side)
                    )
                    new_space[label] = bool(side)
                    fits = bool(known) == bool(side)
                if not fits:
                    row = int(np.argmax(codes == code))
                    raise GraphError(
                        column,
                        "not the id of a node"
                        if self._space is None
                        else f"not the id of a {'destination' if side else 'source'}",
                        row=int(row if rows is None else rows[row]),
                        expected=f"an integer from 0 to {self._count - 1}"
                        if not admit
                        else f"an integer from 0 to {limit - 1}",
                        got=repr(label),
                        fix="The nodes of this graph have no names: ids are their labels.",
                    )
                grown = max(grown, label + 1)
        if self._space is not None:
            gap = next((n for n in range(self._count, grown) if n not in new_space), None)
            if gap is not None:
                raise GraphError(
                    columns[0],
                    "a new id leaves a gap of nodes that are in neither space",
                    expected=f"new ids {self._count}, {self._count + 1}, ...",
                    got=f"no node {gap}",
                )
            self._space += [new_space[node] for node in range(self._count, grown)]
        self._count = grown
        return [np.array(uniques, dtype=np.int64)[codes] for codes, uniques in coded]

    def _unknown(self, column: str, row: int, label: Any, side: int) -> GraphError:
        names = self._places[side if self._space is not None else 0]
        hint = "Correct it, or admit it first: Predictor.observe() does for new nodes."
        other = str(label) if not isinstance(label, str) else _number(label)
        if other in names:
            kinds = ("text", "a number") if isinstance(label, str) else ("a number", "text")
            hint = f"{kinds[0].capitalize()} here, but the label {other!r} is {kinds[1]}."
        elif isinstance(label, str):
            same = [n for n in names if isinstance(n, str)]
            folded = [n for n in same if n.strip().casefold() == label.strip().casefold()]
            close = folded[:3] or difflib.get_close_matches(label, same[:_CLOSE], n=3)
            if close:
                hint = f"Did you mean {' or '.join(map(repr, close))}?"
        known = f"{len(names)} names"
        if self._space is not None:
            known = f"{len(names)} {'destinations' if side else 'sources'}"
        return GraphError(
            column,
            "there is no node with this label",
            row=row,
            expected=f"one of {known}",
            got=repr(label),
            fix=hint,
        )

    def _side(self, node: int) -> int:
        return 0 if self._space is None else int(self._space[node])

    # ---------------------------------------------------------------- JSON
    def to_json(self) -> dict[str, Any]:
        """The labels as JSON values.

        Raises:
            GraphError: A label is neither text nor a number, such as a tuple.
        """
        return {
            "names": labels_to_json(self.names),
            "space": None if self._space is None else [int(side) for side in self._space],
            "num_nodes": self._count,
        }

    @classmethod
    def from_json(cls, saved: dict[str, Any]) -> Labels:
        """Restore labels from the result of :meth:`to_json`."""
        return cls(labels_from_json(saved["names"]), saved["space"], num_nodes=saved["num_nodes"])


def labels_to_json(names: np.ndarray | None) -> dict[str, Any] | None:
    """Labels as JSON values.

    Raises:
        GraphError: A label is neither text nor a number, so that JSON would not preserve it.
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
    """Restore labels from the result of :func:`labels_to_json`."""
    if saved is None:
        return None
    if saved["dtype"] == "|O":
        return object_array(saved["items"])
    return np.array(saved["items"], dtype=np.dtype(saved["dtype"]))


def _items(values: Any) -> list[Any]:
    return values.tolist() if hasattr(values, "tolist") else list(values)


def _number(text: str) -> Any:
    """The number that a text spells, or the text."""
    try:
        value = float(text)
    except ValueError:
        return text
    return int(value) if math.isfinite(value) and value == int(value) else value
