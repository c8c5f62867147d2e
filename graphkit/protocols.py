"""What a model promises, per view of a graph: the calls that tasks and the engine make.

A class that has these members is a model of the view, whatever its base. The checks of
:mod:`graphkit.testing` try out what a signature cannot say.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, Protocol, runtime_checkable

from torch import Tensor

__all__ = ["SignalModel", "SnapshotModel", "StaticModel", "StreamModel"]


@runtime_checkable
class StreamModel(Protocol):
    """A model that goes through a stream of events.

    Its state lies in registered buffers. A batch is scored before it is observed.
    """

    def score(self, src: Tensor, dst: Tensor, t: Tensor) -> Tensor:
        """Logits of the shape of ``dst``, ``[B]`` or ``[B, C]``; writes no state."""
        ...

    def observe(self, events: Any) -> None:
        """Take in events that have been scored; the only method that writes state."""
        ...

    def reset_state(self) -> None:
        """Empty the state."""
        ...


@runtime_checkable
class SnapshotModel(Protocol):
    """A model of the steps of a timeline, such as
    :class:`~graphkit.nn.snapshot.SnapshotPredictor`."""

    def logits(self, snapshots: Sequence[Any], src: Tensor, dst: Tensor | None = None) -> Tensor:
        """Logits of classes ``[M, num_classes]``: of nodes ``src``, or of pairs ``(src, dst)``."""
        ...

    def link_logits(self, snapshots: Sequence[Any], src: Tensor, dst: Tensor) -> Tensor:
        """Logits ``[M]`` of an edge against none."""
        ...

    def rank(self, query: Any, rivals: Tensor | None = None) -> Any:
        """``(logits [M], ranking)``: the labelled pairs of a query, and the ranks of its true ones
        among all pairs, or among ``rivals`` ``[P, k]``."""
        ...

    def observe(self, snapshot: Any) -> None:
        """Move a carried state past a snapshot; nothing where no state is carried."""
        ...

    def reset_state(self) -> None:
        """Go back to the beginning of the timeline."""
        ...


@runtime_checkable
class SignalModel(Protocol):
    """A model of windows of a signal; ``kind`` is ``"forecast"`` or ``"classify"``."""

    kind: str

    def forward(
        self, x: Tensor, covariates: Tensor | None = None, mask: Tensor | None = None
    ) -> Tensor:
        """Forecasts ``[B, T, N, C']`` or logits ``[B, classes]`` of windows ``[B, T', N, C]``."""
        ...


@runtime_checkable
class StaticModel(Protocol):
    """A model of one graph that stands still."""

    def forward(self, x: Tensor, edge_index: Tensor, edge_weight: Tensor | None = None) -> Tensor:
        """Logits ``[N, C]`` of all nodes."""
        ...
