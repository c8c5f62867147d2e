"""Encoders that read every snapshot by itself, and so have no state."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from torch import Tensor, nn

from graphkit.errors import GraphError

__all__ = ["OneByOne"]


class OneByOne(nn.Module):
    """A snapshot encoder that answers :meth:`embed`, whatever came before.

    Shapes:
        - **input:** snapshots, oldest first; state, ignored
        - **output:** embeddings of the last snapshot (with ``outputs="all"`` a list of all), and
          the empty state

    Raises:
        GraphError: There is no snapshot.
    """

    def embed(self, snapshot: Any) -> Tensor:
        """Embeddings ``[n, C]`` of a snapshot's rows."""
        raise NotImplementedError

    def start(self, num_nodes: int | None = None) -> tuple[()]:
        """There is no state."""
        return ()

    def forward(
        self, snapshots: Sequence[Any], state: Any = None, outputs: str = "last"
    ) -> tuple[Any, tuple[()]]:
        """See the class."""
        if not len(snapshots):
            raise GraphError("snapshots", "there is none", expected="at least one snapshot")
        if outputs == "last":
            return self.embed(snapshots[-1]), ()
        return [self.embed(s) for s in snapshots], ()
