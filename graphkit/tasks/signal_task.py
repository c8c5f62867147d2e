"""Base class of tasks on the signal of a graph: sizes and streams of windows."""

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
    """Base class of tasks on windows or recordings of a signal, which contain all model input.

    Subclasses set the attributes below and implement :meth:`_asking`; the engine also requires
    ``score``, ``loss`` and ``metrics``.

    Args:
        graph: A graph with a ``signal``.

    Attributes:
        kind: Required ``kind`` of models: ``"forecast"`` or ``"classify"``.
        index: Numbers of the windows of each split.
        seed: Seed of orders and draws.
    """

    view = "signal"
    calls = ("forward",)
    kind: ClassVar[str]
    index: Any
    seed: int

    # ---------------------------------------------------------------- sizes for models
    @property
    def num_nodes(self) -> int:
        """Number of nodes, ``N``."""
        return self.graph.num_nodes

    @property
    def in_channels(self) -> int:
        """Number of input channels, ``C``."""
        return self.graph.signal.size(2)

    @property
    def node_names(self) -> list[Any] | None:
        """Names of the nodes, or ``None`` if they have no names."""
        names = self.graph.node_names
        return None if names is None else names.tolist()

    def columns_read(self, model: Any) -> set[str]:
        """Return ``signal``; subclasses add what else is model input."""
        return {"signal"}

    # ---------------------------------------------------------------- queries
    def stream(
        self,
        split: str,
        batch_size: int,
        *,
        epoch: int = 0,
        final: bool = False,
        device: torch.device | str = "cpu",
    ) -> WindowStream:
        """Return batches of windows; the order of training windows depends on the epoch.

        Raises:
            UnknownNameError: There is no such split.
            GraphError: ``batch_size`` is not a positive integer.
        """
        check_choice(split, "split", SPLITS)
        batch_size = check_count(batch_size, "batch_size", "not a batch size")
        index = self._order(epoch) if split == "train" else self.index[SPLITS.index(split)]
        return WindowStream(index, batch_size, self._asking(split, epoch, torch.device(device)))

    def past(self, split: str) -> list[Any]:
        """Return an empty list, because a window contains all model input."""
        return []

    def continues(self, split: str) -> bool:
        """Always true, because there is no state between windows."""
        return True

    # ---------------------------------------------------------------- for subclasses
    def _asking(
        self, split: str, epoch: int, device: torch.device
    ) -> Callable[[Tensor, int], WindowQuery]:
        """Return a function ``ask(index, first)`` that creates the query of windows of a split."""
        raise NotImplementedError

    def _order(self, epoch: int) -> Tensor:
        """Return the training windows of an epoch, in order."""
        return shuffled(self.index[0], self.seed, epoch)
