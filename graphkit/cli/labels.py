"""Labels of nodes from text: ``7`` on a command line is the integer 7 where labels are integers."""

from __future__ import annotations

import math
import re
from collections.abc import Iterable, Sequence
from typing import Any

from graphkit.errors import GraphError

__all__ = ["typed_labels"]


def typed_labels(
    texts: Sequence[Any], known: Iterable[Any], column: str, *, new: bool = False
) -> list[Any]:
    """Labels as text in the type that known labels have.

    A text stands for the known label that is written so: the text itself, or the number. Nothing is
    rounded: ``7.0`` is no integer.

    Args:
        texts: Text; what is no text (a table with typed columns) is taken as it is.
        known: The labels of all nodes.
        column: Column or argument, for messages.
        new: Whether a label that is not known is a new one. Its type is the only one that known
            labels have.

    Raises:
        GraphError: A label is missing or unknown, stands for two labels, or for none of the type
            that labels have.
    """
    import difflib

    readings: dict[str, list[Any]] = {}
    kinds = set()
    for label in known:
        label = label.item() if hasattr(label, "item") else label
        kinds.add(type(label))
        readings.setdefault(_written(label), []).append(label)
    found = []
    for row, text in enumerate(texts):
        if text is None or (isinstance(text, float) and math.isnan(text)):
            raise GraphError(column, "a label is missing", row=row)
        if not isinstance(text, str):
            found.append(text)
            continue
        meant = list(readings.get(text, ()))
        for form in _forms(text):
            others = [label for label in readings.get(form, ()) if not isinstance(label, str)]
            meant += [label for label in others if label not in meant]
        if len(meant) > 1:
            raise GraphError(
                column,
                "two nodes are written so",
                row=row,
                got=" and ".join(map(repr, meant)),
                fix="Give a Parquet file, whose columns have types, or use Python.",
            )
        if meant:
            found.append(meant[0])
        elif new:
            found.append(_new(text, kinds, column, row))
        else:
            close = difflib.get_close_matches(text, list(readings)[:5000], n=3)
            raise GraphError(
                column,
                "there is no node with this label",
                row=row,
                expected=f"one of {sum(map(len, readings.values()))} labels of "
                f"{' and '.join(sorted(_KINDS.get(kind, kind.__name__) for kind in kinds))}",
                got=text,
                fix=f"Did you mean {' or '.join(close)}?" if close else None,
            )
    return found


_WHOLE = re.compile(r"[+-]?[0-9]+")
_NUMBER = re.compile(r"[+-]?([0-9]+\.?[0-9]*|\.[0-9]+)([eE][+-]?[0-9]+)?")
_KINDS = {str: "text", int: "integers", float: "numbers"}


def _written(label: Any) -> str:
    return label if isinstance(label, str) else repr(label)


def _forms(text: str) -> list[str]:
    """Numbers as Python writes them: ``007`` is ``7``, and ``7.0`` where labels are not whole."""
    if not _NUMBER.fullmatch(text):
        return []
    whole = [repr(int(text))] if _WHOLE.fullmatch(text) else []
    return [form for form in [*whole, repr(float(text))] if form != text]


def _new(text: str, kinds: set[type], column: str, row: int) -> Any:
    if len(kinds) > 1:
        raise GraphError(
            column,
            "a new label could be of several types",
            row=row,
            expected=" or ".join(sorted(_KINDS.get(kind, kind.__name__) for kind in kinds)),
            got=text,
            fix="Give a Parquet file, whose columns have types, or use Python.",
        )
    kind = next(iter(kinds), str)
    if kind is str or (_WHOLE if kind is int else _NUMBER).fullmatch(text):
        return kind(text)
    raise GraphError(
        column,
        "a new label is of another type than those of training",
        row=row,
        expected=_KINDS.get(kind, kind.__name__),
        got=text,
    )
