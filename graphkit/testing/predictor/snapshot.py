"""Checks predictors of snapshots against ``evaluate``."""

from __future__ import annotations

from typing import Any

import numpy as np
import pandas as pd
import torch
from torch import Tensor, nn

from graphkit.data.labels import Labels
from graphkit.data.schema import EventSchema
from graphkit.errors import GraphError
from graphkit.metrics.snapshot_ranking import rank_all_pairs, rank_drawn
from graphkit.nn.snapshot import RankedStep
from graphkit.tasks.answer import Answer
from graphkit.testing.predictor.elsewhere import Elsewhere
from graphkit.testing.predictor.reference import (
    assert_equal,
    assert_metrics,
    finer,
    pieces,
    reference,
)
from graphkit.testing.predictor.stream import events_by_name

__all__ = ["check_snapshot_edges", "check_snapshot_links", "check_snapshot_nodes"]


def check_snapshot_links(
    model: nn.Module,
    task: Any,
    opened: Elsewhere,
    *,
    batch_size: int,
    seed: int,
    tolerance: float,
) -> None:
    """Score all pairs by label before each test step; the task ranks the result."""
    _refuse_spaces(task, "pairs of two destinations")
    metrics, expected = reference(model, task, batch_size)
    steps, labels, found = _Steps(task, opened, seed), Labels.of(task.graph), []
    n = task.num_nodes
    names = labels.labels(torch.arange(n))
    places = np.arange(n).repeat(n), np.tile(np.arange(n), n)
    ends = [_objects(names)[place] for place in places]
    for query in task.stream("test", batch_size, final=True).start():
        steps.close_to(query.step)
        pairs = pd.DataFrame(dict(zip(steps.columns, ends)))
        table = opened.call("score", pairs.sample(frac=1, random_state=seed)).sort_index()
        scores = torch.tensor(table["score"].to_numpy()).view(n, n)
        assert_equal(
            table["probability"], torch.sigmoid(scores).flatten(), "probabilities", tolerance
        )
        if len(query):
            found.append(task.score(_Told(scores), query))
    answer = Answer.cat(found)
    assert answer.group.tolist() == expected.group.tolist(), "other steps were ranked"
    assert_equal(answer.prediction, expected.prediction, "ranked steps", tolerance)
    assert_metrics(task, answer, metrics, "ranked steps", tolerance)


def check_snapshot_edges(
    model: nn.Module,
    task: Any,
    opened: Elsewhere,
    *,
    batch_size: int,
    seed: int,
    tolerance: float,
) -> None:
    """Predict the edges of each test step before they are observed and again afterwards."""
    if task.timeline.input.symmetric:
        _refuse_spaces(task, "edges from destinations to sources")
    metrics, expected = reference(model, task, batch_size)
    steps, found = _Steps(task, opened, seed), []
    for query in task.stream("test", batch_size, final=True).start():
        steps.close_to(query.step - 1)
        asked = pd.DataFrame(dict(zip(steps.columns, steps.named(query.src, query.dst))))
        options = {"nodes": steps.features(query.step)}
        entering = steps.events(query.step)
        if len(entering):
            unlabelled = entering.drop(columns=steps.classes)
            first = opened.call("predict", unlabelled, time_unit=steps.unit, **options)
            steps.observe(query.step)
            table = opened.call("predict", asked, enter=False)
            found.append(_logits(table))
            _assert_rows(first, table, steps.columns, tolerance)
    prediction = torch.cat(found)
    _assert_classes(task, prediction, expected, metrics, tolerance)


def check_snapshot_nodes(
    model: nn.Module,
    task: Any,
    opened: Elsewhere,
    *,
    batch_size: int,
    seed: int,
    tolerance: float,
) -> None:
    """Predict the nodes of each test step after the step is closed."""
    metrics, expected = reference(model, task, batch_size)
    steps, found = _Steps(task, opened, seed), []
    for query in task.stream("test", batch_size, final=True).start():
        steps.close_to(query.step)
        (names,) = steps.named(query.src)
        found.append(_logits(opened.call("predict", list(names))))
    _assert_classes(task, torch.cat(found), expected, metrics, tolerance)


class _Steps:
    """Passes the steps of a task's graph to a predictor, by name and in a finer time unit.

    Args:
        task: The task. Its predictor has the state before the test.
        opened: The predictor.
        seed: Seed of the pieces and orders.
    """

    def __init__(self, task: Any, opened: Elsewhere, seed: int) -> None:
        self._timeline, self._graph, self._opened, self._seed = (
            task.timeline,
            task.graph,
            opened,
            seed,
        )
        schema = EventSchema.of(task.graph)
        self.columns = (schema.src, schema.dst)
        told = schema.columns.get("edge_y")
        self.classes = [] if told is None else list(told.names)
        names = None if told is None else told.classes
        table = events_by_name(task.graph, seed)
        if told is not None:
            y = task.graph.edge_y.tolist()
            table[told.names[0]] = y if names is None else [names[i] for i in y]
        self._table, self.unit = finer(table, schema.t, str(task.graph.time_unit))
        self._labels = Labels.of(task.graph)
        self._closed = task.timeline.steps("test", 0).start + task.ahead - 1
        self._held = -1

    def named(self, *ends: Tensor) -> list[np.ndarray]:
        """Labels of ids."""
        return [_objects(self._labels.labels(end)) for end in ends]

    def events(self, step: int) -> pd.DataFrame:
        """The events of a step, in another order."""
        low, high = self._borders(step)
        t = self._graph.t
        rows = torch.arange(len(t))[(t >= low) & (t < high)].numpy()
        return self._table.iloc[rows].sample(frac=1, random_state=self._seed)

    def features(self, step: int) -> pd.DataFrame | None:
        """Features of the nodes at the end of a step, if the graph has such features."""
        if self._timeline.features != "x":
            return None
        x = self._timeline.cut[step].x
        static = self._graph.node_events is None or self._graph.node_events.x is None
        plain = [f"x_{i}" for i in range(x.shape[1])]
        names = self._graph.column_names.get("x", plain) if static else plain
        return pd.DataFrame(x.numpy(), columns=list(names), index=self._names())

    def observe(self, step: int) -> None:
        """Observe the events of a step in pieces, without closing the step."""
        if self._held == step:
            return
        table, options = self.events(step), {"nodes": self.features(step), "time_unit": self.unit}
        for rows in pieces(len(table), 3, self._seed) or [slice(0)]:
            self._opened.call("observe", table.iloc[rows], **options)
        self._held = step

    def close_to(self, step: int) -> None:
        """Observe and close all steps up to and including the given one."""
        while self._closed < step:
            self._closed += 1
            self.observe(self._closed)
            self._opened.call("close")

    def _borders(self, step: int) -> list[Any]:
        number = self._timeline.cut[step].number
        return self._timeline.input.borders.at(number, number + 1).tolist()

    def _names(self) -> pd.Index:
        names = self._labels.labels(torch.arange(len(self._labels)))
        return pd.Index(_objects(names), tupleize_cols=False)


class _Told(nn.Module):
    """Answers the queries of a task from a table of all scores, ``[N, N]``."""

    def __init__(self, scores: Tensor) -> None:
        super().__init__()
        self._scores = scores

    def rank(self, query: Any, rivals: Tensor | None = None) -> RankedStep:
        """See :meth:`graphkit.nn.snapshot.SnapshotPredictor.rank`."""
        scores, true = self._scores, query.label == 1
        logits, src, dst = scores[query.src, query.dst], query.src[true], query.dst[true]
        if rivals is not None:
            return RankedStep(
                logits, rank_drawn(logits[true], scores[src.unsqueeze(1), rivals], src)
            )
        ranking = rank_all_pairs(lambda rows: scores[rows], len(scores), src, dst)
        return RankedStep(logits, ranking)


def _refuse_spaces(task: Any, what: str) -> None:
    if task.graph.node_space is not None:
        raise GraphError(
            "task",
            f"evaluate asks about {what}, which have no labels in a graph with two id spaces",
        )


def _logits(table: pd.DataFrame) -> Tensor:
    """Logits that correspond to the probabilities of a table."""
    first = list(table.columns).index("class") + 1
    return torch.tensor(table.iloc[:, first:].to_numpy(dtype=np.float64)).log()


def _assert_rows(
    some: pd.DataFrame, every: pd.DataFrame, ends: tuple[str, str], tolerance: float
) -> None:
    """Check that the edges of an entered step get the answers computed inside that step."""
    place = {pair: row for row, pair in enumerate(zip(every[ends[0]], every[ends[1]]))}
    rows = [place[pair] for pair in zip(some[ends[0]], some[ends[1]])]
    wanted = _logits(every).exp()[rows]
    assert_equal(_logits(some).exp(), wanted, "edges that enter the step", tolerance)


def _assert_classes(
    task: Any, logits: Tensor, expected: Answer, metrics: dict[str, float], tolerance: float
) -> None:
    shares = expected.prediction.double().softmax(dim=1)
    assert_equal(logits.exp(), shares, "probabilities of classes", tolerance)
    answer = Answer(logits, expected.target, group=expected.group)
    assert_metrics(task, answer, metrics, "classes", tolerance)


def _objects(values: list[Any]) -> np.ndarray:
    found = np.empty(len(values), dtype=object)
    found[:] = values
    return found
