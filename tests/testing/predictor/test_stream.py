"""Predictors of every stream model against ``evaluate``, in this process and in a fresh one."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest
import torch

import graphkit
from graphkit import registry
from graphkit.testing import check_predictor
from tests.engine.stream_toy import Toy

MODELS = registry.names("model", view="stream")


def build(**options: object) -> graphkit.TemporalGraph:
    """Text labels, two features, and nodes that occur in the test subset only."""
    draw = np.random.default_rng(0)
    rows = 500
    table = pd.DataFrame(
        {
            "user": [f"u{i}" for i in draw.integers(0, 20, rows)],
            "item": [f"i{i}" for i in draw.integers(0, 15, rows)],
            "when": pd.Timestamp("2024-01-01") + pd.to_timedelta(np.arange(rows) // 2, unit="h"),
            "price": draw.normal(size=rows),
            "count": draw.integers(0, 5, rows),
        }
    )
    table.loc[450:, "user"] = table.user[450:].where(draw.random(50) < 0.7, "late")
    columns = {"edge_attr": ["price", "count"], **options}
    return graphkit.TemporalGraph.from_pandas(table, "user", "item", "when", **columns)


def fitted(name: str, task: graphkit.LinkPrediction, **settings: object) -> torch.nn.Module:
    graphkit.seed_everything(1)
    model = registry.get("model", name).from_task(task, **settings)
    for parameter in model.parameters():  # scores that are far from one another
        torch.nn.init.normal_(parameter, std=0.3)
    return model


@pytest.mark.parametrize(("batch_size", "bipartite"), [(16, True), (1, False)])
@pytest.mark.parametrize("name", MODELS)
def test_every_model(name: str, batch_size: int, bipartite: bool) -> None:
    task = graphkit.LinkPrediction(build(bipartite=bipartite), candidates=5)
    model = fitted(name, task)
    check_predictor(model, task, batch_size=batch_size, separate_process=False)


def test_in_a_fresh_process() -> None:
    task = graphkit.LinkPrediction(build(), eval_negatives=["historical"])
    check_predictor(fitted("nat", task), task, batch_size=16)


@pytest.mark.parametrize("name", MODELS)
def test_held_out_nodes(name: str) -> None:
    task = graphkit.LinkPrediction(build(), inductive=True, hold_out=0.2)
    check_predictor(fitted(name, task), task, batch_size=16, separate_process=False)


def test_queries_that_see_their_own_batch() -> None:
    task = graphkit.LinkPrediction(build(), within_batch=True, candidates=5)
    check_predictor(fitted("history", task), task, batch_size=16, separate_process=False)


def test_events_without_names_and_labels() -> None:
    graph = graphkit.load("triadic", num_events=500, num_nodes=30)
    task = graphkit.LinkPrediction(graph)
    check_predictor(fitted("tgn", task), task, batch_size=16, separate_process=False)


def test_a_model_that_forgets_is_caught() -> None:
    class Forgetful(Toy):
        """Its memory is no buffer, so a saved folder lacks it."""

        def __init__(self, num_nodes: int) -> None:
            super().__init__(num_nodes)
            self.hidden = torch.zeros(num_nodes)

        def score(self, src: torch.Tensor, dst: torch.Tensor, t: torch.Tensor) -> torch.Tensor:
            return super().score(src, dst, t) + self.hidden[dst]

        def observe(self, events: object) -> None:
            super().observe(events)
            self.hidden[events.dst] += 1

        def reset_state(self) -> None:
            super().reset_state()
            self.hidden.zero_()

    graph = graphkit.load("triadic", num_events=500, num_nodes=30)
    task = graphkit.LinkPrediction(graph)
    torch.manual_seed(0)
    check_predictor(Toy(30), task, batch_size=16, separate_process=False, again=Toy(30))
    with pytest.raises(AssertionError, match=r"scores: .* values differ"):
        check_predictor(
            Forgetful(30), task, batch_size=16, separate_process=False, again=Forgetful(30)
        )
