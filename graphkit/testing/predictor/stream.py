"""Checks predictors of streams against ``evaluate``."""

from __future__ import annotations

from typing import Any

import numpy as np
import pandas as pd
import torch
from torch import nn

from graphkit.data.labels import Labels
from graphkit.data.schema import EventSchema
from graphkit.tasks.answer import Answer
from graphkit.testing.predictor.elsewhere import Elsewhere
from graphkit.testing.predictor.reference import (
    assert_equal,
    assert_metrics,
    finer,
    pieces,
    reference,
)

__all__ = ["check_stream", "events_by_name"]


def check_stream(
    model: nn.Module,
    task: Any,
    opened: Elsewhere,
    *,
    batch_size: int,
    seed: int,
    tolerance: float,
) -> None:
    """Pass the test events in pieces of whole batches; each batch is scored, then observed."""
    metrics, expected = reference(model, task, batch_size)
    graph, test = task.graph, task.split.test
    table, unit = finer(events_by_name(test, seed), EventSchema.of(graph).t, str(graph.time_unit))
    against = _candidates(task, batch_size, len(test))
    found = []
    for rows in pieces(len(table), batch_size, seed):
        options = {"observe": True, "time_unit": unit, "against": against[rows]}
        found.append(opened.call("score", table.iloc[rows], **options))
    whole = pd.concat(found)
    assert whole.index.equals(table.index), "answers are not in the order of the rows"
    names = ["score", *(f"score_{c}" for c in range(1, 1 + against.shape[1]))]
    scores = torch.tensor(whole[names].to_numpy())
    if task.held_out is not None:
        scores = scores[task.held_out.touches(test.src, test.dst)]
    assert_equal(scores, expected.prediction, "scores", tolerance)
    assert_metrics(task, Answer(scores, expected.target), metrics, "scores", tolerance)


def events_by_name(graph: Any, seed: int) -> pd.DataFrame:
    """The events of a graph as a table with reordered columns."""
    schema, labels = EventSchema.of(graph), Labels.of(graph)
    columns: dict[Any, Any] = {
        schema.src: labels.labels(graph.src),
        schema.dst: labels.labels(graph.dst),
    }
    if schema.t is not None:
        columns[schema.t] = schema.clock.write(graph.t.numpy())
    for key in schema.features:
        values = getattr(graph, key).reshape(len(graph), -1)
        for name, value in zip(schema.columns[key].names, values.t()):
            columns[name] = value.numpy()
    names = list(columns)
    order = np.random.default_rng(seed).permutation(len(names))
    return pd.DataFrame({names[i]: columns[names[i]] for i in order})


def _candidates(task: Any, batch_size: int, rows: int) -> np.ndarray:
    """Labels of the negatives of every test event; an event without a query gets its own label."""
    labels = Labels.of(task.graph)
    drawn = torch.cat([query.dst for query in task.stream("test", batch_size, final=True).start()])
    against = task.split.test.dst.unsqueeze(1).repeat(1, drawn.shape[1] - 1)
    asked = torch.ones(rows, dtype=torch.bool)
    if task.held_out is not None:
        asked = task.held_out.touches(task.split.test.src, task.split.test.dst)
    against[asked] = drawn[:, 1:]
    flat = np.empty(against.numel(), dtype=object)
    flat[:] = labels.labels(against.flatten())
    return flat.reshape(against.shape)
