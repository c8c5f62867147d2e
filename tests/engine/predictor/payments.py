"""Payments between people on 16 days, in steps; tasks and models of them."""

from __future__ import annotations

from typing import Any

import numpy as np
import pandas as pd
import torch

import graphkit
from graphkit import registry

__all__ = ["TIMES", "graph", "model_of", "table_of", "task_of"]

TIMES = {
    "window": {"every": "1d", "history": 2},
    "carry": {"every": "1d", "mode": "carry", "bptt": 2},
}


def table_of(seed: int = 0, *, people: int = 14, rows: int = 260) -> pd.DataFrame:
    """Payments of two kinds, one per row; there is none on day 13."""
    draw = np.random.default_rng(seed)
    src, dst = (draw.random((2, rows)) ** 2 * people).astype(int)
    day = np.sort(draw.integers(0, 16, rows))
    day[0], day[-1] = 0, 15
    keep = day != 13
    table = pd.DataFrame(
        {
            "payer": [f"p{i}" for i in src],
            "payee": [f"p{i}" for i in dst],
            "hour": day * 24 + draw.integers(0, 24, rows),
            "amount": draw.normal(size=rows),
            "kind": np.where((src + dst) % 3 > 0, "fair", "fraud"),
        }
    )[keep]
    table.iloc[0, 2], table.iloc[-1, 2] = 0, 16 * 24 - 1
    return table


def graph(seed: int = 0, **options: Any) -> graphkit.TemporalGraph:
    """The payments with features and classes of the people."""
    table, draw = table_of(seed), np.random.default_rng(seed + 1)
    names = sorted(set(table.payer) | set(table.payee))
    options = {"edge_attr": ["amount"], "edge_y": "kind", **options}
    features = pd.DataFrame(
        {"age": draw.normal(size=len(names)), "size": draw.normal(size=len(names))}, index=names
    )
    y = pd.Series(np.where(draw.random(len(names)) > 0.4, "good", "bad"), index=names)
    return graphkit.TemporalGraph.from_pandas(
        table, "payer", "payee", "hour", time_unit="h", x=features, y=y, **options
    )


def task_of(name: str, data: Any = None, **options: Any) -> Any:
    """A task by its registered name."""
    options = {"negatives": 2, **options} if name == "snapshot_link_prediction" else options
    return registry.get("task", name)(graph() if data is None else data, **options)


def model_of(name: str, task: Any, **options: Any) -> torch.nn.Module:
    """A small model by its registered name, with weights that are not small."""
    if name != "met_before":
        options = {"hidden_channels": 4, "classifier_channels": 5, **options}
    graphkit.seed_everything(1)
    model = registry.get("model", name).from_task(task, **options)
    with torch.no_grad():  # an untrained EvolveGCN tells nodes apart by rounding alone
        for parameter in model.encoder.parameters():
            parameter.mul_(3)
    return model
