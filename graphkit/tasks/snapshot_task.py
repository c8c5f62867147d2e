"""What tasks on snapshots share: the timeline, the steps of a split, records."""

from __future__ import annotations

from typing import Any, ClassVar

from torch import Tensor

from graphkit.data import TemporalGraph
from graphkit.nn.snapshot import Snapshot
from graphkit.tasks.snapshot_timeline import SPLITS, Timeline

__all__ = ["SnapshotTask", "row_of"]


class SnapshotTask:
    """A question about the steps of a timeline.

    A task of its own sets the attributes of the class and answers :meth:`identity` and
    :meth:`_summary`; the engine wants ``stream``, ``score``, ``loss`` and ``metrics`` besides.

    Args:
        graph: The stream.
        timeline: Its steps.

    Attributes:
        name: Registered name.
        ahead: Steps between the embeddings and the step that they answer for.
    """

    name: ClassVar[str]
    ahead: ClassVar[int]

    def __init__(self, graph: TemporalGraph, timeline: Timeline) -> None:
        self.graph, self.dataset = graph, graph.name or "graph"
        self.timeline = timeline

    # ---------------------------------------------------------------- what models may ask
    @property
    def in_channels(self) -> int:
        """Width of the nodes' features."""
        return self.timeline.in_channels

    @property
    def num_nodes(self) -> int:
        """Nodes of the graph."""
        return self.timeline.num_nodes

    @property
    def mode(self) -> str:
        """``"window"`` or ``"carry"``."""
        return self.timeline.mode

    # ---------------------------------------------------------------- what is asked
    def history(self, split: str) -> list[Any]:
        """The steps that a carried state has gone through; nothing for windows."""
        return self.timeline.before(split)

    def continues(self, split: str) -> bool:
        """A carried state is one of earlier weights after training: it is made again."""
        return self.mode == "window"

    # ---------------------------------------------------------------- record
    def identity(self) -> dict[str, Any]:
        """The part of :meth:`protocol` that decides the numbers."""
        raise NotImplementedError

    def protocol(self) -> dict[str, Any]:
        """Split and how each metric is computed, as plain values."""
        return {"summary": self._summary(), **self.identity()}

    def __repr__(self) -> str:
        return f"{type(self).__name__}({self.dataset}: {self._summary()})"

    # ---------------------------------------------------------------- for the task itself
    def _summary(self) -> str:
        """The protocol in one line."""
        raise NotImplementedError

    def _steps(self, split: str) -> range:
        return self.timeline.steps(split, self.ahead)

    def _sizes(self) -> str:
        """Numbers of steps of the splits, ``train/val/test``."""
        return "/".join(str(len(self._steps(split))) for split in SPLITS)


def row_of(h: Tensor, snapshot: Snapshot) -> Tensor | None:
    """The row of each node in ``h``: that of the snapshot, unless the model keeps one per node."""
    return None if len(h) == snapshot.num_nodes else snapshot.position
