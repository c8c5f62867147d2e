"""Two real processes with torchrun's variables give the losses, metrics and state of one.

torchrun itself starts a command in ``tests/benchmarks/test_run.py``.
"""

import json
from pathlib import Path

import pytest
import torch

from graphkit.engine.runtime import _fingerprint


def launch(ranks, out: Path, options: dict, processes: int) -> dict:
    started = ranks(out, options, processes)
    for process in started:
        process.join(timeout=200)
    said = [path.read_text()[-3000:] for path in sorted(out.parent.glob("rank*.log"))]
    assert [process.exitcode for process in started] == [0] * processes, said
    return json.loads(out.read_text())


@pytest.mark.slow
def test_two_processes_equal_one(ranks, tmp_path):
    """Batches of 7 over an odd number of events: shares differ in size, and one is empty."""
    options = {
        "task": {"candidates": 5, "num_train_negatives": 2, "eval_negatives": ["historical"]},
        "fit": {"epochs": 3, "batch_size": 7, "lr": 0.01, "patience": None, "clip_norm": 1.0},
    }
    one = launch(ranks, tmp_path / "one.json", options, 1)
    folder = tmp_path / "checkpoints"
    options["fit"]["checkpoint_dir"] = str(folder)
    two = launch(ranks, tmp_path / "two.json", options, 2)
    assert two["curves"]["train_loss"] == pytest.approx(one["curves"]["train_loss"], rel=1e-4)
    assert two["curves"]["val_loss"] == pytest.approx(one["curves"]["val_loss"], rel=1e-4)
    assert two["curves"]["best_epoch"] == one["curves"]["best_epoch"]
    for split in ("val", "test"):
        assert two["metrics"][split] == pytest.approx(one["metrics"][split], abs=2e-3)
    assert two["state"] == pytest.approx(one["state"], rel=1e-3, abs=1e-3)
    # Two processes go on from a checkpoint, too.
    options["fit"] |= {"epochs": 4, "resume": True}
    more = launch(ranks, tmp_path / "more.json", options, 2)
    assert more["curves"]["train_loss"][:3] == two["curves"]["train_loss"]
    assert len(more["curves"]["train_loss"]) == 4


@pytest.mark.slow
def test_two_processes_without_parameters(ranks, tmp_path):
    options = {"kind": "counter", "task": {"inductive": True}, "fit": {"batch_size": 50}}
    one = launch(ranks, tmp_path / "one.json", options, 1)
    assert launch(ranks, tmp_path / "two.json", options, 2) == one


@pytest.mark.slow
def test_a_state_that_differs_between_processes_is_an_error(ranks, tmp_path):
    """Shares of 3 and 4 rows use up the random generators unevenly; the state drifts apart."""
    options = {"kind": "noisy", "model": {"dropout": 0.3}, "fit": {"epochs": 1, "batch_size": 7}}
    for process in ranks(tmp_path / "out.json", options, 2):
        process.join(timeout=200)
        assert process.exitcode == 1
    for number in range(2):
        said = (tmp_path / f"rank{number}.log").read_text()
        assert "the processes of this run disagree about" in said
        assert "memory" in said


def test_a_fingerprint_sees_every_bit():
    values = torch.arange(6, dtype=torch.float32)
    other = values.clone()
    other[3] = torch.nextafter(other[3], torch.tensor(9.0))
    assert _fingerprint(values) != _fingerprint(other)
    assert _fingerprint(values) != _fingerprint(values.flip(0))
    assert _fingerprint(values) == _fingerprint(values.clone())
    for dtype in (torch.bool, torch.int64, torch.float64, torch.bfloat16, torch.uint8):
        assert _fingerprint(values.to(dtype)).dtype == torch.int64
    assert _fingerprint(torch.empty(0)) == 0
