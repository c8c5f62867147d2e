"""Every registered model and task fulfils the protocol of its view."""

from __future__ import annotations

import pytest
import torch

import graphkit
from graphkit import protocols, registry
from graphkit.nn.snapshot import SnapshotPredictor

MODELS = registry.entries("model")
PROTOCOLS = {
    "stream": protocols.StreamModel,
    "signal": protocols.SignalModel,
    "static": protocols.StaticModel,
}


def members(protocol: type) -> set[str]:
    names = {*vars(protocol), *protocol.__annotations__}
    return {name for name in names if not name.startswith("_")}


@pytest.mark.parametrize("entry", MODELS, ids=lambda entry: entry.name)
def test_models(entry: registry.Entry) -> None:
    if entry.facts["view"] == "snapshot":  # these get their head from the task
        return assert_has(SnapshotPredictor, protocols.SnapshotModel)
    assert_has(entry.make, PROTOCOLS[entry.facts["view"]])
    assert callable(entry.make.from_task)


def assert_has(cls: type, protocol: type) -> None:
    # num_nodes and kind may be set by the constructor
    lacking = {name for name in members(protocol) if not hasattr(cls, name)}
    assert lacking <= {"num_nodes", "kind"}, lacking


def test_an_instance_of_each_view() -> None:
    graph = graphkit.load("triadic", num_events=300, num_nodes=20)
    model = graphkit.models.NAT.from_graph(graph)
    assert isinstance(model, protocols.StreamModel)
    assert not isinstance(model, protocols.SnapshotModel)
    assert not isinstance(torch.nn.Linear(1, 1), protocols.StreamModel)


@pytest.mark.parametrize("name", registry.names("task"))
def test_tasks(name: str) -> None:
    cls = registry.get("task", name)
    wanted = members(protocols.Task) - {"dataset", "selection"}  # set by the constructor
    assert {member for member in wanted if not hasattr(cls, member)} == set()
    assert cls.view == registry.find(cls, "task").facts["view"]
