"""One harness over every registered model."""

from __future__ import annotations

import pytest

from graphkit import registry
from graphkit.registry import get, names
from graphkit.testing import (
    STATIC_CASES,
    STATIC_MODEL_CHECKS,
    STREAM_CASES,
    STREAM_MODEL_CHECKS,
)

STREAM_MODELS = names("model", view="stream")
STATIC_MODELS = names("model", view="static")
# Harnesses of their own: tests/models/snapshot/test_harness.py and tests/models/signal/.
ELSEWHERE = [name for view in ("snapshot", "signal") for name in names("model", view=view)]


def test_every_model_has_one_harness():
    covered = [*STREAM_MODELS, *STATIC_MODELS, *ELSEWHERE]
    assert sorted(covered) == names("model"), "a model that no harness runs, or two do"
    for entry in registry.entries("model"):
        assert entry.facts["tasks"], f"{entry.name} says no task"


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


# Compiling takes seconds, and one graph tells it all.
STATIC = [
    (check, case)
    for check in STATIC_MODEL_CHECKS
    for case in STATIC_CASES
    if check != "compile" or case == "weighted"
]


@pytest.mark.parametrize(("check", "case"), STATIC)
@pytest.mark.parametrize("name", STATIC_MODELS)
def test_static_model(name: str, check: str, case: str):
    STATIC_MODEL_CHECKS[check](get("model", name).from_graph, STATIC_CASES[case])
