"""A check that cannot run is skipped with a reason, by test runners and by the loop."""

from __future__ import annotations

import functools
import unittest

import pytest
import torch

from graphkit import registry, testing
from graphkit.testing.not_run import NotRun, needs_compile, needs_cuda, run_checks


def test_the_loop_says_what_did_not_run() -> None:
    ran = []

    def passes(value: int) -> None:
        ran.append(value)

    def cannot(value: int) -> None:
        raise NotRun("no such machine")

    assert run_checks({"a": cannot, "b": passes, "c": cannot}, 3) == {
        "a": "no such machine",
        "c": "no such machine",
    }
    assert ran == [3]

    def breaks(value: int) -> None:
        raise AssertionError("broken")

    with pytest.raises(AssertionError, match="broken"):
        run_checks({"a": cannot, "b": breaks}, 3)


def test_test_runners_take_it_as_skipped() -> None:
    assert issubclass(NotRun, unittest.SkipTest), "which pytest and unittest report as skipped"


def test_what_a_machine_lacks(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(torch.cuda, "is_available", lambda: False)
    with pytest.raises(NotRun, match="no CUDA device"):
        needs_cuda()
    monkeypatch.setattr(torch._dynamo, "is_dynamo_supported", lambda: False)
    with pytest.raises(NotRun, match="does not compile on Python 3"):
        needs_compile()


def test_no_check_of_devices_passes_without_a_second_device(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(torch.cuda, "is_available", lambda: False)
    nat = registry.get("model", "nat").from_graph
    dagnn = registry.get("model", "dagnn").from_graph
    gru = registry.get("model", "gru").from_task
    encoder = functools.partial(registry.get("sequence_encoder", "gru"), out_channels=6)
    reason = {"devices": "no CUDA device to compare with"}
    assert testing.check_stream_model(nat, only=["devices", "shapes"]) == reason
    assert testing.check_static_model(dagnn, only=["devices", "shapes"]) == reason
    assert testing.check_signal_model(gru, only=["devices", "shapes"]) == reason
    assert testing.check_sequence_encoder(encoder, only=["devices"]) == reason
