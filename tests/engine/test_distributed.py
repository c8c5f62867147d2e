"""Two real processes with torchrun's variables give the losses, metrics and state of one.

torchrun itself starts a command in ``tests/benchmarks/test_run.py``.
"""

import json
import time
from pathlib import Path

import pytest
import torch

from graphkit.engine.runtime import fingerprint


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


def test_afingerprint_sees_every_bit():
    values = torch.arange(6, dtype=torch.float32)
    other = values.clone()
    other[3] = torch.nextafter(other[3], torch.tensor(9.0))
    assert fingerprint(values) != fingerprint(other)
    assert fingerprint(values) != fingerprint(values.flip(0))
    assert fingerprint(values) == fingerprint(values.clone())
    for dtype in (torch.bool, torch.int64, torch.float64, torch.bfloat16, torch.uint8):
        assert fingerprint(values.to(dtype)).dtype == torch.int64
    assert fingerprint(torch.empty(0)) == 0


@pytest.mark.slow
def test_two_killed_processes_go_on_to_the_same_losses(ranks, tmp_path):
    """Killed inside an epoch, with shares of 3 and 4 rows and dropout: nothing of process 1 is
    lost, neither its share of the loss nor where its random generator stood."""
    options = {
        "model": {"dropout": 0.4},
        "task": {"candidates": 5},
        "fit": {"epochs": 2, "batch_size": 7, "lr": 0.01, "patience": None, "checkpoint_every": 5},
    }
    unbroken = launch(ranks, tmp_path / "unbroken.json", options, 2)
    folder = tmp_path / "checkpoints"
    options["fit"] |= {"checkpoint_dir": str(folder), "resume": True}
    processes = ranks(tmp_path / "broken.json", options | {"pause": 0.02}, 2)
    try:
        deadline = time.monotonic() + 120
        while not (folder / "last.pt").exists():
            assert all(process.is_alive() for process in processes)
            assert time.monotonic() < deadline
            time.sleep(0.001)
    finally:
        for process in processes:
            process.kill()
            process.join()
    state = torch.load(folder / "last.pt", weights_only=True)
    assert state["epoch"] == 0
    assert state["batch"] > 0, "it was to be killed inside an epoch"
    assert len(state["random"]) == 2
    assert launch(ranks, tmp_path / "broken.json", options, 2) == unbroken


@pytest.mark.slow
@pytest.mark.parametrize(
    ("other", "column"),
    [
        ({"fit": {"seed": 1}}, "seed"),
        ({"fit": {"lr": 0.02}}, "lr"),
        ({"fit": {"epochs": 3}}, "epochs"),
        ({"data": {"seed": 5}}, "data"),
        ({"task": {"candidates": 6}}, "task"),
    ],
)
def test_processes_that_were_started_differently_are_refused(ranks, tmp_path, other, column):
    options = {"fit": {"epochs": 1, "batch_size": 50}, "of_rank": {"1": other}}
    for process in ranks(tmp_path / "out.json", options, 2):
        process.join(timeout=200)
        assert process.exitcode == 1
    for number in range(2):
        said = (tmp_path / f"rank{number}.log").read_text()
        assert f"GraphError: '{column}': process 1 of this run was started with another" in said
