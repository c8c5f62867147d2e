"""Saying aloud what a target or a source has no place for."""

from __future__ import annotations

import warnings
from collections.abc import Iterable
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from graphkit.data.temporal_graph import TemporalGraph

__all__ = ["warn_left_out"]


def warn_left_out(
    graph: TemporalGraph, columns: Iterable[str], target: str, *, stacklevel: int = 4
) -> None:
    """Warn if the graph has any of the columns, because the target cannot hold them."""
    lost = [name for name in columns if getattr(graph, name) is not None]
    if lost:
        warnings.warn(
            f"{target} has no place for {', '.join(lost)}; left out.",
            UserWarning,
            stacklevel=stacklevel,
        )
