"""The check of number types catches models that break a promise."""

import pytest
import torch
from torch import nn

from graphkit.nn.inputs.number_types import at_least_float32, model_dtype, model_inputs
from graphkit.nn.snapshot import as_snapshot
from graphkit.testing.number_types import default_dtype, run_in_types
from graphkit.testing.snapshot_model import random_snapshots

X = torch.arange(12.0, dtype=torch.float64).view(4, 3) / 10


def call(model, dtype):
    return model(*model_inputs(model, X.to(dtype)))


class Sound(nn.Module):
    def __init__(self):
        super().__init__()
        torch.manual_seed(0)
        self.lin = nn.Linear(3, 2)

    def forward(self, x):
        return self.lin(x)


class Single(Sound):
    def forward(self, x):
        return super().forward(x).float()


class Mixes(Sound):
    def forward(self, x):
        return torch.lerp(x[:, :2], super().forward(x), torch.ones_like(x[:, :2]))


class OwnType(Sound):
    def __init__(self):
        super().__init__()
        self.scale = nn.Parameter(torch.ones(2, dtype=torch.float32))


class Overflows(Sound):
    def forward(self, x):
        y = super().forward(x)
        return y if y.dtype != torch.bfloat16 else y / 0


class Rounds(Sound):
    def forward(self, x):
        return super().forward(x.round() if x.dtype == torch.float64 else x)


def test_a_sound_model_passes():
    run_in_types(Sound, call)


@pytest.mark.parametrize(
    ("broken", "says"),
    [
        (Single, "float64: the output is torch.float32"),
        (Mixes, "dtype"),
        (OwnType, "made in float64: 'scale' is torch.float32"),
        (Overflows, "bf16-mixed: the output is not finite"),
        (Rounds, "float64 gives what float32 gives"),
    ],
)
def test_a_broken_model_is_caught(broken, says):
    with pytest.raises((AssertionError, RuntimeError), match=says):
        run_in_types(broken, call)
    assert torch.get_default_dtype() == torch.float32


def test_the_type_of_a_model():
    assert model_dtype(nn.Identity()) is None
    assert model_dtype(torch.sin) is None
    assert model_dtype(nn.Linear(1, 1).double()) == torch.float64
    model = nn.Sequential(nn.Linear(1, 1).bfloat16().requires_grad_(False), nn.Linear(1, 1))
    assert model_dtype(model) == torch.float32, "a frozen backbone does not count"
    assert model_dtype(model[0]) == torch.bfloat16
    buffers = nn.BatchNorm1d(2, affine=False)
    assert model_dtype(buffers) == torch.float32


def test_what_is_cast():
    snapshots = [as_snapshot(s) for s in random_snapshots(2)]
    ids, mask, none = torch.arange(3), torch.ones(3, dtype=torch.bool), None
    model = nn.Linear(1, 1).double()
    x, sparse, *rest, cast = model_inputs(
        model, X.float(), X.float().to_sparse_csr(), ids, mask, none, snapshots
    )
    assert x.dtype == sparse.dtype == torch.float64
    assert sparse.layout == torch.sparse_csr
    assert rest[0] is ids
    assert rest[1] is mask
    assert rest[2] is None
    assert [s.x.dtype for s in cast] == [s.edge_coef.dtype for s in cast] == [torch.float64] * 2
    assert model_inputs(model, snapshots)[0][0] is cast[0], "made once, so that a layer may cache"
    assert model_inputs(model.float(), snapshots)[0][0] is snapshots[0]
    value = X.float()
    assert model_inputs(model, value)[0] is value


def test_default_dtype_is_given_back():
    with default_dtype(torch.float64):
        assert torch.zeros(1).dtype == torch.float64
    with pytest.raises(ZeroDivisionError), default_dtype(torch.float64):
        1 / 0  # noqa: B018
    assert torch.get_default_dtype() == torch.float32


def test_answers_as_losses_take_them():
    for dtype, want in (
        (torch.bfloat16, torch.float32),
        (torch.float16, torch.float32),
        (torch.int64, torch.float32),
        (torch.float32, torch.float32),
        (torch.float64, torch.float64),
    ):
        assert at_least_float32(torch.ones(2).to(dtype)).dtype == want
