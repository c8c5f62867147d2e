"""One harness over every registered snapshot model and its options."""

import functools

import pytest
import torch

import graphkit.models.snapshot as room
from graphkit.nn.snapshot import as_snapshot
from graphkit.registry import entries
from graphkit.testing.not_run import needs_compile
from graphkit.testing.snapshot_model import SNAPSHOT_MODEL_CHECKS, random_snapshots

MAKE = {e.name: e.make for e in entries("model") if e.facts["view"] == "snapshot"}
MODELS = list(MAKE)


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


@pytest.mark.parametrize("name", MODELS)
def test_double_precision_is_a_cast_away(name):
    torch.manual_seed(0)
    model = MAKE[name](5, 4)
    snapshots = random_snapshots(3)
    want = model(snapshots)[0]
    for s in snapshots:
        s.x, s.edge_weight = s.x.double(), s.edge_weight.double()
    got = model.to(torch.float64)(snapshots)[0]
    assert got.dtype == torch.float64
    torch.testing.assert_close(got.float(), want, rtol=1e-4, atol=1e-5)


@pytest.mark.skipif(not torch.distributed.is_available(), reason="torch without distributed")
def test_in_a_data_parallel_wrapper(tmp_path):
    torch.distributed.init_process_group(
        "gloo", init_method=f"file://{tmp_path / 'store'}", rank=0, world_size=1
    )
    try:
        torch.manual_seed(0)
        model, snapshots = room.EvolveGCNH(5, 4), random_snapshots(3)
        want = torch.autograd.grad(model(snapshots)[0].sum(), list(model.parameters()))
        wrapped = torch.nn.parallel.DistributedDataParallel(model)
        wrapped(snapshots)[0].sum().backward()
        for parameter, gradient in zip(model.parameters(), want):
            torch.testing.assert_close(parameter.grad, gradient)
    finally:
        torch.distributed.destroy_process_group()


@pytest.mark.slow
@pytest.mark.parametrize("name", MODELS)
def test_compiles(name):
    needs_compile()
    torch.manual_seed(0)
    model = MAKE[name](5, 4)
    snapshots = [as_snapshot(s) for s in random_snapshots(2)]
    compiled = torch.compile(model, backend="aot_eager")
    torch.testing.assert_close(compiled(snapshots)[0], model(snapshots)[0])
