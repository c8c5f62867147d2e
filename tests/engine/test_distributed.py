"""Two real processes under torchrun give the losses, metrics and state of one."""

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest
import torch

from graphkit.engine.runtime import _fingerprint

CHILD = Path(__file__).parent / "run_child.py"
ROOT = Path(__file__).parents[2]


def launch(out: Path, options: dict, processes: int, expect_failure: bool = False):
    environment = {k: v for k, v in os.environ.items() if k not in ("RANK", "WORLD_SIZE")}
    environment |= {
        "PYTHONPATH": os.pathsep.join([str(ROOT), os.environ.get("PYTHONPATH", "")]),
        "OMP_NUM_THREADS": "1",
    }
    torchrun = ["-m", "torch.distributed.run", "--standalone", "--nproc-per-node", str(processes)]
    command = [sys.executable, *(torchrun if processes > 1 else []), str(CHILD), str(out)]
    done = subprocess.run(
        [*command, json.dumps(options)],
        env=environment,
        timeout=280,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        check=False,
    )
    if expect_failure:
        assert done.returncode != 0
        return done.stdout
    assert done.returncode == 0, done.stdout[-3000:]
    return json.loads(out.read_text())


@pytest.mark.slow
@pytest.mark.timeout(600)
def test_two_processes_equal_one(tmp_path):
    """Batches of 7 over an odd number of events: shares differ in size, and one is empty."""
    options = {
        "task": {"candidates": 5, "num_train_negatives": 2, "eval_negatives": ["historical"]},
        "fit": {"epochs": 3, "batch_size": 7, "lr": 0.01, "patience": None, "clip_norm": 1.0},
    }
    one = launch(tmp_path / "one.json", options, 1)
    folder = tmp_path / "checkpoints"
    options["fit"]["checkpoint_dir"] = str(folder)
    two = launch(tmp_path / "two.json", options, 2)
    assert two["curves"]["train_loss"] == pytest.approx(one["curves"]["train_loss"], rel=1e-4)
    assert two["curves"]["val_loss"] == pytest.approx(one["curves"]["val_loss"], rel=1e-4)
    assert two["curves"]["best_epoch"] == one["curves"]["best_epoch"]
    for split in ("val", "test"):
        assert two["metrics"][split] == pytest.approx(one["metrics"][split], abs=2e-3)
    assert two["state"] == pytest.approx(one["state"], rel=1e-3, abs=1e-3)
    # Two processes go on from a checkpoint, too.
    options["fit"] |= {"epochs": 4, "resume": True}
    more = launch(tmp_path / "more.json", options, 2)
    assert more["curves"]["train_loss"][:3] == two["curves"]["train_loss"]
    assert len(more["curves"]["train_loss"]) == 4


@pytest.mark.slow
@pytest.mark.timeout(600)
def test_two_processes_without_parameters(tmp_path):
    options = {"kind": "counter", "task": {"inductive": True}, "fit": {"batch_size": 50}}
    one = launch(tmp_path / "one.json", options, 1)
    assert launch(tmp_path / "two.json", options, 2) == one


@pytest.mark.slow
@pytest.mark.timeout(600)
def test_a_state_that_differs_between_processes_is_an_error(tmp_path):
    """Shares of 3 and 4 rows use up the random generators unevenly; the state drifts apart."""
    options = {"kind": "noisy", "model": {"dropout": 0.3}, "fit": {"epochs": 1, "batch_size": 7}}
    said = launch(tmp_path / "out.json", options, 2, expect_failure=True)
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
