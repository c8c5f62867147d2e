"""One harness over every registered model of signals and its options."""

from __future__ import annotations

import functools

import pytest
import torch

import graphkit.models.signal as room
from graphkit.registry import entries
from graphkit.testing import SIGNAL_CASES, SIGNAL_MODEL_CHECKS, check_signal_model

MAKE = {e.name: e.make for e in entries("model") if e.facts["view"] == "signal"}
RUNS = [(name, case) for name, make in MAKE.items() for case in SIGNAL_CASES[make.kind]]


@pytest.mark.parametrize("check", SIGNAL_MODEL_CHECKS)
@pytest.mark.parametrize("name, case", RUNS)
def test_model(name: str, case: str, check: str) -> None:
    SIGNAL_MODEL_CHECKS[check](MAKE[name].from_task, SIGNAL_CASES[MAKE[name].kind][case])


@pytest.mark.parametrize(
    "name, options",
    [
        ("gru", {"num_layers": 2, "time_features": ("time_of_day", "day_of_week")}),
        ("gru", {"time_features": (), "residual": False}),
        ("sequence_forecaster", {"encoder": "gla"}),
        ("gwnet", {"hidden_channels": 4, "skip_channels": 5, "embedding_dim": 3, "dropout": 0.5}),
        ("ha", {"period": "week"}),
        ("linear", {"individual": True, "kernel_size": 3}),
        ("histn", {"kernel_size": 5, "max_norm": "entry", "mp_init": "identity"}),
        ("eegnet", {"pool": (2, 2), "activation": "silu", "classifier_norm": None}),
    ],
    ids=str,
)
def test_options(name: str, options: dict) -> None:
    factory = functools.partial(MAKE[name].from_task, **options)
    check_signal_model(factory, kind=MAKE[name].kind)


def test_a_broken_promise_is_told() -> None:
    class Mixing(room.SignalGRU):
        def forward(self, x, covariates=None, mask=None):
            return super().forward(x - x.mean(0), covariates, mask)

    with pytest.raises(AssertionError, match="a window alone and among others"):
        check_signal_model(Mixing.from_task, only=["batch"])

    class Forgetful(room.SignalGRU):
        def step(self, x, state=None, covariates=None, mask=None):
            return super().step(x, None, covariates, mask)

    with pytest.raises(AssertionError, match="stepping and the whole window"):
        check_signal_model(Forgetful.from_task, only=["step"])

    class Unused(room.SignalGRU):
        def __init__(self, *args, **kwargs):
            super().__init__(*args, **kwargs)
            self.idle = torch.nn.Parameter(torch.zeros(2))

    with pytest.raises(AssertionError, match="'idle' gets no gradient"):
        check_signal_model(Unused.from_task, only=["gradients"])

    class Stale(room.SignalGRU):
        def reset_parameters(self):
            pass

    with pytest.raises(AssertionError, match="is not drawn anew"):
        check_signal_model(Stale.from_task, only=["reset_parameters"])
