"""Base class of the predictors of streams and snapshots: event tables and node labels."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pandas as pd
import torch
from torch import Tensor

from graphkit.checks import check_choice, check_count
from graphkit.data.labels import Labels
from graphkit.data.schema import EventSchema
from graphkit.engine.predictor.event_state import EventState
from graphkit.engine.predictor.predictor import Predictor
from graphkit.engine.predictor.ranked import as_list
from graphkit.errors import GraphError

__all__ = ["EventPredictor"]


class EventPredictor(Predictor):
    """A predictor that reads tables of events and whose state is updated with later events."""

    _state: EventState

    def _facts(self) -> dict[str, Any]:
        return self._state.facts()

    def _tensors(self) -> dict[str, Tensor]:
        return self._state.tensors()

    @property
    def num_nodes(self) -> int:
        """Number of nodes, including those observed after training."""
        return len(self._state.labels)

    @property
    def labels(self) -> Labels:
        """A copy of the labels of the nodes."""
        return self._state.labels.copy()

    @property
    def schema(self) -> EventSchema:
        """Names and types of the columns of event tables, and their time unit."""
        return self._state.schema

    # ---------------------------------------------------------------- questions by label
    def _question(
        self, nodes: Any, among: Any, k: int, tile: int
    ) -> tuple[list[Any], list[int], Tensor | None, int, int]:
        """Check the arguments of ``recommend``.

        Returns:
            Labels and ids of the sources, sorted ids of the candidates or ``None``, ``k`` and
            ``tile``.
        """
        k, tile = check_count(k, "k"), check_count(tile, "tile")
        labels, schema, asked = self._state.labels, self._state.schema, as_list(nodes)
        sources = labels.ids(asked, schema.src, side=0).tolist()
        if among is not None:
            among = torch.from_numpy(labels.ids(as_list(among), schema.dst, side=1)).unique()
        return asked, sources, among, k, tile

    def _embedded(
        self, nodes: Any, side: str, embed: Callable[[Any, Tensor], Tensor]
    ) -> pd.DataFrame:
        """Return the embeddings of nodes as a table indexed by label.

        Args:
            nodes: Labels of the nodes; all nodes if ``None``.
            side: ``"src"`` or ``"dst"``: the id space of the labels.
            embed: Function of the method ``embed`` of the model and of ids ``[N]`` that returns
                vectors ``[N, C]``.
        """
        method = getattr(self.model, "embed", None)
        if method is None:
            raise GraphError("model", f"{self.model_name} has no representations of nodes")
        ids = self._node_ids(nodes, side)
        values = embed(method, ids).float().cpu().numpy()
        index = pd.Index(self._state.labels.labels(ids), tupleize_cols=False)
        return pd.DataFrame(values, index=index)

    def _node_ids(self, nodes: Any, side: str) -> Tensor:
        """Return the ids of labels in one id space; the ids of all nodes if ``None``."""
        check_choice(side, "side", ("src", "dst"))
        if nodes is None:
            return torch.arange(len(self._state.labels))
        return torch.from_numpy(
            self._state.labels.ids(as_list(nodes), "nodes", side=int(side == "dst"))
        )
