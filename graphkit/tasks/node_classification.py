"""Node classification on a static graph."""

from __future__ import annotations

import hashlib
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Any

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from graphkit.checks import check_choice
from graphkit.data import TemporalGraph
from graphkit.errors import GraphError, UnknownNameError
from graphkit.nn.inputs.class_ids import check_class_ids
from graphkit.registry import register
from graphkit.tasks.answer import Answer
from graphkit.tasks.class_labels import check_width
from graphkit.tasks.graph_task import GraphTask
from graphkit.tasks.node_splits import (
    RANDOM_OPTIONS,
    NodeSplit,
    given_split,
    largest_component,
    public_split,
    random_split,
)
from graphkit.tasks.static_input import StaticGraph, StaticInput

__all__ = ["NodeClassification", "NodeQuery"]

_SUBSETS = ("train", "val", "test")
_SELECTIONS = ("log_likelihood", "accuracy")


@dataclass(frozen=True)
class NodeQuery:
    """A query for the classes of nodes of the graph.

    Attributes:
        node: Ids of the queried nodes, int64 ``[Q]``.
        y: Classes of the queried nodes, int64 ``[Q]``.
        graph: Model input.
        first: Position of row 0 among all nodes of the subset.
        events: Always ``None``, because there is nothing to observe.
    """

    node: Tensor
    y: Tensor
    graph: StaticGraph
    first: int = 0
    events: None = None

    def __len__(self) -> int:
        return self.node.shape[0]

    def shard(self, rank: int, world: int) -> NodeQuery:
        """Return the contiguous rows of one of ``world`` processes."""
        a, b = len(self) * rank // world, len(self) * (rank + 1) // world
        return NodeQuery(self.node[a:b], self.y[a:b], self.graph, self.first + a)


@dataclass(frozen=True)
class _OneBatch:
    """A stream with a single batch, which contains a subset of the nodes."""

    query: NodeQuery

    def __len__(self) -> int:
        return 1

    @property
    def num_events(self) -> int:
        return len(self.query)

    @property
    def num_queries(self) -> int:
        return len(self.query)

    def start(self, batch: int = 0) -> Iterator[NodeQuery]:
        if batch == 0:
            yield self.query


@register("task", "node_classification", view="static")
class NodeClassification(GraphTask):
    r"""Classify the nodes of a static graph, some of whose classes are given for training.

    The model receives the whole graph and all features in every epoch; the loss is the mean
    negative log likelihood of the classes of the training nodes. The epoch is selected by the log
    likelihood of the validation nodes (as in most papers on these data), or by accuracy.

    A node with tied best logits contributes the fraction of the tied classes that are correct to
    the accuracy.

    Args:
        graph: A graph with ``x`` and ``y`` (negative values denote no label), such as
            ``load("cora")``.
        split: ``"public"`` for the split published with the data, ``"random"``, or three tensors
            of node ids.
        component: ``"largest"`` takes the nodes of a random split from the largest connected
            component only. The graph itself is not reduced, because components do not exchange
            messages.
        normalize_features: Whether to divide the features of each node by the sum of their absolute
            values, as is usual for bags of words. Information in the magnitude of the features is
            lost.
        selection: ``"log_likelihood"`` or ``"accuracy"``.
        seed: Seed of a random split.
        random_options: ``train_per_class``, ``val_per_class``, ``num_val``, ``num_test``: see
            :func:`graphkit.tasks.node_splits.random_split`.

    Attributes:
        input: Module that prepares graphs for a model
            (:class:`~graphkit.tasks.static_input.StaticInput`).

    Raises:
        GraphError: There are no features, no labels, or too few labels of a class.
        UnknownNameError: There is no such split, selection or option.
    """

    name = "node_classification"
    view = "static"
    calls = ("forward",)

    def __init__(
        self,
        graph: TemporalGraph,
        *,
        split: str | tuple[Tensor, Tensor, Tensor] = "public",
        component: str = "all",
        normalize_features: bool = False,
        selection: str = "log_likelihood",
        seed: int = 0,
        **random_options: int | None,
    ) -> None:
        super().__init__(graph)
        _check_columns(graph)
        check_choice(selection, "selection", _SELECTIONS)
        check_choice(component, "component", ("all", "largest"))
        for option in random_options:
            check_choice(option, "option of the split", RANDOM_OPTIONS)
        self.selection = selection
        self.seed = seed
        self.input = StaticInput.of(graph, normalize_features=normalize_features)
        self.component = component
        self.num_classes = int(graph.y.max()) + 1
        self.split_name = split if isinstance(split, str) else "given"
        self.split = self._make_split(split, random_options)
        if len(self.split.train) == 0:
            raise GraphError("train", "no node is left to train on")
        self._placed: dict[torch.device, dict[str, NodeQuery]] = {}

    def columns_read(self, model: Any) -> set[str]:
        """Return the columns of :meth:`TemporalGraph.static` that are model input; features of
        node events take the place of static ones."""
        return {"x", "node_events", "edge_weight"}

    # ---------------------------------------------------------------- queries
    def stream(
        self,
        split: str,
        batch_size: int = 0,
        *,
        epoch: int = 0,
        final: bool = False,
        device: torch.device | str = "cpu",
    ) -> _OneBatch:
        """Return one batch with all nodes of a subset; ``batch_size`` and ``epoch`` are ignored."""
        check_choice(split, "split", _SUBSETS)
        device = torch.device(device)
        if device not in self._placed:
            self._placed[device] = self._place(device)
        return _OneBatch(self._placed[device][split])

    def past(self, split: str) -> list[Any]:
        """Return an empty list, because there is no history."""
        return []

    def continues(self, split: str) -> bool:
        """Always true, because a model of a static graph has no state."""
        return True

    # ---------------------------------------------------------------- answers
    def score(self, model: nn.Module, query: NodeQuery) -> Answer:
        """Return logits ``[Q, C]`` of the queried nodes, with one column per class, and their
        classes."""
        return self.answer(self.logits(model, query), query)

    def logits(self, model: nn.Module, query: NodeQuery) -> Tensor:
        """Compute logits of all nodes, ``[N, C]``, with one column per class."""
        return model(*query.graph.inputs(model))

    def stacked_logits(self, stack: nn.Module, queries: Sequence[NodeQuery]) -> Tensor:
        """Compute logits ``[r, N, C]`` of a stack of models, which share the graph."""
        return self.logits(stack, queries[0])

    def answer(self, logits: Tensor, query: NodeQuery) -> Answer:
        """Return the answer to a query, given logits ``[N, C]`` of all nodes."""
        return Answer(check_width(logits, self.num_classes)[query.node], query.y)

    def loss(self, answer: Answer, total: int) -> Tensor:
        """Contribution of these rows to the mean negative log likelihood of ``total`` rows."""
        logits = answer.prediction
        if logits.dtype in (torch.float16, torch.bfloat16):
            logits = logits.float()
        return -_log_likelihood(logits, answer.target).sum() / max(total, 1)

    def metrics(
        self, answers: Answer | Sequence[Answer], split: str = "test", *, final: bool = True
    ) -> dict[str, float]:
        """Compute ``accuracy`` and ``log_likelihood`` (mean of natural logarithms).

        Raises:
            GraphError: A logit is NaN.
        """
        answer = Answer.cat(answers)
        logits, y = answer.prediction, answer.target
        if len(answer) == 0:
            return {}
        if bool(logits.isnan().any()):
            raise GraphError("prediction", "a logit is NaN", fix="Lower lr.")
        best = logits.max(dim=1, keepdim=True).values == logits
        right = best.gather(1, y.unsqueeze(1)).squeeze(1).double() / best.sum(dim=1)
        log = _log_likelihood(logits.double(), y)
        return {"accuracy": float(right.mean()), "log_likelihood": float(log.mean())}

    # ---------------------------------------------------------------- record
    def identity(self) -> dict[str, Any]:
        """Settings that determine the numbers: :meth:`protocol` without its summary."""
        return {
            "split": self.split_name,
            "split_seed": self.seed if self.split_name == "random" else None,
            "component": self.component,
            "nodes": {subset: len(ids) for subset, ids in zip(_SUBSETS, self.split)},
            "normalize_features": self.input.normalize_features,
            "selection": self.selection,
            "computed": {
                "accuracy": "share of the subset's nodes whose largest logit is the true class's, "
                "ties shared",
                "log_likelihood": "mean over the subset's nodes, natural logarithm",
            },
            "split_sha256": self._fingerprint(),
        }

    # ---------------------------------------------------------------- internals
    def _make_split(self, split: Any, options: dict[str, Any]) -> NodeSplit:
        if not isinstance(split, str):
            return given_split(self.graph, split)
        if split == "random":
            within = largest_component(self.graph) if self.component == "largest" else None
            return random_split(self.graph, within=within, seed=self.seed, **options)
        if split != "public":
            raise UnknownNameError("split", split, ("public", "random"))
        return public_split(self.graph)

    def _place(self, device: torch.device) -> dict[str, NodeQuery]:
        graph, y = self.input(self.graph, device), self.graph.y
        return {
            subset: NodeQuery(ids.to(device), y[ids].long().to(device), graph)
            for subset, ids in zip(_SUBSETS, self.split)
        }

    def _summary(self) -> str:
        train, val, test = (f"{len(ids):,}" for ids in self.split)
        where = " of the largest component" if self.component == "largest" else ""
        text = f"{self.split_name} split, {train} / {val} / {test} nodes{where}"
        if self.split_name == "random":
            text += f", seed {self.seed}"
        return f"{text}, epoch chosen by validation {self.selection.replace('_', ' ')}"

    def _fingerprint(self) -> str:
        digest = hashlib.sha256()
        for ids in self.split:
            digest.update(ids.numpy().tobytes() + b"|")
        return digest.hexdigest()[:16]


def _log_likelihood(logits: Tensor, y: Tensor) -> Tensor:
    """Log probability of the true class of each row, ``[Q]``.

    The normalisation sums the true class first, because the order of a floating point sum affects
    its last bits and recorded runs were computed in this order.
    """
    columns = torch.arange(logits.shape[1], device=logits.device).repeat(len(y), 1)
    columns.scatter_(1, y.unsqueeze(1), 0)
    columns[:, 0] = y
    return F.log_softmax(logits.gather(1, columns), dim=1)[:, 0]


def _check_columns(graph: TemporalGraph) -> None:
    for name, column, dim in (("x", graph.x, 2), ("y", graph.y, 1)):
        if column is None or column.dim() != dim:
            raise GraphError(
                name,
                "node classification needs features and classes",
                expected="[N, C]" if dim == 2 else "[N] integers",
                got=None if column is None else list(column.shape),
            )
    check_class_ids(graph.y, "y")
