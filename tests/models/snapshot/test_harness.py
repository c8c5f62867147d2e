"""One harness over every registered snapshot model and its options."""

import functools

import pytest
import torch

import graphkit.models.snapshot as room
from graphkit.registry import entries
from graphkit.testing.snapshot_model import SNAPSHOT_MODEL_CHECKS

MODELS = [e.name for e in entries("model") if e.make.__module__.startswith(room.__name__)]
MAKE = {e.name: e.make for e in entries("model")}


@pytest.mark.parametrize("check", SNAPSHOT_MODEL_CHECKS)
@pytest.mark.parametrize("name", MODELS)
def test_model(name, check):
    SNAPSHOT_MODEL_CHECKS[check](MAKE[name])


@pytest.mark.parametrize("check", SNAPSHOT_MODEL_CHECKS)
@pytest.mark.parametrize(
    "name, options",
    [
        ("evolvegcn_o", {"cell": "lstm"}),
        ("evolvegcn_h", {"cell": "lstm", "activation": "rrelu"}),
        ("evolvegcn_h", {"projection": 3, "activate_last": False}),
        ("evolvegcn_o", {"projection": 3, "num_layers": 1}),
        ("gcn_gru", {"num_gru_layers": 2, "num_layers": 1}),
    ],
    ids=str,
)
def test_options(name, options, check):
    SNAPSHOT_MODEL_CHECKS[check](functools.partial(MAKE[name], **options))


def test_a_broken_promise_is_told():
    class Forgetful(room.EvolveGCNO):
        def forward(self, snapshots, state=None, outputs="last"):
            out, state = super().forward(snapshots, None, outputs)
            return out, state

    with pytest.raises(AssertionError, match="goes on from the state"):
        SNAPSHOT_MODEL_CHECKS["state"](Forgetful)


@pytest.mark.slow
@pytest.mark.parametrize("name", MODELS)
def test_compiles(name):
    from graphkit.nn.snapshot import as_snapshot
    from graphkit.testing.snapshot_model import random_snapshots

    torch.manual_seed(0)
    model = MAKE[name](5, 4)
    snapshots = [as_snapshot(s) for s in random_snapshots(2)]
    compiled = torch.compile(model, backend="aot_eager")
    torch.testing.assert_close(compiled(snapshots)[0], model(snapshots)[0])
