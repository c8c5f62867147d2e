"""Labels of nodes in tables, of any kind, to ids."""

from __future__ import annotations

from contextlib import suppress
from typing import Any, NamedTuple

import numpy as np
import pandas as pd

from graphkit.data.inputs import label_array
from graphkit.data.label_values import label_values, object_array
from graphkit.data.labels import Labels
from graphkit.errors import GraphError

__all__ = ["MappedNodes", "is_canonical", "map_nodes"]


class MappedNodes(NamedTuple):
    """Ids of the ends of events, and what they are called.

    Attributes:
        src: int64 ``[E]``.
        dst: int64 ``[E]``.
        names: Labels by id, or ``None`` if the labels are the ids.
        space: bool ``[N]``, true for destinations, or ``None``.
        numbered: Whether the ids were made here, so that no array of the caller can be in their
            order.
    """

    src: np.ndarray
    dst: np.ndarray
    names: Any = None
    space: np.ndarray | None = None
    numbered: bool = False


def map_nodes(
    ends: tuple[pd.Series, pd.Series],
    columns: tuple[Any, Any],
    ids: str = "auto",
    *,
    node_names: Any = None,
    num_nodes: int | None = None,
    bipartite: bool = False,
    node_space: Any = None,
) -> MappedNodes:
    """Ids of the two ends of events. No rule depends on the number of rows.

    Args:
        ends: Labels of sources and of destinations.
        columns: Names of the two, for messages.
        ids: ``"auto"``, ``"as_is"``, ``"number"`` or ``"compact"``; see :func:`from_pandas`.
        node_names: Labels by id, if they are known.
        num_nodes: Number of nodes, if it is known.
        bipartite: Whether sources and destinations have separate ids and labels.
        node_space: The space of every name in ``node_names``.

    Raises:
        GraphError: A label is missing or unknown, ids that should be taken as they are are not
            integers, or labels cannot be told apart.
    """
    if ids not in ("auto", "as_is", "number", "compact"):
        raise GraphError("ids", "unknown", expected="'auto', 'as_is' or 'number'", got=repr(ids))
    arrays = [label_values(end, str(column)) for end, column in zip(ends, columns)]
    columns = (str(columns[0]), str(columns[1]))
    if node_names is not None:
        if bipartite and node_space is None:
            raise GraphError(
                "node_space",
                "names of two id spaces are given, but not which name is in which",
                expected="bool [N], true for destinations",
                fix="Pass node_space= beside node_names=.",
            )
        return MappedNodes(*Labels(node_names, node_space).match(arrays, columns), node_names,
                           node_space)  # fmt: skip
    if ids == "as_is":
        _check_as_is(arrays, columns)
    whole = all(array.dtype == np.int64 for array in arrays)
    if bipartite:
        return _two_spaces(arrays, columns, as_is=ids == "as_is")
    if ids == "as_is" or (ids == "auto" and whole and num_nodes is not None):
        return MappedNodes(*arrays)
    coded = [_factorized(array) for array in arrays]
    names = _sorted_labels([label for _, uniques in coded for label in uniques], columns)
    place = {label: node for node, label in enumerate(names)}
    src, dst = (
        np.array([place[label] for label in uniques], dtype=np.int64)[codes]
        for codes, uniques in coded
    )
    return MappedNodes(src, dst, label_array(names) if _one_kind(names) else object_array(names),
                       numbered=True)  # fmt: skip


def is_canonical(text: str) -> bool:
    """Whether a text is what an integer of 64 bits is written as: ``7``, not ``007`` or ``+7``."""
    digits = text[1:] if text.startswith("-") else text
    if not (digits.isascii() and digits.isdigit()) or len(digits) > 19:
        return False
    return (digits[0] != "0" or text == "0") and -(2**63) <= int(text) < 2**63


def _two_spaces(arrays: list[np.ndarray], columns: tuple[str, str], *, as_is: bool) -> MappedNodes:
    """Sources from 0, destinations after them."""
    if as_is:
        names = [list(range(int(array.max()) + 1)) if len(array) else [] for array in arrays]
        src, dst = arrays
    else:
        coded = [_factorized(array) for array in arrays]
        names = [_sorted_labels(uniques, (column,)) for (_, uniques), column in zip(coded, columns)]
        places = [{label: node for node, label in enumerate(side)} for side in names]
        src, dst = (
            np.array([place[label] for label in uniques], dtype=np.int64)[codes]
            for (codes, uniques), place in zip(coded, places)
        )
    together = [*names[0], *names[1]]
    space = np.repeat([False, True], [len(names[0]), len(names[1])])
    together = label_array(together) if _one_kind(together) else object_array(together)
    return MappedNodes(src, dst + len(names[0]), together, space, numbered=True)


def _check_as_is(arrays: list[np.ndarray], columns: tuple[str, str]) -> None:
    for array, column in zip(arrays, columns):
        if array.dtype == np.int64:
            negative = array < 0
            if negative.any():
                row = int(np.argmax(negative))
                raise GraphError(
                    column,
                    "a node id is negative",
                    row=row,
                    expected="ids from 0",
                    got=int(array[row]),
                    fix="Use ids='number' to number the labels.",
                )
            continue
        wrong = [type(label) is not int or not 0 <= label < 2**63 for label in array.tolist()]
        row = wrong.index(True) if any(wrong) else 0
        raise GraphError(
            column,
            "labels cannot be taken as ids",
            row=row,
            expected="integers",
            got=repr(array[row]) if array.dtype == object else str(array[row]),
            fix="Use ids='number' to number the labels.",
        )


def _factorized(array: np.ndarray) -> tuple[np.ndarray, list[Any]]:
    codes, uniques = pd.factorize(array)
    return codes, np.asarray(uniques).tolist()


def _sorted_labels(labels: list[Any], columns: tuple[str, ...]) -> list[Any]:
    """Distinct labels in sorted order: numbers, then text, then everything else."""
    distinct = list(dict.fromkeys(labels))
    numbers = [label for label in distinct if isinstance(label, (int, float))]
    texts = [label for label in distinct if isinstance(label, str)]
    if numbers and texts:
        _check_told_apart(numbers, texts, columns)
    others = [label for label in distinct if not isinstance(label, (int, float, str))]
    with suppress(TypeError):  # labels that cannot be compared stay in order of appearance
        others = sorted(others)
    return [*sorted(numbers), *sorted(texts), *others]


def _check_told_apart(numbers: list[Any], texts: list[str], columns: tuple[str, ...]) -> None:
    """Refuse ``7`` beside ``"7"`` or ``"8"``: one node would become two."""
    spelled = next((text for text in texts if is_canonical(text)), None)
    if spelled is not None:
        raise GraphError(
            columns[0],
            "some labels are numbers and others are text that spells numbers",
            expected=f"one type in {' and '.join(map(repr, columns))}",
            got=f"{numbers[0]!r} and {spelled!r}",
            fix="Give both columns one type: events[column] = events[column].astype(str).",
        )


def _one_kind(labels: list[Any]) -> bool:
    return all(type(label) is int for label in labels) or all(type(v) is float for v in labels)
