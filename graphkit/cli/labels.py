"""Labels of nodes read from text: ``7`` in a CSV file is the integer 7 if labels are integers."""

from __future__ import annotations

import re
from collections.abc import Iterable, Sequence
from typing import Any

from graphkit.errors import GraphError

__all__ = ["typed_labels"]

_NUMBER = re.compile(r"[+-]?([0-9]+\.?[0-9]*|\.[0-9]+)([eE][+-]?[0-9]+)?")
_KINDS = {str: "text", int: "an integer as it is normally written", float: "a number"}


def typed_labels(texts: Sequence[Any], known: Iterable[Any], column: str) -> list[Any]:
    """Convert labels from text to the type of the known labels.

    If all known labels are integers, a text is parsed as an integer, as
    :meth:`TemporalGraph.from_csv` does: ``007`` and ``7.0`` are not the canonical form of 7 and are
    refused. If labels have several types, a text is matched to the known label with that text form.

    Args:
        texts: Text values. Values that are not text (from a table with typed columns) are returned
            unchanged.
        known: Labels of the nodes.
        column: Column or argument, for error messages.

    Returns:
        Labels, which may be unknown ones.

    Raises:
        GraphError: A text does not have the type of the labels; or labels have several types, and
            a text matches none or two of them.
    """
    known = known.tolist() if hasattr(known, "tolist") else list(known)
    kinds = {type(label) for label in known} or {str}
    if len(kinds) == 1:
        kind = next(iter(kinds))
        return [
            _read(text, kind, column, row) if isinstance(text, str) else text
            for row, text in enumerate(texts)
        ]
    written: dict[str, list[Any]] = {}
    for label in known:
        written.setdefault(str(label), []).append(label)
    return [
        _find(text, written, kinds, column, row) if isinstance(text, str) else text
        for row, text in enumerate(texts)
    ]


def _read(text: str, kind: type, column: str, row: int) -> Any:
    from graphkit.data.convert.labels import is_canonical

    if kind is str:
        return text
    if kind is int and is_canonical(text):
        return int(text)
    if kind is float and _NUMBER.fullmatch(text):
        return float(text)
    raise GraphError(
        column,
        "not a label as those of training",
        row=row,
        expected=_KINDS.get(kind, kind.__name__),
        got=repr(text),
    )


def _find(text: str, written: dict[str, list[Any]], kinds: set[type], column: str, row: int) -> Any:
    found = written.get(text, [])
    if len(found) == 1:
        return found[0]
    raise GraphError(
        column,
        "two nodes are written so" if found else "no node is written so",
        row=row,
        expected=f"one label: {' or '.join(sorted(_KINDS.get(k, k.__name__) for k in kinds))}",
        got=" and ".join(map(repr, found)) or repr(text),
        fix="Give a Parquet file, whose columns have types, or use Python.",
    )
