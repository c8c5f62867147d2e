"""What tasks on the signal of a graph share: sizes and streams of windows."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, ClassVar

import torch
from torch import Tensor

from graphkit.checks import check_choice, check_count
from graphkit.tasks.graph_task import GraphTask
from graphkit.tasks.window_stream import WindowQuery, WindowStream, shuffled

__all__ = ["SPLITS", "SignalTask"]

SPLITS = ("train", "val", "test")


class SignalTask(GraphTask):
    """A question about windows or recordings of a signal; each holds all that a model sees.

    A task of its own sets the attributes below and answers :meth:`_asking`; the engine wants
    ``score``, ``loss`` and ``metrics`` besides.

    Args:
        graph: With a ``signal``.

    Attributes:
        kind: What a model answers, its ``kind``: ``"forecast"`` or ``"classify"``.
        index: Numbers of the windows of each split.
        seed: Of orders and draws.
    """

    view = "signal"
    calls = ("forward",)
    kind: ClassVar[str]
    index: Any
    seed: int

    # ---------------------------------------------------------------- what models may ask
    @property
    def num_nodes(self) -> int:
        """``N``."""
        return self.graph.num_nodes

    @property
    def in_channels(self) -> int:
        """Channels that a model sees, ``C``."""
        return self.graph.signal.size(2)

    @property
    def node_names(self) -> list[Any] | None:
        """Names of the nodes, or ``None``."""
        names = self.graph.node_names
        return None if names is None else names.tolist()

    def columns_read(self, model: Any) -> set[str]:
        """The signal, and the weights of the fixed graph."""
        return {"signal", "edge_weight"}

    # ---------------------------------------------------------------- what is asked
    def stream(
        self,
        split: str,
        batch_size: int,
        *,
        epoch: int = 0,
        final: bool = False,
        device: torch.device | str = "cpu",
    ) -> WindowStream:
        """Batches of windows, those of training in an order of the epoch.

        Raises:
            UnknownNameError: No such split.
            GraphError: ``batch_size`` is not a positive integer.
        """
        check_choice(split, "split", SPLITS)
        batch_size = check_count(batch_size, "batch_size", "not a batch size")
        index = self._order(epoch) if split == "train" else self.index[SPLITS.index(split)]
        return WindowStream(index, batch_size, self._asking(split, epoch, torch.device(device)))

    def past(self, split: str) -> list[Any]:
        """Nothing: a window holds all that a model sees."""
        return []

    def continues(self, split: str) -> bool:
        """Always: there is no state between windows."""
        return True

    # ---------------------------------------------------------------- for the task itself
    def _asking(
        self, split: str, epoch: int, device: torch.device
    ) -> Callable[[Tensor, int], WindowQuery]:
        """``ask(index, first)``: the query of some windows of a split."""
        raise NotImplementedError

    def _order(self, epoch: int) -> Tensor:
        """Training windows of an epoch."""
        return shuffled(self.index[0], self.seed, epoch)
