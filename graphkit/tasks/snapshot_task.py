"""What tasks on snapshots share: the timeline and the steps of a split."""

from __future__ import annotations

from typing import Any, ClassVar

from graphkit.data import TemporalGraph
from graphkit.tasks.graph_task import GraphTask
from graphkit.tasks.snapshot_timeline import SPLITS, Timeline

__all__ = ["SnapshotTask"]


class SnapshotTask(GraphTask):
    """A question about the steps of a timeline.

    A task of its own says how far ``ahead`` it asks; the engine wants ``stream``, ``score``,
    ``loss`` and ``metrics`` besides.

    Args:
        graph: The stream.
        timeline: Its steps.

    Attributes:
        ahead: Steps between the embeddings and the step that they answer for.
    """

    view = "snapshot"
    ahead: ClassVar[int]

    def __init__(self, graph: TemporalGraph, timeline: Timeline) -> None:
        super().__init__(graph)
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
    def past(self, split: str) -> list[Any]:
        """The steps that a carried state has gone through; nothing for windows."""
        return self.timeline.before(split)

    def continues(self, split: str) -> bool:
        """A carried state is one of earlier weights after training: it is made again."""
        return self.mode == "window"

    def columns_read(self, model: Any) -> set[str]:
        """Return the columns that the timeline reads: weights, and features of nodes."""
        found = {"edge_weight"} if self.timeline.weighted else set()
        return found | ({"x", "node_events"} if self.timeline.features == "x" else set())

    def columns_declined(self) -> set[str]:
        """Return ``edge_weight`` if events are counted, which an argument or a warning of the
        timeline says."""
        return set() if self.timeline.weighted else {"edge_weight"}

    # ---------------------------------------------------------------- for the task itself
    def _steps(self, split: str) -> range:
        return self.timeline.steps(split, self.ahead)

    def _sizes(self) -> str:
        """Numbers of steps of the splits, ``train/val/test``."""
        return "/".join(str(len(self._steps(split))) for split in SPLITS)
