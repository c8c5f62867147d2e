"""One harness over every registered model."""

from __future__ import annotations

import pytest

from graphkit.registry import entries, get, names
from graphkit.testing import (
    STATIC_CASES,
    STATIC_MODEL_CHECKS,
    STREAM_CASES,
    STREAM_MODEL_CHECKS,
)


def is_stream_model(name: str) -> bool:
    return all(hasattr(get("model", name), method) for method in ("score", "observe"))


STREAM_MODELS = [name for name in names("model") if is_stream_model(name)]

# Models of a static graph: called with features and edges.
STATIC_MODELS = [e.name for e in entries("model") if ".models.static." in e.make.__module__]

# Rooms whose models a harness of their own runs: tests/models/<room>/test_harness.py.
ELSEWHERE = ("graphkit.models.snapshot.", "graphkit.models.signal.")


def test_every_model_is_covered():
    others = {e.name for e in entries("model") if e.make.__module__.startswith(ELSEWHERE)}
    assert set(names("model")) == {*STREAM_MODELS, *STATIC_MODELS, *others}, (
        "a model that no harness runs"
    )


@pytest.mark.parametrize("case", STREAM_CASES)
@pytest.mark.parametrize("check", STREAM_MODEL_CHECKS)
@pytest.mark.parametrize("name", STREAM_MODELS)
def test_stream_model(name: str, check: str, case: str):
    STREAM_MODEL_CHECKS[check](get("model", name).from_graph, STREAM_CASES[case])


@pytest.mark.parametrize(
    ("name", "settings"),
    [
        ("edgebank", {"memory": "time_window"}),
        ("edgebank", {"memory": "time_window", "window": 300}),
        ("edgebank", {"min_repeats": 2, "undirected": True}),
        ("tgn", {"time_gap": "last_update", "time_init": "uniform"}),
        ("tgn", {"aggregator": "mean", "memory_cell": "rnn", "num_neighbors": 3, "heads": 1}),
    ],
    ids=str,
)
@pytest.mark.parametrize("check", STREAM_MODEL_CHECKS)
def test_stream_model_options(name: str, settings: dict, check: str):
    def factory(graph):
        return get("model", name).from_graph(graph, **settings)

    STREAM_MODEL_CHECKS[check](factory, STREAM_CASES["features"])


@pytest.mark.parametrize("case", STATIC_CASES)
@pytest.mark.parametrize("check", STATIC_MODEL_CHECKS)
@pytest.mark.parametrize("name", STATIC_MODELS)
def test_static_model(name: str, check: str, case: str):
    if check == "compile" and case != "weighted":  # seconds each, and one graph tells it all
        return
    STATIC_MODEL_CHECKS[check](get("model", name).from_graph, STATIC_CASES[case])
