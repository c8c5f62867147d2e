"""From a graph that stands still to what a model of it is given."""

from __future__ import annotations

import warnings
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any

import torch
from torch import Tensor, nn

from graphkit.data import TemporalGraph
from graphkit.errors import GraphError
from graphkit.nn.inputs.number_types import model_dtype, model_inputs

__all__ = ["StaticGraph", "StaticInput"]

_SPARSE = 0.1  # share of entries that are not zero below which features are passed sparse


@dataclass(frozen=True, eq=False)
class StaticGraph:
    """A graph as models are given it.

    Attributes:
        x: Features ``[N, C]``.
        sparse_x: The same as a CSR tensor where most are zero, ``None`` otherwise.
        edge_index: int64 ``[2, E]``.
        edge_weight: ``[E]``, or ``None``.
    """

    x: Tensor
    sparse_x: Tensor | None
    edge_index: Tensor
    edge_weight: Tensor | None
    _cast: dict[Any, list[Tensor]] = field(default_factory=dict, init=False, repr=False)

    def inputs(self, model: nn.Module) -> list[Tensor]:
        """The arguments of a model's ``forward``, in its own type
        (:func:`~graphkit.nn.inputs.number_types.model_inputs`): sparse features if it has
        ``accepts_sparse``."""
        sparse = self.sparse_x is not None and getattr(model, "accepts_sparse", False)
        inputs = [self.sparse_x if sparse else self.x, self.edge_index]
        inputs += [] if self.edge_weight is None else [self.edge_weight]
        key = sparse, model_dtype(model)  # cast once: layers keep what they make of a graph
        if key not in self._cast:
            self._cast[key] = model_inputs(model, *inputs)
        return self._cast[key]


class StaticInput(nn.Module):
    """Prepares graphs for a model that was trained on one of them.

    Features of a graph whose columns have names, as those of training, are taken by name, in any
    order; others by place. Numbers of another type become those of training.

    Args:
        in_channels: Features of a node, C.
        names: Names of their columns; ``None`` if they have none.
        dtype: Type of the features that models are given.
        weight_dtype: Type of the weights of edges; ``None`` if they have none.
        normalize_features: Divide each node's features by the sum of their sizes.

    Raises:
        GraphError: A graph has no features, lacks one of them or has another number of them, or has
            weights where there were none in training (or the other way round).
    """

    def __init__(
        self,
        in_channels: int,
        *,
        names: Sequence[str] | None = None,
        dtype: str = "float32",
        weight_dtype: str | None = None,
        normalize_features: bool = False,
    ) -> None:
        super().__init__()
        self.in_channels, self.names = int(in_channels), None if names is None else tuple(names)
        self.dtype, self.weight_dtype = dtype, weight_dtype
        self.normalize_features = bool(normalize_features)

    @classmethod
    def of(cls, graph: TemporalGraph, *, normalize_features: bool = False) -> StaticInput:
        """The preparation for graphs that are like this one.

        Raises:
            GraphError: The graph has no node features.
        """
        x, weight = _features(graph), graph.edge_weight
        return cls(
            x.shape[1],
            names=graph.column_names.get("x"),
            dtype=_name(x.dtype if x.is_floating_point() else torch.float32),
            weight_dtype=None if weight is None else _name(weight.dtype),
            normalize_features=normalize_features,
        )

    def settings(self) -> dict[str, Any]:
        """The arguments of the constructor, as values that JSON holds; there are no tensors."""
        return {
            "in_channels": self.in_channels,
            "names": None if self.names is None else list(self.names),
            "dtype": self.dtype,
            "weight_dtype": self.weight_dtype,
            "normalize_features": self.normalize_features,
        }

    def forward(self, graph: TemporalGraph, device: torch.device | str = "cpu") -> StaticGraph:
        """A graph as models are given it.

        Args:
            graph: Read are ``x``, the events and their weights.
            device: Where the tensors go.
        """
        self._check(graph)
        data = graph.static()
        x = data.x.to(getattr(torch, self.dtype))
        names = graph.column_names.get("x")
        if self.names is not None and names not in (None, self.names):
            x = x[:, self._places(names)]
        if self.normalize_features:
            total = x.abs().sum(dim=1, keepdim=True)
            x = x / torch.where(total > 0, total, 1)
        sparse = None
        if int(x.count_nonzero()) < _SPARSE * x.numel():
            with warnings.catch_warnings():
                warnings.filterwarnings("ignore", message="Sparse CSR tensor support")
                sparse = x.to_sparse_csr().to(device)
        weight = data.edge_weight
        return StaticGraph(
            x=x.to(device),
            sparse_x=sparse,
            edge_index=data.edge_index.to(device),
            edge_weight=None
            if weight is None
            else weight.to(device, getattr(torch, self.weight_dtype)),
        )

    def extra_repr(self) -> str:
        return ", ".join(f"{name}={value}" for name, value in self.settings().items())

    @property
    def weighted(self) -> bool:
        """Whether edges have weights."""
        return self.weight_dtype is not None

    def _places(self, names: tuple[str, ...]) -> list[int]:
        """Where the columns of training are among others."""
        place = {name: column for column, name in enumerate(names)}
        lost = [name for name in self.names or () if name not in place]
        if lost:
            raise GraphError(
                "x",
                f"the nodes have no feature {lost[0]!r}",
                expected=f"{self.in_channels} columns, by name",
                got=", ".join(map(repr, names[:5])),
            )
        return [place[name] for name in self.names or ()]

    def _check(self, graph: TemporalGraph) -> None:
        width = _features(graph).shape[1]
        named = self.names is not None and graph.column_names.get("x") is not None
        if width != self.in_channels and not named:
            raise GraphError(
                "x",
                "these are not the features that the model was trained on",
                expected=f"{self.in_channels} columns",
                got=width,
            )
        if (graph.edge_weight is not None) != self.weighted:
            had = "weights" if self.weighted else "no weights"
            raise GraphError(
                "edge_weight",
                f"the edges had {had} in training",
                expected=f"a graph with {had}",
                got="none" if graph.edge_weight is None else list(graph.edge_weight.shape),
            )


def _name(dtype: torch.dtype) -> str:
    return str(dtype).removeprefix("torch.")


def _features(graph: TemporalGraph) -> Tensor:
    x = graph.x
    if x is None or x.dim() != 2:
        raise GraphError(
            "x",
            "the nodes need features",
            expected="[N, C]",
            got=None if x is None else list(x.shape),
        )
    return x
